//! A layer for tower services: axum routers, gRPC servers, and whatever else speaks `http` types.

use std::fmt;
use std::marker::PhantomData;

use auth_jose::bearer::tower::{Admission, Answer, Guarded, authorization};
pub use auth_jose::bearer::tower::{Json, Refuse};
use http::HeaderMap;
use tower_layer::Layer;

use crate::{Receiver, Rejection, ServiceCaller};

impl Answer for Rejection {
    fn status(&self) -> u16 {
        self.0.status()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        self.headers()
    }

    fn body(&self) -> String {
        self.body()
    }
}

/// Lets services in and nobody else. What is below finds the caller, a [`ServiceCaller`], in the request's extensions.
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

impl<R: 'static> Admission for RequireService<R> {
    type Caller = ServiceCaller;
    type Rejection = Rejection;

    async fn admit(&self, headers: &HeaderMap) -> Result<ServiceCaller, Rejection> {
        self.receiver.authenticate(authorization(headers)).await
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

/// What [`RequireService`] makes of a service.
pub type ServicesOnly<S, R = Json> = Guarded<S, RequireService<R>, R>;

impl<S, R> Layer<S> for RequireService<R> {
    type Service = ServicesOnly<S, R>;

    fn layer(&self, service: S) -> Self::Service {
        Guarded::new(service, self.clone())
    }
}
