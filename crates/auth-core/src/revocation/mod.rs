//! What is withdrawn before its time: one token, a session's tokens, a user's older tokens, a key's tokens.
//!
//! Each is an entry of a table of ours, written by the transaction that causes it, as its last statement. The
//! entries are numbered so that whoever has read up to a number never misses one with a smaller number
//! (docs/adr/0008). They are kept until the last token that they concern has expired.

mod feed;
mod orders;
mod remembered;
mod scores;
mod store;

use auth_jose::{Timestamp, Verified, base64url};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::config::Config;
use crate::error::Result;
use crate::features::user::User;
use crate::store::{Db, Result as StoreResult};

pub use feed::Feed;
pub(crate) use feed::{Batch, Page, PageKey};
pub use orders::{Outcome, RevokeError, Scope};
pub(crate) use remembered::Remembered;
pub(crate) use store::Entry;

/// Clocks of verifiers may differ from ours, and their leeway is added: entries outlive tokens by this.
pub(crate) const MARGIN_SECONDS: i64 = 600;

/// How far the clocks of two servers on one database may be apart without a token that was issued after the
/// withdrawal of a user's older ones being taken for an older one.
const CLOCKS_APART_SECONDS: i64 = 1;

/// What is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// The tokens that were signed under this `kid`.
    Key(String),
    /// The tokens of the session of this `sid`.
    Session(String),
    /// The tokens of a subject that were issued before a time, in seconds since 1970.
    Subject {
        /// The claim `sub`.
        sub: String,
        /// Compared with `iat`.
        issued_before: i64,
    },
    /// The token of this `jti`.
    Token(String),
}

impl Revoked {
    /// What a user's tokens have in common, those included that no session row stands for any more.
    pub(crate) fn tokens_of(config: &Config, user: &User, now: Timestamp) -> Self {
        let issued_before = now.seconds() - CLOCKS_APART_SECONDS;
        Self::Subject { sub: user.subject(&config.jwt), issued_before }
    }

    /// Every token that a user ever had: nobody will have one for this subject again.
    pub(crate) fn all_tokens_of(config: &Config, user: &User, now: Timestamp) -> Self {
        let issued_before = now.seconds() + 1 + CLOCKS_APART_SECONDS;
        Self::Subject { sub: user.subject(&config.jwt), issued_before }
    }
}

/// The claim `sid`: names a session in its tokens without revealing anything that opens it.
///
/// 128 bits of a hash of the session's token, which is random. It is not made of the row's id, because a
/// database that counts its ids may give one away again, and not with the secret, because it has to outlive that.
#[must_use]
pub fn sid(session_token: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"auth-server sid\0");
    hash.update(session_token);
    let digest: [u8; 32] = hash.finalize().into();
    base64url::encode(digest.get(..16).unwrap_or_default())
}

/// What a transaction withdraws. Nobody knows of it before [`App::commit_withdrawn`].
#[derive(Debug, Default)]
#[must_use = "commit the transaction with App::commit_withdrawn, or verifiers go on accepting tokens"]
pub(crate) struct Withdrawn(Vec<Revoked>);

impl Withdrawn {
    pub(crate) fn sessions<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Self {
        Self(tokens.into_iter().map(|token| Revoked::Session(sid(token))).collect())
    }

    /// What a service has signed, and what was signed for it: it may not call anybody from now on.
    pub(crate) fn service(subject: &str, kids: impl IntoIterator<Item = String>, now: Timestamp) -> Self {
        let issued_before = now.seconds() + 1 + CLOCKS_APART_SECONDS;
        let issued = Revoked::Subject { sub: subject.to_owned(), issued_before };
        Self::keys(kids).and([issued])
    }

    pub(crate) fn keys(kids: impl IntoIterator<Item = String>) -> Self {
        Self(kids.into_iter().map(Revoked::Key).collect())
    }

    pub(crate) fn and(mut self, more: impl IntoIterator<Item = Revoked>) -> Self {
        self.0.extend(more);
        self
    }
}

impl Config {
    /// The longest that a token of this server lives, in seconds.
    pub(crate) fn longest_token(&self) -> i64 {
        let copies = self.session.cookie_cache.as_ref().map_or(0, |cache| cache.max_age);
        let audiences = self.audiences.iter().map(|audience| audience.expires_in);
        audiences.chain([self.jwt.expires_in, copies]).max().unwrap_or_default()
    }
}

impl App {
    /// Commits a transaction together with what it withdraws, and tells whoever waits for that.
    pub(crate) async fn commit_withdrawn(&self, tx: Db, what: Withdrawn, now: Timestamp) -> Result<()> {
        let until = now.plus_seconds(self.config.longest_token() + MARGIN_SECONDS);
        Ok(self.commit_withdrawn_until(tx, what, until, now).await?)
    }

