use std::sync::Arc;

use serde_json::{Value, json};
use url::{Host, Url};

/// What an API says about itself (RFC 9728): where its tokens come from. Clients that were refused find it
/// through `resource_metadata` in the challenge.
///
/// ```
/// use auth_verify::ProtectedResource;
///
/// let resource = ProtectedResource::new("https://api.example.com/v1", "https://auth.example.com")?
///     .scopes(&["orders:read"]);
/// assert_eq!(resource.metadata_path(), "/.well-known/oauth-protected-resource/v1");
/// # Ok::<(), auth_verify::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    url: Url,
    authorization_server: Url,
    scopes: Vec<String>,
    name: Option<String>,
}

/// Why an API's description was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// Plain http beyond this machine.
    #[error("the address must be https, or http on loopback")]
    Insecure,
    /// No absolute URL, or one with a user name, a query or a fragment.
    #[error("the address is not a plain URL")]
    Invalid,
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl ProtectedResource {
    /// The API at `resource`, for tokens of the issuer `authorization_server`.
    ///
    /// # Errors
    /// [`ResourceError`] when one of the two is no https URL; http is accepted on loopback.
    pub fn new(resource: &str, authorization_server: &str) -> Result<Self, ResourceError> {
        Ok(Self {
            url: parse(resource)?,
            authorization_server: parse(authorization_server)?,
            scopes: Vec::new(),
            name: None,
        })
    }

    /// The scopes that its routes ask for.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self
    }

    /// A name for people to read.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The path under which [`ProtectedResource::document`] is to be served, without a token.
    #[must_use]
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.url.path().trim_end_matches('/'))
    }

    /// The same as an absolute URL.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        let mut url = self.url.clone();
        url.set_path(&self.metadata_path());
        url.into()
    }

    /// The metadata: a JSON object.
    #[must_use]
    pub fn document(&self) -> Value {
        let fixed = json!({
            "resource": plain(&self.url),
            "authorization_servers": [plain(&self.authorization_server)],
            "bearer_methods_supported": ["header"],
        });
        let scopes = (!self.scopes.is_empty()).then(|| ("scopes_supported".to_owned(), json!(self.scopes)));
        let name = self.name.as_ref().map(|name| ("resource_name".to_owned(), json!(name)));
        let fixed = fixed.as_object().cloned().unwrap_or_default();
        Value::Object(fixed.into_iter().chain(scopes).chain(name).collect())
    }

    pub(crate) fn shared_metadata_url(&self) -> Arc<str> {
        self.metadata_url().into()
    }
}

/// Identifiers are compared letter for letter, and people write origins without the slash that a parsed
/// URL has.
fn plain(url: &Url) -> &str {
    if url.path() == "/" { url.as_str().trim_end_matches('/') } else { url.as_str() }
}

fn parse(text: &str) -> Result<Url, ResourceError> {
    let Ok(url) = Url::parse(text) else { return Err(ResourceError::Invalid) };
    let has_more = url.query().is_some() || url.fragment().is_some();
    if has_more || !url.username().is_empty() || url.password().is_some() {
        return Err(ResourceError::Invalid);
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(ResourceError::Invalid),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err(ResourceError::Insecure),
        _ => Err(ResourceError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_an_api_as_the_rfc_has_it() {
        let resource = ProtectedResource::new("https://api.example.test/", "https://auth.example.test")
            .unwrap()
            .scopes(&["a", "b"])
            .name("Orders");
        assert_eq!(resource.metadata_url(), "https://api.example.test/.well-known/oauth-protected-resource");
        assert_eq!(
            resource.document(),
            json!({"resource": "https://api.example.test", "authorization_servers": ["https://auth.example.test"],
                "bearer_methods_supported": ["header"], "scopes_supported": ["a", "b"], "resource_name": "Orders"})
        );
        let below = ProtectedResource::new("http://localhost:4000/a/b/", "http://[::1]:3000/auth").unwrap();
        assert_eq!(below.metadata_url(), "http://localhost:4000/.well-known/oauth-protected-resource/a/b");
        assert_eq!(below.document()["authorization_servers"], json!(["http://[::1]:3000/auth"]));
    }

    #[test]
    fn refuses_addresses_that_a_challenge_must_not_name() {
        for (url, error) in [
            ("http://api.example.test", ResourceError::Insecure),
            ("http://localhost.evil.test", ResourceError::Insecure),
            ("api.example.test", ResourceError::Invalid),
            ("https://u:p@api.example.test", ResourceError::Invalid),
            ("https://api.example.test?a", ResourceError::Invalid),
            ("https://api.example.test#a", ResourceError::Invalid),
            ("javascript:alert(1)", ResourceError::Invalid),
        ] {
            assert_eq!(ProtectedResource::new(url, "https://a.test"), Err(error), "{url}");
            assert_eq!(ProtectedResource::new("https://a.test", url), Err(error), "{url}");
        }
    }

    #[test]
    fn writes_nothing_into_a_challenge_that_could_end_its_quotes() {
        let resource =
            ProtectedResource::new("https://api.example.test/a\"b\\c d", "https://a.test").unwrap();
        assert!(!resource.metadata_url().contains(['"', '\\', ' ']), "{}", resource.metadata_url());
    }
}
