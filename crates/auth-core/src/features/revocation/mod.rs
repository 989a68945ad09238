//! What other services ask about tokens: `/revocations`, the signed list of what is withdrawn, and `/introspect`
//! (RFC 7662) and `/revoke` (RFC 7009) for single tokens. Served where the configuration names who may ask.

mod client;
pub(super) mod codes;
mod list;
mod token;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::{Config, FeedReaders};
use crate::endpoint::Endpoint;
use crate::feature::Feature;
use crate::hooks::{Hooks, RevokedKey};
use crate::revocation::{MARGIN_SECONDS, Revoked};
use crate::store::{self, Db};

/// The feature's endpoints and errors.
#[must_use]
pub fn feature(config: &Config) -> Feature {
    let mut feature = Feature::new("revocation").codes(codes::ALL);
    feature = feature.hooks(Hooks { key_revoked: Some(withdraw_key), ..Hooks::default() });
    if config.revocation.feed != FeedReaders::Nobody {
        feature = feature.get("/revocations", list::revocations);
    }
    if !config.revocation.clients.is_empty() || config.revocation.feed == FeedReaders::Clients {
        feature = feature
            .endpoint(Endpoint::post("/introspect", token::introspect).with_form())
            .endpoint(Endpoint::post("/revoke", token::revoke).with_form());
    }
    feature
}

/// A key that others may know: its tokens are withdrawn by the transaction that takes it out of use.
fn withdraw_key<'a>(tx: &'a mut Db, key: &'a RevokedKey) -> BoxFuture<'a, store::Result<()>> {
    async move {
        let what = [Revoked::Key(key.kid.clone())];
        tx.insert_revocations(&what, key.until.seconds() + MARGIN_SECONDS, key.at).await
    }
    .boxed()
}
