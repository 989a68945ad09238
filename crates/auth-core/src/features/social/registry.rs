//! The providers that are configured, and what is needed to use one now.

use std::sync::Arc;

use super::generic::Generic;
use super::id_token::IdTokens;
use super::outbound::NamedBy;
use super::provider::{Provider, Refresh};
use crate::app::App;
use crate::config::{Config, GenericProvider};

/// Every configured provider.
pub(crate) struct Registry(Vec<Configured>);

enum Configured {
    BuiltIn(Arc<Live>),
    Generic(Arc<Generic>),
}

/// A provider whose addresses and rules are known.
pub(super) struct Live {
    pub(super) provider: Provider,
    /// What a callback's `iss` has to be (RFC 9207); empty: it is not looked at.
    pub(super) issuers: Vec<String>,
    /// Verifies id tokens; without it they are not accepted from clients.
    pub(super) id_tokens: Option<IdTokens>,
    /// Its id tokens can be verified, and so have to be.
    pub(super) signs_id_tokens: bool,
    /// What only providers of the operator's own have.
    pub(super) own: Option<OwnRules>,
    /// Who named the addresses that the server calls.
    pub(super) named_by: NamedBy,
}

/// What only providers of the operator's own have.
#[derive(Debug, Clone)]
pub(super) struct OwnRules {
    pub(super) settings: GenericProvider,
    /// Id tokens have to carry the sign-in's nonce.
    pub(super) wants_nonce: bool,
    /// The discovery document promises id tokens.
    pub(super) is_oidc: bool,
    /// The address of the profile, and who named it.
    pub(super) user_info: Option<(url::Url, NamedBy)>,
    /// Where browsers sign out.
    pub(super) end_session: Option<url::Url>,
}

impl Registry {
    /// The configured providers. An operator's own shadows a built-in one of the same name, as upstream has it.
    pub(crate) fn new(config: &Config, app_parts: &super::Parts) -> Self {
        let mut all: Vec<Configured> = Vec::new();
        for generic in &config.social.generic {
            all.push(Configured::Generic(Arc::new(Generic::new(generic.clone(), app_parts.clone()))));
        }
        for provider in &config.social.built_in {
            all.push(Configured::BuiltIn(Arc::new(Live::built_in(provider.clone(), app_parts))));
        }
        Self(all)
    }

    /// The provider of a name, ready to be used. Nothing: there is none, or its discovery document cannot be had.
    pub(super) async fn find(&self, app: &App, id: &str) -> Option<Arc<Live>> {
        let found = self.0.iter().find(|configured| match configured {
            Configured::BuiltIn(live) => live.provider.id == id,
            Configured::Generic(generic) => generic.id() == id,
        })?;
        match found {
            Configured::BuiltIn(live) => Some(live.clone()),
            Configured::Generic(generic) => generic.live(app).await,
        }
    }

    /// Whether a provider of this name is configured.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|configured| match configured {
            Configured::BuiltIn(live) => live.provider.id == id,
            Configured::Generic(generic) => generic.id() == id,
        })
    }
}

impl Live {
    fn built_in(provider: Provider, parts: &super::Parts) -> Self {
        let id_tokens = IdTokens::built_in(&provider, parts);
        let issuers = provider.issuers.clone();
        let signs_id_tokens = provider.id_token_rules().is_some();
        Self { provider, issuers, id_tokens, signs_id_tokens, own: None, named_by: NamedBy::Operator }
    }

    /// Whether it has refresh tokens.
    pub(super) fn can_refresh(&self) -> bool {
        self.provider.row.refresh != Refresh::None
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.provider.id
    }

    /// Whether a sign-in needs a nonce.
    pub(super) fn wants_nonce(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.wants_nonce)
    }

    /// Whether a sign-in may begin at the provider.
    pub(super) fn allows_idp_initiated(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.settings.allow_idp_initiated)
    }
}
