//! Extractors for axum; the layer is [`crate::tower::RequireAuth`].
//!
//! The router's state is a [`Gate`], a [`Verifier`], or a type of yours that a [`Gate`] can be taken from
//! (`FromRef`). [`Authenticated`] in a handler's arguments then makes the route private, [`Authorized`] asks
//! for a permission besides, and `Option<Authenticated>` is `None` without a token; a bad token is refused by
//! all three.

use auth_jose::bearer::tower::authorization;
use axum_core::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;

pub use crate::tower::RequireAuth;
use crate::tower::{Json, Refuse};
pub use crate::{Authenticated, Authorized, Gate, Rejection};
use crate::{Claims, Permission, ProtectedResource, Verifier};

impl FromRef<Verifier> for Gate {
    fn from_ref(verifier: &Verifier) -> Self {
        Self::new(verifier.clone())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Json::refuse(&self)
    }
}

/// Answers with [`ProtectedResource::document`]: `.route(&resource.metadata_path(), get(resource))`.
impl IntoResponse for ProtectedResource {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, json)], self.document().to_string()).into_response()
    }
}

impl<S, C> FromRequestParts<S> for Authenticated<C>
where
    S: Send + Sync,
    Gate: FromRef<S>,
    C: Claims,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        // What the layer has found out need not be found out again.
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => Gate::from_ref(state).authenticate(authorization(&parts.headers)).await,
        }
    }
}

impl<S, C> OptionalFromRequestParts<S> for Authenticated<C>
where
    S: Send + Sync,
    Gate: FromRef<S>,
    C: Claims,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(Some(caller.clone())),
            None => Gate::from_ref(state).authenticate_if_present(authorization(&parts.headers)).await,
        }
    }
}

impl<S, P, C> FromRequestParts<S> for Authorized<P, C>
where
    S: Send + Sync,
    Gate: FromRef<S>,
    P: Permission,
    C: Claims,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let caller = <Authenticated<C> as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Self::new(caller)
    }
}
