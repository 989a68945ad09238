//! Cross-origin resource sharing (Fetch standard): which pages of other origins may read our answers.
//!
//! It lies in front of everything, as the layer that upstream's documentation tells to put there. Being
//! allowed here is not being trusted: requests with cookies go through the Origin check all the same.

use super::origin::TrustedOrigins;
use crate::reply::Response;

/// Who may read our answers.
#[derive(Debug, Clone)]
pub enum CorsOrigins {
    /// Every page; never with cookies.
    Any,
    /// Pages of these origins.
    Listed(TrustedOrigins),
}

impl CorsOrigins {
    /// Reads the patterns, which are those of `trustedOrigins`, or a single `*`.
    ///
    /// # Errors
    /// One sentence for each pattern that could never match or must not.
    pub fn new(patterns: &[String], credentials: bool) -> Result<Self, Vec<String>> {
        if patterns.iter().any(|pattern| pattern == "*") {
            return match (patterns.len(), credentials) {
                (1, false) => Ok(Self::Any),
                (_, true) => Err(vec![
                    "\"*\" with credentials would let every page act as its visitor: list the origins, or set cors.credentials = false".to_owned(),
                ]),
                (_, false) => Err(vec!["\"*\" makes the other entries meaningless".to_owned()]),
            };
        }
        TrustedOrigins::of(patterns).map(Self::Listed)
    }
}

/// The layer.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Who may read our answers.
    pub origins: CorsOrigins,
    /// Whether browsers send cookies and let pages read the answer.
    pub credentials: bool,
    /// Headers that pages may send, joined.
    pub allow_headers: String,
    /// Methods that pages may use, joined.
    pub allow_methods: String,
    /// Headers that pages may read, besides those that an answer exposes itself.
    pub expose_headers: Vec<String>,
    /// For how many seconds a browser keeps the answer to its question.
    pub max_age: String,
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const EXPOSE: &str = "Access-Control-Expose-Headers";

/// Whether a request is a browser's question whether a page may send another one.
#[must_use]
pub fn is_preflight(method: &str, requested_method: Option<&str>) -> bool {
    method == "OPTIONS" && requested_method.is_some()
}

impl Cors {
    /// Whether pages of this origin may read our answers.
    pub(crate) fn admits(&self, origin: &str) -> bool {
        self.allowed(Some(origin)).is_some()
    }

    /// The answer to a preflight request from `origin`; nothing when it is not allowed.
    #[must_use]
    pub fn preflight(&self, origin: Option<&str>) -> Option<Response> {
        self.allowed(origin)?;
        Some(
            Response::empty(204)
                .header("Access-Control-Allow-Methods", self.allow_methods.clone())
                .header("Access-Control-Allow-Headers", self.allow_headers.clone())
                .header("Access-Control-Max-Age", self.max_age.clone()),
        )
    }

    /// Adds to any answer what lets the page that asked read it.
    pub fn decorate(&self, origin: Option<&str>, response: &mut Response) {
        if matches!(self.origins, CorsOrigins::Listed(_)) {
            // Also without an Origin: a cache must not give such an answer to a page.
            response.headers.push(("Vary", "Origin".to_owned()));
        }
        let Some(allowed) = self.allowed(origin) else { return };
        response.headers.push((ALLOW_ORIGIN, allowed.to_owned()));
        if self.credentials {
            response.headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
        }
        let mut exposed: Vec<String> = Vec::new();
        response.headers.retain(|(name, value)| {
            let is_ours = name.eq_ignore_ascii_case(EXPOSE);
            if is_ours {
                exposed.extend(value.split(',').map(|name| name.trim().to_owned()));
            }
            !is_ours
        });
        for name in &self.expose_headers {
            if !exposed.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                exposed.push(name.clone());
            }
        }
        if !exposed.is_empty() {
            response.headers.push((EXPOSE, exposed.join(", ")));
        }
    }

    /// The value of `Access-Control-Allow-Origin`.
    fn allowed<'o>(&self, origin: Option<&'o str>) -> Option<&'o str> {
        let origin = origin?;
        match &self.origins {
            CorsOrigins::Any => Some("*"),
            CorsOrigins::Listed(listed) => listed.is_trusted_origin(origin).then_some(origin),
        }
    }
}
