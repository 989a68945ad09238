//! `session`: times, and the cookies that carry sessions.

use super::reader::Reader;
use super::{BaseUrl, seconds};

/// Sessions. Times are in seconds.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Lifetime.
    pub expires_in: i64,
    /// Age at which a session in use is extended.
    pub update_age: i64,
    /// Age up to which a session is fresh; 0 is any age.
    pub fresh_age: i64,
    /// Sessions are extended at all.
    pub refresh: bool,
}

/// Cookie names and attributes.
#[derive(Debug, Clone)]
pub struct CookieConfig {
    /// `Secure`, and names begin with `__Secure-`.
    pub secure: bool,
    /// The first part of every name.
    pub prefix: String,
    /// Cookies that an older secret signed are good.
    pub accept_older_secrets: bool,
}

/// Reads `session`.
pub(super) fn session(r: &mut Reader) -> SessionConfig {
    SessionConfig {
        expires_in: seconds(r.seconds("session.expiresIn", 604_800).max(1)),
        update_age: seconds(r.seconds("session.updateAge", 86_400)),
        fresh_age: seconds(r.seconds("session.freshAge", 86_400)),
        refresh: !r.boolean("session.disableSessionRefresh", false),
    }
}

/// Reads the cookie settings of `advanced`.
pub(super) fn cookies(r: &mut Reader, base_url: &BaseUrl) -> CookieConfig {
    let secure = r.boolean("advanced.useSecureCookies", base_url.is_https());
    let accept_older_secrets = r.boolean("advanced.acceptOlderCookieSecrets", true);
    CookieConfig { secure, prefix: cookie_prefix(r), accept_older_secrets }
}

fn cookie_prefix(r: &mut Reader) -> String {
    let prefix = r.text("advanced.cookiePrefix").unwrap_or_else(|| "better-auth".to_owned());
    if prefix.is_empty() || !prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        r.refuse("advanced.cookiePrefix", "expected letters, digits, '-', '_' or '.'");
    }
    prefix
}
