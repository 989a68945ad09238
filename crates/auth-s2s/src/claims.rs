//! The claims that only service tokens have: `scope`, `act`, `txn`.

use auth_jose::VerifyError;
use serde_json::{Map, Value};

use crate::{MAX_CHAIN, Refused, ServiceName};

/// Reads the claims whose form matters and says which one is wrong.
pub(crate) fn check(claims: &Map<String, Value>) -> Result<(), Refused> {
    let invalid = |claim| Err(Refused::Token(VerifyError::ClaimInvalid { claim }));
    if !matches!(claims.get("jti"), Some(Value::String(id)) if !id.is_empty()) {
        return invalid("jti");
    }
    if !claims.get("scope").is_none_or(|scope| scope.as_str().is_some_and(is_scope)) {
        return invalid("scope");
    }
    if claims.get("txn").is_some_and(|txn| txn.as_str().is_none_or(str::is_empty)) {
        return invalid("txn");
    }
    actors(claims)?;
    Ok(())
}

/// The services in `act`, the one that acts now first (RFC 8693 §4.1).
///
/// # Errors
/// [`VerifyError::ClaimInvalid`] for another form, [`Refused::ChainTooLong`] beyond [`MAX_CHAIN`].
pub fn actors(claims: &Map<String, Value>) -> Result<Vec<ServiceName>, Refused> {
    const INVALID: Refused = Refused::Token(VerifyError::ClaimInvalid { claim: "act" });
    let mut actors = Vec::new();
    let mut next = claims.get("act");
    while let Some(act) = next {
        let act = act.as_object().ok_or(INVALID)?;
        let name = act.get("sub").and_then(Value::as_str).and_then(|sub| ServiceName::from_subject(sub).ok());
        actors.push(name.ok_or(INVALID)?);
        if actors.len() > MAX_CHAIN {
            return Err(Refused::ChainTooLong);
        }
        next = act.get("act");
    }
    Ok(actors)
}

/// RFC 6749 §3.3: scope tokens with one space between them.
#[must_use]
pub fn is_scope(text: &str) -> bool {
    text.split(' ').all(is_scope_token)
}

pub(crate) fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(name: &str, value: Value) -> Option<Refused> {
        let mut claims = json!({"jti": "J1"});
        claims[name] = value;
        check(claims.as_object().unwrap()).err()
    }

    #[test]
    fn reads_scopes_as_the_rfc_has_them() {
        for scope in ["orders:read", "a b c", "!#~[]"] {
            assert_eq!(refusal("scope", json!(scope)), None, "{scope}");
        }
        for scope in [
            json!(""),
            json!(" a"),
            json!("a  b"),
            json!("a\"b"),
            json!("a\\b"),
            json!("ä"),
            json!(["a"]),
            json!(null),
        ] {
            let refused = refusal("scope", scope.clone());
            assert_eq!(refused, Some(VerifyError::ClaimInvalid { claim: "scope" }.into()), "{scope}");
        }
    }

    #[test]
    fn follows_the_chain_of_actors_to_its_limit() {
        let chain = |length: usize| {
            (0..length).fold(Value::Null, |inner, at| {
                let mut act = json!({"sub": format!("service:s{at}")});
                if !inner.is_null() {
                    act["act"] = inner;
                }
                act
            })
        };
        assert_eq!(refusal("act", chain(4)), None);
        assert_eq!(refusal("act", chain(5)), Some(Refused::ChainTooLong));
        let claims = json!({"act": chain(2)});
        let names: Vec<_> =
            actors(claims.as_object().unwrap()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["s1", "s0"]);
        for act in
            [json!("service:a"), json!({}), json!({"sub": "U1"}), json!({"sub": "service:a", "act": []})]
        {
            let refused = refusal("act", act.clone());
            assert_eq!(refused, Some(VerifyError::ClaimInvalid { claim: "act" }.into()), "{act}");
        }
    }
}
