//! The events that a feature may join. They are typed and few; no feature matches paths.

use auth_jose::Timestamp;
use futures_util::future::BoxFuture;
use std::sync::Arc;

use auth_jose::JwkSet;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::error::Result;
use crate::features::session::Session;
use crate::features::user::User;
use crate::store::{self, Db};
use crate::wire::origin::RedirectTarget;

/// Signs the copy of a session in a cookie with keys that others can look up, and checks it.
#[derive(Clone, Copy)]
pub struct SessionCacheSigner {
    /// A token with these claims.
    pub sign: fn(&Call, &Value) -> Result<String>,
    /// The claims of a good token; nothing for any other text.
    pub open: fn(&Call, &str) -> Option<Map<String, Value>>,
}

/// A signing key that nobody is to trust any more.
#[derive(Debug, Clone)]
pub struct RevokedKey {
    /// Its name in the key set.
    pub kid: String,
    /// When it was revoked.
    pub at: Timestamp,
    /// When the last token that it signed has expired.
    pub until: Timestamp,
}

/// Joins the transaction that takes a signing key out of use.
pub type KeyRevoked = for<'a> fn(&'a mut Db, &'a RevokedKey) -> BoxFuture<'a, store::Result<()>>;

/// Where a browser goes to sign out at a provider too.
pub type ProviderLogout =
    for<'a> fn(&'a Call, &'a User, LogoutWish<'a>) -> BoxFuture<'a, Result<Option<String>>>;

/// What somebody wants after signing out at a provider.
#[derive(Debug, Clone, Copy)]
pub struct LogoutWish<'a> {
    /// Where the provider leads back to.
    pub target: Option<&'a RedirectTarget>,
    /// What it brings back.
    pub state: Option<&'a str>,
}

/// Signs tokens for others than users with the published keys, and shows the keys that check them.
#[derive(Clone, Copy)]
pub struct TokenAuthority {
    /// A token with this `typ` and these claims.
    pub sign: fn(&Call, &str, &Value) -> Result<String>,
    /// The published keys.
    pub verifying: fn(&Call) -> Option<Arc<JwkSet>>,
}

/// The events a feature joins; absent ones cost nothing.
#[derive(Default, Clone, Copy)]
pub struct Hooks {
    /// Before anything looks at the request's session: may set its session token.
    pub before_session: Option<fn(&mut Call)>,
    /// `/get-session` answers with this session: may add headers.
    pub after_get_session: Option<fn(&Call, &Session, &User)>,
    /// Signs the copy of a session in a cookie, where the configuration says so.
    pub session_cache: Option<SessionCacheSigner>,
    /// Signs tokens for services.
    pub token_authority: Option<TokenAuthority>,
    /// Somebody has signed up, and wants to be led there: may send mail.
    pub after_sign_up: Option<fn(&Call, &User, Option<&RedirectTarget>)>,
    /// A sign-in with a provider has made a user whose address is not proven: may send mail. The flag: the provider
    /// is one for proven addresses only.
    pub after_provider_sign_up: Option<fn(&Call, &User, &RedirectTarget, bool)>,
    /// Somebody signs out: where to sign out at the provider that they signed in with.
    pub provider_logout: Option<ProviderLogout>,
    /// A right password was refused because the address is not proven: may send mail.
    pub after_unverified_sign_in: Option<fn(&Call, &User, Option<&RedirectTarget>)>,
    /// The endpoint has answered, well or not: may add headers.
    pub before_response: Option<fn(&Call)>,
    /// A signing key may be known to others and is taken out of use: may write, in the same transaction.
    pub key_revoked: Option<KeyRevoked>,
}

/// The joined events of all features, in the features' order.
#[derive(Default)]
pub(crate) struct HookList(Vec<Hooks>);

impl HookList {
    pub(crate) fn push(&mut self, hooks: Hooks) {
        self.0.push(hooks);
    }

    pub(crate) fn before_session(&self, call: &mut Call) {
        self.0.iter().filter_map(|hooks| hooks.before_session).for_each(|hook| hook(call));
    }

    pub(crate) fn after_get_session(&self, call: &Call, session: &Session, user: &User) {
        let hooks = self.0.iter().filter_map(|hooks| hooks.after_get_session);
        hooks.for_each(|hook| hook(call, session, user));
    }

    pub(crate) fn session_cache(&self) -> Option<SessionCacheSigner> {
        self.0.iter().find_map(|hooks| hooks.session_cache)
    }

    pub(crate) fn token_authority(&self) -> Option<TokenAuthority> {
        self.0.iter().find_map(|hooks| hooks.token_authority)
    }

    pub(crate) fn after_sign_up(&self, call: &Call, user: &User, target: Option<&RedirectTarget>) {
        self.0.iter().filter_map(|hooks| hooks.after_sign_up).for_each(|hook| hook(call, user, target));
    }

    pub(crate) fn after_provider_sign_up(
        &self,
        call: &Call,
        user: &User,
        target: &RedirectTarget,
        wants: bool,
    ) {
        let hooks = self.0.iter().filter_map(|hooks| hooks.after_provider_sign_up);
        hooks.for_each(|hook| hook(call, user, target, wants));
    }

    pub(crate) fn provider_logout(&self) -> Option<ProviderLogout> {
        self.0.iter().find_map(|hooks| hooks.provider_logout)
    }

    pub(crate) fn after_unverified_sign_in(&self, call: &Call, user: &User, target: Option<&RedirectTarget>) {
        let hooks = self.0.iter().filter_map(|hooks| hooks.after_unverified_sign_in);
        hooks.for_each(|hook| hook(call, user, target));
    }

    pub(crate) async fn key_revoked(&self, tx: &mut Db, key: RevokedKey) -> store::Result<()> {
        for hook in self.0.iter().filter_map(|hooks| hooks.key_revoked) {
            hook(tx, &key).await?;
        }
        Ok(())
    }

    pub(crate) fn before_response(&self, call: &Call) {
        self.0.iter().filter_map(|hooks| hooks.before_response).for_each(|hook| hook(call));
    }
}
