//! The one bridge between actix-web and `auth-core`. No endpoint has code here.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use auth_core::app::App;
use auth_core::call::{Method, Request};
use auth_core::error::{Error, Result, Status, codes};
use auth_core::pipeline;
use auth_core::reply::Response;
use futures_util::{FutureExt, StreamExt};

use crate::listener::{Busy, Pulse};

/// Mounts every endpoint of `app`: one handler for every path, routed by `auth-core` on the raw path.
pub fn routes(app: Arc<App>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(web::Data::from(app)).default_service(web::to(handle));
    }
}

/// One request. A panic ends this request only.
async fn handle(request: HttpRequest, payload: web::Payload, app: web::Data<App>) -> HttpResponse {
    let _busy = request.conn_data::<Rc<Pulse>>().map(Busy::on);
    let app = app.into_inner();
    let call = Request {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().iter().map(|(name, value)| header(name, value)).collect(),
        body: web::Bytes::new(),
        peer: request.peer_addr().map(|address| address.ip()),
    };
    let origin = call.header("origin").map(std::borrow::Cow::into_owned);
    let mut response = match AssertUnwindSafe(answer(call, payload, app.clone())).catch_unwind().await {
        Ok(response) => response,
        Err(_panic) => Error::internal("a request panicked").into_response(),
    };
    pipeline::finish(&app, origin.as_deref(), &mut response);
    write(response)
}

async fn answer(mut call: Request, payload: web::Payload, app: Arc<App>) -> Response {
    let endpoint = match pipeline::admit(&app, &call).await {
        Ok(endpoint) => endpoint,
        Err(response) => return response,
    };
    if endpoint.method == Method::Post {
        match read_body(&call, payload, &app).await {
            Ok(body) => call.body = body,
            Err(error) => return error.into_response(),
        }
    }
    pipeline::run(app.clone(), endpoint, call).await
}

fn header(name: &HeaderName, value: &HeaderValue) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Reads the whole body within the limits of size and time.
async fn read_body(request: &Request, payload: web::Payload, app: &App) -> Result<web::Bytes> {
    let config = &app.config.server;
    let too_large = || codes::PAYLOAD_TOO_LARGE.with(Status::PayloadTooLarge);
    let declared = request.header("content-length");
    if declared.and_then(|text| text.parse::<u64>().ok()).is_some_and(|n| n > config.body_limit as u64) {
        return Err(too_large());
    }
    let read = async {
        let mut payload = payload;
        let mut body = web::BytesMut::new();
        while let Some(chunk) = payload.next().await {
            // The client went away or broke the transfer coding; nobody reads this answer.
            let Ok(chunk) = chunk else { return Err(codes::BAD_REQUEST.bad_request()) };
            if body.len() + chunk.len() > config.body_limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    match tokio::time::timeout(config.request_timeout, read).await {
        Ok(body) => body,
        Err(_elapsed) => Err(codes::REQUEST_TIMEOUT.with(Status::RequestTimeout)),
    }
}

fn write(response: Response) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponseBuilder::new(status);
    builder.append_header(("X-Content-Type-Options", "nosniff"));
    for (name, value) in response.headers {
        match HeaderValue::from_str(&value) {
            Ok(value) => {
                builder.append_header((name, value));
            }
            Err(error) => tracing::error!(name, %error, "a header value cannot be sent"),
        }
    }
    builder.body(response.body)
}
