//! Strict base64url (RFC 7515 §2): one text for each byte string, and no other.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};

// Stated in full, because "canonical" is the point: no padding, no stray trailing bits.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The unpadded text of `bytes`.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of `text`, or nothing when `text` is not exactly what [`encode`] writes.
#[must_use]
pub fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// As [`decode`], into `room` if that is large enough.
pub(crate) fn decode_into<'r>(text: &str, room: &'r mut [u8]) -> Option<Cow<'r, [u8]>> {
    if base64::decoded_len_estimate(text.len()) > room.len() {
        return decode(text).map(Cow::Owned);
    }
    let len = STRICT.decode_slice(text, room).ok()?;
    room.get(..len).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_padding_whitespace_other_alphabets_and_trailing_bits() {
        for text in ["YQ==", "YQ=", "Y", "YR", "YW J", "YWJj\n", "ab+/", "a.b", "Y%51", "é", "AAAAA"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode("YQ"), Some(b"a".to_vec()));
    }

    proptest! {
        #[test]
        fn accepts_exactly_what_it_would_write(text in "[A-Za-z0-9_+/= .-]{0,12}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(bytes), text);
            }
        }

        #[test]
        fn room_changes_nothing(text in "[A-Za-z0-9_=.-]{0,24}", len in 0..24_usize) {
            let decoded = decode_into(&text, &mut vec![0; len]).map(Cow::into_owned);
            prop_assert_eq!(decoded, decode(&text));
        }

        #[test]
        fn reads_back_all_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(encode(&bytes)), Some(bytes));
        }
    }
}
