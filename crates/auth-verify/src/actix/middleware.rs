use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, HttpMessage, ResponseError};

use super::{Authenticated, Gate, Rejection, authorization};
use crate::{Claims, Requirement, UserClaims};

/// Lets a whole scope's requests in only with a good token: `web::scope("/api").wrap(RequireAuth::new(gate))`.
/// Handlers below it take [`Authenticated`] as anywhere else; the token is not judged a second time.
///
/// Goes inside of what answers CORS preflights, which carry no token.
#[derive(Clone, Debug)]
pub struct RequireAuth<C = UserClaims> {
    gate: Gate,
    requirement: Option<Requirement>,
    claims: PhantomData<fn() -> C>,
}

impl RequireAuth {
    /// Asks for a good token, read as [`UserClaims`].
    #[must_use]
    pub fn new(gate: impl Into<Gate>) -> Self {
        Self::with_claims(gate)
    }
}

impl<C: Claims> RequireAuth<C> {
    /// Asks for a good token, read as `C`.
    #[must_use]
    pub fn with_claims(gate: impl Into<Gate>) -> Self {
        Self { gate: gate.into(), requirement: None, claims: PhantomData }
    }

    /// Asks for this besides.
    #[must_use]
    pub fn and(mut self, requirement: Requirement) -> Self {
        self.requirement = Some(match self.requirement {
            None => requirement,
            Some(other) => Requirement::all([other, requirement]),
        });
        self
    }

    async fn admit(&self, request: &ServiceRequest) -> Result<Authenticated<C>, Rejection> {
        let caller = self.gate.authenticate(authorization(request.request())).await?;
        if let Some(requirement) = &self.requirement {
            caller.require(requirement)?;
        }
        Ok(caller)
    }
}

impl<S, B, C> Transform<S, ServiceRequest> for RequireAuth<C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    C: Claims,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = RequireAuthService<S, C>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let require = Rc::new(Self {
            gate: self.gate.clone(),
            requirement: self.requirement.clone(),
            claims: PhantomData,
        });
        ready(Ok(RequireAuthService { service: Rc::new(service), require }))
    }
}

/// What [`RequireAuth`] makes of a service.
#[derive(Debug)]
pub struct RequireAuthService<S, C> {
    service: Rc<S>,
    require: Rc<RequireAuth<C>>,
}

impl<S, B, C> Service<ServiceRequest> for RequireAuthService<S, C>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
    C: Claims,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (service, require) = (Rc::clone(&self.service), Rc::clone(&self.require));
        Box::pin(async move {
            match require.admit(&request).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    // For extractors of other claims.
                    request.extensions_mut().insert(require.gate.clone());
                    Ok(service.call(request).await?.map_into_left_body())
                }
                Err(rejection) => Ok(request.into_response(rejection.error_response()).map_into_right_body()),
            }
        })
    }
}
