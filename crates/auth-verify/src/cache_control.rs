//! How long an issuer allows to keep its keys.

const DEFAULT_TTL_SECONDS: u32 = 10 * 60;
const MIN_TTL_SECONDS: u32 = 30;
const MAX_TTL_SECONDS: u32 = 60 * 60;

/// `max-age` of `Cache-Control` values within 30 seconds and an hour, 10 minutes without one: an issuer can
/// neither make us ask for every token nor keep a removed key alive for longer than an hour.
pub(crate) fn ttl_seconds<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let values = values.into_iter().filter_map(|value| std::str::from_utf8(value).ok());
    let directives =
        values.flat_map(|value| value.split(',')).map(|directive| directive.trim().to_ascii_lowercase());
    let mut ttl = None;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return MIN_TTL_SECONDS;
        }
        let age = directive.strip_prefix("max-age=").map(|age| age.trim_matches('"'));
        if let Some(age) = age.filter(|age| !age.is_empty() && age.bytes().all(|byte| byte.is_ascii_digit()))
        {
            // Digits alone that do not fit are simply a long time. Of several ages the shortest counts.
            let age: u32 = age.parse().unwrap_or(u32::MAX);
            ttl = Some(ttl.map_or(age, |ttl: u32| ttl.min(age)));
        }
    }
    ttl.unwrap_or(DEFAULT_TTL_SECONDS).clamp(MIN_TTL_SECONDS, MAX_TTL_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_lifetime_within_bounds() {
        for (value, expected) in [
            ("max-age=300", 300),
            ("public, Max-Age=300, must-revalidate", 300),
            ("max-age=\"300\"", 300),
            ("max-age=0", 30),
            ("max-age=3", 30),
            ("max-age=86400", 3600),
            ("max-age=99999999999999999999", 3600),
            ("max-age=-1", 600),
            ("max-age=", 600),
            ("max-age=ten", 600),
            ("s-maxage=300", 600),
            ("no-store, max-age=300", 30),
            ("no-cache", 30),
            ("max-age=50, max-age=40, max-age=60", 40),
            ("", 600),
        ] {
            assert_eq!(ttl_seconds([value.as_bytes()]), expected, "{value}");
        }
        assert_eq!(ttl_seconds([]), 600);
        assert_eq!(ttl_seconds([&b"\xff, max-age=40"[..], b"max-age=50"]), 50);
    }
}
