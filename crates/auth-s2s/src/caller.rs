use std::ops::Deref;

use serde_json::json;

use crate::{Refusal, VerifiedService};

/// The calling service, proven by its token: what adapters hand to handlers.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceCaller(VerifiedService);

impl ServiceCaller {
    pub(crate) fn new(caller: VerifiedService) -> Self {
        Self(caller)
    }

    /// Who calls was settled before; this settles who may.
    ///
    /// # Errors
    /// 403 unless the caller is one of `names`.
    pub fn require_service(&self, names: &[&str]) -> Result<(), Rejection> {
        let is_named = names.contains(&self.service().as_str());
        if is_named { Ok(()) } else { Err(Rejection(Refusal::InsufficientScope)) }
    }

    /// The same by what the caller may do: see [`VerifiedService::has_scope`].
    ///
    /// # Errors
    /// 403 unless the caller has `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), Rejection> {
        if self.has_scope(scope) { Ok(()) } else { Err(Rejection(Refusal::InsufficientScope)) }
    }
}

impl Deref for ServiceCaller {
    type Target = VerifiedService;

    fn deref(&self) -> &VerifiedService {
        &self.0
    }
}

/// How to refuse a request: status, headers and body, the same whatever serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(pub Refusal);

impl Rejection {
    /// The challenge where a token would help, `Retry-After` where time would, and the type of the body.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(self.0.challenge().map(|challenge| ("www-authenticate", challenge.to_owned())));
        headers.extend(self.0.retry_after_seconds().map(|seconds| ("retry-after", seconds.to_string())));
        headers
    }

    /// The body: `{"code","message"}`.
    #[must_use]
    pub fn body(&self) -> String {
        json!({"code": self.0.code(), "message": self.0.to_string()}).to_string()
    }
}
