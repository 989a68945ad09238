//! An extractor for actix-web.
//!
//! Register a [`Receiver`] with `App::app_data`. [`ServiceCaller`] in a handler's arguments then lets
//! services in and nobody else; refusals are those of RFC 6750 with the body `{"code","message"}`.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, web};

use crate::Receiver;
pub use crate::{Rejection, ServiceCaller};

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        for header in self.headers() {
            response.insert_header(header);
        }
        response.body(self.body())
    }
}

impl FromRequest for ServiceCaller {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let receiver = receiver(&request)?;
            let values = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
            Ok(receiver.authenticate(values).await?)
        })
    }
}

fn receiver(request: &HttpRequest) -> Result<Receiver, actix_web::Error> {
    let shared = request.app_data::<web::Data<Receiver>>().map(web::Data::get_ref);
    request.app_data::<Receiver>().or(shared).cloned().ok_or_else(|| {
        tracing::error!("no auth_s2s::Receiver in app_data: service routes answer 500");
        actix_web::error::ErrorInternalServerError("not configured")
    })
}
