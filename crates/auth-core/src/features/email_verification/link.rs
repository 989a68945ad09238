//! The signed link of these mails: a JWT (RFC 7519) under the server's secret, `HS256`, in upstream's claims, so
//! that a Node server's links work here and ours there.

use auth_jose::{Timestamp, base64url, json};
use serde::Serialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::codes;
use crate::app::App;
use crate::crypto::signed::CookieSigner;
use crate::error::ErrorCode;
use crate::wire::email::EmailAddress;

/// `{"alg":"HS256"}`, the one header that we write.
const HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";

/// Longer tokens were never made.
const MAX_LENGTH: usize = 4096;

/// What a link does. It is part of what is signed: a link made for one thing does no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Proves the address.
    Verify,
    /// The present address agrees to a new one.
    ConfirmChange(EmailAddress),
    /// The new address is proven, and becomes the address.
    VerifyChange(EmailAddress),
    /// Upstream's older form: the address changes, and has to be proven afterwards.
    ChangeAtOnce(EmailAddress),
}

const CONFIRM_CHANGE: &str = "change-email-confirmation";
const VERIFY_CHANGE: &str = "change-email-verification";

/// What a good link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The address of the account that the link acts on.
    pub(super) email: EmailAddress,
    /// What it does.
    pub(super) wish: Wish,
    /// When it ends. Only upstream's exact behaviour accepts links without an end.
    pub(super) expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    email: &'a EmailAddress,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_to: Option<&'a EmailAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_type: Option<&'static str>,
    iat: i64,
    exp: i64,
}

/// A signed token that lives `lifetime` seconds from `now`.
pub(super) fn sign(
    signer: &CookieSigner,
    email: &EmailAddress,
    wish: &Wish,
    now: Timestamp,
    lifetime: i64,
) -> String {
    let (update_to, request_type) = match wish {
        Wish::Verify => (None, None),
        Wish::ConfirmChange(to) => (Some(to), Some(CONFIRM_CHANGE)),
        Wish::VerifyChange(to) => (Some(to), Some(VERIFY_CHANGE)),
        Wish::ChangeAtOnce(to) => (Some(to), None),
    };
    let iat = now.seconds();
    let claims = Claims { email, update_to, request_type, iat, exp: iat.saturating_add(lifetime) };
    // Numbers and texts only: this cannot fail.
    let claims = serde_json::to_vec(&claims).unwrap_or_default();
    let input = format!("{HEADER}.{}", base64url::encode(claims));
    let signature = base64url::encode(signer.mac(&input));
    format!("{input}.{signature}")
}

/// Reads a token from a request.
pub(super) fn open(app: &App, token: &str, now: Timestamp) -> Result<Link, ErrorCode> {
    let claims = verified(&app.signer, token).ok_or(codes::INVALID_TOKEN)?;
    let link = read(&claims, now).ok_or(codes::INVALID_TOKEN)?;
    match link.expires_at {
        Some(end) if end <= now => Err(codes::TOKEN_EXPIRED),
        None if !app.config.upstream_exact => Err(codes::INVALID_TOKEN),
        _ => Ok(link),
    }
}

/// The claims of a token whose signature is good: the signature first, then anything else.
fn verified(signer: &CookieSigner, token: &str) -> Option<Map<String, Value>> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let (input, signature) = token.rsplit_once('.')?;
    let (header, payload) = input.split_once('.')?;
    // Compared as text: each token has exactly one accepted form.
    let is_good = |mac: [u8; 32]| bool::from(base64url::encode(mac).as_bytes().ct_eq(signature.as_bytes()));
    if !signer.good_macs(input).any(is_good) {
        return None;
    }
    let header = json::parse_object(&base64url::decode(header)?).ok()?;
    let is_ours = header.get("alg").and_then(Value::as_str) == Some("HS256") && !header.contains_key("crit");
    if is_ours { json::parse_object(&base64url::decode(payload)?).ok() } else { None }
}

/// Other tokens under the same key (a cached session) have no `email` of their own and are no links.
fn read(claims: &Map<String, Value>, now: Timestamp) -> Option<Link> {
    let text = |name: &str| match claims.get(name) {
        None => Some(None),
        Some(value) => value.as_str().map(Some),
    };
    let seconds = |name: &str| match claims.get(name) {
        None => Some(None),
        Some(value) => value.as_f64().filter(|seconds| seconds.is_finite()).map(Some),
    };
    if seconds("nbf")?.is_some_and(|start| start > whole(now)) {
        return None;
    }
    let email = EmailAddress::parse(text("email")??)?;
    let to = match text("updateTo")? {
        Some(text) => Some(EmailAddress::parse(text)?),
        None => None,
    };
    let wish = match (to, text("requestType")?) {
        (None, None) => Wish::Verify,
        (Some(to), Some(CONFIRM_CHANGE)) => Wish::ConfirmChange(to),
        (Some(to), Some(VERIFY_CHANGE)) => Wish::VerifyChange(to),
        (Some(to), None) => Wish::ChangeAtOnce(to),
        (None | Some(_), Some(_)) => return None,
    };
    let expires_at = seconds("exp")?.map(|end| Timestamp::from_seconds(rounded(end)));
    Some(Link { email, wish, expires_at })
}

