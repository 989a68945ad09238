//! Extractors and a middleware for actix-web.
//!
//! Register a [`Verifier`] or a [`Gate`] with `App::app_data`. [`Authenticated`] in a handler's arguments then
//! makes the route private, and [`Authorized`] asks for a permission besides: they answer 401, 400, 403 or
//! 503 by themselves and the handler never runs. [`RequireAuth`] does the same for whole scopes.

mod middleware;

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError, web,
};

pub use self::middleware::{RequireAuth, RequireAuthService};
pub use crate::{Authenticated, Authorized, Gate, Rejection};
use crate::{Claims, Permission, ProtectedResource, UserClaims, Verifier};

/// The caller, if there is a token; a bad token is refused all the same. (actix's own
/// `Option<Authenticated>` is `None` for bad tokens as well as for absent ones.)
#[derive(Debug)]
pub struct MaybeAuthenticated<C = UserClaims>(pub Option<Authenticated<C>>);

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        for header in self.headers() {
            response.insert_header(header);
        }
        response.body(self.body())
    }
}

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, actix_web::Error>>>>;

impl<C: Claims> FromRequest for Authenticated<C> {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        // What the middleware has found out need not be found out again.
        if let Some(caller) = request.extensions().get::<Self>().cloned() {
            return Box::pin(ready(Ok(caller)));
        }
        let request = request.clone();
        Box::pin(async move { Ok(gate(&request)?.authenticate(authorization(&request)).await?) })
    }
}

impl<C: Claims> FromRequest for MaybeAuthenticated<C> {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        if let Some(caller) = request.extensions().get::<Authenticated<C>>().cloned() {
            return Box::pin(ready(Ok(Self(Some(caller)))));
        }
        let request = request.clone();
        Box::pin(
            async move { Ok(Self(gate(&request)?.authenticate_if_present(authorization(&request)).await?)) },
        )
    }
}

impl<P: Permission, C: Claims> FromRequest for Authorized<P, C> {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Authenticated::<C>::from_request(request, payload);
        Box::pin(async move { Ok(Self::new(caller.await?)?) })
    }
}

/// Answers with [`ProtectedResource::document`].
impl Responder for ProtectedResource {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.document())
    }
}

/// The route of an API's own description. Register it outside of every [`RequireAuth`].
#[must_use]
pub fn metadata_route(resource: &ProtectedResource) -> actix_web::Resource {
    let path = resource.metadata_path();
    let resource = resource.clone();
    let answer = move || -> Ready<ProtectedResource> { ready(resource.clone()) };
    web::resource(path).route(web::get().to(answer))
}

fn gate(request: &HttpRequest) -> Result<Gate, actix_web::Error> {
    let gate = request.extensions().get::<Gate>().cloned();
    let gate = gate.or_else(|| registered::<Gate>(request));
    gate.or_else(|| registered::<Verifier>(request).map(Gate::new)).ok_or_else(|| {
        tracing::error!("neither auth_verify::Gate nor Verifier in app_data: private routes answer 500");
        actix_web::error::ErrorInternalServerError("not configured")
    })
}

fn registered<T: Clone + 'static>(request: &HttpRequest) -> Option<T> {
    let shared = request.app_data::<web::Data<T>>().map(web::Data::get_ref);
    request.app_data::<T>().or(shared).cloned()
}

fn authorization(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes)
}
