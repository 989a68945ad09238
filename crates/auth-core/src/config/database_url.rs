//! Where the database is, and how the way to it is protected.

use std::fmt;
use std::path::PathBuf;

use auth_jose::Secret;
use url::Url;

/// Where the database is. Its display form hides the password.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A file on this machine.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(ServerUrl),
    /// A MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    Mysql(ServerUrl),
}

/// A database server: the URL that its driver reads, and the protection that was asked for beside it.
#[derive(Debug, Clone)]
pub struct ServerUrl {
    url: Secret<String>,
    tls: Tls,
}

/// How a connection to a database server is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// What is demanded of the connection.
    pub mode: TlsMode,
    /// The file of the certificates to trust, in PEM. `None`: those of the system.
    pub roots: Option<PathBuf>,
}

/// What is demanded of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// No TLS.
    Off,
    /// TLS if the server offers it, whoever it is.
    Preferred,
    /// TLS, whoever the server is.
    Required,
    /// TLS, and a certificate of a trusted authority.
    VerifyCa,
    /// TLS, and a certificate of a trusted authority for the name in the URL.
    VerifyFull,
}

/// The names of the two TLS parameters of a URL, as the database's own programs spell them.
struct Names {
    mode: &'static str,
    roots: &'static str,
    strictest: &'static str,
    has_verify_ca: bool,
    unsupported: &'static [&'static str],
}

#[cfg(feature = "postgres")]
const POSTGRES: Names = Names {
    mode: "sslmode",
    roots: "sslrootcert",
    strictest: "verify-full",
    has_verify_ca: true,
    unsupported: &["sslcert", "sslkey", "sslcrl", "sslpassword"],
};
#[cfg(feature = "mysql")]
const MYSQL: Names = Names {
    mode: "ssl-mode",
    roots: "ssl-ca",
    strictest: "VERIFY_IDENTITY",
    has_verify_ca: false,
    unsupported: &[
        "ssl-cert",
        "ssl-key",
        "ssl-crl",
        "require_ssl",
        "verify_ca",
        "verify_identity",
        "built_in_roots",
    ],
};

impl ServerUrl {
    /// The URL for the driver, password included.
    pub(crate) fn expose(&self) -> &str {
        self.url.expose()
    }

    /// How the connection is protected.
    #[must_use]
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Takes the TLS parameters out of a URL.
    fn parse(text: &str, names: &Names) -> Result<Self, String> {
        let (base, query) = text.split_once('?').map_or((text, ""), |(base, query)| (base, query));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = url::form_urlencoded::parse(pair.as_bytes()).next() else { continue };
            if name == names.mode {
                let word = value.to_ascii_lowercase().replace('_', "-");
                mode = Some(TlsMode::parse(&word).ok_or_else(|| {
                    format!("{name} is none of disable, prefer, require, verify-ca, verify-full or their MySQL names")
                })?);
            } else if name == names.roots {
                roots = (value != "system").then(|| PathBuf::from(value.as_ref()));
                if roots.is_none() && mode.is_none() {
                    mode = Some(TlsMode::VerifyFull);
                }
            } else if names.unsupported.contains(&name.as_ref()) {
                return Err(format!("{name} is not supported; {} and {} are", names.mode, names.roots));
            } else {
                rest.push(pair);
            }
        }
        let mode = match (mode.unwrap_or(TlsMode::Preferred), &roots) {
            // MySQL's driver cannot check an authority without the name.
            (TlsMode::VerifyCa, _) if !names.has_verify_ca => {
                return Err(format!("{}=VERIFY_CA is not supported; VERIFY_IDENTITY is", names.mode));
            }
            // As libpq: who names an authority wants it checked.
            (TlsMode::Required, Some(_)) if names.has_verify_ca => TlsMode::VerifyCa,
            (TlsMode::Off | TlsMode::Preferred | TlsMode::Required, Some(_)) => {
                return Err(format!(
                    "{} has no effect without {}={}",
                    names.roots, names.mode, names.strictest
                ));
            }
            (mode, _) => mode,
        };
        let mut url = base.to_owned();
        if !rest.is_empty() {
            url = format!("{url}?{}", rest.join("&"));
        }
        Ok(Self { url: Secret::new(url), tls: Tls { mode, roots } })
    }
}

impl TlsMode {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "disable" | "disabled" => Self::Off,
            "allow" | "prefer" | "preferred" => Self::Preferred,
            "require" | "required" => Self::Required,
            "verify-ca" => Self::VerifyCa,
            "verify-full" | "verify-identity" => Self::VerifyFull,
            _ => return None,
        })
    }
}

