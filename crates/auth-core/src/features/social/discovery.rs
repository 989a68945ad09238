//! A provider's discovery document (OpenID Connect Discovery 1.0, section 4): read when it is first needed, kept, and
//! read again after a while. A provider that cannot be read now is asked again soon.

use std::sync::{Arc, Mutex, PoisonError};

use auth_jose::Timestamp;
use serde_json::Value;
use url::Url;

use super::outbound::{NamedBy, Outbound};
use super::provider::{Method, Request};

/// How long a document is believed, in seconds.
const KEPT: i64 = 24 * 3600;

/// How long after a failure nobody asks again, in seconds: no sign-in waits for a provider that is known to be away.
const PAUSE: i64 = 5;

/// What a discovery document says, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) issuer: Option<String>,
    pub(super) authorization_endpoint: Option<Url>,
    pub(super) token_endpoint: Option<Url>,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) end_session_endpoint: Option<Url>,
    pub(super) jwks_uri: Option<String>,
    pub(super) id_token_signing_alg_values_supported: Vec<String>,
}

impl Document {
    /// Nothing for what is no such document: members of another type, addresses that are not of the web.
    fn read(document: &Value) -> Option<Self> {
        let text = |name: &str| match document.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        let address = |name: &str| match text(name)? {
            None => Some(None),
            Some(text) => {
                let url = Url::parse(&text).ok()?;
                (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(Some(url))
            }
        };
        let algorithms = document.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
        let algorithms = algorithms.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        document.is_object().then_some(())?;
        Some(Self {
            issuer: text("issuer")?,
            authorization_endpoint: address("authorization_endpoint")?,
            token_endpoint: address("token_endpoint")?,
            userinfo_endpoint: address("userinfo_endpoint")?,
            end_session_endpoint: address("end_session_endpoint")?,
            jwks_uri: text("jwks_uri")?,
            id_token_signing_alg_values_supported: algorithms.collect(),
        })
    }
}

/// What is made of a document, kept with it.
pub(super) struct Discovery<T> {
    url: Url,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    made: Option<(Arc<T>, Timestamp)>,
    failed_at: Option<Timestamp>,
    /// Somebody asks for a newer document.
    is_asking: bool,
}

impl<T> Discovery<T> {
    pub(super) fn new(url: Url) -> Self {
        Self { url, kept: Mutex::new(Kept { made: None, failed_at: None, is_asking: false }) }
    }

    /// What was made of the document. `make` makes it; nothing when the document does not suffice.
    pub(super) async fn current(
        &self,
        outbound: &Outbound,
        now: Timestamp,
        make: impl FnOnce(Document) -> Option<T>,
    ) -> Option<Arc<T>> {
        {
            let mut kept = self.lock();
            let known = kept.made.as_ref();
            let is_fresh = known.is_some_and(|(_, at)| now < at.plus_seconds(KEPT));
            let is_pause = kept.failed_at.is_some_and(|at| now < at.plus_seconds(PAUSE));
            // An old document serves while one request looks for a newer.
            if is_fresh || is_pause || known.is_some() && kept.is_asking {
                return known.map(|(made, _)| made.clone());
            }
            kept.is_asking = true;
        }
        let asking = Asking(self);
        let request = Request { method: Method::Get, url: self.url.clone(), headers: Vec::new(), body: None };
        let made = match outbound.json(request, NamedBy::Operator).await {
            Ok(answer) => Document::read(&answer).and_then(make),
            Err(error) => {
                tracing::warn!(url = %self.url, %error, "a discovery document cannot be read");
                None
            }
        };
        drop(asking);
        let mut kept = self.lock();
        match made {
            Some(made) => {
                kept.made = Some((Arc::new(made), now));
                kept.failed_at = None;
            }
            None => kept.failed_at = Some(now),
        }
        kept.made.as_ref().map(|(made, _)| made.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody asks for a newer document, until the request ends in whatever way.
struct Asking<'a, T>(&'a Discovery<T>);

impl<T> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        self.0.lock().is_asking = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_an_address_that_runs_a_script_is_none() {
        let good =
            serde_json::json!({ "issuer": "https://a.test", "token_endpoint": "https://a.test/token" });
        assert_eq!(Document::read(&good).unwrap().token_endpoint.unwrap().as_str(), "https://a.test/token");
        for bad in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "/relative", ""] {
            let document = serde_json::json!({ "authorization_endpoint": bad });
            assert_eq!(Document::read(&document), None, "{bad}");
        }
        for bad in [serde_json::json!({ "issuer": 1 }), serde_json::json!([]), serde_json::json!("x")] {
            assert_eq!(Document::read(&bad), None, "{bad}");
        }
    }
}
