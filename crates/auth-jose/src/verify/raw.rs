//! The claims as the token has them.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::json::{self, Members, Node};

/// The text of the claims, where its names stand, and what it says once somebody asks: most callers want the
/// typed form only.
pub(super) struct RawClaims {
    text: String,
    names: Names,
    members: OnceLock<Map<String, Value>>,
}

/// The claims that name things and are asked for with every token.
pub(super) struct Names {
    subject: Option<Piece>,
    token: Option<Piece>,
    session: Option<Piece>,
}

/// A text among the claims: where it stands, or a copy when it is written with escapes.
enum Piece {
    At(Range<usize>),
    Own(Box<str>),
}

impl RawClaims {
    /// `names` are those of `text`.
    pub(super) fn new(text: String, names: Names) -> Self {
        Self { text, names, members: OnceLock::new() }
    }

    pub(super) fn members(&self) -> &Map<String, Value> {
        // The text was read before, by the same rules.
        self.members.get_or_init(|| json::members(&self.text).map(Map::from).unwrap_or_default())
    }

    pub(super) fn subject(&self) -> &str {
        self.read(self.names.subject.as_ref()).unwrap_or_default()
    }

    pub(super) fn token_id(&self) -> Option<&str> {
        self.read(self.names.token.as_ref())
    }

    pub(super) fn session_id(&self) -> Option<&str> {
        self.read(self.names.session.as_ref())
    }

    fn read<'a>(&'a self, piece: Option<&'a Piece>) -> Option<&'a str> {
        match piece? {
            Piece::At(range) => self.text.get(range.clone()),
            Piece::Own(text) => Some(text),
        }
    }
}

impl Names {
    /// Those of `claims`, which were read from `text`.
    pub(super) fn of(text: &str, claims: &Members<'_>) -> Self {
        let piece = |name| match claims.get(name)? {
            Node::Text(piece) => Some(Piece::of(text, piece)),
            _ => None,
        };
        Self { subject: piece("sub"), token: piece("jti"), session: piece("sid") }
    }
}

impl Piece {
    fn of(text: &str, piece: &str) -> Self {
        let start = piece.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        let range = start..start.wrapping_add(piece.len());
        // One that was written with escapes stands elsewhere.
        if text.get(range.clone()) == Some(piece) { Self::At(range) } else { Self::Own(piece.into()) }
    }
}

impl PartialEq for RawClaims {
    fn eq(&self, other: &Self) -> bool {
        self.members() == other.members()
    }
}

impl fmt::Debug for RawClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.members().fmt(f)
    }
}
