//! Sign-in with other providers, and the accounts that people have there.
//!
//! [`provider`] and [`providers`] say how providers speak. A sign-in begins in `start`, is remembered by `state` while
//! the browser is away, and ends in `callback`, which asks the provider who came (`exchange`) and decides which user
//! that is (`person`).

mod account_tokens;
mod callback;
mod codes;
mod discovery;
mod exchange;
mod generic;
mod id_token;
mod link;
mod logout;
mod outbound;
mod person;
pub mod provider;
pub mod providers;
mod registry;
mod sign_in;
mod start;
mod state;
mod store;
mod tokens;

use std::sync::Arc;

use auth_jose::{Clock, Entropy};

use crate::config::Config;
use crate::crypto::secrets::Secrets;
use crate::crypto::symmetric::Sealer;
use crate::endpoint::Endpoint;
use crate::feature::Feature;
use crate::hooks::Hooks;
use outbound::Outbound;
use registry::Registry;

/// What sign-ins with providers share.
pub struct Social {
    pub(crate) registry: Registry,
    pub(crate) outbound: Outbound,
    /// Seals provider tokens.
    pub(crate) token_sealer: Sealer,
    /// Seals the state cookie.
    pub(crate) state_sealer: Sealer,
}

/// What a provider's verifier is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    allow_private: bool,
}

impl Social {
    /// The configured providers and the client that calls them.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(
        config: &Config,
        secrets: &Secrets,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, reqwest::Error> {
        let parts = Parts { clock, entropy, allow_private: config.outbound.allow_private };
        Ok(Self {
            registry: Registry::new(config, &parts),
            outbound: Outbound::new(&config.outbound)?,
            token_sealer: secrets.sealer(),
            state_sealer: secrets.purpose_sealer("oauth-state-cookie"),
        })
    }
}

/// The feature's endpoints, errors and events.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("social")
        .post("/sign-in/social", sign_in::sign_in_social)
        .get("/sign-in/:provider", sign_in::sign_in_provider)
        .get("/callback/:id", callback::callback)
        .endpoint(Endpoint::post("/callback/:id", callback::callback_form).with_foreign_form())
        .post("/link-social", link::link_social)
        .post("/get-access-token", account_tokens::get_access_token)
        .post("/refresh-token", account_tokens::refresh_token)
        .get("/account-info", account_tokens::account_info)
        .codes(codes::ALL)
        .hooks(Hooks { provider_logout: Some(logout::provider_logout), ..Hooks::default() })
}
