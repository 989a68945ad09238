//! Configuration: one file with upstream's option names, overridden by environment variables, parsed into
//! types once. [`Config::load`] is a pure function of its sources and reports every problem at once.

mod docs;
mod reader;
mod settings;
mod types;

use std::net::IpAddr;
use std::time::Duration;

use auth_jose::Secret;

use crate::crypto::password::{Algorithm as PasswordAlgorithm, PasswordConfig};
use crate::wire::client_ip::{Cidr, ClientIpRules, IpSource};
use crate::wire::origin::TrustedOrigins;

pub use docs::{configuration_page, env_example};
use reader::Reader;
pub use reader::{Problem, Sources};
pub use settings::{Kind, SETTINGS, Setting};
pub use types::{BaseUrl, DatabaseUrl, JwtAlgorithm};

/// Everything that the server was told, understood and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Production rules are on.
    pub production: bool,
    /// The public URL of the server.
    pub base_url: BaseUrl,
    /// The path under which endpoints are served: starts with `/`, ends without.
    pub base_path: String,
    /// The secret, unless development still has to make one.
    pub secret: Option<Secret<String>>,
    /// Origins that requests and redirects may name.
    pub origins: TrustedOrigins,
    /// Endpoint paths that are switched off.
    pub disabled_paths: Vec<String>,
    /// Which plugins are on.
    pub plugins: Plugins,
    /// The listener.
    pub server: ServerConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Sign-up and sign-in with e-mail and password.
    pub email_and_password: EmailAndPasswordConfig,
    /// Sessions.
    pub session: SessionConfig,
    /// Cookie names and attributes.
    pub cookies: CookieConfig,
    /// Cross-site checks.
    pub checks: ChecksConfig,
    /// Add nothing that upstream does not send.
    pub upstream_exact: bool,
    /// How the client's address is found.
    pub client_ip: ClientIpRules,
    /// Where `/error` redirects.
    pub error_url: Option<String>,
    /// The jwt plugin.
    pub jwt: JwtConfig,
    /// The bearer plugin refuses unsigned tokens.
    pub bearer_require_signature: bool,
}

/// Which plugins are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plugins {
    /// `/token`, `/jwks`, `set-auth-jwt`.
    pub jwt: bool,
    /// Session tokens in `Authorization`.
    pub bearer: bool,
}

/// The listener.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// Worker threads; 0 is one for each core.
    pub workers: usize,
    /// The largest request body in bytes.
    pub body_limit: usize,
    /// A request that takes longer answers 503.
    pub request_timeout: Duration,
    /// How long SIGTERM waits for running requests.
    pub shutdown_timeout: Duration,
}

/// The database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Connections in all.
    pub pool_size: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub query_timeout: Duration,
    /// How long the start waits for a database that does not answer.
    pub start_timeout: Duration,
    /// Bring the tables up to date at start.
    pub migrate: bool,
}

/// Sign-up and sign-in with e-mail and password.
#[derive(Debug, Clone)]
pub struct EmailAndPasswordConfig {
    /// Sign-in works at all.
    pub enabled: bool,
    /// New accounts are refused.
    pub disable_sign_up: bool,
    /// Sign-up also signs in.
    pub auto_sign_in: bool,
    /// In UTF-16 code units.
    pub min_password_length: usize,
    /// In UTF-16 code units.
    pub max_password_length: usize,
    /// How passwords are hashed.
    pub password: PasswordConfig,
}

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
}

/// Cross-site checks.
#[derive(Debug, Clone, Copy)]
pub struct ChecksConfig {
    /// Origin and fetch metadata are checked.
    pub csrf: bool,
    /// Redirect targets are checked.
    pub redirects: bool,
}

/// The jwt plugin.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// The algorithm of new keys and of the signing key.
    pub algorithm: JwtAlgorithm,
    /// Private keys are encrypted with the secret.
    pub encrypt_private_keys: bool,
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim; one entry is written as text, several as a list.
    pub audience: Vec<String>,
    /// Lifetime of a token in seconds.
    pub expires_in: i64,
    /// `/get-session` carries a token in `set-auth-jwt`.
    pub set_header: bool,
}

