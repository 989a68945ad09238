//! The compact form of a signed token: three base64url segments and nothing else.
//!
//! Refused before anything is decoded or allocated: other lengths, other characters, JWE, JSON
//! serializations, detached payloads.

use std::borrow::Cow;

use crate::verify::VerifyError;
use crate::{JsonError, base64url};

/// Tokens longer than this are refused before decoding.
pub const MAX_TOKEN_BYTES: usize = 16_384;

/// Room for the usual header and every signature, so that neither needs an allocation.
pub(crate) type Room = [u8; 1_032];

pub(crate) const ROOM: Room = [0; 1_032];

/// A token in its parts, still encoded. Says nothing about who made it.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    pub(crate) signing_input: &'a [u8],
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, VerifyError> {
        Self::parse_within(token, MAX_TOKEN_BYTES)
    }

    pub(crate) fn parse_within(token: &'a str, max_bytes: usize) -> Result<Self, VerifyError> {
        if token.len() > max_bytes {
            return Err(VerifyError::TooLarge);
        }
        if !is_plain(token.as_bytes()) {
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
        Ok(Self { signing_input: signing_input.as_bytes(), header, payload, signature })
    }

    /// The text of the header.
    pub(crate) fn header<'r>(&self, room: &'r mut Room) -> Result<Cow<'r, str>, VerifyError> {
        let text = match decode(self.header, room, "header")? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        text.ok_or(not_utf8("header"))
    }

    pub(crate) fn signature<'r>(&self, room: &'r mut Room) -> Result<Cow<'r, [u8]>, VerifyError> {
        decode(self.signature, room, "signature")
    }

    /// The text of the claims. To be called once the signature is known to be good.
    pub(crate) fn claims(&self) -> Result<String, VerifyError> {
        let bytes = base64url::decode(self.payload).ok_or(VerifyError::EncodingInvalid { part: "claims" })?;
        String::from_utf8(bytes).or(Err(not_utf8("claims")))
    }
}

/// Whether there are two dots, and nothing else that is not of base64url's alphabet.
fn is_plain(token: &[u8]) -> bool {
    // In blocks without an early end, which the compiler turns into instructions for many bytes at once.
    let (mut dots, mut is_plain) = (0, true);
    for block in token.chunks(64) {
        let mut dots_here = 0_u8;
        for byte in block {
            dots_here += u8::from(*byte == b'.');
            is_plain &= is_plain_byte(*byte);
        }
        dots += usize::from(dots_here);
    }
    is_plain && dots == 2
}

/// base64url's alphabet and the dot, in comparisons that have no branches.
fn is_plain_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    is_letter | is_digit | (byte == b'-') | (byte == b'_') | (byte == b'.')
}

fn decode<'r>(segment: &str, room: &'r mut Room, part: &'static str) -> Result<Cow<'r, [u8]>, VerifyError> {
    base64url::decode_into(segment, room).ok_or(VerifyError::EncodingInvalid { part })
}

fn not_utf8(part: &'static str) -> VerifyError {
    VerifyError::JsonInvalid { part, error: JsonError::NotUtf8 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_a_token_apart() {
        let compact = Compact::parse("eyJhIjoxfQ.eyJiIjoyfQ.AQID").unwrap();
        assert_eq!(compact.header(&mut ROOM.clone()).unwrap(), "{\"a\":1}");
        assert_eq!(compact.signing_input, b"eyJhIjoxfQ.eyJiIjoyfQ");
        assert_eq!(compact.claims().unwrap(), "{\"b\":2}");
        assert_eq!(*compact.signature(&mut ROOM.clone()).unwrap(), [1, 2, 3]);
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
        let encoding = |part| VerifyError::EncodingInvalid { part };
        let bad = Compact::parse("e31.e31.A").unwrap();
        assert_eq!(bad.header(&mut ROOM.clone()).unwrap_err(), encoding("header"));
        assert_eq!(bad.claims().unwrap_err(), encoding("claims"));
        assert_eq!(bad.signature(&mut ROOM.clone()).unwrap_err(), encoding("signature"));
        let error = JsonError::NotUtf8;
        let bad = Compact::parse("_w._w.AQID").unwrap();
        assert_eq!(
            bad.header(&mut ROOM.clone()).unwrap_err(),
            VerifyError::JsonInvalid { part: "header", error }
        );
        assert_eq!(bad.claims().unwrap_err(), VerifyError::JsonInvalid { part: "claims", error });
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
