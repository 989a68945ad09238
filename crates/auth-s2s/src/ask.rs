use serde_json::{Value, json};

use crate::{MAX_CHAIN, Refused, ServiceName, VerifiedService, claims};

/// What a token is asked for: for whom, and with which claims besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    audience: ServiceName,
    scope: Option<String>,
    transaction: Option<String>,
    act: Option<Value>,
}

/// A text that is no scope (RFC 6749 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is one word or more of visible ASCII without quotes and backslashes, with one space between two"
)]
pub struct InvalidScope;

impl Ask {
    /// A token for `audience`.
    #[must_use]
    pub fn to(audience: &ServiceName) -> Self {
        Self { audience: audience.clone(), scope: None, transaction: None, act: None }
    }

    /// With these scopes alone, instead of all that the receiver grants.
    ///
    /// # Errors
    /// [`InvalidScope`].
    pub fn scope_of(self, scope: &str) -> Result<Self, InvalidScope> {
        if claims::is_scope(scope) { Ok(self.with_checked_scope(scope)) } else { Err(InvalidScope) }
    }

    pub(crate) fn with_checked_scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    /// With the id of the whole chain of calls (`txn`), for logs.
    #[must_use]
    pub fn transaction(mut self, id: &str) -> Self {
        self.transaction = Some(id.to_owned()).filter(|id| !id.is_empty());
        self
    }

    /// Says on whose behalf this call is made (`act`), with the services before, and takes over the chain's `txn`. For
    /// logs: a receiver decides by who calls.
    ///
    /// # Errors
    /// [`Refused::ChainTooLong`] when there would be more than [`MAX_CHAIN`].
    pub fn acting_for(mut self, caller: &VerifiedService) -> Result<Self, Refused> {
        if caller.actors().len() >= MAX_CHAIN {
            return Err(Refused::ChainTooLong);
        }
        let mut act = json!({"sub": caller.service().subject()});
        if let (Some(members), Some(inner)) = (act.as_object_mut(), caller.raw_claims().get("act")) {
            members.insert("act".to_owned(), inner.clone());
        }
        self.act = Some(act);
        self.transaction = self.transaction.or_else(|| caller.transaction().map(str::to_owned));
        Ok(self)
    }

    /// For whom.
    #[must_use]
    pub fn audience(&self) -> &ServiceName {
        &self.audience
    }

    pub(crate) fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    pub(crate) fn transaction_id(&self) -> Option<&str> {
        self.transaction.as_deref()
    }

    pub(crate) fn act(&self) -> Option<&Value> {
        self.act.as_ref()
    }

    pub(crate) fn is_for_one_call(&self) -> bool {
        self.transaction.is_some() || self.act.is_some()
    }
}
