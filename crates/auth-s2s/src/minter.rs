//! Tokens of one service: signed here, kept for half their life, renewed ahead of time in the background.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use auth_jose::{
    Algorithm, Clock, Entropy, KeyAlgorithm, KeyError, OsEntropy, Secret, SigningKey, SystemClock, Timestamp,
    base64url,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ask::Ask;
use crate::{LIFETIME_SECONDS, PROOF_TYPE, ServiceKey, ServiceName, TOKEN_TYPE};

/// A token is not handed out when it would end within this time.
const MARGIN_SECONDS: i64 = 5;

/// Renewal is due at half of a token's life, give or take this, so that services that started together do not sign
/// together.
const JITTER_MILLIS: i64 = 3_000;

/// How many kinds of tokens are kept. Beyond it, each is signed when it is asked for.
const MAX_KEPT: usize = 1_024;

/// Makes the tokens of one service, with its own key. Works without network. Cheap to clone; all clones are one.
///
/// One token per audience and scope is signed and reused; from half of its life on a thread of the minter's own
/// replaces it, so that no caller waits for a signature but the first.
#[derive(Clone)]
pub struct Minter(Arc<Inner>);

struct Inner {
    settings: Settings,
    key: ArcSwap<Key>,
    kept: ArcSwap<Kept>,
    /// Held by whoever replaces `kept`.
    writing: Mutex<()>,
    has_thread: AtomicBool,
}

#[derive(Clone)]
struct Settings {
    name: ServiceName,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    is_single_use: bool,
}

struct Key {
    signing: SigningKey,
    public: Map<String, Value>,
}

/// By audience, then by scope: seldom more than one.
type Kept = HashMap<ServiceName, Vec<Arc<Minted>>>;

struct Minted {
    scope: Option<Box<str>>,
    token: Arc<str>,
    issued_at: Timestamp,
    /// When it was made by a clock that nobody sets back.
    made: Instant,
    renew_at: Timestamp,
    was_used: AtomicBool,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

impl Minter {
    /// A minter with a new Ed25519 key. Keep it with [`Minter::private_jwk`].
    ///
    /// # Errors
    /// [`KeyError::GenerationFailed`].
    pub fn generate(name: ServiceName) -> Result<Self, KeyError> {
        let key = SigningKey::generate(KeyAlgorithm::EdDsa, "")?;
        Self::from_private_jwk(name, key.private_jwk().expose())
    }

    /// A minter with a stored Ed25519 key, as text of a private JWK: from a file, a variable of the environment or a
    /// store of secrets.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no private Ed25519 JWK.
    pub fn from_private_jwk(name: ServiceName, jwk_json: &str) -> Result<Self, KeyError> {
        let key = Key::new(&name, jwk_json)?;
        let settings = Settings {
            name,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            is_single_use: false,
        };
        Ok(Self::from_parts(settings, Arc::new(key)))
    }

    fn from_parts(settings: Settings, key: Arc<Key>) -> Self {
        Self(Arc::new(Inner {
            settings,
            key: ArcSwap::new(key),
            kept: ArcSwap::default(),
            writing: Mutex::default(),
            has_thread: AtomicBool::new(false),
        }))
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.0.settings.clone();
        change(&mut settings);
        Self::from_parts(settings, self.0.key.load_full())
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|settings| settings.clock = clock)
    }

