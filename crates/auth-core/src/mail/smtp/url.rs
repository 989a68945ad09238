//! The URL of a mail server, in the form that lettre and nodemailer know.

use auth_jose::Secret;
use url::{Host, Url};

use crate::wire::cookie::decode_uri_component;

/// When a connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Never.
    None,
    /// With STARTTLS if the server offers it. Whoever sits in between can take the offer away.
    Opportunistic,
    /// With STARTTLS, or no mail is handed over.
    Required,
    /// From the first byte.
    Wrapped,
}

/// Where a mail server is and how to sign in to it. Its debug form hides the password.
#[derive(Debug, Clone)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    pub(super) credentials: Option<(String, Secret<String>)>,
    pub(super) hello_name: Option<String>,
}

impl SmtpUrl {
    /// Reads `smtps://USER:PASSWORD@HOST`, `smtp+starttls://...`, or `smtp://HOST:PORT?tls=required|opportunistic`.
    /// A path is the name to introduce ourselves with.
    ///
    /// # Errors
    /// A sentence that says what was expected; it holds nothing of the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected a URL such as smtps://USER:PASSWORD@mail.example.com or smtp://localhost:25".to_owned()
        };
        let url = Url::parse(text.trim()).map_err(|_error| expected())?;
        let mut wanted = None;
        for (name, value) in url.query_pairs() {
            match (name.as_ref(), value.as_ref()) {
                ("tls", "required") => wanted = Some(SmtpTls::Required),
                ("tls", "opportunistic") => wanted = Some(SmtpTls::Opportunistic),
                _ => return Err("the query may say tls=required or tls=opportunistic only".to_owned()),
            }
        }
        let (tls, default_port) = match (url.scheme(), wanted) {
            ("smtps", None) => (SmtpTls::Wrapped, 465),
            ("smtp+starttls", None) => (SmtpTls::Required, 587),
            ("smtp", None) => (SmtpTls::None, 25),
            ("smtp", Some(tls)) => (tls, 587),
            ("smtps" | "smtp+starttls", Some(_)) => {
                return Err("smtps and smtp+starttls URLs take no tls= in the query".to_owned());
            }
            _ => return Err(expected()),
        };
        // Not a web scheme: the host is not read as one by the parser.
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(expected)?;
        let host = Host::parse(host).map_err(|_error| expected())?;
        let is_loopback = match &host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        let host = match host {
            // Without brackets, as the resolver takes it.
            Host::Ipv6(ip) => ip.to_string(),
            host => host.to_string(),
        };
        let part =
            |text: &str| decode_uri_component(text).ok_or_else(|| "a % in it encodes nothing".to_owned());
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => Some((part(user)?, Secret::new(part(password)?))),
            _ => return Err("needs both a user name and a password, or neither".to_owned()),
        };
        let is_safe = is_loopback || matches!(tls, SmtpTls::Required | SmtpTls::Wrapped);
        if credentials.is_some() && !is_safe {
            return Err(
                "would send the password unencrypted: use smtps://, smtp+starttls:// or ?tls=required"
                    .to_owned(),
            );
        }
        let hello_name = part(url.path().trim_matches('/'))?;
        if !hello_name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')) {
            return Err("the path is the name to introduce ourselves with: a host name".to_owned());
        }
        let hello_name = (!hello_name.is_empty()).then_some(hello_name);
        Ok(Self { host, port: url.port().unwrap_or(default_port), tls, credentials, hello_name })
    }

    /// Whether connections are always encrypted.
    #[must_use]
    pub fn tls(&self) -> SmtpTls {
        self.tls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        for (text, host, port, tls) in [
            ("smtp://localhost", "localhost", 25, SmtpTls::None),
            ("smtp://127.0.0.1:2525/", "127.0.0.1", 2525, SmtpTls::None),
            ("smtp://mail.example.com?tls=opportunistic", "mail.example.com", 587, SmtpTls::Opportunistic),
            ("smtp://u:p@mail.example.com?tls=required", "mail.example.com", 587, SmtpTls::Required),
            ("smtp+starttls://u:p@mail.example.com:25", "mail.example.com", 25, SmtpTls::Required),
            ("smtps://u:p@mail.example.com", "mail.example.com", 465, SmtpTls::Wrapped),
            ("smtps://[::1]:1", "::1", 1, SmtpTls::Wrapped),
        ] {
            let url = SmtpUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.tls), (host, port, tls), "{text}");
        }
        let url =
            SmtpUrl::parse("smtps://user%40example.com:p%2F%3Aw@mail.example.com/auth.example.com").unwrap();
        let (user, password) = url.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose().as_str()), ("user@example.com", "p/:w"));
        assert_eq!(url.hello_name.as_deref(), Some("auth.example.com"));
        assert!(!format!("{url:?}").contains("p/:w"));
    }

    #[test]
    fn refuses_the_rest_without_quoting_it() {
        for text in [
            "",
            "mail.example.com",
            "http://hunter2@mail.example.com",
            "smtp://",
            "smtp:hunter2",
            "smtp://hunter2@mail.example.com",
            "smtp://:hunter2@mail.example.com",
            "smtp://u:hunter2@mail.example.com",
            "smtp://u:hunter2@mail.example.com?tls=opportunistic",
            "smtp://mail.example.com?tls=hunter2",
            "smtps://mail.example.com?tls=required",
            "smtps://mail.example.com?pool=hunter2",
            "smtps://u:%ffhunter2@mail.example.com",
            "smtps://mail.example.com/hunter2%0d%0aRCPT",
            "smtps://hunter2 x/",
        ] {
            let reason = SmtpUrl::parse(text).expect_err(text);
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        assert!(SmtpUrl::parse("smtp://u:p@localhost:1025").is_ok(), "a password stays on this machine");
    }
}
