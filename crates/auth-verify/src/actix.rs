//! Extractors for actix-web.
//!
//! Register a [`Verifier`] with `App::app_data`. [`Authenticated`] in a handler's arguments then makes
//! the route private: it answers 401, 400 or 503 by itself and the handler never runs.
//!
//! Every refusal has the body `{"code","message"}` of [`Refusal`] and the challenge of RFC 6750.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use auth_jose::bearer;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{HasRoles, Refusal, UserClaims, Verified, Verifier};

/// The caller, proven by a bearer token. `Option<Authenticated>` is `None` for bad tokens as well as for
/// absent ones; use [`MaybeAuthenticated`] to refuse the bad ones.
#[derive(Clone, Debug)]
pub struct Authenticated<C = UserClaims>(Verified<C>);

/// The caller, if there is a token; a bad token is refused all the same.
#[derive(Clone, Debug)]
pub struct MaybeAuthenticated<C = UserClaims>(pub Option<Authenticated<C>>);

impl<C> Authenticated<C> {
    /// The proof itself.
    #[must_use]
    pub fn into_inner(self) -> Verified<C> {
        self.0
    }
}

impl<C: HasRoles> Authenticated<C> {
    /// Who the caller is was settled before; this settles what they may do.
    ///
    /// # Errors
    /// 403 when the claims do not name `role`.
    pub fn require_role(&self, role: &str) -> Result<(), Rejection> {
        if self.0.claims().has_role(role) { Ok(()) } else { Err(Rejection(Refusal::InsufficientScope)) }
    }
}

impl<C> Deref for Authenticated<C> {
    type Target = Verified<C>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A [`Refusal`] as an actix error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(pub Refusal);

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(challenge) = self.0.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.0.retry_after_seconds() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.json(json!({"code": self.0.code(), "message": self.0.to_string()}))
    }
}

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, actix_web::Error>>>>;

impl<C: DeserializeOwned + Send + Sync + 'static> FromRequest for Authenticated<C> {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { authenticate(&request).await })
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> FromRequest for MaybeAuthenticated<C> {
    type Error = actix_web::Error;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match token(&request) {
                Err(Rejection(Refusal::MissingToken)) => Ok(Self(None)),
                _ => authenticate(&request).await.map(|caller| Self(Some(caller))),
            }
        })
    }
}

async fn authenticate<C: DeserializeOwned + Send + Sync + 'static>(
    request: &HttpRequest,
) -> Result<Authenticated<C>, actix_web::Error> {
    let shared = request.app_data::<web::Data<Verifier>>().map(web::Data::get_ref);
    let Some(verifier) = request.app_data::<Verifier>().or(shared) else {
        tracing::error!("no auth_verify::Verifier in app_data: private routes answer 500");
        return Err(actix_web::error::ErrorInternalServerError("not configured"));
    };
    let outcome = verifier.verify(token(request)?).await;
    outcome.map(Authenticated).map_err(|error| Rejection(error.into()).into())
}

fn token(request: &HttpRequest) -> Result<&str, Rejection> {
    let values = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    bearer::token(values).map_err(Rejection)
}
