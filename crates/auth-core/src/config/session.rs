//! `session`: times, refresh, and the copy of the session in a cookie.

use super::reader::Reader;
use super::{Plugins, seconds};

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
    /// GET `/get-session` writes nothing and says whether POST has something to do.
    pub defer_refresh: bool,
    /// A copy of the session travels in a cookie and is believed for a while.
    pub cookie_cache: Option<CookieCacheConfig>,
}

/// The copy of the session in a cookie.
#[derive(Debug, Clone)]
pub struct CookieCacheConfig {
    /// How long the copy is believed, in seconds.
    pub max_age: i64,
    /// The form of the cookie.
    pub strategy: CookieCacheStrategy,
    /// Copies of another version count for nothing.
    pub version: String,
}

/// The form of the cookie with the copy of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieCacheStrategy {
    /// JSON with an HMAC.
    Compact,
    /// A JWT (RFC 7519) signed with HS256 under the secret.
    Jwt,
    /// A JWT signed with the published keys.
    SignedByKeys,
    /// Encrypted JSON (RFC 7516).
    Jwe,
}

impl std::str::FromStr for CookieCacheStrategy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "compact" => Ok(Self::Compact),
            "jwt" => Ok(Self::Jwt),
            "jwe" => Ok(Self::Jwe),
            _ => Err(()),
        }
    }
}

/// Reads `session`.
pub(super) fn session(r: &mut Reader, plugins: Plugins) -> SessionConfig {
    SessionConfig {
        expires_in: seconds(r.seconds("session.expiresIn", 604_800).max(1)),
        update_age: seconds(r.seconds("session.updateAge", 86_400)),
        fresh_age: seconds(r.seconds("session.freshAge", 86_400)),
        refresh: !r.boolean("session.disableSessionRefresh", false),
        defer_refresh: r.boolean("session.deferSessionRefresh", false),
        cookie_cache: cookie_cache(r, plugins),
    }
}

fn cookie_cache(r: &mut Reader, plugins: Plugins) -> Option<CookieCacheConfig> {
    let enabled = r.boolean("session.cookieCache.enabled", false);
    let max_age = match r.seconds("session.cookieCache.maxAge", 300) {
        0 => 300, // as upstream reads it
        given => seconds(given),
    };
    let mut strategy = r.choice("session.cookieCache.strategy", CookieCacheStrategy::Compact);
    let version = r.text("session.cookieCache.version").filter(|version| !version.is_empty());
    if r.boolean("session.cookieCache.refreshCache", false) {
        r.refuse("session.cookieCache.refreshCache", "is for servers without a database; leave it out");
    }
    if r.boolean("jwt.sessionCookieCache", false) {
        if !plugins.jwt || strategy != CookieCacheStrategy::Jwt {
            r.refuse(
                "jwt.sessionCookieCache",
                "needs the jwt plugin and session.cookieCache.strategy = \"jwt\"",
            );
        }
        strategy = CookieCacheStrategy::SignedByKeys;
    }
    enabled.then(|| CookieCacheConfig {
        max_age,
        strategy,
        version: version.unwrap_or_else(|| "1".to_owned()),
    })
}
