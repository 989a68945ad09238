//! Configuration values with one checked constructor each.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use auth_jose::Secret;
use url::{Host, Url};

/// The public URL of the server: absolute, http or https, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    domain: Option<String>,
    path: Option<String>,
    is_https: bool,
    is_loopback: bool,
}

impl BaseUrl {
    /// Reads an absolute http or https URL without credentials, query or fragment.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim())
            .map_err(|error| format!("expected a URL such as https://auth.example.com: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("expected an http or https URL".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not have a query or a fragment".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or password".to_owned());
        }
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err("expected a URL with a host".to_owned()),
        };
        let path = url.path().trim_end_matches('/');
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            domain: url.domain().map(str::to_owned),
            path: (!path.is_empty()).then(|| path.to_owned()),
            is_https: url.scheme() == "https",
            is_loopback,
        })
    }

    pub(crate) fn localhost(port: u16) -> Self {
        Self {
            origin: format!("http://localhost:{port}"),
            domain: Some("localhost".to_owned()),
            path: None,
            is_https: false,
            is_loopback: true,
        }
    }

    /// Scheme, host and port: `https://auth.example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The host, unless it is an IP address.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// The path, if the URL has one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether browsers reach the server over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path.as_deref().unwrap_or_default())
    }
}

/// Where the database is. Its display form hides the password.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A file on this machine.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(Secret<String>),
}

impl DatabaseUrl {
    /// Reads `sqlite:FILE`, `file:FILE` or `postgres://...`.
    ///
    /// # Errors
    /// A sentence that says what was expected; it holds nothing of the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME";
        match text.split_once(':') {
            #[cfg(feature = "sqlite")]
            Some(("sqlite" | "file", rest)) => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.starts_with(":memory:") || path.contains('?') {
                    return Err("expected sqlite:FILE, the path of a file".to_owned());
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => match text.parse::<tokio_postgres::Config>() {
                Ok(config) if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require => {
                    Err("asks for TLS (sslmode=require), which is not supported yet".to_owned())
                }
                Ok(_) => Ok(Self::Postgres(Secret::from(text))),
                Err(_) => Err(format!("is not a PostgreSQL URL; {EXPECTED}")),
            },
            Some(("mysql" | "mariadb", _)) => {
                Err(format!("MySQL and MariaDB are not supported yet; {EXPECTED}"))
            }
            _ => Err(EXPECTED.to_owned()),
        }
    }

    /// The file of an embedded database.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Some(path),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("auth.db"))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => match Url::parse(url.expose()) {
                Ok(mut url) => {
                    if url.password().is_some() && url.set_password(Some("***")).is_err() {
                        return f.write_str("postgres://***");
                    }
                    url.set_query(None);
                    write!(f, "{url}")
                }
                Err(_) => f.write_str("postgres://***"),
            },
        }
    }
}

/// The algorithms that sign tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 (RFC 7518).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518).
    Rs256 {
        /// Size of a new key's modulus in bits.
        modulus_bits: u32,
    },
}

impl FromStr for JwtAlgorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "EdDSA" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "RS256" => Ok(Self::Rs256 { modulus_bits: 2048 }),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_lose_their_trailing_slash_and_default_port() {
        let url = BaseUrl::parse("https://Auth.example.com:443/").unwrap();
        assert_eq!((url.origin(), url.path()), ("https://auth.example.com", None));
        let url = BaseUrl::parse("http://localhost:3001/api/v1/auth/").unwrap();
        assert_eq!((url.origin(), url.path()), ("http://localhost:3001", Some("/api/v1/auth")));
    }

    #[test]
    fn refuses_base_urls_that_are_not_plain_web_addresses() {
        for bad in ["auth.example.com", "ftp://x", "https://u:p@x", "https://x/?a=1", "https://x/#a", ""] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    #[cfg(feature = "postgres")]
    fn a_database_url_is_shown_without_its_password() {
        let url = DatabaseUrl::parse("postgres://app:hunter2@db.example.com/auth?sslmode=disable").unwrap();
        assert_eq!(url.to_string(), "postgres://app:***@db.example.com/auth");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn refuses_unknown_databases_without_repeating_the_url() {
        let tls = "postgres://u:hunter2@x/y?sslmode=require";
        for bad in
            [tls, "oracle://u:hunter2@x", "mysql://u:hunter2@x/y", "sqlite::memory:", "sqlite:", "hunter2"]
        {
            let reason = DatabaseUrl::parse(bad).unwrap_err();
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }
}
