//! A layer for tower services: axum routers, and whatever else speaks `http` types.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use auth_jose::bearer::tower::{Admission, Answer, Guarded, authorization};
pub use auth_jose::bearer::tower::{Json, Refuse};
use http::HeaderMap;
use tower_layer::Layer;

use crate::{Authenticated, Claims, Gate, Rejection, Requirement, UserClaims};

impl Answer for Rejection {
    fn status(&self) -> u16 {
        self.status()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        self.headers()
    }

    fn body(&self) -> String {
        self.body()
    }
}

/// Lets requests in only with a good token. Services below it find the caller, an [`Authenticated`], in the
/// request's extensions.
///
/// Goes inside of what answers CORS preflights, which carry no token.
pub struct RequireAuth<C = UserClaims, R = Json> {
    gate: Gate,
    requirement: Option<Arc<Requirement>>,
    kind: PhantomData<fn() -> (C, R)>,
}

impl RequireAuth {
    /// Asks for a good token, read as [`UserClaims`].
    #[must_use]
    pub fn new(gate: impl Into<Gate>) -> Self {
        Self::with_claims(gate)
    }
}

impl<C: Claims, R> RequireAuth<C, R> {
    /// Asks for a good token, read as `C`.
    #[must_use]
    pub fn with_claims(gate: impl Into<Gate>) -> Self {
        Self { gate: gate.into(), requirement: None, kind: PhantomData }
    }

    /// Asks for this besides.
    #[must_use]
    pub fn and(mut self, requirement: Requirement) -> Self {
        self.requirement = Some(Arc::new(match self.requirement {
            None => requirement,
            Some(other) => Requirement::all([Requirement::clone(&other), requirement]),
        }));
        self
    }
}

impl<C: Claims, R: 'static> Admission for RequireAuth<C, R> {
    type Caller = Authenticated<C>;
    type Rejection = Rejection;

    async fn admit(&self, headers: &HeaderMap) -> Result<Authenticated<C>, Rejection> {
        let caller = self.gate.authenticate(authorization(headers)).await?;
        if let Some(requirement) = &self.requirement {
            caller.require(requirement)?;
        }
        Ok(caller)
    }
}

impl<C, R> Clone for RequireAuth<C, R> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone(), requirement: self.requirement.clone(), kind: PhantomData }
    }
}

impl<C, R> fmt::Debug for RequireAuth<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireAuth").field("requirement", &self.requirement).finish_non_exhaustive()
    }
}

/// What [`RequireAuth`] makes of a service.
pub type RequireAuthService<S, C = UserClaims, R = Json> = Guarded<S, RequireAuth<C, R>, R>;

impl<S, C, R> Layer<S> for RequireAuth<C, R> {
    type Service = RequireAuthService<S, C, R>;

    fn layer(&self, service: S) -> Self::Service {
        Guarded::new(service, self.clone())
    }
}