    /// The same for what is not about users' tokens: the entries may be forgotten at `until`.
    pub(crate) async fn commit_withdrawn_until(
        &self,
        mut tx: Db,
        what: Withdrawn,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<()> {
        let Withdrawn(what) = what;
        if what.is_empty() || !self.config.revocation.is_on() {
            return tx.commit().await;
        }
        self.remembered.doubt(self, &what, now).await;
        tx.insert_revocations(&what, until.seconds(), now).await?;
        tx.commit().await?;
        self.announce_withdrawn();
        Ok(())
    }

    /// Something has been withdrawn: tells whoever waits for that, here and at the other servers.
    pub(crate) fn announce_withdrawn(&self) {
        self.feed.announce();
        self.remembered.announce();
    }

    /// Withdraws tokens: for whoever bans a user, or finds that a key has leaked.
    ///
    /// # Errors
    /// When the database does not answer; then nothing is withdrawn.
    pub async fn revoke(&self, what: Vec<Revoked>, now: Timestamp) -> Result<()> {
        let tx = self.store.begin().await?;
        self.commit_withdrawn(tx, Withdrawn(what), now).await
    }

    /// Whether a token that is good otherwise is withdrawn. Never where nothing is written down.
    pub(crate) async fn is_withdrawn(&self, token: &Claims<'_>) -> Result<bool> {
        if !self.config.revocation.is_on() {
            return Ok(false);
        }
        if let Some(known) = self.remembered.find(self, token).await {
            return Ok(known);
        }
        Ok(!self.withdrawals(token).await?.is_empty())
    }

    /// What withdraws a token that is good otherwise, oldest first.
    pub(crate) async fn withdrawals(&self, token: &Claims<'_>) -> Result<Vec<Entry>> {
        let mut entries = self.store.db().await?.list_revocations_of(&token.names()).await?;
        entries.retain(|entry| token.is_hit(&entry.what));
        Ok(entries)
    }

    /// Removes what no token is left of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_revocations(&self) -> Result<()> {
        Ok(self.store.db().await?.delete_old_revocations(self.clock.now().seconds()).await?)
    }
}

/// What of a token decides whether it is withdrawn.
pub(crate) struct Claims<'a> {
    pub(crate) kid: Option<&'a str>,
    pub(crate) jti: Option<&'a str>,
    pub(crate) sid: Option<&'a str>,
    pub(crate) sub: &'a str,
    pub(crate) issued_at: Option<i64>,
}

impl<'a> Claims<'a> {
    /// Those of a token whose signature is known to be good.
    pub(crate) fn of<C>(token: &'a Verified<C>) -> Self {
        let text = |name: &str| token.raw_claims().get(name).and_then(Value::as_str);
        Self {
            kid: token.kid(),
            jti: text("jti"),
            sid: text("sid"),
            sub: token.subject(),
            issued_at: token.issued_at().map(Timestamp::seconds),
        }
    }

    fn names(&self) -> Vec<&'a str> {
        self.kid.into_iter().chain(self.jti).chain(self.sid).chain([self.sub]).collect()
    }

    fn is_hit(&self, revoked: &Revoked) -> bool {
        match revoked {
            Revoked::Key(kid) => self.kid == Some(kid),
            Revoked::Session(sid) => self.sid == Some(sid),
            Revoked::Token(jti) => self.jti == Some(jti),
            Revoked::Subject { sub, issued_before } => {
                self.sub == sub && self.issued_at.is_none_or(|at| at < *issued_before)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_is_short_stable_and_not_the_token() {
        let name = sid("0123456789abcdefghijklmnopqrstuv");
        assert_eq!(name.len(), 22);
        assert_eq!(name, sid("0123456789abcdefghijklmnopqrstuv"));
        assert_ne!(name, sid("0123456789abcdefghijklmnopqrstuw"));
        assert!(!"0123456789abcdefghijklmnopqrstuv".contains(&name));
    }

    #[test]
    fn a_name_hits_its_own_kind_only() {
        let claims = Claims { kid: Some("K"), jti: Some("J"), sid: Some("S"), sub: "U", issued_at: Some(10) };
        let subject = |sub: &str, issued_before| Revoked::Subject { sub: sub.to_owned(), issued_before };
        for hit in [
            Revoked::Key("K".into()),
            Revoked::Token("J".into()),
            Revoked::Session("S".into()),
            subject("U", 11),
        ] {
            assert!(claims.is_hit(&hit), "{hit:?}");
        }
        for miss in [
            Revoked::Key("J".into()),
            Revoked::Token("S".into()),
            Revoked::Session("U".into()),
            subject("K", 11),
            subject("U", 10),
        ] {
            assert!(!claims.is_hit(&miss), "{miss:?}");
        }
        assert!(Claims { issued_at: None, ..claims }.is_hit(&subject("U", 10)));
    }
}
