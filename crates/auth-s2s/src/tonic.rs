//! For gRPC services on tonic: [`RequireService`] is a layer, `Server::builder().layer(..)`; handlers ask [`caller`]
//! who it is.

use http::Response;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use crate::tower::Refuse;
use crate::{Refusal, Rejection, ServiceCaller};

/// Refusals as gRPC has them: a [`Status`].
#[derive(Clone, Copy, Debug)]
pub struct Grpc;

/// Lets calls in only with a service token in the metadata `authorization`:
/// `RequireService::in_protocol(&receiver)`.
pub type RequireService = crate::tower::RequireService<Grpc>;

impl<B: Default> Refuse<Rejection, B> for Grpc {
    fn refuse(rejection: &Rejection) -> Response<B> {
        Status::from(*rejection).into_http()
    }
}

/// `UNAUTHENTICATED`, `PERMISSION_DENIED` or `UNAVAILABLE`, with the code as metadata (`auth-code`).
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let code = match rejection.0 {
            Refusal::InsufficientScope => Code::PermissionDenied,
            Refusal::KeysUnavailable | Refusal::RevocationsUnavailable => Code::Unavailable,
            _ => Code::Unauthenticated,
        };
        let mut status = Self::new(code, rejection.to_string());
        status.metadata_mut().insert("auth-code", MetadataValue::from_static(rejection.0.code()));
        status
    }
}

/// The caller that [`RequireService`] let in.
///
/// # Errors
/// `UNAUTHENTICATED` when the service is not behind [`RequireService`].
pub fn caller<T>(request: &Request<T>) -> Result<&ServiceCaller, Status> {
    request.extensions().get::<ServiceCaller>().ok_or_else(|| {
        tracing::error!("a service asks for its caller without auth_s2s::tonic::RequireService before it");
        Status::unauthenticated("A bearer token is required.")
    })
}