impl Config {
    /// Reads, checks and types the whole configuration.
    ///
    /// # Errors
    /// Every problem there is, each with the name the operator used and what was expected.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Vec<Problem>> {
        let mut r = Reader::new(sources);
        let production = r.boolean("production", false);
        let server = server(&mut r);
        let base_url = base_url(&mut r, production, server.port);
        let base_path = base_path(&mut r, &base_url);
        let secret = secret(&mut r, production);
        let origins = trusted_origins(&mut r, &base_url, production, server.port);
        let secure = r.boolean("advanced.useSecureCookies", base_url.is_https());
        let checks = ChecksConfig {
            csrf: !r.boolean("advanced.disableCSRFCheck", false),
            redirects: !r.boolean("advanced.disableOriginCheck", false),
        };
        let config = Self {
            production,
            jwt: jwt(&mut r, &base_url),
            base_url,
            base_path,
            secret,
            origins,
            disabled_paths: r.list("disabledPaths").unwrap_or_default(),
            plugins: plugins(&mut r),
            server,
            database: database(&mut r),
            email_and_password: email_and_password(&mut r),
            session: SessionConfig {
                expires_in: seconds(r.seconds("session.expiresIn", 604_800).max(1)),
                update_age: seconds(r.seconds("session.updateAge", 86_400)),
                fresh_age: seconds(r.seconds("session.freshAge", 86_400)),
                refresh: !r.boolean("session.disableSessionRefresh", false),
            },
            cookies: CookieConfig { secure, prefix: cookie_prefix(&mut r) },
            // Upstream: without the origin check there is no CSRF check either.
            checks: ChecksConfig { csrf: checks.csrf && checks.redirects, ..checks },
            upstream_exact: r.boolean("advanced.upstreamExact", false),
            client_ip: client_ip(&mut r),
            error_url: error_url(&mut r),
            bearer_require_signature: r.boolean("bearer.requireSignature", false),
        };
        let problems = r.finish();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

fn seconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn server(r: &mut Reader) -> ServerConfig {
    let default_host = IpAddr::from([127, 0, 0, 1]);
    let host = match r.text("server.host").as_deref() {
        None => default_host,
        Some("localhost") => default_host,
        Some(text) => text.parse().unwrap_or_else(|_| {
            r.refuse("server.host", "expected an IP address such as 127.0.0.1, 0.0.0.0 or ::");
            default_host
        }),
    };
    ServerConfig {
        host,
        port: u16::try_from(r.integer("server.port", 3000, 0..=65_535)).unwrap_or_default(),
        workers: size(r.integer("server.workers", 0, 0..=1024)),
        body_limit: size(r.integer("server.bodyLimit", 65_536, 1024..=16 << 20)),
        request_timeout: r.duration("server.requestTimeout", 15).max(Duration::from_secs(1)),
        shutdown_timeout: r.duration("server.shutdownTimeout", 10),
    }
}

fn base_url(r: &mut Reader, production: bool, port: u16) -> BaseUrl {
    let default = BaseUrl::localhost(port);
    match r.text("baseURL") {
        None if production => {
            r.refuse("baseURL", "is required in production: the public https URL of this server");
            default
        }
        None => default,
        Some(text) => match BaseUrl::parse(&text) {
            Ok(url) if production && !url.is_https() && !url.is_loopback() => {
                r.refuse("baseURL", "must be https in production; plain http is for loopback addresses");
                url
            }
            Ok(url) => url,
            Err(reason) => {
                r.refuse("baseURL", reason);
                default
            }
        },
    }
}

fn base_path(r: &mut Reader, base_url: &BaseUrl) -> String {
    let configured = r.text("basePath").unwrap_or_else(|| "/api/auth".to_owned());
    let path = base_url.path().unwrap_or(&configured).trim_end_matches('/').to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if !path.is_empty() && (!path.starts_with('/') || path.contains("//") || !path.chars().all(plain)) {
        r.refuse("basePath", "expected a path such as /api/auth");
    }
    path
}

/// Secrets that stand in documentation and examples; anybody can look them up.
const KNOWN_SECRETS: [&str; 3] = [
    "better-auth-secret-12345678901234567890",
    "better-auth-secret-123456789",
    "your-secret-key-at-least-32-characters",
];

fn secret(r: &mut Reader, production: bool) -> Option<Secret<String>> {
    const HOW: &str = "make one with: auth-server gen-secret";
    let Some(secret) = r.secret("secret") else {
        if production && !r.is_set("secret") {
            r.refuse("secret", format!("is required in production; {HOW}"));
        }
        return None;
    };
    let text = secret.expose();
    let distinct = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    if text.chars().count() < 32 {
        r.refuse("secret", format!("is too short, expected 32 characters or more; {HOW}"));
    } else if production && KNOWN_SECRETS.contains(&text.as_str()) {
        r.refuse("secret", format!("is a well-known example; {HOW}"));
    } else if production && distinct < 10 {
        r.refuse("secret", format!("is easy to guess, it has only {distinct} different characters; {HOW}"));
    }
    Some(secret)
}

fn trusted_origins(r: &mut Reader, base_url: &BaseUrl, production: bool, port: u16) -> TrustedOrigins {
    let mut patterns = r.list("trustedOrigins").unwrap_or_default();
    if let Some(app) = r.text("appURL") {
        match BaseUrl::parse(&app) {
            Ok(url) => patterns.push(url.origin().to_owned()),
            Err(reason) => r.refuse("appURL", reason),
        }
    }
    if !production && !r.is_set("baseURL") {
        // Both names of this machine are the developer's own server.
        patterns.push(format!("http://127.0.0.1:{port}"));
    }
    match TrustedOrigins::new(base_url.origin(), &patterns) {
        Ok(origins) => origins,
        Err(problems) => {
            for problem in problems {
                r.refuse("trustedOrigins", problem);
            }
            TrustedOrigins::only(base_url.origin())
        }
    }
}

fn plugins(r: &mut Reader) -> Plugins {
    let Some(names) = r.list("plugins") else { return Plugins { jwt: true, bearer: true } };
    for name in &names {
        if !matches!(name.as_str(), "jwt" | "bearer") {
            r.refuse("plugins", format!("{name:?} is not a plugin of this server; expected jwt, bearer"));
        }
    }
    let has = |name: &str| names.iter().any(|it| it == name);
    Plugins { jwt: has("jwt"), bearer: has("bearer") }
}

fn database(r: &mut Reader) -> DatabaseConfig {
    let url = match r.secret("database.url") {
        None => DatabaseUrl::default(),
        Some(text) => DatabaseUrl::parse(text.expose()).unwrap_or_else(|reason| {
            r.refuse("database.url", reason);
            DatabaseUrl::default()
        }),
    };
    DatabaseConfig {
        url,
        pool_size: u32::try_from(r.integer("database.poolSize", 16, 1..=10_000)).unwrap_or(16),
        acquire_timeout: r.duration("database.acquireTimeout", 2),
        query_timeout: r.duration("database.queryTimeout", 5),
        start_timeout: r.duration("database.startTimeout", 30),
        migrate: r.boolean("database.migrate", true),
    }
}

fn email_and_password(r: &mut Reader) -> EmailAndPasswordConfig {
    let defaults = PasswordConfig::default();
    let word: PasswordWord = r.choice("emailAndPassword.password.algorithm", PasswordWord::Argon2id);
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let memory_kib = small(r.integer("emailAndPassword.password.memoryKiB", 19_456, 1024..=4_194_304));
    let iterations = small(r.integer("emailAndPassword.password.iterations", 2, 1..=100));
    let parallelism = small(r.integer("emailAndPassword.password.parallelism", 1, 1..=64));
    let threads = u64::try_from(defaults.threads).unwrap_or(1);
    let queue = u64::try_from(defaults.queue).unwrap_or(64);
    let config = EmailAndPasswordConfig {
        enabled: r.boolean("emailAndPassword.enabled", true),
        disable_sign_up: r.boolean("emailAndPassword.disableSignUp", false),
        auto_sign_in: r.boolean("emailAndPassword.autoSignIn", true),
        min_password_length: size(r.integer("emailAndPassword.minPasswordLength", 8, 1..=1024)),
        max_password_length: size(r.integer("emailAndPassword.maxPasswordLength", 128, 1..=1024)),
        password: PasswordConfig {
            algorithm: match word {
                PasswordWord::Argon2id => PasswordAlgorithm::Argon2id { memory_kib, iterations, parallelism },
                PasswordWord::Scrypt => PasswordAlgorithm::Scrypt,
            },
            threads: size(r.integer("emailAndPassword.password.threads", threads, 1..=1024)),
            queue: size(r.integer("emailAndPassword.password.queue", queue, 1..=100_000)),
        },
    };
    if config.min_password_length > config.max_password_length {
        r.refuse("emailAndPassword.minPasswordLength", "must not exceed emailAndPassword.maxPasswordLength");
    }
    config
}

/// The words of `emailAndPassword.password.algorithm`.
enum PasswordWord {
    Argon2id,
    Scrypt,
}

impl std::str::FromStr for PasswordWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "argon2id" => Ok(Self::Argon2id),
            "scrypt" => Ok(Self::Scrypt),
            _ => Err(()),
        }
    }
}