#[expect(clippy::cast_precision_loss, reason = "seconds of this era are exact in a double")]
fn whole(now: Timestamp) -> f64 {
    now.seconds() as f64
}

/// A numeric date in whole seconds; what lies beyond the years that a [`Timestamp`] knows becomes their end.
#[expect(clippy::cast_possible_truncation, reason = "a conversion of floats saturates")]
fn rounded(seconds: f64) -> i64 {
    seconds.floor() as i64
}

#[cfg(test)]
mod tests {
    use auth_jose::Secret;

    use super::*;

    const SECRET: &str = "test-vector-secret-0123456789-abcdefghijkl";
    const PLAIN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLnRlc3QiLCJpYXQiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1OTYwMH0.U91jRU4aNijCfaq8Ux0xLxbyd1esyKmXZpwM_KiDMMc";
    const CHANGE: &str = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLnRlc3QiLCJ1cGRhdGVUbyI6Im5ld0BleGFtcGxlLnRlc3QiLCJyZXF1ZXN0VHlwZSI6ImNoYW5nZS1lbWFpbC12ZXJpZmljYXRpb24iLCJpYXQiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1OTYwMH0.XZYWw7fADTxWx3lg5KO8XAtmE0O__Dz5PR28GOtQYts";
    const NOW: Timestamp = Timestamp::from_seconds(1_893_456_000);

    fn signer() -> CookieSigner {
        CookieSigner::new(&Secret::from(SECRET))
    }

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    fn opened(token: &str) -> Option<Link> {
        read(&verified(&signer(), token)?, NOW)
    }

    fn signed(header: &str, claims: &str) -> String {
        let input = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
        let signature = base64url::encode(signer().mac(&input));
        format!("{input}.{signature}")
    }

    #[test]
    fn writes_and_reads_better_auths_vectors() {
        let (ann, new) = (address("ann@example.test"), address("new@example.test"));
        let change = Wish::VerifyChange(new);
        assert_eq!(sign(&signer(), &ann, &Wish::Verify, NOW, 3600), PLAIN);
        assert_eq!(sign(&signer(), &ann, &change, NOW, 3600), CHANGE);
        let expires_at = Some(NOW.plus_seconds(3600));
        assert_eq!(opened(PLAIN), Some(Link { email: ann.clone(), wish: Wish::Verify, expires_at }));
        assert_eq!(opened(CHANGE), Some(Link { email: ann, wish: change, expires_at }));
    }

    #[test]
    fn refuses_every_changed_character() {
        for (at, _) in CHANGE.char_indices() {
            let mut bytes = CHANGE.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(opened(&String::from_utf8(bytes).unwrap()), None, "{at}");
        }
        for token in ["", ".", "..", "a.b", &format!("{PLAIN}="), &format!("{PLAIN}."), &"a.b.c".repeat(2000)]
        {
            assert_eq!(opened(token), None, "{token}");
        }
    }

    #[test]
    fn refuses_other_algorithms_and_other_meanings_under_the_same_key() {
        let good = r#"{"email":"a@b.co","exp":1893459600}"#;
        assert!(opened(&signed(r#"{"alg":"HS256","typ":"JWT"}"#, good)).is_some());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{}"#,
            r#"{"alg":"none","alg":"HS256"}"#,
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        ] {
            assert_eq!(opened(&signed(header, good)), None, "{header}");
        }
        let none = format!("{}.{}.", base64url::encode(r#"{"alg":"none"}"#), base64url::encode(good));
        assert_eq!(opened(&none), None);
        for claims in [
            r#"[]"#,
            r#"{}"#,
            r#"{"session":{},"user":{"email":"a@b.co"},"exp":1893459600}"#,
            r#"{"email":"not an address","exp":1893459600}"#,
            r#"{"email":"a@b.co\r\nBcc: c@d.co","exp":1893459600}"#,
            r#"{"email":["a@b.co"],"exp":1893459600}"#,
            r#"{"email":"a@b.co","email":"c@d.co","exp":1893459600}"#,
            r#"{"email":"a@b.co","updateTo":null,"exp":1893459600}"#,
            r#"{"email":"a@b.co","updateTo":"x","exp":1893459600}"#,
            r#"{"email":"a@b.co","requestType":"change-email-verification","exp":1893459600}"#,
            r#"{"email":"a@b.co","updateTo":"c@d.co","requestType":"delete","exp":1893459600}"#,
            r#"{"email":"a@b.co","exp":"1893459600"}"#,
            r#"{"email":"a@b.co","exp":1893459600,"nbf":1893456001}"#,
        ] {
            assert_eq!(opened(&signed(r#"{"alg":"HS256"}"#, claims)), None, "{claims}");
        }
        let far = opened(&signed(r#"{"alg":"HS256"}"#, r#"{"email":"a@b.co","exp":1e300}"#)).unwrap();
        assert!(far.expires_at.unwrap() > NOW);
    }
}
