use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use auth_jose::bearer;
use serde_json::json;

use crate::{Claims, Permission, ProtectedResource, Refusal, Requirement, UserClaims, Verified, Verifier};

/// Lets requests in by their bearer token, or says how to refuse them: what all adapters share. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Gate {
    verifier: Verifier,
    metadata_url: Option<Arc<str>>,
}

impl Gate {
    /// A gate that lets in whom `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, metadata_url: None }
    }

    /// Names `resource` in every challenge, so that clients find out where to get a token (RFC 9728).
    /// Serving the document is a route of its own.
    #[must_use]
    pub fn with_resource(mut self, resource: &ProtectedResource) -> Self {
        self.metadata_url = Some(resource.shared_metadata_url());
        self
    }

    /// What judges the tokens.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The caller, by the values of the request's `Authorization` headers.
    ///
    /// # Errors
    /// How to answer instead. Why a token was refused is in the log, not in the answer.
    pub async fn authenticate<'a, C: Claims>(
        &self,
        authorization: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Authenticated<C>, Rejection> {
        let token = bearer::token(authorization).map_err(|refusal| self.rejection(refusal))?;
        match self.verifier.verify(token).await {
            Ok(verified) => Ok(Authenticated { verified, metadata_url: self.metadata_url.clone() }),
            Err(error) => Err(self.rejection(error.into())),
        }
    }

    /// The same for routes that work without a caller: nothing when no bearer token was sent. A bad token
    /// is refused all the same.
    ///
    /// # Errors
    /// As [`Gate::authenticate`].
    pub async fn authenticate_if_present<'a, C: Claims>(
        &self,
        authorization: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Authenticated<C>>, Rejection> {
        match self.authenticate(authorization).await {
            Ok(caller) => Ok(Some(caller)),
            Err(rejection) if rejection.refusal == Refusal::MissingToken => Ok(None),
            Err(rejection) => Err(rejection),
        }
    }

    fn rejection(&self, refusal: Refusal) -> Rejection {
        Rejection { refusal, scope: String::new(), metadata_url: self.metadata_url.clone() }
    }
}

impl From<Verifier> for Gate {
    fn from(verifier: Verifier) -> Self {
        Self::new(verifier)
    }
}

/// The caller, proven by a bearer token. Says who calls, not what they may do: see [`Authorized`].
pub struct Authenticated<C = UserClaims> {
    verified: Verified<C>,
    metadata_url: Option<Arc<str>>,
}

impl<C> Authenticated<C> {
    /// The proof itself.
    #[must_use]
    pub fn into_inner(self) -> Verified<C> {
        self.verified
    }

    /// Goes on with callers who may.
    ///
    /// # Errors
    /// 403 when the token's roles and scopes are not enough.
    pub fn require(&self, requirement: &Requirement) -> Result<(), Rejection> {
        if requirement.is_met_by(&self.verified) {
            return Ok(());
        }
        tracing::debug!(requirement = %requirement, "a good token without {requirement}");
        Err(Rejection { scope: requirement.scopes(), ..self.forbidden() })
    }

    /// [`Authenticated::require`] of [`Requirement::role`].
    ///
    /// # Errors
    /// 403 when the token does not name `role`.
    pub fn require_role(&self, role: &str) -> Result<(), Rejection> {
        self.require(&Requirement::role(role.to_owned()))
    }

    /// [`Authenticated::require`] of [`Requirement::scope`].
    ///
    /// # Errors
    /// 403 when the token does not name `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), Rejection> {
        self.require(&Requirement::scope(scope.to_owned()))
    }

    /// The answer to a caller who may not, by a rule of your own.
    #[must_use]
    pub fn forbidden(&self) -> Rejection {
        Rejection {
            refusal: Refusal::InsufficientScope,
            scope: String::new(),
            metadata_url: self.metadata_url.clone(),
        }
    }
}

impl<C> Deref for Authenticated<C> {
    type Target = Verified<C>;

    fn deref(&self) -> &Self::Target {
        &self.verified
    }
}

impl<C> Clone for Authenticated<C> {
    fn clone(&self) -> Self {
        Self { verified: self.verified.clone(), metadata_url: self.metadata_url.clone() }
    }
}

impl<C> fmt::Debug for Authenticated<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("subject", &self.verified.subject()).finish_non_exhaustive()
    }
}

/// A caller who may do what `P` says. Only an authenticated one becomes it, so that a handler which takes
/// it cannot be reached by anybody else.
pub struct Authorized<P, C = UserClaims> {
    caller: Authenticated<C>,
    permission: PhantomData<fn() -> P>,
}

impl<P: Permission, C> Authorized<P, C> {
    /// Settles what an authenticated caller may do.
    ///
    /// # Errors
    /// 403 when the token's roles and scopes are not enough.
    pub fn new(caller: Authenticated<C>) -> Result<Self, Rejection> {
        caller.require(&P::requirement())?;
        Ok(Self { caller, permission: PhantomData })
    }
}

impl<P, C> Authorized<P, C> {
    /// The caller, without the proof of the permission.
    #[must_use]
    pub fn into_inner(self) -> Authenticated<C> {
        self.caller
    }
}

impl<P, C> Deref for Authorized<P, C> {
    type Target = Authenticated<C>;

    fn deref(&self) -> &Self::Target {
        &self.caller
    }
}

impl<P, C> fmt::Debug for Authorized<P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.caller).finish()
    }
}

/// How to refuse a request: status, headers and body, the same whatever serves it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct Rejection {
    refusal: Refusal,
    scope: String,
    metadata_url: Option<Arc<str>>,
}

impl Rejection {
    /// Which kind it is.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.refusal.status()
    }

    /// `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1) where a token would help, `Retry-After` where time
    /// would, and the type of the body.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(self.challenge().map(|challenge| ("www-authenticate", challenge)));
        headers
            .extend(self.refusal.retry_after_seconds().map(|seconds| ("retry-after", seconds.to_string())));
        headers
    }

    /// The body: `{"code","message"}`.
    #[must_use]
    pub fn body(&self) -> String {
        json!({"code": self.refusal.code(), "message": self.refusal.to_string()}).to_string()
    }

    fn challenge(&self) -> Option<String> {
        let mut challenge = self.refusal.challenge()?.to_owned();
        // RFC 6749 §3.3: these characters alone, so that no name of a scope ends the quotes.
        let is_scope = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
        let scope = Some(&*self.scope).filter(|scope| !scope.is_empty() && scope.bytes().all(is_scope));
        for (name, value) in [("scope", scope), ("resource_metadata", self.metadata_url.as_deref())] {
            if let Some(value) = value {
                let separator = if challenge == "Bearer" { " " } else { ", " };
                challenge.push_str(&format!("{separator}{name}=\"{value}\""));
            }
        }
        Some(challenge)
    }
}
