//! Random text over an alphabet: row ids, session tokens, one-time tokens.

use auth_jose::Entropy;
use zeroize::Zeroizing;

const ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// `length` characters of `a-zA-Z0-9`, each equally likely.
pub fn alphanumeric(entropy: &dyn Entropy, purpose: &'static str, length: usize) -> String {
    over_alphabet(entropy, purpose, ALPHANUMERIC, length)
}

/// `length` characters of `a-zA-Z0-9-_`, each equally likely: upstream's form of state, nonce and code verifier.
pub fn url_safe(entropy: &dyn Entropy, purpose: &'static str, length: usize) -> String {
    const URL_SAFE: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    over_alphabet(entropy, purpose, URL_SAFE, length)
}

/// `length` characters of an ASCII `alphabet` of at most 256 characters, each equally likely; empty
/// for an empty alphabet.
///
/// A byte beyond the last whole multiple of the alphabet's size is thrown away: a plain remainder
/// would make the first characters more likely than the rest.
pub fn over_alphabet(entropy: &dyn Entropy, purpose: &'static str, alphabet: &[u8], length: usize) -> String {
    let mut text = String::with_capacity(length);
    if alphabet.is_empty() {
        return text;
    }
    let limit = 256 - 256 % alphabet.len();
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while text.len() < length {
        entropy.fill(purpose, bytes.as_mut_slice());
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < limit);
        let chosen = drawn.filter_map(|byte| alphabet.get(byte % alphabet.len()));
        text.extend(chosen.take(length - text.len()).map(|byte| char::from(*byte)));
    }
    text
}

/// A random UUID (RFC 9562, version 4).
pub fn uuid(entropy: &dyn Entropy, purpose: &'static str) -> String {
    let mut bytes = [0_u8; 16];
    entropy.fill(purpose, &mut bytes);
    let random = u128::from_be_bytes(bytes);
    uuid_text(random & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62))
}

/// A UUID's text (RFC 9562, section 4).
pub(crate) fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use auth_jose::entropy::SeededEntropy;

    use super::*;

    /// Every byte value in turn.
    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, _purpose: &'static str, out: &mut [u8]) {
            for byte in out {
                *byte = self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    #[test]
    fn has_the_asked_length_and_alphabet() {
        let entropy = SeededEntropy::new(7);
        for length in [0, 1, 24, 32, 128, 1000] {
            let text = alphanumeric(&entropy, "test", length);
            assert_eq!(text.len(), length);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        }
        assert_ne!(alphanumeric(&entropy, "test", 32), alphanumeric(&entropy, "test", 32));
        assert_eq!(over_alphabet(&entropy, "test", b"", 8), "");
        assert_eq!(over_alphabet(&entropy, "test", b"x", 8), "xxxxxxxx");
    }

    #[test]
    fn gives_every_character_the_same_share_of_the_byte_values() {
        // 248 of the 256 byte values are used, four for each of the 62 characters.
        let text = alphanumeric(&Counting(AtomicU8::new(0)), "test", 248);
        for character in ALPHANUMERIC {
            assert_eq!(text.bytes().filter(|byte| byte == character).count(), 4);
        }
    }

    #[test]
    fn a_uuid_says_that_it_is_random() {
        let entropy = SeededEntropy::new(7);
        for _ in 0..100 {
            let uuid = uuid(&entropy, "test");
            let parts: Vec<_> = uuid.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
            assert!(
                uuid.bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            );
        }
        assert_ne!(uuid(&entropy, "test"), uuid(&entropy, "test"));
    }
}
