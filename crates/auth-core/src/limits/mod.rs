//! Limits: how often a client may ask, and how often the password of one account may be tried.
//!
//! Requests are counted by client and path before anything of them is read. The counts are in memory, or in
//! the table `rateLimit`; when the database does not answer, memory takes over, so that an outage neither
//! opens the gates nor closes them.

pub mod codes;
mod memory;
mod store;
mod tries;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth_jose::{Secret, Timestamp};

use crate::app::App;
use crate::call::Request;
use crate::config::{Config, RateStorage, Rule};
use crate::error::{Error, ErrorCode, Result};
use crate::router::Router;
use crate::wire::client_ip::ClientAddress;
use memory::Buckets;
use tries::Tries;

/// Buckets of clients in memory: about 10 MB when all are used.
const CLIENT_BUCKETS: usize = 229_376;

/// What a limit says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It may pass, and is counted.
    Allowed,
    /// It may not; it changes no count.
    Denied {
        /// Milliseconds until one may pass again.
        retry_in: i64,
    },
}

impl Decision {
    fn or_refuse(self, code: ErrorCode) -> Result<()> {
        match self {
            Self::Allowed => Ok(()),
            Self::Denied { retry_in } => {
                let retry_in = u64::try_from(retry_in).unwrap_or_default();
                let retry_after = Duration::from_secs(retry_in.div_ceil(1000).max(1));
                Err(Error::Limited { code, retry_after })
            }
        }
    }
}

/// What counts together: a client's requests to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ClientKey {
    client: ClientAddress,
    name: usize,
}

/// The limits of one process.
pub struct Limits {
    clients: Buckets<ClientKey>,
    /// What buckets are named by: the paths of endpoints, and the rules for all other paths.
    names: HashMap<String, usize>,
    tries: Tries,
    has_warned: AtomicBool,
}

impl Limits {
    pub(crate) fn new(config: &Config, router: &Router, secret: &Secret<String>) -> Self {
        let paths = router.endpoints().iter().map(|endpoint| endpoint.path.to_owned());
        let rules = config.rate_limit.rules.names().into_iter().map(rule_name);
        let mut names = HashMap::new();
        for name in paths.chain(rules) {
            let next = names.len();
            names.entry(name).or_insert(next);
        }
        Self {
            clients: Buckets::new(CLIENT_BUCKETS),
            names,
            tries: Tries::new(secret),
            has_warned: AtomicBool::new(false),
        }
    }
}

/// The name of the bucket for paths that no endpoint has. They count together for each rule: else every
/// invented path would be one more bucket.
fn rule_name(rule: &str) -> String {
    format!("{rule} (other paths)")
}

impl App {
    /// Counts a request, whatever it asks for.
    ///
    /// # Errors
    /// 429 when the client has asked too often.
    pub(crate) async fn limit(&self, request: &Request, now: Timestamp) -> Result<()> {
        let config = &self.config.rate_limit;
        if !config.enabled {
            return Ok(());
        }
        self.warn_of_unnamed_proxy(request);
        let path = self.router.below_base(&request.path);
        let found = config.rules.find(path);
        let (Some(rule), Some(client)) = (found.rule, request.counted_client(&self.config.client_ip)) else {
            return Ok(());
        };
        let name = match self.router.known_path(path) {
            Some(known) => known.to_owned(),
            None => rule_name(found.name),
        };
        let decision = match config.storage {
            RateStorage::Memory => self.limits.count_in_memory(client, &name, rule, now),
            RateStorage::Database => {
                match self.count_in_database(&format!("{client}|{name}"), rule, now).await {
                    Ok(decision) => decision,
                    Err(error) => {
                        tracing::warn!(%error, "requests are counted in memory: the database does not count them");
                        self.limits.count_in_memory(client, &name, rule, now)
                    }
                }
            }
        };
        if decision != Decision::Allowed {
            tracing::debug!(%client, name, "too many requests");
        }
        decision.or_refuse(codes::TOO_MANY_REQUESTS)
    }

    async fn count_in_database(
        &self,
        key: &str,
        rule: Rule,
        now: Timestamp,
    ) -> crate::store::Result<Decision> {
        self.store.db().await?.take_from_bucket(key, rule, now, self).await
    }

    /// Says once that requests come through a proxy that no setting names.
    fn warn_of_unnamed_proxy(&self, request: &Request) {
        let rules = &self.config.client_ip;
        let is_forwarded = rules.headers.iter().any(|name| request.header(name).is_some());
        if rules.is_behind_unnamed_proxy(request.peer, is_forwarded)
            && !self.limits.has_warned.swap(true, Ordering::Relaxed)
        {
            let peer = request.peer.map(|peer| peer.to_string());
            tracing::warn!(
                peer,
                "requests come through a proxy that is not in advanced.ipAddress.trustedProxies: \
                 all its clients count as one"
            );
        }
    }

    /// Removes counts in the database whose window is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_old_counts(&self) -> Result<()> {
        let config = &self.config.rate_limit;
        let tries = config.per_account.map(|limit| limit.all.window_millis()).unwrap_or_default();
        let longest = i64::try_from(config.rules.longest_window().as_millis()).unwrap_or(i64::MAX).max(tries);
        let before = self.clock.now().millis().saturating_sub(longest);
        Ok(self.store.db().await?.delete_buckets(before).await?)
    }
}

impl Limits {
    fn count_in_memory(&self, client: ClientAddress, name: &str, rule: Rule, now: Timestamp) -> Decision {
        match self.names.get(name) {
            Some(name) => self.clients.take(ClientKey { client, name: *name }, rule, now.millis()),
            None => Decision::Allowed,
        }
    }
}
