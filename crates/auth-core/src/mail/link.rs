//! The address in a mail.

use std::fmt;

use auth_jose::Secret;

use crate::config::BaseUrl;
use crate::wire::cookie::encode_uri_component;

/// The address that a mail asks its reader to open. It begins with this server's own base URL, whatever a request
/// says, and everything added is encoded. It carries a token: its debug form shows nothing.
#[derive(Clone)]
pub struct MailLink {
    host: String,
    url: Secret<String>,
    has_query: bool,
}

impl MailLink {
    /// An address below the base path: `path` as an endpoint has it, such as `/verify-email`.
    #[must_use]
    pub fn new(base_url: &BaseUrl, base_path: &str, path: &'static str) -> Self {
        let origin = base_url.origin();
        let host = origin.split_once("://").map_or(origin, |(_, host)| host).to_owned();
        Self { host, url: Secret::new(format!("{origin}{base_path}{path}")), has_query: false }
    }

    /// With one more segment of the path. Comes before any [`query`](Self::query).
    #[must_use]
    pub fn segment(self, value: &str) -> Self {
        debug_assert!(!self.has_query, "a segment behind the question mark");
        let url = Secret::new(format!("{}/{}", self.url.expose(), encode_uri_component(value)));
        Self { url, ..self }
    }

    /// With one more member of the query.
    #[must_use]
    pub fn query(self, name: &'static str, value: &str) -> Self {
        let mark = if self.has_query { '&' } else { '?' };
        let url = format!("{}{mark}{name}={}", self.url.expose(), encode_uri_component(value));
        Self { url: Secret::new(url), has_query: true, ..self }
    }

    /// The server that it leads to: host, and port if it is not the usual one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address as text: for the mail itself and for tests, never for a log.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.expose()
    }
}

impl fmt::Debug for MailLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailLink(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> MailLink {
        MailLink::new(&BaseUrl::parse("https://auth.example.com").unwrap(), "/api/auth", "/reset-password")
    }

    #[test]
    fn holds_the_base_url_and_encodes_the_rest() {
        let link = link().segment("a/../b").query("callbackURL", "https://app.test/?a=1&b=2#c\r\nx");
        assert_eq!(
            link.url(),
            "https://auth.example.com/api/auth/reset-password/a%2F..%2Fb\
             ?callbackURL=https%3A%2F%2Fapp.test%2F%3Fa%3D1%26b%3D2%23c%0D%0Ax"
        );
        let two = link.query("token", "t&callbackURL=x");
        assert!(two.url().ends_with("x&token=t%26callbackURL%3Dx"), "{}", two.url());
    }

    #[test]
    fn is_not_shown_for_debugging() {
        let shown = format!("{:?}", link().segment("hunter2"));
        assert_eq!(shown, "MailLink(..)");
    }
}
