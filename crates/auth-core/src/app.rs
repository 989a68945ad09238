//! The server's parts, put together once. Nothing is global: everything hangs on [`App`].

use std::sync::Arc;

use auth_jose::{Clock, Entropy, JweError, PolicyError};

use crate::config::Config;
use crate::crypto::password::PasswordHasher;
use crate::crypto::secrets::Secrets;
use crate::crypto::signed::CookieSigner;
use crate::features::account::AccountCookie;
use crate::features::services::Registry;
use crate::features::session::SessionCache;
use crate::features::social::Social;
use crate::features::{self, jwt::Keyring};
use crate::hooks::HookList;
use crate::id::Id;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::redis::Redis;
use crate::reply::Outgoing;
use crate::revocation::{Feed, Remembered};
use crate::router::{PathTaken, Router};
use crate::store::Store;
use crate::store::adopt::Shape;
use crate::wire::names::CookieNames;

/// What all workers share.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The bounded pool that hashes passwords.
    pub hasher: PasswordHasher,
    /// Signs and opens cookies.
    pub signer: CookieSigner,
    /// Names and attributes of our cookies.
    pub cookies: CookieNames,
    /// Reads and writes the copy of a session in a cookie, if there is to be one.
    pub session_cache: Option<SessionCache>,
    /// Seals and opens the cookie with an account, if there is to be one.
    pub account_cookie: Option<AccountCookie>,
    /// Providers to sign in with.
    pub social: Social,
    /// The signing key and the published keys, if the jwt plugin is on.
    pub keys: Option<Keyring>,
    /// The services that may call this one, and their keys.
    pub services: Registry,
    /// Who waits for what is withdrawn.
    pub feed: Feed,
    /// Valkey or Redis, if there is one.
    pub redis: Option<Redis>,
    /// What Valkey or Redis holds of what is withdrawn.
    pub(crate) remembered: Remembered,
    /// Sends mail.
    pub mail: Mailer,
    /// How rows have to be written to be valid in the tables at hand.
    pub shape: Shape,
    /// Every endpoint.
    pub router: Router,
    /// How often clients have asked.
    pub limits: Limits,
    pub(crate) hooks: HookList,
}

/// The server as one worker sees it: the shared parts and its own connections.
pub struct App {
    shared: Arc<Shared>,
    /// This worker's connections.
    pub store: Store,
}

/// Why the parts do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Two features claim one path.
    #[error(transparent)]
    Path(#[from] PathTaken),
    /// The key that encrypts cookies could not be derived.
    #[error("cannot derive the key that encrypts cookies: {0}")]
    CookieKey(#[from] JweError),
    /// The client that calls providers could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Outbound(String),
    /// The threads that hash passwords could not be started.
    #[error("cannot start the password hashing threads: {0}")]
    Hasher(String),
    /// The rules for service tokens.
    #[error("cannot check service tokens: {0}")]
    Services(#[from] PolicyError),
    /// The client of Valkey or Redis could not be set up.
    #[error("cannot set up the client of Redis: {0}")]
    Redis(String),
    /// The thread that delivers mail could not be started.
    #[error("cannot start the thread that delivers mail: {0}")]
    Mail(String),
}

impl Shared {
    /// Builds the parts from a configuration, whose secrets are `secrets`.
    ///
    /// # Errors
    /// When two features claim one path or no thread can be started.
    pub fn new(
        config: Config,
        secrets: &Secrets,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, BuildError> {
        let (mut endpoints, mut hooks) = (Vec::new(), HookList::default());
        for feature in features::enabled(&config) {
            hooks.push(feature.hooks);
            endpoints.extend(feature.endpoints);
        }
        let password = config.email_and_password.password;
        let router = Router::new(&config, endpoints)?;
        Ok(Self {
            limits: Limits::new(&config, &router, secrets.current()),
            router,
            hasher: PasswordHasher::new(password, entropy.clone())
                .map_err(|error| BuildError::Hasher(error.to_string()))?,
            signer: secrets.cookie_signer(config.cookies.accept_older_secrets),
            cookies: CookieNames::new(&config.cookies),
            session_cache: SessionCache::new(&config.session, secrets)?,
            account_cookie: AccountCookie::new(&config, secrets)?,
            social: Social::new(&config, secrets, clock.clone(), entropy.clone())
                .map_err(|error| BuildError::Outbound(error.to_string()))?,
            keys: config.plugins.jwt.then(|| Keyring::new(&config, secrets)),
            services: Registry::new(&config.services)?,
            feed: Feed::default(),
            redis: match &config.redis {
                Some(settings) => Some(
                    Redis::new(settings, &*entropy).map_err(|error| BuildError::Redis(error.to_string()))?,
                ),
                None => None,
            },
            remembered: Remembered::default(),
            mail: Mailer::start(&config.mail, clock.clone(), entropy.clone())
                .map_err(|error| BuildError::Mail(error.to_string()))?,
            shape: Shape::default(),
            hooks,
            config,
            clock,
            entropy,
        })
    }
}

impl Shared {
    /// The id of a new row; empty where the database makes it.
    pub(crate) fn new_id<K>(&self) -> Id<K> {
        self.shape.ids.fresh(&*self.entropy)
    }

    /// An id that stands as text in what we have signed or stored.
    pub(crate) fn parse_id<K>(&self, text: &str) -> Option<Id<K>> {
        self.shape.ids.parse(text)
    }
}

impl App {
    /// The server with its own connections.
    #[must_use]
    pub fn new(shared: Arc<Shared>, store: Store) -> Self {
        Self { shared, store }
    }

    /// Marks a response that carries a credential as not for caches (RFC 6749, section 5.1). Upstream sends
    /// no such header; `advanced.upstreamExact` leaves it out.
    pub(crate) fn mark_credentials(&self, out: &Outgoing) {
        if !self.config.upstream_exact {
            out.header("Cache-Control", "no-store");
        }
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}
