//! Strict JSON for untrusted text (RFC 8259 with every interoperability warning taken as a rule).
//!
//! Refuses what lenient parsers read differently from each other: repeated member names at any level,
//! lone surrogates, a byte order mark, numbers beyond a double, nesting deeper than [`MAX_DEPTH`].
//! Written out here rather than configured on `serde_json`, whose numbers and maps change with
//! features that any other crate of a build can switch on.

mod node;
mod parse;

use serde_json::{Map, Value};

pub(crate) use self::node::{Members, Node};

/// How many objects and arrays may be open at once, the outermost included.
pub const MAX_DEPTH: usize = 64;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// An object names a member twice.
    #[error("an object names a member twice")]
    DuplicateMember,
    /// More than [`MAX_DEPTH`] levels.
    #[error("nested too deeply")]
    NestedTooDeeply,
    /// Valid JSON, but something else than an object.
    #[error("not an object")]
    NotAnObject,
    /// Not UTF-8, or it begins with a byte order mark.
    #[error("not plain UTF-8")]
    NotUtf8,
    /// A number too large for a double.
    #[error("a number is out of range")]
    NumberOutOfRange,
    /// Not JSON.
    #[error("not JSON")]
    Syntax,
}

/// Reads one object and nothing else.
///
/// # Errors
/// The first rule that `bytes` breaks.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Err(JsonError::NotUtf8) };
    members(text).map(Map::from)
}

/// Reads one object and nothing else, without copying its texts.
pub(crate) fn members(text: &str) -> Result<Members<'_>, JsonError> {
    match parse::value(text)? {
        Node::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

#[cfg(test)]
mod tests;
