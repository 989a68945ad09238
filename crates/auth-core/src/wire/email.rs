//! E-mail addresses in the form Better Auth accepts and stores.

use std::fmt;

use serde::Serialize;

/// An ASCII e-mail address, checked and lower-cased.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

/// RFC 5321 allows no longer path. Upstream has no limit and answers 500 where the index has one.
const MAX_LENGTH: usize = 254;

impl EmailAddress {
    /// Reads an address; nothing is trimmed, and quoted, commented, international and dotless forms
    /// are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let is_address = text.len() <= MAX_LENGTH && is_local_part(local) && is_domain(domain);
        is_address.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Non-empty runs joined by single dots; an apostrophe may stand anywhere but at the end.
fn is_local_part(local: &str) -> bool {
    let in_run = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | b'+' | b'-');
    !local.ends_with('\'') && local.split('.').all(|run| !run.is_empty() && run.bytes().all(in_run))
}

/// Labels that begin with a letter or digit, and a top-level name of two or more letters.
fn is_domain(domain: &str) -> bool {
    let Some((labels, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && labels
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && label.bytes().all(in_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_addresses_longer_than_mail_allows() {
        let address = |length: usize| format!("{}@example.test", "a".repeat(length - "@example.test".len()));
        assert!(EmailAddress::parse(&address(254)).is_some());
        assert!(EmailAddress::parse(&address(255)).is_none());
    }

    #[test]
    fn accepts_and_lower_cases_plain_addresses() {
        for text in [
            "Ann@Example.TEST",
            "a@b.co",
            "plus+tag@example.test",
            "o'brien@example.test",
            "'a@example.test",
            "a.b_c-d@x-.y.museum",
            "-@1a.test",
            "a@xn--bcher-kva.example",
        ] {
            let address = EmailAddress::parse(text).map(|address| address.to_string());
            assert_eq!(address, Some(text.to_ascii_lowercase()), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@b.c",
            "a@b.c1",
            "a@b.co.",
            "a@.co",
            "a@b..co",
            "a@-b.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@b.co",
            "a'@b.co",
            "a@@b.co",
            "a@b@c.co",
            " a@b.co",
            "a@b.co\n",
            "a@b.co\r\nBcc: v@b.co",
            "a@b.co,v@b.co",
            "a@b.co;v@b.co",
            "x <v@b.co>",
            "\"a b\"@b.co",
            "a(c)@b.co",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a%@b.co",
            "a\u{ff20}b.co@c.co",
            "ali\u{212a}e@b.co",
            "a@b\u{131}.co",
            "a@b_c.co",
            "a\0@b.co",
        ] {
            assert_eq!(EmailAddress::parse(text), None, "{text}");
        }
    }

    #[test]
    fn serialises_as_plain_text() {
        let address = EmailAddress::parse("A@b.co").unwrap();
        assert_eq!(serde_json::to_string(&address).unwrap(), "\"a@b.co\"");
    }
}
