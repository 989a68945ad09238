//! Wrong passwords for one account, wherever they come from.
//!
//! Limits by client do not stop a guesser with many addresses, so wrong passwords are counted by account too.
//! Such a count must not become a way to lock somebody out:
//!
//! - One client can only use up its own share (`maxPerClient`); beyond it, that client is refused and the
//!   account's count stays as it is. To fill it takes several networks.
//! - When it is full, clients on a network from which the account is signed in now may still try, within their
//!   own share: its owner at home is not shut out by strangers.
//! - It is a window, not a lock: it is over 15 minutes after the last try that was let through, and neither an
//!   operator nor a mail is needed.
//! - A right password gives its try back and clears the client's share.
//!
//! Addresses are counted whether or not somebody has them, so the answer does not tell. Only keyed hashes of
//! them are kept.

use auth_jose::Secret;

use super::memory::Buckets;
use super::{Decision, codes};
use crate::call::Call;
use crate::config::{RateStorage, Rule};
use crate::crypto::mac::MacKey;
use crate::crypto::to_hex;
use crate::error::Result;
use crate::features::user::User;
use crate::id::Id;
use crate::wire::client_ip::ClientAddress;

/// Accounts and pairs of account and client in memory: about 4 MB when all are used.
const BUCKETS: usize = 114_688;

/// What counts together: the keyed hash of an account's address, or of that and a client.
type Key = [u8; 16];

pub(super) struct Tries {
    buckets: Buckets<Key>,
    mac: MacKey,
}

impl Tries {
    pub(super) fn new(secret: &Secret<String>) -> Self {
        Self { buckets: Buckets::new(BUCKETS), mac: MacKey::new(secret) }
    }

    fn key(&self, account: &str, client: Option<ClientAddress>) -> Key {
        // No address of an account has the character that divides.
        let of_client = client.map_or_else(String::new, |client| format!("|{client}"));
        let mac = self.mac.mac(format!("password-tries|{account}{of_client}").as_bytes());
        let mut key = Key::default();
        key.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        key
    }
}

/// A password that is being tried: counted as wrong until it turns out to be right.
#[must_use = "a right password has to be reported"]
#[derive(Debug)]
pub(crate) struct Try {
    account: Option<Key>,
    client: Option<Key>,
}

impl Call {
    /// Counts a try of the password of `account`, an e-mail address in lower case; `owner` is the user who has
    /// it, if any.
    ///
    /// # Errors
    /// 429 when there were too many wrong ones.
    pub(crate) async fn begin_try(&self, account: &str, owner: Option<&Id<User>>) -> Result<Try> {
        let Some(limit) = self.app.config.rate_limit.per_account else {
            return Ok(Try { account: None, client: None });
        };
        let client = self.request.counted_client(&self.app.config.client_ip);
        let tries = &self.app.limits.tries;
        let own_share = client.map(|client| tries.key(account, Some(client)));
        if let Some(key) = own_share {
            self.take(key, limit.one_client).await.or_refuse(codes::TOO_MANY_TRIES)?;
        }
        let all = tries.key(account, None);
        let decision = self.take(all, limit.all).await;
        if decision == Decision::Allowed {
            return Ok(Try { account: Some(all), client: own_share });
        }
        if !self.is_at_home(owner, client).await? {
            if let Some(key) = own_share {
                self.give_back(key).await;
            }
            tracing::warn!("an account has had too many wrong passwords: strangers have to wait");
            decision.or_refuse(codes::TOO_MANY_TRIES)?;
        }
        Ok(Try { account: None, client: own_share })
    }

    /// The password was right.
    pub(crate) async fn end_try(&self, ended: Try) {
        if let Some(key) = ended.account {
            self.give_back(key).await;
        }
        if let Some(key) = ended.client {
            self.forget(key).await;
        }
    }

    /// Whether the client is on a network from which the account is signed in.
    async fn is_at_home(&self, owner: Option<&Id<User>>, client: Option<ClientAddress>) -> Result<bool> {
        let (Some(owner), Some(client)) = (owner, client) else { return Ok(false) };
        let mut db = self.app.store.db().await?;
        Ok(db.has_session_from(owner, &client.to_string(), self.now).await?)
    }

    async fn take(&self, key: Key, rule: Rule) -> Decision {
        if self.app.config.rate_limit.storage == RateStorage::Database {
            match self.app.count_in_database(&row_key(key), rule, self.now).await {
                Ok(decision) => return decision,
                Err(error) => tracing::warn!(%error, "password tries are counted in memory"),
            }
        }
        self.app.limits.tries.buckets.take(key, rule, self.now.millis())
    }

    async fn give_back(&self, key: Key) {
        self.app.limits.tries.buckets.give_back(&key);
        if self.app.config.rate_limit.storage == RateStorage::Database {
            let given_back = match self.app.store.db().await {
                Ok(mut db) => db.give_back_to_bucket(&row_key(key)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = given_back {
                tracing::warn!(%error, "a right password stays counted as a wrong one");
            }
        }
    }

    async fn forget(&self, key: Key) {
        self.app.limits.tries.buckets.forget(&key);
        if self.app.config.rate_limit.storage == RateStorage::Database {
            let forgotten = match self.app.store.db().await {
                Ok(mut db) => db.delete_bucket(&row_key(key)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = forgotten {
                tracing::warn!(%error, "wrong passwords stay counted after a right one");
            }
        }
    }
}

/// The key in the table.
fn row_key(key: Key) -> String {
    format!("password-tries|{}", to_hex(&key))
}
