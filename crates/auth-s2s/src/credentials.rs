//! Tokens on outgoing calls: what one service sends to another, for reqwest, tower and tonic.

use std::sync::Arc;

use auth_jose::KeyError;

use crate::{Ask, Minter, ServiceName};

/// Puts a service token for one audience into the `Authorization` of every call. Cheap to clone.
///
/// With the feature `reqwest` a middleware of `reqwest-middleware`, with `tower` a layer for clients, with `tonic` an
/// interceptor.
#[derive(Clone, Debug)]
pub struct Credentials {
    minter: Minter,
    ask: Arc<Ask>,
}

impl Credentials {
    /// The tokens of `minter` for `audience`.
    #[must_use]
    pub fn new(minter: &Minter, audience: &ServiceName) -> Self {
        Self::asking(minter, Ask::to(audience))
    }

    /// The tokens of `minter` that `ask` describes.
    #[must_use]
    pub fn asking(minter: &Minter, ask: Ask) -> Self {
        Self { minter: minter.clone(), ask: Arc::new(ask) }
    }

    /// The value of `Authorization`: `Bearer` and a token.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn authorization(&self) -> Result<String, KeyError> {
        self.minter.token_for(&self.ask).map(|token| format!("Bearer {token}"))
    }
}

#[cfg(feature = "reqwest")]
mod reqwest {
    use http::Extensions;
    use http::header::{AUTHORIZATION, HeaderValue};
    use reqwest::{Request, Response};
    use reqwest_middleware::{Error, Middleware, Next, Result};

    use super::Credentials;

    #[async_trait::async_trait]
    impl Middleware for Credentials {
        async fn handle(
            &self,
            mut request: Request,
            extensions: &mut Extensions,
            next: Next<'_>,
        ) -> Result<Response> {
            let value = self.authorization().map_err(Error::middleware)?;
            let mut value = HeaderValue::try_from(value).map_err(Error::middleware)?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
            next.run(request, extensions).await
        }
    }
}

#[cfg(feature = "tower")]
mod tower {
    use std::task::{Context, Poll};

    use http::Request;
    use http::header::{AUTHORIZATION, HeaderValue};
    use tower_layer::Layer;
    use tower_service::Service;

    use super::Credentials;

    impl<S> Layer<S> for Credentials {
        type Service = WithCredentials<S>;

        fn layer(&self, service: S) -> Self::Service {
            WithCredentials { service, credentials: self.clone() }
        }
    }

    /// What [`Credentials`] make of a client. A call whose token cannot be signed goes out without one, and is
    /// refused at the other end.
    #[derive(Clone, Debug)]
    pub struct WithCredentials<S> {
        service: S,
        credentials: Credentials,
    }

    impl<S: Service<Request<B>>, B> Service<Request<B>> for WithCredentials<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.service.poll_ready(cx)
        }

        fn call(&mut self, mut request: Request<B>) -> S::Future {
            request.headers_mut().remove(AUTHORIZATION);
            match self.credentials.authorization().map(HeaderValue::try_from) {
                Ok(Ok(mut value)) => {
                    value.set_sensitive(true);
                    request.headers_mut().insert(AUTHORIZATION, value);
                }
                _ => tracing::error!("no service token could be signed"),
            }
            self.service.call(request)
        }
    }
}

#[cfg(feature = "tower")]
pub use self::tower::WithCredentials;

#[cfg(feature = "tonic")]
mod tonic {
    use tonic::metadata::MetadataValue;
    use tonic::service::Interceptor;
    use tonic::{Request, Status};

    use super::Credentials;

    impl Interceptor for Credentials {
        fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
            let value = self.authorization().or(Err(Status::internal("no service token could be signed")))?;
            let value = MetadataValue::try_from(value);
            let value = value.or(Err(Status::internal("no service token could be signed")))?;
            request.metadata_mut().insert("authorization", value);
            Ok(request)
        }
    }
}
