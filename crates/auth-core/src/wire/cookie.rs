//! Cookies as requests carry them and as responses set them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The value of `name` in a `Cookie` header: the first of several, without one pair of double quotes,
/// percent-decoded where that is possible.
#[must_use]
pub fn find<'a>(cookie_header: &'a str, name: &str) -> Option<Cow<'a, str>> {
    pairs(cookie_header).find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

/// Names and values of a `Cookie` header, read as [`find`] reads them, in order and with repetitions.
pub fn all(cookie_header: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    pairs(cookie_header).map(|(name, value)| (name, decode(value)))
}

fn decode(value: &str) -> Cow<'_, str> {
    let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    if !unquoted.contains('%') {
        return Cow::Borrowed(unquoted);
    }
    decode_uri_component(unquoted).map_or(Cow::Borrowed(unquoted), Cow::Owned)
}

/// The names in a `Cookie` header, in order and with repetitions.
pub fn names(cookie_header: &str) -> impl Iterator<Item = &str> {
    pairs(cookie_header).map(|(name, _)| name)
}

fn pairs(cookie_header: &str) -> impl Iterator<Item = (&str, &str)> {
    cookie_header
        .split(';')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

/// When a browser sends a cookie along with requests from other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// On top-level navigation only.
    #[default]
    Lax,
    /// Always; browsers demand `Secure` beside it.
    None,
}

impl FromStr for SameSite {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "strict" | "Strict" => Ok(Self::Strict),
            "lax" | "Lax" => Ok(Self::Lax),
            "none" | "None" => Ok(Self::None),
            _ => Err(()),
        }
    }
}

