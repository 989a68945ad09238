//! What this crate encrypts, signs, hashes and draws at random, in the formats that a Better Auth
//! server on Node shares with it.

pub mod hs256;
pub mod mac;
pub mod password;
pub mod random;
pub mod secrets;
pub mod signed;
pub mod symmetric;

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// Bytes from hexadecimal of either case; nothing for anything else.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        assert_eq!(to_hex(&[0, 0x0f, 0xf0]), "000ff0");
        assert_eq!(from_hex("aBFf"), Some(vec![0xab, 0xff]));
        assert_eq!(from_hex(""), Some(Vec::new()));
        for refused in ["a", "abc", "0g", "+1", " 1", "\u{e9}"] {
            assert_eq!(from_hex(refused), None, "{refused}");
        }
    }
}