impl DatabaseUrl {
    /// Reads `sqlite:FILE`, `file:FILE`, `postgres://...` or `mysql://...`.
    ///
    /// # Errors
    /// A sentence that says what was expected; it holds nothing of the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected sqlite:FILE, postgres://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME";
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
            Some(("postgres" | "postgresql", _)) => {
                let server = ServerUrl::parse(text, &POSTGRES)?;
                match server.expose().parse::<tokio_postgres::Config>() {
                    Ok(_) => Ok(Self::Postgres(server)),
                    Err(_) => Err(format!("is not a PostgreSQL URL; {EXPECTED}")),
                }
            }
            #[cfg(feature = "mysql")]
            Some(("mysql" | "mariadb", rest)) => {
                let server = ServerUrl::parse(&format!("mysql:{rest}"), &MYSQL)?;
                match mysql_async::Opts::from_url(server.expose()) {
                    Ok(opts) if opts.db_name().is_some_and(|name| !name.is_empty()) => {
                        Ok(Self::Mysql(server))
                    }
                    _ => Err(format!("is not a MySQL URL with the name of a database; {EXPECTED}")),
                }
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
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => None,
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
            Self::Postgres(server) => redacted(server.expose(), "postgres://***", f),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => redacted(server.expose(), "mysql://***", f),
        }
    }
}

pub(super) fn redacted(text: &str, otherwise: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match Url::parse(text) {
        Ok(mut url) => {
            if url.password().is_some() && url.set_password(Some("***")).is_err() {
                return f.write_str(otherwise);
            }
            url.set_query(None);
            write!(f, "{url}")
        }
        Err(_) => f.write_str(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerUrl {
        match DatabaseUrl::parse(text).unwrap() {
            DatabaseUrl::Postgres(server) | DatabaseUrl::Mysql(server) => server,
            DatabaseUrl::Sqlite(path) => panic!("{path:?}"),
        }
    }

    #[test]
    fn a_database_url_is_shown_without_its_password() {
        for scheme in ["postgres", "mysql"] {
            let url = DatabaseUrl::parse(&format!("{scheme}://app:hunter2@db.example.com/auth")).unwrap();
            assert_eq!(url.to_string(), format!("{scheme}://app:***@db.example.com/auth"));
            assert!(!format!("{url:?}").contains("hunter2"));
        }
    }

    #[test]
    fn the_tls_parameters_are_taken_out_of_the_url() {
        let pg =
            server("postgres://u@h/d?sslmode=verify-full&application_name=x&sslrootcert=%2Fetc%2Fca.pem");
        assert_eq!(pg.expose(), "postgres://u@h/d?application_name=x");
        assert_eq!(pg.tls(), &Tls { mode: TlsMode::VerifyFull, roots: Some("/etc/ca.pem".into()) });
        let my = server("mysql://u@h/d?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ca.pem");
        assert_eq!(my.expose(), "mysql://u@h/d");
        assert_eq!(my.tls(), &Tls { mode: TlsMode::VerifyFull, roots: Some("/etc/ca.pem".into()) });
    }

    #[test]
    fn each_mode_means_what_the_databases_own_programs_mean() {
        for (query, mode) in [
            ("", TlsMode::Preferred),
            ("?sslmode=disable", TlsMode::Off),
            ("?sslmode=prefer", TlsMode::Preferred),
            ("?sslmode=require", TlsMode::Required),
            ("?sslmode=require&sslrootcert=ca.pem", TlsMode::VerifyCa),
            ("?sslrootcert=ca.pem&sslmode=require", TlsMode::VerifyCa),
            ("?sslmode=verify-ca", TlsMode::VerifyCa),
            ("?sslmode=verify-full&sslrootcert=system", TlsMode::VerifyFull),
            ("?sslrootcert=system", TlsMode::VerifyFull),
        ] {
            assert_eq!(server(&format!("postgres://u@h/d{query}")).tls().mode, mode, "{query}");
        }
        for (query, mode) in [
            ("", TlsMode::Preferred),
            ("?ssl-mode=DISABLED", TlsMode::Off),
            ("?ssl-mode=REQUIRED", TlsMode::Required),
        ] {
            assert_eq!(server(&format!("mysql://u@h/d{query}")).tls().mode, mode, "{query}");
        }
    }

    #[test]
    fn refuses_what_would_be_weaker_than_it_looks() {
        for (url, word) in [
            ("postgres://u:hunter2@h/d?sslrootcert=ca.pem", "no effect"),
            ("postgres://u:hunter2@h/d?sslmode=disable&sslrootcert=ca.pem", "no effect"),
            ("postgres://u:hunter2@h/d?sslmode=hunter2", "sslmode is none of"),
            ("postgres://u:hunter2@h/d?sslmode=require&sslcert=x", "sslcert is not supported"),
            ("mysql://u:hunter2@h/d?ssl-ca=ca.pem", "no effect"),
            ("mysql://u:hunter2@h/d?ssl-mode=REQUIRED&ssl-ca=ca.pem", "no effect"),
            ("mysql://u:hunter2@h/d?ssl-mode=VERIFY_CA&ssl-ca=ca.pem", "VERIFY_CA is not supported"),
            ("mysql://u:hunter2@h/d?require_ssl=true", "require_ssl is not supported"),
            ("mysql://u:hunter2@h", "name of a database"),
            ("oracle://u:hunter2@x", "expected"),
            ("sqlite::memory:", "expected"),
            ("sqlite:", "expected"),
            ("hunter2", "expected"),
        ] {
            let reason = DatabaseUrl::parse(url).unwrap_err();
            assert!(reason.contains(word) && !reason.contains("hunter2"), "{url}: {reason}");
        }
    }
}
