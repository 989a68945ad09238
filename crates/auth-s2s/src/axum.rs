//! An extractor for axum; the layer is [`crate::tower::RequireService`].
//!
//! The router's state is a [`Receiver`], or a type of yours that one can be taken from (`FromRef`).
//! [`ServiceCaller`] in a handler's arguments then lets services in and nobody else.

use auth_jose::bearer::tower::authorization;
use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::Receiver;
pub use crate::tower::RequireService;
use crate::tower::{Json, Refuse};
pub use crate::{Rejection, ServiceCaller};

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Json::refuse(&self)
    }
}

impl<S> FromRequestParts<S> for ServiceCaller
where
    S: Send + Sync,
    Receiver: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        // What the layer has found out need not be found out again.
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => Receiver::from_ref(state).authenticate(authorization(&parts.headers)).await,
        }
    }
}
