//! Names and attributes of our cookies (upstream's, section "Cookies" of its documentation).

use crate::config::CookieConfig;
use crate::wire::cookie::{CookieAttributes, SetCookie};

/// The cookies that this server reads and sets.
#[derive(Debug, Clone)]
pub struct CookieNames {
    /// The signed session token.
    pub session_token: String,
    /// The session cache; never set by this server, removed where upstream removes it.
    pub session_data: String,
    /// Signed `true`: the session ends with the browser and is not extended.
    pub dont_remember: String,
    attributes: CookieAttributes,
}

impl CookieNames {
    /// The names under the configured prefix, with `__Secure-` where cookies are `Secure`.
    #[must_use]
    pub fn new(config: &CookieConfig) -> Self {
        let secure = if config.secure { "__Secure-" } else { "" };
        let name = |cookie: &str| format!("{secure}{}.{cookie}", config.prefix);
        Self {
            session_token: name("session_token"),
            session_data: name("session_data"),
            dont_remember: name("dont_remember"),
            attributes: CookieAttributes { secure: config.secure, ..CookieAttributes::default() },
        }
    }

    /// A cookie with our attributes. Without `max_age` it ends with the browser.
    #[must_use]
    pub fn set(&self, name: &str, value: String, max_age: Option<i64>) -> SetCookie {
        SetCookie { name: name.to_owned(), value, max_age, attributes: self.attributes.clone() }
    }

    /// Removes a cookie.
    #[must_use]
    pub fn delete(&self, name: &str) -> SetCookie {
        SetCookie::delete(name, self.attributes.clone())
    }
}
