//! Configuration: one file with upstream's option names, overridden by environment variables, parsed into
//! types once. [`Config::load`] is a pure function of its sources and reports every problem at once.

mod account;
mod audiences;
mod cookies;
mod cors;
mod database_url;
mod docs;
mod dynamic_base_url;
mod email_and_password;
mod error_url;
mod fields;
mod flows;
mod jwt;
mod mail;
mod origin;
mod rate_limit;
mod reader;
mod redis;
mod revocation;
mod secrets;
mod server;
mod services;
mod session;
mod settings;
mod social;
mod types;

use crate::crypto::secrets::Secrets;
use crate::fields::AdditionalFields;
use crate::wire::client_ip::ClientIpRules;
use crate::wire::cors::Cors;
use crate::wire::origin::TrustedOrigins;

pub use account::{AccountConfig, LinkingConfig, OutboundConfig};
pub use audiences::{AudienceConfig, ClaimTemplate};
pub use cookies::{CookieConfig, CookieKind};
pub use database_url::{DatabaseUrl, ServerUrl, Tls, TlsMode};
pub use docs::{configuration_page, env_example};
pub use dynamic_base_url::{Addressed, DynamicBaseUrl};
pub use email_and_password::EmailAndPasswordConfig;
pub use error_url::ErrorUrl;
pub use flows::{ChangeEmailConfig, DeleteUserConfig, EmailVerificationConfig, VerificationConfig};
pub use jwt::{JwtConfig, MovedPath, PayloadConfig};
pub use mail::MailConfig;
pub use origin::{Checks, ChecksConfig};
pub use rate_limit::{PerAccount, RateLimitConfig, RateRules, RateStorage, Rule};
use reader::Reader;
pub use reader::{Problem, Sources};
pub use redis::{RedisConfig, RedisUrl};
pub use revocation::{FeedReaders, RevocationConfig};
pub use server::{DatabaseConfig, ServerConfig};
pub use services::ServicesConfig;
pub use session::{CookieCacheConfig, CookieCacheStrategy, SessionConfig};
pub use settings::{Kind, SETTINGS, Setting};
pub use social::{GenericProvider, SocialConfig};
pub use types::{BaseUrl, JwtAlgorithm};

/// Everything that the server was told, understood and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Production rules are on.
    pub production: bool,
    /// The public URL of the server, where no request says another.
    pub base_url: BaseUrl,
    /// How a request says another.
    pub dynamic_base_url: Option<DynamicBaseUrl>,
    /// The path under which endpoints are served: starts with `/`, ends without.
    pub base_path: String,
    /// The secrets, unless development still has to make one.
    pub secrets: Option<Secrets>,
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
    /// Valkey or Redis beside the database, if there is one.
    pub redis: Option<RedisConfig>,
    /// Sign-up and sign-in with e-mail and password.
    pub email_and_password: EmailAndPasswordConfig,
    /// Proving addresses.
    pub email_verification: EmailVerificationConfig,
    /// Changing the address.
    pub change_email: ChangeEmailConfig,
    /// Deleting accounts.
    pub delete_user: DeleteUserConfig,
    /// One-time values.
    pub verification: VerificationConfig,
    /// Accounts at providers.
    pub account: AccountConfig,
    /// Providers to sign in with.
    pub social: SocialConfig,
    /// How providers are reached.
    pub outbound: OutboundConfig,
    /// Sessions.
    pub session: SessionConfig,
    /// Fields of users and sessions that the operator declared.
    pub fields: AdditionalFields,
    /// Cookie names and attributes.
    pub cookies: CookieConfig,
    /// Cross-site checks.
    pub checks: ChecksConfig,
    /// Mail.
    pub mail: MailConfig,
    /// A slash after an endpoint's path does no harm.
    pub skip_trailing_slashes: bool,
    /// Add nothing that upstream does not send.
    pub upstream_exact: bool,
    /// How the client's address is found.
    pub client_ip: ClientIpRules,
    /// How often clients may ask.
    pub rate_limit: RateLimitConfig,
    /// Pages of other origins that may call the server, if any.
    pub cors: Option<Cors>,
    /// Where `/error` redirects.
    pub error_url: Option<ErrorUrl>,
    /// The jwt plugin.
    pub jwt: JwtConfig,
    /// APIs that get tokens of their own.
    pub audiences: Vec<AudienceConfig>,
    /// Service tokens.
    pub services: ServicesConfig,
    /// What services may ask about tokens.
    pub revocation: RevocationConfig,
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

