//! A value too long for one cookie: `<name>.0`, `<name>.1` and so on, each as long as browsers keep it.

use super::cookie::{self, SetCookie};
use super::names::Cookie;

/// Bytes of name, value and attributes of one cookie; Safari keeps the least, about 4093.
const MAX_COOKIE_BYTES: usize = 4050;

/// More parts are not made, and not looked at.
const MAX_PARTS: usize = 100;

/// The value of a cookie in a `Cookie` header, joined if it comes in parts.
#[must_use]
pub fn find(cookie_header: &str, name: &str) -> Option<String> {
    if let Some(whole) = cookie::find(cookie_header, name).filter(|value| !value.is_empty()) {
        return Some(whole.into_owned());
    }
    let mut parts: Vec<(usize, String)> = Vec::new();
    for (found, value) in cookie::all(cookie_header) {
        let Some(index) = index(name, found) else { continue };
        if parts.iter().all(|(known, _)| *known != index) {
            parts.push((index, value.into_owned()));
        }
    }
    parts.sort_unstable_by_key(|(index, _)| *index);
    (!parts.is_empty()).then(|| parts.into_iter().map(|(_, value)| value).collect())
}

/// Removes the cookie and its parts, as far as the header has them.
#[must_use]
pub fn delete(cookie_header: &str, cookie: &Cookie) -> Vec<SetCookie> {
    let mut deletions: Vec<SetCookie> = Vec::new();
    for name in cookie::names(cookie_header) {
        if is_of(&cookie.name, name) && deletions.iter().all(|it| it.name != name) {
            deletions.push(cookie.renamed(name).delete());
        }
    }
    deletions
}

/// The cookie with a value of the base64url alphabet and dots, in parts if it is too long; nothing when there
/// would be too many.
#[must_use]
pub fn set(cookie: &Cookie, value: String, max_age: Option<i64>) -> Vec<SetCookie> {
    let frame = cookie.renamed(format!("{}.{}", cookie.name, MAX_PARTS - 1)).set(String::new(), max_age);
    let size = MAX_COOKIE_BYTES.saturating_sub(frame.to_header_value().len());
    if value.len() <= size {
        return vec![cookie.set(value, max_age)];
    }
    let characters: Vec<char> = value.chars().collect();
    if size == 0 || characters.len().div_ceil(size) > MAX_PARTS {
        return Vec::new();
    }
    let part = |(index, part): (usize, &[char])| {
        cookie.renamed(format!("{}.{index}", cookie.name)).set(part.iter().collect(), max_age)
    };
    characters.chunks(size).enumerate().map(part).collect()
}

/// Whether `name` is the cookie `whole` or one of its parts.
#[must_use]
pub fn is_of(whole: &str, name: &str) -> bool {
    name == whole || index(whole, name).is_some()
}

/// The number of a part, written without leading zeros.
fn index(whole: &str, name: &str) -> Option<usize> {
    let digits = name.strip_prefix(whole)?.strip_prefix('.')?;
    let is_plain =
        digits == "0" || !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|index| is_plain && *index < MAX_PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cookie::CookieAttributes;

    fn cookie() -> Cookie {
        let attributes = CookieAttributes::default();
        Cookie { name: "a.data".to_owned(), attributes, own_max_age: None, default_max_age: None }
    }

    fn header(cookies: &[SetCookie]) -> String {
        let pairs: Vec<_> = cookies.iter().map(|it| format!("{}={}", it.name, it.value)).collect();
        pairs.join("; ")
    }

    #[test]
    fn a_short_value_is_one_cookie() {
        let set = set(&cookie(), "abc".to_owned(), Some(300));
        assert_eq!(set.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a.data"]);
        assert_eq!(find(&header(&set), "a.data").as_deref(), Some("abc"));
    }

    #[test]
    fn no_part_is_larger_than_browsers_keep_and_none_gets_lost() {
        for length in [3990, 4000, 4050, 8000, 40_000, 390_000] {
            let value: String = ('a'..='z').cycle().take(length).collect();
            let set = set(&cookie(), value.clone(), Some(300));
            assert!(set.iter().all(|it| it.to_header_value().len() <= MAX_COOKIE_BYTES), "{length}");
            let mut shuffled = set.clone();
            shuffled.reverse();
            assert_eq!(find(&header(&shuffled), "a.data"), Some(value), "{length}");
        }
        assert_eq!(set(&cookie(), "a".repeat(410_000), Some(300)), []);
    }

    #[test]
    fn the_split_is_where_upstreams_is() {
        // 4050 bytes less `a.data.99=; Max-Age=300; Path=/; HttpOnly; SameSite=Lax`.
        let size = 4050 - 55;
        assert_eq!(set(&cookie(), "a".repeat(size), Some(300)).len(), 1);
        let set = set(&cookie(), "a".repeat(size + 1), Some(300));
        let parts: Vec<_> = set.iter().map(|it| (it.name.as_str(), it.value.len())).collect();
        assert_eq!(parts, [("a.data.0", size), ("a.data.1", 1)]);
    }

    #[test]
    fn the_whole_cookie_wins_and_the_first_of_two_parts() {
        assert_eq!(find("a.data.0=x; a.data=y", "a.data").as_deref(), Some("y"));
        assert_eq!(find("a.data=; a.data.0=x", "a.data").as_deref(), Some("x"));
        assert_eq!(find("a.data.1=z; a.data.0=x; a.data.0=y", "a.data").as_deref(), Some("xz"));
        assert_eq!(find("a.datas=x; a.data.x=y", "a.data"), None);
    }

    #[test]
    fn other_numbers_are_other_cookies() {
        for name in [
            "a.data.",
            "a.data.00",
            "a.data.01",
            "a.data.+1",
            "a.data.100",
            "a.data.-1",
            "a.data.1.1",
            "xa.data.1",
        ] {
            assert!(!is_of("a.data", name), "{name}");
        }
        assert!(is_of("a.data", "a.data") && is_of("a.data", "a.data.0") && is_of("a.data", "a.data.99"));
    }

    #[test]
    fn what_the_request_has_is_removed_once() {
        let deleted = delete("a.data=x; b=1; a.data.0=y; a.data.0=z; a.datas=w; a.data.7=", &cookie());
        assert_eq!(header(&deleted), "a.data=; a.data.0=; a.data.7=");
        assert!(deleted.iter().all(|it| it.max_age == Some(0)));
    }
}