    /// Takes randomness from `entropy`.
    #[must_use]
    pub fn with_entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        self.with(|settings| settings.entropy = entropy)
    }

    /// Signs every token anew: for receivers that accept a token once ([`crate::Receiver::single_use`]).
    #[must_use]
    pub fn single_use(self) -> Self {
        self.with(|settings| settings.is_single_use = true)
    }

    /// A token for `audience`, good for at least five more seconds.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn token(&self, audience: &ServiceName) -> Result<Arc<str>, KeyError> {
        self.kept_or_signed(audience, None)
    }

    /// A function that answers a token for `audience`, or nothing that passes for one when none can be signed: for
    /// clients that ask before each request, such as `RevocationFeed::bearer`.
    pub fn bearer_for(&self, audience: &ServiceName) -> impl Fn() -> String + Send + Sync + use<> {
        let (minter, audience) = (self.clone(), audience.clone());
        move || minter.token(&audience).map(|token| token.to_string()).unwrap_or_default()
    }

    /// A token as `ask` describes it. One that names a transaction or acts for somebody is signed for this call.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn token_for(&self, ask: &Ask) -> Result<Arc<str>, KeyError> {
        if ask.is_for_one_call() {
            let now = self.0.settings.clock.now();
            return self.0.sign(ask.audience().subject(), now, TOKEN_TYPE, Some(ask), None).map(Arc::from);
        }
        self.kept_or_signed(ask.audience(), ask.scope())
    }

    fn kept_or_signed(&self, audience: &ServiceName, scope: Option<&str>) -> Result<Arc<str>, KeyError> {
        let now = self.0.settings.clock.now();
        if let Some(token) = self.0.kept(audience, scope, now) {
            return Ok(token);
        }
        let minted = self.0.mint(audience, scope, now)?;
        let token = Arc::clone(&minted.token);
        if !self.0.settings.is_single_use {
            minted.was_used.store(true, Ordering::Relaxed);
            self.0.keep(audience, minted, now);
            self.start_thread();
        }
        Ok(token)
    }

    /// Shows the auth server `server` that this minter has the private part of [`Minter::public_jwk`], to register
    /// that key with a one-time code, or, without one, as the successor of a key. Good for 60 seconds.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn prove(&self, server: &ServiceName, code: Option<&str>) -> Result<String, KeyError> {
        self.0.sign(server.subject(), self.0.settings.clock.now(), PROOF_TYPE, None, code)
    }

    /// Shows an OAuth server at `/oauth2/token` which service asks (RFC 7523, `private_key_jwt`). Good once, for 60
    /// seconds; `audience` is the server's issuer.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn assertion(&self, audience: &str) -> Result<String, KeyError> {
        self.0.sign(audience, self.0.settings.clock.now(), "JWT", None, None)
    }

    /// Signs with the key of `successor` from now on, which the receivers have to know by then.
    pub fn switch_to(&self, successor: &Self) {
        let guard = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.key.store(successor.0.key.load_full());
        self.0.kept.store(Arc::default());
        drop(guard);
    }

    /// Who the tokens are from.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.0.settings.name
    }

    /// The key to keep, as JSON text.
    #[must_use]
    pub fn private_jwk(&self) -> Secret<String> {
        self.0.key.load().signing.private_jwk()
    }

    /// The key to give to receivers or to the auth server, with its `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> Map<String, Value> {
        self.0.key.load().public.clone()
    }

    /// Replaces the kept tokens whose half life is over and drops those that nobody asked for since the last time.
    /// The minter's thread does this by itself.
    pub fn renew_due(&self) {
        self.0.renew_due(self.0.settings.clock.now());
    }

    fn start_thread(&self) {
        if self.0.has_thread.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::downgrade(&self.0);
        let thread = std::thread::Builder::new().name("service-tokens".to_owned());
        if let Err(error) = thread.spawn(move || keep_renewed(&inner)) {
            tracing::warn!(%error, "service tokens are renewed when they are asked for: no thread");
        }
    }
}

/// Ends with the last clone of its minter.
fn keep_renewed(minter: &Weak<Inner>) {
    loop {
        let Some(pause) = minter.upgrade().map(|inner| inner.pause()) else { return };
        std::thread::sleep(pause);
        let Some(inner) = minter.upgrade() else { return };
        inner.renew_due(inner.settings.clock.now());
    }
}