impl Config {
    /// Reads, checks and types the whole configuration.
    ///
    /// # Errors
    /// Every problem there is, each with the name the operator used and what was expected.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Vec<Problem>> {
        let mut r = Reader::new(sources);
        let production = r.boolean("production", false);
        let server = server::server(&mut r);
        let dynamic_base_url = dynamic_base_url::read(&mut r, production);
        let base_url = match &dynamic_base_url {
            Some(dynamic) => dynamic.usual(server.port),
            None => origin::base_url(&mut r, production, server.port),
        };
        let own_origins = match &dynamic_base_url {
            Some(dynamic) => dynamic.origins(),
            None => vec![base_url.origin().to_owned()],
        };
        let upstream_exact = r.boolean("advanced.upstreamExact", false);
        let plugins = plugins(&mut r);
        let jwt = jwt::read(&mut r);
        let email_and_password = email_and_password::read(&mut r, upstream_exact);
        let config = Self {
            production,
            base_path: origin::base_path(&mut r, &base_url),
            secrets: secrets::read(&mut r, production),
            origins: origin::trusted_origins(&mut r, own_origins, production, server.port),
            disabled_paths: r.list("disabledPaths").unwrap_or_default(),
            plugins,
            server,
            database: server::database(&mut r),
            redis: redis::read(&mut r),
            email_verification: flows::email_verification(
                &mut r,
                email_and_password.require_email_verification,
            ),
            change_email: flows::change_email(&mut r),
            delete_user: flows::delete_user(&mut r),
            verification: flows::verification(&mut r),
            account: account::account(&mut r),
            social: social::read(&mut r),
            outbound: account::outbound(&mut r),
            email_and_password,
            session: session::session(&mut r, plugins),
            fields: fields::read(&mut r),
            cookies: cookies::read(&mut r, &base_url, dynamic_base_url.as_ref()),
            checks: origin::checks(&mut r),
            mail: mail::read(&mut r, sources, production, &base_url),
            skip_trailing_slashes: r.boolean("advanced.skipTrailingSlashes", false),
            upstream_exact,
            client_ip: origin::client_ip(&mut r),
            rate_limit: rate_limit::read(&mut r, production, upstream_exact),
            cors: cors::read(&mut r),
            error_url: error_url::error_url(&mut r),
            audiences: audiences::read(&mut r, &jwt),
            jwt,
            services: services::read(&mut r),
            revocation: revocation::read(&mut r, plugins, upstream_exact),
            bearer_require_signature: r.boolean("bearer.requireSignature", false),
            base_url,
            dynamic_base_url,
        };
        let problems = r.finish();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

impl Config {
    /// Web origins that are trusted by name, and whose pages still cannot read our answers: `cors.origins` does not name
    /// them.
    #[must_use]
    pub fn origins_without_cors(&self) -> Vec<&str> {
        let own = self.base_url.origin();
        let development =
            ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{}", self.server.port));
        let is_admitted = |origin: &str| self.cors.as_ref().is_some_and(|cors| cors.admits(origin));
        let named = self.origins.named_origins();
        named
            .filter(|origin| {
                *origin != own && !development.iter().any(|it| it == origin) && !is_admitted(origin)
            })
            .collect()
    }

    /// Endpoints that are served at another path than their own.
    pub(crate) fn moved_paths(&self) -> Vec<MovedPath> {
        self.jwt.moved_path().into_iter().collect()
    }
}

fn seconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
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
