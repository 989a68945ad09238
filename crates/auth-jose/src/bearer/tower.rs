//! A tower service that lets requests in or refuses them, whoever decides that by their headers.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_service::Service;

/// Decides who gets in.
pub trait Admission: Clone + Send + Sync + 'static {
    /// Who was let in: services below find it in the request's extensions.
    type Caller: Clone + Send + Sync + 'static;
    /// Why somebody was not.
    type Rejection: Send;

    /// Who sends a request with these headers.
    fn admit(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Self::Caller, Self::Rejection>> + Send;
}

/// How a refusal is written in a protocol.
pub trait Refuse<E, B> {
    /// The answer.
    fn refuse(rejection: &E) -> Response<B>;
}

/// What HTTP says of a refusal.
pub trait Answer {
    /// The status.
    fn status(&self) -> u16;
    /// The headers, the body's type included.
    fn headers(&self) -> Vec<(&'static str, String)>;
    /// The body.
    fn body(&self) -> String;
}

/// Refusals as HTTP has them: status, challenge, JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl<E: Answer, B: From<String>> Refuse<E, B> for Json {
    fn refuse(rejection: &E) -> Response<B> {
        let mut response = Response::new(B::from(rejection.body()));
        *response.status_mut() =
            StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in rejection.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The values of a request's `Authorization` headers.
pub fn authorization(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes)
}

/// A service behind an [`Admission`], which refuses as `R` does.
pub struct Guarded<S, A, R> {
    service: S,
    admission: A,
    kind: PhantomData<fn() -> R>,
}

impl<S, A, R> Guarded<S, A, R> {
    /// Puts `service` behind `admission`.
    pub fn new(service: S, admission: A) -> Self {
        Self { service, admission, kind: PhantomData }
    }
}

impl<S: Clone, A: Clone, R> Clone for Guarded<S, A, R> {
    fn clone(&self) -> Self {
        Self::new(self.service.clone(), self.admission.clone())
    }
}

impl<S, A: fmt::Debug, R> fmt::Debug for Guarded<S, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("admission", &self.admission).finish_non_exhaustive()
    }
}

impl<S, A, R, T, B> Service<Request<T>> for Guarded<S, A, R>
where
    S: Service<Request<T>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Admission,
    R: Refuse<A::Rejection, B> + 'static,
    T: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<T>) -> Self::Future {
        // The service that was polled ready is the one that is called.
        let clone = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, clone);
        let admission = self.admission.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match admission.admit(&parts.headers).await {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    service.call(Request::from_parts(parts, body)).await
                }
                Err(rejection) => Ok(R::refuse(&rejection)),
            }
        })
    }
}
