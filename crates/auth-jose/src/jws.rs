//! The compact form of a signed token: three base64url segments and nothing else.
//!
//! Refused before anything is decoded or allocated: other lengths, other characters, JWE, JSON
//! serializations, detached payloads.

use serde_json::{Map, Value};

use crate::verify::VerifyError;
use crate::{base64url, json};

/// Tokens longer than this are refused before decoding.
pub const MAX_TOKEN_BYTES: usize = 16_384;

/// A token in its parts. Says nothing about who made it, so the payload stays encoded.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    pub(crate) header: Map<String, Value>,
    pub(crate) signing_input: &'a [u8],
    pub(crate) payload: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::TooLarge);
        }
        // Without an early end, which the compiler can then do for many bytes at once.
        let dots = token.bytes().filter(|byte| *byte == b'.').count();
        let is_plain = token.bytes().fold(true, |is_plain, byte| is_plain & is_plain_byte(byte));
        if dots != 2 || !is_plain {
            return Err(VerifyError::Malformed);
        }
        let parts = token.rsplit_once('.').and_then(|(input, signature)| {
            input.split_once('.').map(|(header, payload)| (input, header, payload, signature))
        });
        let Some((signing_input, header, payload, signature)) = parts else {
            return Err(VerifyError::Malformed);
        };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(VerifyError::Malformed);
        }
        Ok(Self {
            header: decode_object(header, "header")?,
            signing_input: signing_input.as_bytes(),
            payload,
            signature: base64url::decode(signature)
                .ok_or(VerifyError::EncodingInvalid { part: "signature" })?,
        })
    }

    /// To be called once the signature is known to be good.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, VerifyError> {
        decode_object(self.payload, "claims")
    }
}

/// base64url's alphabet and the dot, in comparisons that have no branches.
fn is_plain_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    is_letter | is_digit | (byte == b'-') | (byte == b'_') | (byte == b'.')
}

fn decode_object(segment: &str, part: &'static str) -> Result<Map<String, Value>, VerifyError> {
    let bytes = base64url::decode(segment).ok_or(VerifyError::EncodingInvalid { part })?;
    json::parse_object(&bytes).map_err(|error| VerifyError::JsonInvalid { part, error })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_a_token_apart() {
        let compact = Compact::parse("eyJhIjoxfQ.eyJiIjoyfQ.AQID").unwrap();
        assert_eq!(compact.header, *serde_json::json!({"a": 1}).as_object().unwrap());
        assert_eq!(compact.signing_input, b"eyJhIjoxfQ.eyJiIjoyfQ");
        assert_eq!(compact.claims().unwrap(), *serde_json::json!({"b": 2}).as_object().unwrap());
        assert_eq!(compact.signature, [1, 2, 3]);
    }

    #[test]
    fn refuses_every_other_form() {
        for token in [
            "",
            ".",
            "..",
            "a.b",
            "e30.e30.",
            "e30..AQID",
            ".e30.AQID",
            "e30.e30.AQID.",
            "a.b.c.d.e",
            " e30.e30.AQID",
            "e30.e30.AQID\n",
            "Bearer e30.e30.AQID",
            "e30.e30.AQI=",
            "e30.e3\u{0}.AQID",
            "e30.e30.AQ%44",
            "{\"payload\":\"e30\"}",
            "é30.e30.AQID",
        ] {
            assert_eq!(Compact::parse(token).unwrap_err(), VerifyError::Malformed, "{token:?}");
        }
        assert_eq!(Compact::parse(&".".repeat(16_384)).unwrap_err(), VerifyError::Malformed);
    }

    #[test]
    fn takes_the_alphabet_and_nothing_else() {
        for byte in 0..=u8::MAX {
            let is_plain = byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert_eq!(is_plain_byte(byte), is_plain, "{byte}");
        }
    }

    #[test]
    fn refuses_long_tokens_whatever_they_hold() {
        assert_eq!(Compact::parse(&"a".repeat(MAX_TOKEN_BYTES + 1)).unwrap_err(), VerifyError::TooLarge);
        let longest = format!("e30.{}.AQID", "A".repeat(MAX_TOKEN_BYTES - 9));
        assert!(Compact::parse(&longest).is_ok());
    }

    #[test]
    fn names_the_part_that_does_not_decode() {
        let encoding = |token: &str| match Compact::parse(token) {
            Err(VerifyError::EncodingInvalid { part }) => part,
            other => panic!("{other:?}"),
        };
        assert_eq!(encoding("e31.e30.AQID"), "header");
        assert_eq!(encoding("e30.e30.A"), "signature");
        let signed = Compact::parse("e30.e31.AQID").unwrap();
        assert_eq!(signed.claims().unwrap_err(), VerifyError::EncodingInvalid { part: "claims" });
    }

    proptest! {
        #[test]
        fn survives_any_text(token in "[A-Za-z0-9_.=-]{0,60}|\\PC{0,40}") {
            if let Ok(compact) = Compact::parse(&token) {
                let _ = compact.claims();
            }
        }
    }
}
