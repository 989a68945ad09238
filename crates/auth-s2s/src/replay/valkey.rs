//! Used tokens in Valkey or Redis, for several receivers of one name.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use auth_jose::{Timestamp, base64url};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, cmd};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::SKEW_SECONDS;
use crate::{Refused, VerifiedService};

/// How far the clocks of two receivers may be apart without a token being accepted by both, in seconds.
const CLOCKS_APART_SECONDS: i64 = 5;

/// How long a caller waits for the answer, connecting included.
const TIMEOUT: Duration = Duration::from_millis(500);

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the receivers of one service remember the tokens that were used, so that each is accepted by one of them once:
/// Valkey, or Redis. A store that is away, full or takes no writes lets nobody in. It must not evict: `maxmemory-policy`
/// has to be `noeviction`, its default.
///
/// It forgets when it is restarted without persistence: tokens of the last minute are accepted once more then.
pub struct ValkeyStore {
    client: Client,
    prefix: String,
    /// Made by whoever asks first, on the runtime that it asks on.
    manager: OnceLock<ConnectionManager>,
}

/// The URL of a store names none that could be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected redis://USER:PASSWORD@HOST:PORT/DB, the same with rediss:// for TLS, or unix:///PATH")]
pub struct InvalidStoreUrl;

impl ValkeyStore {
    /// Connects when the first token comes. `url` is `redis://…`, `rediss://…` with TLS by the system's authorities, or
    /// `unix://…`; also with `valkey` for `redis`.
    ///
    /// # Errors
    /// For another URL, and for one that would switch the check of certificates off.
    pub fn new(url: &str) -> Result<Self, InvalidStoreUrl> {
        if url.contains('#') {
            return Err(InvalidStoreUrl);
        }
        let client = Client::open(url).map_err(|_error| InvalidStoreUrl)?;
        Ok(Self { client, prefix: "auth-s2s:used:".to_owned(), manager: OnceLock::new() })
    }

    /// Lets the names of its keys begin with `prefix` instead of `auth-s2s:used:`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Uses a token up, whose signature is good.
    pub(super) async fn claim(&self, caller: &VerifiedService, now: Timestamp) -> Result<(), Refused> {
        let until = caller.expires_at().plus_seconds(SKEW_SECONDS + CLOCKS_APART_SECONDS);
        let mut set = cmd("SET");
        // Of our clock the difference alone: the store's own may say something else.
        let left = until.millis().saturating_sub(now.millis()).max(1);
        set.arg(self.key(caller)).arg(1).arg("NX").arg("PX").arg(left);
        let asked = async {
            let mut manager = self.manager()?;
            set.query_async::<Option<String>>(&mut manager).await
        };
        let refused = match timeout(TIMEOUT, asked).await {
            Ok(Ok(Some(_))) => return Ok(()),
            Ok(Ok(None)) => Refused::Replayed,
            Ok(Err(error)) if error.code() == Some("OOM") => Refused::ReplayStoreFull,
            Ok(Err(error)) => {
                tracing::debug!(
                    category = error.category(),
                    code = error.code(),
                    "the store of used tokens failed"
                );
                Refused::ReplayStoreUnavailable
            }
            Err(_late) => Refused::ReplayStoreUnavailable,
        };
        Err(refused)
    }

    fn manager(&self) -> Result<ConnectionManager, RedisError> {
        if let Some(manager) = self.manager.get() {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_max_delay(LONGEST_PAUSE)
            .set_number_of_retries(1);
        let manager = self.client.get_connection_manager_lazy(config)?;
        Ok(self.manager.get_or_init(|| manager).clone())
    }

    /// Of one length, whatever a caller has called its token.
    fn key(&self, caller: &VerifiedService) -> String {
        let mut hash = Sha256::new();
        hash.update(caller.service().as_str());
        hash.update([0]);
        hash.update(caller.token_id());
        let digest: [u8; 32] = hash.finalize().into();
        format!("{}{}", self.prefix, base64url::encode(digest))
    }
}

impl fmt::Debug for ValkeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeyStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
