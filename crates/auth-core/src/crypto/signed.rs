//! Signed cookie values: `value.signature`, the signature being base64 of HMAC-SHA256 under the
//! server's secret. Percent-encoding for the wire is the cookie writer's work.

use std::fmt;

use auth_jose::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::mac::MacKey;

/// Base64 of 32 bytes: 43 characters and one `=`.
const SIGNATURE_LENGTH: usize = 44;

/// Signs and opens cookie values with keys prepared once.
#[derive(Clone)]
pub struct CookieSigner {
    key: MacKey,
    /// Keys whose signatures are good too.
    older: Vec<MacKey>,
}

impl CookieSigner {
    /// A signer whose key is the secret's UTF-8 bytes.
    #[must_use]
    pub fn new(secret: &Secret<String>) -> Self {
        Self { key: MacKey::new(secret), older: Vec::new() }
    }

    /// This signer, opening also what the `older` ones have signed.
    #[must_use]
    pub fn accepting(mut self, older: impl IntoIterator<Item = Self>) -> Self {
        self.older.extend(older.into_iter().map(|signer| signer.key));
        self
    }

    /// `value.signature`, not yet percent-encoded.
    #[must_use]
    pub fn sign(&self, value: &str) -> String {
        format!("{value}.{}", signature(&self.key, value))
    }

    /// The value inside `signed` when its signature is good.
    ///
    /// Only the standard alphabet with padding is a signature; an empty value is refused.
    #[must_use]
    pub fn open<'a>(&self, signed: &'a str) -> Option<&'a str> {
        let (value, signature) = signed.rsplit_once('.')?;
        if value.is_empty() || signature.len() != SIGNATURE_LENGTH || !signature.ends_with('=') {
            return None;
        }
        // Compared as text, so that each value has exactly one accepted signature.
        let is_by = |key| bool::from(self::signature(key, value).as_bytes().ct_eq(signature.as_bytes()));
        (is_by(&self.key) || self.older.iter().any(is_by)).then_some(value)
    }

    /// HMAC-SHA256 of `text` under the key, for signatures in another dress (JWS `HS256`).
    pub(crate) fn mac(&self, text: &str) -> [u8; 32] {
        self.key.mac(text.as_bytes())
    }

    /// The MACs of `text` that are good: under the key, and under the older ones.
    pub(crate) fn good_macs(&self, text: &str) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(&self.key).chain(&self.older).map(move |key| key.mac(text.as_bytes()))
    }
}

fn signature(key: &MacKey, value: &str) -> String {
    STANDARD.encode(key.mac(value.as_bytes()))
}

impl fmt::Debug for CookieSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSigner(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";
    const SIGNED: &str = "abcdefghijklmnopqrstuvwxyzABCDEF.EKxkEazyXJXEk2DGsySMSy4aSGepFZmneB0vRseMim4=";

    fn signer() -> CookieSigner {
        CookieSigner::new(&Secret::from("test-vector-secret-0123456789-abcdefghijkl"))
    }

    #[test]
    fn signs_as_better_auth_does() {
        assert_eq!(signer().sign(VALUE), SIGNED);
        assert_eq!(signer().open(SIGNED), Some(VALUE));
    }

    #[test]
    fn splits_at_the_last_dot() {
        let signed = signer().sign("a.b.c");
        assert_eq!(signer().open(&signed), Some("a.b.c"));
        assert_eq!(signer().open(&signer().sign("")), None);
    }

    #[test]
    fn refuses_every_changed_character() {
        for (at, _) in SIGNED.char_indices() {
            let mut bytes = SIGNED.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(signer().open(&String::from_utf8(bytes).unwrap()), None, "{at}");
        }
    }

    #[test]
    fn refuses_other_forms_of_the_same_signature() {
        let unpadded = SIGNED.trim_end_matches('=');
        assert_eq!(signer().open(unpadded), None);
        assert_eq!(signer().open(&format!("{SIGNED}=")), None);
        // `5` ends in the same four significant bits as `4`.
        assert_eq!(signer().open(&SIGNED.replace("im4=", "im5=")), None);
        let with_slash = (0..1000).map(|n| signer().sign(&n.to_string())).find(|s| s.contains('/')).unwrap();
        assert!(signer().open(&with_slash).is_some());
        assert_eq!(signer().open(&with_slash.replace('/', "_")), None);
        for refused in ["", ".", "x", "x.", &format!("{VALUE}.\u{e9}")] {
            assert_eq!(signer().open(refused), None, "{refused}");
        }
    }

    #[test]
    fn opens_what_an_older_secret_signed_and_signs_with_the_current_one() {
        let signer = |secret: &str| CookieSigner::new(&Secret::from(secret));
        let (old, foreign) = (signer("old").sign("v"), signer("foreign").sign("v"));
        let both = signer("new").accepting([signer("older"), signer("old")]);
        assert_eq!(both.sign("v"), signer("new").sign("v"));
        assert_eq!(both.open(&old), Some("v"));
        assert_eq!(both.open(&foreign), None);
        assert_eq!(signer("new").open(&old), None);
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(format!("{:?}", signer()), "CookieSigner(..)");
    }
}
