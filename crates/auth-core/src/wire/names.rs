//! Names and attributes of our cookies (upstream's, section "Cookies" of its documentation).

use crate::config::{CookieConfig, CookieKind};
use crate::wire::cookie::{CookieAttributes, SetCookie};

/// One cookie of ours: what it is called and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// The name, with every prefix.
    pub name: String,
    /// The attributes apart from the lifetime.
    pub attributes: CookieAttributes,
    /// A lifetime that the configuration sets for this cookie, in seconds.
    pub own_max_age: Option<i64>,
    /// A lifetime that the configuration sets for every cookie, in seconds.
    pub default_max_age: Option<i64>,
}

impl Cookie {
    /// The cookie with a value. Without `max_age` it ends with the browser.
    #[must_use]
    pub fn set(&self, value: String, max_age: Option<i64>) -> SetCookie {
        SetCookie { name: self.name.clone(), value, max_age, attributes: self.attributes.clone() }
    }

    /// Removes the cookie.
    #[must_use]
    pub fn delete(&self) -> SetCookie {
        SetCookie::delete(self.name.clone(), self.attributes.clone())
    }

    /// The lifetime in seconds: the cookie's own setting, else `usual`, else the setting for all cookies.
    #[must_use]
    pub fn max_age(&self, usual: Option<i64>) -> Option<i64> {
        self.own_max_age.or(usual).or(self.default_max_age)
    }

    /// This cookie under another name: a part of it, or a leftover.
    #[must_use]
    pub(crate) fn renamed(&self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self.clone() }
    }
}

/// Every cookie.
#[derive(Debug, Clone)]
pub struct CookieNames {
    /// The signed session token.
    pub session_token: Cookie,
    /// The session cache, or its parts.
    pub session_data: Cookie,
    /// Signed `true`: the session ends with the browser and is not extended.
    pub dont_remember: Cookie,
    /// The account that somebody signed in with, or its parts.
    pub account_data: Cookie,
    /// The signed name of a sign-in with a provider, kept in the database.
    pub state: Cookie,
    /// A sealed sign-in with a provider.
    pub oauth_state: Cookie,
}

impl CookieNames {
    /// The cookies as they are configured.
    #[must_use]
    pub fn new(config: &CookieConfig) -> Self {
        Self {
            session_token: config.cookie(CookieKind::SessionToken),
            session_data: config.cookie(CookieKind::SessionData),
            dont_remember: config.cookie(CookieKind::DontRemember),
            account_data: config.cookie(CookieKind::AccountData),
            state: config.cookie(CookieKind::State),
            oauth_state: config.cookie(CookieKind::OauthState),
        }
    }
}
