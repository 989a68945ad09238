//! A layer for tower services: axum routers, and whatever else speaks `http` types.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Authenticated, Claims, Gate, Rejection, Requirement, UserClaims};

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

/// Lets requests in only with a good token. Services below it find the caller, an [`Authenticated`], in the
/// request's extensions.
///
/// Goes inside of what answers CORS preflights, which carry no token.
pub struct RequireAuth<C = UserClaims, R = Json> {
    gate: Gate,
    requirement: Option<Arc<Requirement>>,
    kind: PhantomData<fn() -> (C, R)>,
}

impl RequireAuth {
    /// Asks for a good token, read as [`UserClaims`].
    #[must_use]
    pub fn new(gate: impl Into<Gate>) -> Self {
        Self::with_claims(gate)
    }
}

impl<C: Claims, R> RequireAuth<C, R> {
    /// Asks for a good token, read as `C`.
    #[must_use]
    pub fn with_claims(gate: impl Into<Gate>) -> Self {
        Self { gate: gate.into(), requirement: None, kind: PhantomData }
    }

    /// Asks for this besides.
    #[must_use]
    pub fn and(mut self, requirement: Requirement) -> Self {
        self.requirement = Some(Arc::new(match self.requirement {
            None => requirement,
            Some(other) => Requirement::all([Requirement::clone(&other), requirement]),
        }));
        self
    }

    async fn admit(&self, headers: &HeaderMap) -> Result<Authenticated<C>, Rejection> {
        let caller = self.gate.authenticate(authorization(headers)).await?;
        if let Some(requirement) = &self.requirement {
            caller.require(requirement)?;
        }
        Ok(caller)
    }
}

pub(crate) fn authorization(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes)
}

impl<C, R> Clone for RequireAuth<C, R> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone(), requirement: self.requirement.clone(), kind: PhantomData }
    }
}

impl<C, R> fmt::Debug for RequireAuth<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireAuth").field("requirement", &self.requirement).finish_non_exhaustive()
    }
}

impl<S, C, R> Layer<S> for RequireAuth<C, R> {
    type Service = RequireAuthService<S, C, R>;

    fn layer(&self, service: S) -> Self::Service {
        RequireAuthService { service, require: self.clone() }
    }
}

/// What [`RequireAuth`] makes of a service.
pub struct RequireAuthService<S, C = UserClaims, R = Json> {
    service: S,
    require: RequireAuth<C, R>,
}

impl<S: Clone, C, R> Clone for RequireAuthService<S, C, R> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), require: self.require.clone() }
    }
}

impl<S, C, R> fmt::Debug for RequireAuthService<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireAuthService").field("require", &self.require).finish_non_exhaustive()
    }
}

impl<S, C, R, A, B> Service<Request<A>> for RequireAuthService<S, C, R>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    C: Claims,
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
        let require = self.require.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match require.admit(&parts.headers).await {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    service.call(Request::from_parts(parts, body)).await
                }
                Err(rejection) => Ok(R::refuse(&rejection)),
            }
        })
    }
}