impl SameSite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// The attributes of a cookie, apart from its lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieAttributes {
    /// `Domain`; without one the cookie stays on the host that set it.
    pub domain: Option<String>,
    /// `Path`.
    pub path: String,
    /// `HttpOnly`: hidden from scripts.
    pub http_only: bool,
    /// `Secure`: sent over https only.
    pub secure: bool,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Partitioned`: a separate cookie for each top-level site.
    pub partitioned: bool,
}

impl Default for CookieAttributes {
    fn default() -> Self {
        Self {
            domain: None,
            path: "/".to_owned(),
            http_only: true,
            secure: false,
            same_site: SameSite::Lax,
            partitioned: false,
        }
    }
}

/// A cookie that a response sets; its `Display` form is the `Set-Cookie` header's value.
///
/// The value is encoded when written and cannot break out of the header. Name, domain and path come
/// from the configuration and are written as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The cookie's name.
    pub name: String,
    /// The value before percent-encoding.
    pub value: String,
    /// `Max-Age` in seconds; without one the cookie ends with the browser's session.
    pub max_age: Option<i64>,
    /// The other attributes.
    pub attributes: CookieAttributes,
}

impl SetCookie {
    /// The cookie that removes `name`: empty, at its end, with the same attributes.
    #[must_use]
    pub fn delete(name: impl Into<String>, attributes: CookieAttributes) -> Self {
        Self { name: name.into(), value: String::new(), max_age: Some(0), attributes }
    }

    /// The `Set-Cookie` header's value.
    #[must_use]
    pub fn to_header_value(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CookieAttributes { domain, path, http_only, secure, same_site, partitioned } = &self.attributes;
        write!(f, "{}={}", self.name, encode_uri_component(&self.value))?;
        if let Some(seconds) = self.max_age {
            write!(f, "; Max-Age={}", seconds.max(0))?;
        }
        if let Some(domain) = domain {
            write!(f, "; Domain={domain}")?;
        }
        write!(f, "; Path={path}")?;
        if *http_only {
            f.write_str("; HttpOnly")?;
        }
        if *secure {
            f.write_str("; Secure")?;
        }
        write!(f, "; SameSite={}", same_site.as_str())?;
        if *partitioned {
            f.write_str("; Partitioned")?;
        }
        Ok(())
    }
}

/// Hides the value: it is usually a session token.
impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &self.name)
            .field("max_age", &self.max_age)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

/// JavaScript's `encodeURIComponent`: everything but ``A-Za-z0-9-_.!~*'()`` becomes `%XX`.
#[must_use]
pub fn encode_uri_component(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().map_or('0', char::from);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// JavaScript's `decodeURIComponent`; nothing for a malformed escape or bytes that are not UTF-8.
#[must_use]
pub fn decode_uri_component(text: &str) -> Option<String> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = nibble(bytes.next()?)?;
            let low = nibble(bytes.next()?)?;
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(header: &str, name: &str) -> Option<String> {
        find(header, name).map(Cow::into_owned)
    }

    #[test]
    fn finds_the_first_of_several_cookies_of_a_name() {
        let header = "theme=dark; a.token=one; a.token=two;b=x=y; c=";
        assert_eq!(found(header, "a.token").as_deref(), Some("one"));
        assert_eq!(found(header, "b").as_deref(), Some("x=y"));
        assert_eq!(found(header, "c").as_deref(), Some(""));
        assert_eq!(found(header, "token"), None);
        assert_eq!(found(header, "A.TOKEN"), None);
        assert_eq!(names(header).collect::<Vec<_>>(), ["theme", "a.token", "a.token", "b", "c"]);
    }

    #[test]
    fn ignores_parts_without_an_equals_sign() {
        let header = "; ;junk;  t = v ;;junk2";
        assert_eq!(found(header, "t").as_deref(), Some("v"));
        assert_eq!(found(header, "junk"), None);
        assert_eq!(names(header).count(), 1);
        assert_eq!(names("").count(), 0);
    }

    #[test]
    fn decodes_escapes_and_removes_one_pair_of_quotes() {
        for (written, read) in [
            ("a%3D%2Fb", "a=/b"),
            ("\"a%20b\"", "a b"),
            ("\"\"x\"\"", "\"x\""),
            ("\"half", "\"half"),
            ("\"", "\""),
            ("%22x%22", "\"x\""),
            ("plain=", "plain="),
            ("%C3%A9", "\u{e9}"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(found(&format!("t={written}"), "t").as_deref(), Some(read), "{written}");
        }
    }

    #[test]
    fn keeps_malformed_escapes_as_they_are() {
        for raw in ["%zz.%", "a%", "a%4", "%00%ff%fe.%00", "%+1", "%C3x", "%4\u{e9}"] {
            assert_eq!(found(&format!("t={raw}"), "t").as_deref(), Some(raw), "{raw}");
        }
    }

    #[test]
    fn writes_attributes_in_upstream_order() {
        let plain = SetCookie {
            name: "better-auth.session_token".to_owned(),
            value: "abcdefghijklmnopqrstuvwxyzABCDEF.EKxkEazyXJXEk2DGsySMSy4aSGepFZmneB0vRseMim4=".to_owned(),
            max_age: Some(604_800),
            attributes: CookieAttributes::default(),
        };
        assert_eq!(
            plain.to_header_value(),
            "better-auth.session_token=abcdefghijklmnopqrstuvwxyzABCDEF.EKxkEazyXJXEk2DGsySMSy4aSGepFZmneB0vRseMim4%3D; \
             Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
        );
        let attributes = CookieAttributes {
            domain: Some("example.test".to_owned()),
            path: "/auth".to_owned(),
            http_only: false,
            secure: true,
            same_site: SameSite::None,
            partitioned: true,
        };
        let full = SetCookie { value: "\u{e9};\r\n".to_owned(), max_age: None, attributes, ..plain };
        assert_eq!(
            full.to_string(),
            "better-auth.session_token=%C3%A9%3B%0D%0A; Domain=example.test; Path=/auth; Secure; SameSite=None; \
             Partitioned"
        );
    }

    #[test]
    fn deletes_with_the_same_attributes() {
        let attributes =
            CookieAttributes { secure: true, same_site: SameSite::Strict, ..CookieAttributes::default() };
        assert_eq!(
            SetCookie::delete("t", attributes).to_string(),
            "t=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict"
        );
    }

    #[test]
    fn debug_output_hides_the_value() {
        let cookie = SetCookie {
            name: "t".to_owned(),
            value: "hunter2".to_owned(),
            max_age: None,
            attributes: CookieAttributes::default(),
        };
        assert!(!format!("{cookie:?}").contains("hunter2"));
    }

    #[test]
    fn reads_same_site_in_either_case() {
        for (text, expected) in
            [("lax", SameSite::Lax), ("Strict", SameSite::Strict), ("none", SameSite::None)]
        {
            assert_eq!(text.parse(), Ok(expected));
        }
        assert_eq!("other".parse::<SameSite>(), Err(()));
    }

    proptest! {
        #[test]
        fn every_written_value_is_read_back(value in any::<String>()) {
            let cookie = SetCookie { name: "t".to_owned(), value: value.clone(), max_age: None, attributes: CookieAttributes::default() };
            let header = cookie.to_string();
            let (pair, _) = header.split_once("; ").unwrap();
            prop_assert_eq!(found(pair, "t"), Some(value));
        }

        #[test]
        fn no_header_breaks_the_reader(header in any::<String>(), name in "[a-z]{0,3}") {
            let listed = names(&header).any(|other| other == name);
            prop_assert_eq!(find(&header, &name).is_some(), listed);
        }
    }
}