impl Inner {
    fn kept(&self, audience: &ServiceName, scope: Option<&str>, now: Timestamp) -> Option<Arc<str>> {
        let kept = self.kept.load();
        let minted = kept.get(audience)?.iter().find(|minted| minted.scope.as_deref() == scope)?;
        if !minted.is_usable(now) {
            return None;
        }
        // Only the first caller after a renewal writes, so that cores do not fight for the line.
        if !minted.was_used.load(Ordering::Relaxed) {
            minted.was_used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&minted.token))
    }

    fn mint(&self, audience: &ServiceName, scope: Option<&str>, now: Timestamp) -> Result<Minted, KeyError> {
        let ask = scope.map(|scope| Ask::to(audience).with_checked_scope(scope));
        let token = self.sign(audience.subject(), now, TOKEN_TYPE, ask.as_ref(), None)?;
        let mut random = [0; 2];
        self.entropy().fill("service-token-renewal", &mut random);
        let jitter = i64::from(u16::from_le_bytes(random)) % (2 * JITTER_MILLIS) - JITTER_MILLIS;
        let half = i64::from(LIFETIME_SECONDS) * 500;
        Ok(Minted {
            scope: scope.map(Box::from),
            token: token.into(),
            issued_at: now,
            made: Instant::now(),
            renew_at: Timestamp::from_millis(now.millis() + half + jitter),
            was_used: AtomicBool::new(false),
        })
    }

    fn keep(&self, audience: &ServiceName, minted: Minted, now: Timestamp) {
        let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Kept::clone(&self.kept.load());
        if kept.values().map(Vec::len).sum::<usize>() >= MAX_KEPT {
            forget(&mut kept, |minted| minted.is_usable(now));
        }
        if kept.values().map(Vec::len).sum::<usize>() < MAX_KEPT {
            let of_audience = kept.entry(audience.clone()).or_default();
            of_audience.retain(|old| old.scope != minted.scope);
            of_audience.push(Arc::new(minted));
            self.kept.store(Arc::new(kept));
        }
        drop(guard);
    }

    fn renew_due(&self, now: Timestamp) {
        let kept = self.kept.load_full();
        let all = kept.iter().flat_map(|(audience, minted)| minted.iter().map(move |it| (audience, it)));
        for (audience, minted) in all.filter(|(_, minted)| now >= minted.renew_at) {
            if !minted.was_used.swap(false, Ordering::Relaxed) {
                continue;
            }
            match self.mint(audience, minted.scope.as_deref(), now) {
                Ok(renewed) => self.keep(audience, renewed, now),
                // The old one is good for a while; the next round tries again.
                Err(error) => {
                    minted.was_used.store(true, Ordering::Relaxed);
                    tracing::warn!(%audience, %error, "a service token was not renewed");
                }
            }
        }
        if kept.values().flatten().any(|minted| !minted.is_usable(now)) {
            let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let mut kept = Kept::clone(&self.kept.load());
            forget(&mut kept, |minted| minted.is_usable(now));
            self.kept.store(Arc::new(kept));
            drop(guard);
        }
    }

    /// Until the next renewal is due, or the next look for one that no present token announces.
    fn pause(&self) -> Duration {
        let now = self.settings.clock.now().millis();
        let next = self.kept.load().values().flatten().map(|minted| minted.renew_at.millis() - now).min();
        let millis = next.unwrap_or(5_000).clamp(250, 5_000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(250))
    }

    fn sign(
        &self,
        audience: &str,
        now: Timestamp,
        typ: &str,
        ask: Option<&Ask>,
        code: Option<&str>,
    ) -> Result<String, KeyError> {
        let mut id = [0; 16];
        self.entropy().fill("service-token-id", &mut id);
        let subject = self.settings.name.subject();
        let claims = Claims {
            iss: subject,
            sub: subject,
            aud: audience,
            iat: now.seconds(),
            exp: now.seconds() + i64::from(LIFETIME_SECONDS),
            jti: base64url::encode(id),
            scope: ask.and_then(Ask::scope),
            txn: ask.and_then(Ask::transaction_id),
            act: ask.and_then(Ask::act),
            code,
        };
        self.key.load().signing.sign(Some(typ), &claims)
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.settings.entropy
    }
}

fn forget(kept: &mut Kept, is_kept: impl Fn(&Minted) -> bool) {
    for minted in kept.values_mut() {
        minted.retain(|minted| is_kept(minted));
    }
    kept.retain(|_, minted| !minted.is_empty());
}

impl Key {
    fn new(name: &ServiceName, jwk_json: &str) -> Result<Self, KeyError> {
        let unnamed = SigningKey::from_private_jwk(jwk_json, Algorithm::EdDsa, "")?;
        let public = ServiceKey::new(name, &unnamed.public_jwk()).or(Err(KeyError::KeyInvalid))?;
        let signing = SigningKey::from_private_jwk(jwk_json, Algorithm::EdDsa, public.kid())?;
        Ok(Self { signing, public: public.to_jwk() })
    }
}

impl Minted {
    /// A clock that was set back makes a token unusable: it would be from the future, or older than it seems.
    fn is_usable(&self, now: Timestamp) -> bool {
        let seconds = i64::from(LIFETIME_SECONDS) - MARGIN_SECONDS;
        let is_in_time = (self.issued_at..self.issued_at.plus_seconds(seconds)).contains(&now);
        is_in_time && self.made.elapsed().as_secs() < seconds.unsigned_abs()
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Minter");
        shown.field("name", self.name()).field("key", &self.0.key.load().signing).finish_non_exhaustive()
    }
}