fn cookie_prefix(r: &mut Reader) -> String {
    let prefix = r.text("advanced.cookiePrefix").unwrap_or_else(|| "better-auth".to_owned());
    if prefix.is_empty() || !prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        r.refuse("advanced.cookiePrefix", "expected letters, digits, '-', '_' or '.'");
    }
    prefix
}

fn client_ip(r: &mut Reader) -> ClientIpRules {
    let mut trusted_proxies = Vec::new();
    for text in r.list("advanced.ipAddress.trustedProxies").unwrap_or_default() {
        match Cidr::parse(&text) {
            Some(cidr) => trusted_proxies.push(cidr),
            None => r.refuse(
                "advanced.ipAddress.trustedProxies",
                format!("{text:?} is neither an address nor a CIDR range"),
            ),
        }
    }
    let headers = r.list("advanced.ipAddress.ipAddressHeaders");
    ClientIpRules {
        source: match r.text("advanced.ipAddress.source").as_deref() {
            None | Some("socket") => IpSource::Socket,
            Some("headers") => IpSource::Headers,
            Some(_) => {
                r.refuse("advanced.ipAddress.source", "expected one of socket, headers");
                IpSource::Socket
            }
        },
        headers: headers.map_or_else(
            || vec!["x-forwarded-for".to_owned()],
            |names| names.iter().map(|name| name.to_lowercase()).collect(),
        ),
        trusted_proxies,
        ipv6_subnet: u8::try_from(r.integer("advanced.ipAddress.ipv6Subnet", 64, 1..=128)).unwrap_or(64),
        disabled: r.boolean("advanced.ipAddress.disableIpTracking", false),
        ..ClientIpRules::default()
    }
}

