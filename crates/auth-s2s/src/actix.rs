//! An extractor for actix-web.
//!
//! Register a [`Receiver`] with `App::app_data`. [`ServiceCaller`] in a handler's arguments then lets
//! services in and nobody else; refusals are those of RFC 6750 with the body `{"code","message"}`.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use auth_jose::bearer;
use serde_json::json;

use crate::{Receiver, Refusal, VerifiedService};

/// The calling service, proven by its token.
#[derive(Clone, Debug)]
pub struct ServiceCaller(VerifiedService);

impl ServiceCaller {
    /// Who calls was settled before; this settles who may.
    ///
    /// # Errors
    /// 403 unless the caller is one of `names`.
    pub fn require_service(&self, names: &[&str]) -> Result<(), Rejection> {
        if names.contains(&self.service().as_str()) {
            Ok(())
        } else {
            Err(Rejection(Refusal::InsufficientScope))
        }
    }
}

impl Deref for ServiceCaller {
    type Target = VerifiedService;

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
        response.json(json!({"code": self.0.code(), "message": self.0.to_string()}))
    }
}

impl FromRequest for ServiceCaller {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(authenticate(request))
    }
}

fn authenticate(request: &HttpRequest) -> Result<ServiceCaller, actix_web::Error> {
    let shared = request.app_data::<web::Data<Receiver>>().map(web::Data::get_ref);
    let Some(receiver) = request.app_data::<Receiver>().or(shared) else {
        tracing::error!("no auth_s2s::Receiver in app_data: service routes answer 500");
        return Err(actix_web::error::ErrorInternalServerError("not configured"));
    };
    let values = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = bearer::token(values).map_err(Rejection)?;
    let verified = receiver.verify(token).map_err(|error| Rejection(error.into()))?;
    Ok(ServiceCaller(verified))
}
