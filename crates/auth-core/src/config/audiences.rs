//! `audiences`: tokens for APIs that want another algorithm, lifetime or other claims.

use serde_json::{Map, Value};

use super::jwt::{FieldKind, REGISTERED, is_token_field};
use super::reader::Reader;
use super::{JwtAlgorithm, JwtConfig};

/// An API, or several that want the same, and the tokens for it.
#[derive(Debug, Clone)]
pub struct AudienceConfig {
    /// How `/token?audience=` and `/jwks/` name it.
    pub name: String,
    /// The `aud` claim; one entry is written as text, several as a list.
    pub audience: Vec<String>,
    /// What signs its tokens.
    pub algorithm: JwtAlgorithm,
    /// Lifetime of a token in seconds.
    pub expires_in: i64,
    /// The claims besides the registered ones; without, those of every other token.
    pub claims: Option<Vec<(String, ClaimTemplate)>>,
}

/// Where the value of a claim comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimTemplate {
    /// Always the same.
    Fixed(Value),
    /// A field of the user.
    User(String),
    /// A field of the session.
    Session(String),
    /// Members, each with a template of its own.
    Object(Vec<(String, ClaimTemplate)>),
    /// Items, each with a template of its own.
    List(Vec<ClaimTemplate>),
}

const ENTRY: &str = "audiences.<name>";
const CLAIMS: &str = "audiences.<name>.claims";
const AUDIENCE: &str = "audiences.<name>.audience";

/// More are hard to tell from a program that makes them up.
const MOST: usize = 100;

pub(super) fn read(r: &mut Reader, jwt: &JwtConfig) -> Vec<AudienceConfig> {
    let names = r.names(ENTRY);
    if names.len() > MOST {
        r.refuse((ENTRY, ""), format!("there are more than {MOST} audiences"));
    }
    names.into_iter().map(|name| audience(r, jwt, name)).collect()
}

fn audience(r: &mut Reader, jwt: &JwtConfig, name: String) -> AudienceConfig {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        r.refuse((ENTRY, &*name), "expected a name of letters, digits, - and _, which goes into a URL");
    }
    let algorithm: JwtAlgorithm = r.word(("audiences.<name>.alg", &*name)).unwrap_or(jwt.algorithm);
    let algorithm = algorithm.with_modulus_bits(jwt.modulus_bits);
    let audience = r.list((AUDIENCE, &*name)).unwrap_or_else(|| vec![name.clone()]);
    if audience.is_empty() || audience.iter().any(String::is_empty) {
        r.refuse((AUDIENCE, &*name), "expected one audience or more, none of them empty");
    }
    let expires_in = r.span(("audiences.<name>.expirationTime", &*name)).unwrap_or(jwt.expires_in).max(1);
    let claims = r.any((CLAIMS, &*name)).and_then(|claims| match claims {
        Value::Object(members) => Some(top_level(r, &name, members)),
        _ => {
            r.refuse((CLAIMS, &*name), "expected a section of claims");
            None
        }
    });
    AudienceConfig { name, audience, algorithm, expires_in, claims }
}

fn top_level(r: &mut Reader, name: &str, members: Map<String, Value>) -> Vec<(String, ClaimTemplate)> {
    for claim in members.keys().filter(|claim| REGISTERED.contains(&claim.as_str())) {
        let reason = format!("{claim} is a registered claim, which the server sets");
        r.refuse((CLAIMS, name), reason);
    }
    object(r, name, members)
}

fn object(r: &mut Reader, name: &str, members: Map<String, Value>) -> Vec<(String, ClaimTemplate)> {
    members.into_iter().map(|(member, value)| (member, template(r, name, value))).collect()
}

/// `$user.email` and `$session.id` are fields; `$$` begins a text with one dollar sign.
fn template(r: &mut Reader, name: &str, value: Value) -> ClaimTemplate {
    let text = match value {
        Value::Object(members) => return ClaimTemplate::Object(object(r, name, members)),
        Value::Array(items) => {
            return ClaimTemplate::List(items.into_iter().map(|item| template(r, name, item)).collect());
        }
        Value::String(text) => text,
        fixed => return ClaimTemplate::Fixed(fixed),
    };
    let Some(reference) = text.strip_prefix('$') else { return ClaimTemplate::Fixed(text.into()) };
    if reference.starts_with('$') {
        return ClaimTemplate::Fixed(reference.into());
    }
    match reference.split_once('.') {
        Some(("user", field)) if is_token_field(r, FieldKind::User, field) => {
            ClaimTemplate::User(field.to_owned())
        }
        Some(("session", field)) if is_token_field(r, FieldKind::Session, field) => {
            ClaimTemplate::Session(field.to_owned())
        }
        _ => {
            let reason = format!(
                "{text:?} names no field that a token may have: expected $user.FIELD or $session.FIELD, and $$ for a dollar sign"
            );
            r.refuse((CLAIMS, name), reason);
            ClaimTemplate::Fixed(text.into())
        }
    }
}