fn error_url(r: &mut Reader) -> Option<String> {
    let text = r.text("onAPIError.errorURL")?;
    let is_relative = text.starts_with('/') && !text.starts_with("//");
    if !is_relative && BaseUrl::parse(&text).is_err() {
        r.refuse("onAPIError.errorURL", "expected an http or https URL, or a path");
    }
    Some(text)
}

fn jwt(r: &mut Reader, base_url: &BaseUrl) -> JwtConfig {
    let bits = u32::try_from(r.integer("jwt.jwks.keyPairConfig.modulusLength", 2048, 2048..=8192));
    let bits = bits.unwrap_or(2048);
    let algorithm = match r.choice("jwt.jwks.keyPairConfig.alg", JwtAlgorithm::EdDsa) {
        JwtAlgorithm::Rs256 { .. } => JwtAlgorithm::Rs256 { modulus_bits: bits },
        other => other,
    };
    let origin = base_url.origin().to_owned();
    let audience = r.list("jwt.jwt.audience").unwrap_or_else(|| vec![origin.clone()]);
    if audience.is_empty() || audience.iter().any(String::is_empty) {
        r.refuse("jwt.jwt.audience", "expected one audience or more, none of them empty");
    }
    JwtConfig {
        algorithm,
        encrypt_private_keys: !r.boolean("jwt.jwks.disablePrivateKeyEncryption", false),
        issuer: r.text("jwt.jwt.issuer").unwrap_or(origin),
        audience,
        expires_in: seconds(r.seconds("jwt.jwt.expirationTime", 900).max(1)),
        set_header: !r.boolean("jwt.disableSettingJwtHeader", false),
    }
}
