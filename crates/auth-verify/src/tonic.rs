//! For gRPC services on tonic.
//!
//! [`RequireAuth`] authenticates. It is a layer, `Server::builder().layer(..)`, because tonic's own
//! interceptors cannot wait, and a verifier has to when it has no keys yet. [`Authorize`] is an interceptor of
//! a single service and settles what callers may do there. Handlers ask [`caller`] who it is.

use std::fmt;
use std::marker::PhantomData;

use http::Response;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use crate::tower::Refuse;
use crate::{Authenticated, Claims, Refusal, Rejection, Requirement, UserClaims};

/// Refusals as gRPC has them: a [`Status`].
#[derive(Clone, Copy, Debug)]
pub struct Grpc;

/// Lets calls in only with a good token in the metadata `authorization`:
/// `RequireAuth::<UserClaims>::with_claims(verifier)`.
pub type RequireAuth<C = UserClaims> = crate::tower::RequireAuth<C, Grpc>;

impl<B: Default> Refuse<Rejection, B> for Grpc {
    fn refuse(rejection: &Rejection) -> Response<B> {
        Status::from(rejection.clone()).into_http()
    }
}

/// `UNAUTHENTICATED`, `PERMISSION_DENIED` or `UNAVAILABLE`, with the challenge and the code as metadata
/// (`www-authenticate`, `auth-code`).
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let code = match rejection.refusal() {
            Refusal::InsufficientScope => Code::PermissionDenied,
            Refusal::KeysUnavailable | Refusal::RevocationsUnavailable => Code::Unavailable,
            _ => Code::Unauthenticated,
        };
        let mut status = Self::new(code, rejection.to_string());
        for (name, value) in rejection.headers() {
            if let ("www-authenticate", Ok(value)) = (name, MetadataValue::try_from(value)) {
                status.metadata_mut().insert("www-authenticate", value);
            }
        }
        let code = MetadataValue::from_static(rejection.refusal().code());
        status.metadata_mut().insert("auth-code", code);
        status
    }
}

/// The caller that [`RequireAuth`] let in.
///
/// # Errors
/// `UNAUTHENTICATED` when the service is not behind [`RequireAuth`] with the same claims.
pub fn caller<C: Claims, T>(request: &Request<T>) -> Result<&Authenticated<C>, Status> {
    request.extensions().get::<Authenticated<C>>().ok_or_else(|| {
        tracing::error!("a service asks for its caller without auth_verify::tonic::RequireAuth before it");
        Status::unauthenticated("A bearer token is required.")
    })
}

/// An interceptor that goes on with callers who may: `OrdersServer::with_interceptor(orders,
/// Authorize::new(Requirement::scope("orders:read")))`, behind [`RequireAuth`].
pub struct Authorize<C = UserClaims> {
    requirement: Requirement,
    claims: PhantomData<fn() -> C>,
}

impl Authorize {
    /// Asks for this.
    #[must_use]
    pub fn new(requirement: Requirement) -> Self {
        Self::with_claims(requirement)
    }
}

impl<C: Claims> Authorize<C> {
    /// The same, behind a [`RequireAuth`] with other claims.
    #[must_use]
    pub fn with_claims(requirement: Requirement) -> Self {
        Self { requirement, claims: PhantomData }
    }
}

impl<C: Claims> Interceptor for Authorize<C> {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        caller::<C, _>(&request)?.require(&self.requirement)?;
        Ok(request)
    }
}

impl<C> Clone for Authorize<C> {
    fn clone(&self) -> Self {
        Self { requirement: self.requirement.clone(), claims: PhantomData }
    }
}

impl<C> fmt::Debug for Authorize<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorize").field(&self.requirement).finish()
    }
}
