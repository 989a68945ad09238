//! A layer for tower services: axum routers, gRPC servers, and whatever else speaks `http` types.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Receiver, Rejection};

/// How a refusal is written in a protocol.
pub trait Refuse<B> {
    /// The answer.
    fn refuse(rejection: &Rejection) -> Response<B>;
}

/// Refusals as HTTP has them: status, challenge, JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl<B: From<String>> Refuse<B> for Json {
    fn refuse(rejection: &Rejection) -> Response<B> {
        let mut response = Response::new(B::from(rejection.body()));
        let status = StatusCode::from_u16(rejection.0.status());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in rejection.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Lets services in and nobody else. What is below finds the caller, a [`crate::ServiceCaller`], in the request's
/// extensions.
pub struct RequireService<R = Json> {
    receiver: Receiver,
    kind: PhantomData<fn() -> R>,
}

impl RequireService {
    /// Asks `receiver`.
    #[must_use]
    pub fn new(receiver: &Receiver) -> Self {
        Self::in_protocol(receiver)
    }
}

impl<R> RequireService<R> {
    /// Asks `receiver`, and refuses as `R` does.
    #[must_use]
    pub fn in_protocol(receiver: &Receiver) -> Self {
        Self { receiver: receiver.clone(), kind: PhantomData }
    }
}

impl<R> Clone for RequireService<R> {
    fn clone(&self) -> Self {
        Self::in_protocol(&self.receiver)
    }
}

impl<R> fmt::Debug for RequireService<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireService").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

pub(crate) fn authorization(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes)
}

impl<S, R> Layer<S> for RequireService<R> {
    type Service = ServicesOnly<S, R>;

    fn layer(&self, service: S) -> Self::Service {
        ServicesOnly { service, require: self.clone() }
    }
}

/// What [`RequireService`] makes of a service.
pub struct ServicesOnly<S, R = Json> {
    service: S,
    require: RequireService<R>,
}

impl<S: Clone, R> Clone for ServicesOnly<S, R> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), require: self.require.clone() }
    }
}

impl<S, R> fmt::Debug for ServicesOnly<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServicesOnly").field("require", &self.require).finish_non_exhaustive()
    }
}

impl<S, R, A, B> Service<Request<A>> for ServicesOnly<S, R>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    R: Refuse<B> + 'static,
    A: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // The service that was polled ready is the one that is called.
        let clone = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, clone);
        let receiver = self.require.receiver.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match receiver.authenticate(authorization(&parts.headers)).await {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    service.call(Request::from_parts(parts, body)).await
                }
                Err(rejection) => Ok(R::refuse(&rejection)),
            }
        })
    }
}
