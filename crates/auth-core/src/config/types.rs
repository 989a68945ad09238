//! Configuration values with one checked constructor each.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The public URL of the server: absolute, http or https, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    domain: Option<String>,
    host: String,
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
            host: url.host_str().unwrap_or_default().to_owned(),
            path: (!path.is_empty()).then(|| path.to_owned()),
            is_https: url.scheme() == "https",
            is_loopback,
        })
    }

    pub(crate) fn localhost(port: u16) -> Self {
        Self {
            origin: format!("http://localhost:{port}"),
            domain: Some("localhost".to_owned()),
            host: "localhost".to_owned(),
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

    /// The host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
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

/// The algorithms that sign tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 (RFC 7518).
    Es256,
    /// ECDSA on P-521 (RFC 7518).
    Es512,
    /// RSASSA-PSS with SHA-256 (RFC 7518).
    Ps256 {
        /// Size of a new key's modulus in bits.
        modulus_bits: u32,
    },
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518).
    Rs256 {
        /// Size of a new key's modulus in bits.
        modulus_bits: u32,
    },
}

impl JwtAlgorithm {
    /// The same with RSA keys of this size, if it has RSA keys.
    #[must_use]
    pub(super) fn with_modulus_bits(self, modulus_bits: u32) -> Self {
        match self {
            Self::Ps256 { .. } => Self::Ps256 { modulus_bits },
            Self::Rs256 { .. } => Self::Rs256 { modulus_bits },
            Self::EdDsa | Self::Es256 | Self::Es512 => self,
        }
    }
}

impl FromStr for JwtAlgorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "EdDSA" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "ES512" => Ok(Self::Es512),
            "PS256" => Ok(Self::Ps256 { modulus_bits: 2048 }),
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
}
