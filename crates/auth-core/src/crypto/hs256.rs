//! JWTs (RFC 7519) signed with HS256 under the server's secret, for texts that only this server reads.

use std::fmt;

use auth_jose::{Secret, base64url, json};
use serde::Serialize;
use serde_json::{Map, Value};

use super::mac::MacKey;

/// The whole header, as upstream writes it.
const HEADER: &str = r#"{"alg":"HS256"}"#;

/// Signs and opens such tokens.
#[derive(Clone)]
pub struct Hs256Key(MacKey);

impl Hs256Key {
    /// The key of the secret's UTF-8 bytes.
    #[must_use]
    pub fn new(secret: &Secret<String>) -> Self {
        Self(MacKey::new(secret))
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// When the claims do not serialize.
    pub fn sign<C: Serialize + ?Sized>(&self, claims: &C) -> Result<String, serde_json::Error> {
        let claims = serde_json::to_vec(claims)?;
        let input = format!("{}.{}", base64url::encode(HEADER), base64url::encode(claims));
        let mac = self.0.mac(input.as_bytes());
        Ok(format!("{input}.{}", base64url::encode(mac)))
    }

    /// The claims of a token whose signature is good. Their times are the caller's to judge.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Map<String, Value>> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let signature = base64url::decode(signature)?;
        if !self.0.verifies(input.as_bytes(), &signature) {
            return None;
        }
        let header = json::parse_object(&base64url::decode(header)?).ok()?;
        let is_ours =
            header.get("alg").and_then(Value::as_str) == Some("HS256") && !header.contains_key("crit");
        if is_ours { json::parse_object(&base64url::decode(claims)?).ok() } else { None }
    }
}

impl fmt::Debug for Hs256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hs256Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Better Auth's published vector: the token of a verification mail.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLnRlc3QiLCJpYXQiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1OTYwMH0.U91jRU4aNijCfaq8Ux0xLxbyd1esyKmXZpwM_KiDMMc";

    fn key() -> Hs256Key {
        Hs256Key::new(&Secret::from("test-vector-secret-0123456789-abcdefghijkl"))
    }

    fn token(header: &str, claims: &str) -> String {
        let input = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
        let mac = key().0.mac(input.as_bytes());
        format!("{input}.{}", base64url::encode(mac))
    }

    #[test]
    fn signs_and_opens_as_better_auth_does() {
        let claims = json!({ "email": "ann@example.test", "iat": 1_893_456_000, "exp": 1_893_459_600 });
        assert_eq!(key().sign(&claims).unwrap(), TOKEN);
        assert_eq!(key().open(TOKEN).map(Value::Object), Some(claims));
    }

    #[test]
    fn refuses_every_changed_character_and_other_keys() {
        for at in 0..TOKEN.len() {
            let mut bytes = TOKEN.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key().open(std::str::from_utf8(&bytes).unwrap()), None, "{at}");
        }
        assert_eq!(Hs256Key::new(&Secret::from("another")).open(TOKEN), None);
    }

    #[test]
    fn the_header_chooses_nothing() {
        assert!(key().open(&token(r#"{"alg":"HS256","typ":"JWT"}"#, "{}")).is_some());
        for header in
            [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, r#"{"alg":"HS256","crit":["b64"]}"#, "{}", "[]", ""]
        {
            assert_eq!(key().open(&token(header, "{}")), None, "{header}");
        }
    }

    #[test]
    fn refuses_what_is_no_token() {
        for refused in ["", ".", "..", "a.b", "a.b.c", &format!("{TOKEN}="), &format!("{TOKEN}.")] {
            assert_eq!(key().open(refused), None, "{refused}");
        }
        for claims in ["", "[]", "null", r#"{"a":1,"a":2}"#] {
            assert_eq!(key().open(&token(HEADER, claims)), None, "{claims}");
        }
    }
}
