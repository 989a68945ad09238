//! The requests of the authorization code flow, built and not sent.

use std::fmt;

use auth_jose::base64url;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Param, Pkce, Provider, Refresh, ScopeOrder, TokenAuth, TokenSend};

/// Parameters that a caller's own can never replace.
const RESERVED: [&str; 8] = [
    "state",
    "client_id",
    "redirect_uri",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "scope",
];

/// An HTTP method that providers are called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// A request to a provider. It carries secrets: its debug form shows method and address without the query.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// Header names in lower case, each once.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{:?} {}://{host}{}", self.method, self.url.scheme(), self.url.path())
    }
}

impl Request {
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: None }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn form(url: Url, fields: &Parameters) -> Self {
        Self { method: Method::Post, url, headers: Vec::new(), body: Some(fields.encoded()) }
            .header("content-type", "application/x-www-form-urlencoded")
    }
}

/// What a sign-in adds to the authorization request.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorizeAsk<'a> {
    /// Comes back in the callback.
    pub state: &'a str,
    /// The proof key's verifier; its S256 challenge is sent if the provider takes one.
    pub code_verifier: &'a str,
    /// Our callback, unless the settings name another.
    pub redirect_uri: &'a str,
    /// More scopes.
    pub scopes: &'a [String],
    /// Who is likely to sign in.
    pub login_hint: Option<&'a str>,
    /// Binds the id token to this sign-in.
    pub nonce: Option<&'a str>,
    /// More parameters; reserved ones are skipped.
    pub params: &'a [(String, String)],
}

/// What a callback brings for the token request.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeAsk<'a> {
    /// The authorization code.
    pub code: &'a str,
    /// The proof key's verifier.
    pub code_verifier: &'a str,
    /// The callback that the authorization request named, unless the settings name another.
    pub redirect_uri: &'a str,
    /// VK's device id.
    pub device_id: Option<&'a str>,
}

/// Parameters in order, each name once.
#[derive(Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Adds a parameter, or gives the one of this name a new value in its place.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn encoded(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// Sets parameters in the query of an address.
pub(super) fn with_query(mut url: Url, add: &[(&str, &str)]) -> Url {
    let mut all = Parameters(url.query_pairs().into_owned().collect());
    for (name, value) in add {
        all.set(name, *value);
    }
    url.set_query(Some(&all.encoded()));
    url
}

impl Provider {
    /// The address to which a browser is sent.
    #[must_use]
    pub fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Url {
        let row = &self.row.authorize;
        let mut url = self.endpoints.authorize.clone();
        let mut all = Parameters(url.query_pairs().into_owned().collect());
        let own = all.0.len();
        let scopes = self.asked_scopes(ask.scopes);

        all.set("response_type", row.response_type);
        all.set(row.client_field, self.client.id());
        all.set("state", ask.state);
        if !scopes.is_empty() {
            all.set("scope", scopes.join(row.separator));
        }
        all.set("redirect_uri", self.redirect_uri(ask.redirect_uri));
        if let Some(hint) = ask.login_hint.filter(|hint| row.login_hint && !hint.is_empty()) {
            all.set("login_hint", hint);
        }
        if let Some(nonce) = ask.nonce {
            all.set("nonce", nonce);
        }
        if self.pkce {
            all.set("code_challenge_method", "S256");
            all.set("code_challenge", base64url::encode(Sha256::digest(ask.code_verifier)));
        }
        for param in row.params {
            self.set_param(&mut all, *param, &scopes);
        }
        if let Some(prompt) = self.text("prompt") {
            all.set("prompt", prompt);
        }
        // What follows is added at the end, whatever its name.
        let mut rest = all.0.split_off(own.min(all.0.len()));
        let place = |name: &str| row.order.iter().position(|other| *other == name).unwrap_or(row.order.len());
        rest.sort_by_key(|(name, _)| place(name));
        all.0.append(&mut rest);
        for (name, value) in self.authorize_params.iter().chain(ask.params) {
            if !RESERVED.contains(&name.as_str()) && name != row.client_field {
                all.set(name, value);
            }
        }
        for param in row.params {
            if let Param::Fixed(name, value) = param {
                all.set(name, *value);
            }
        }

        let last = if row.scope_last { all.take("scope") } else { None };
        let mut query = all.encoded();
        if let Some(scope) = last {
            let scope: String = byte_serialize(scope.as_bytes()).collect();
            query = format!("{query}&scope={}", scope.replace('+', "%20"));
        }
        url.set_query(Some(&query));
        url.set_fragment(row.fragment);
        url
    }

    fn set_param(&self, all: &mut Parameters, param: Param, scopes: &[&str]) {
        match param {
            Param::Fixed(..) => {}
            Param::Default(name, value) => all.set(name, value),
            Param::Option(name, option) => {
                if let Some(value) = self.text(option) {
                    all.set(name, value);
                }
            }
            Param::WithScope(name, option, scope) => {
                if let Some(value) = self.text(option).filter(|_| scopes.contains(&scope)) {
                    all.set(name, value);
                }
            }
            Param::Flag(name, option) => {
                if self.flag(option) {
                    all.set(name, "true");
                }
            }
            Param::Claims(option, default) => {
                let configured = self.list(option).iter().map(String::as_str);
                let listed =
                    if self.options.contains_key(option) { configured.collect() } else { default.to_vec() };
                let mut claims = serde_json::Map::new();
                for claim in ["email", "email_verified"].into_iter().chain(listed) {
                    claims.insert(claim.to_owned(), serde_json::Value::Null);
                }
                all.set("claims", serde_json::json!({ "id_token": claims }).to_string());
            }
        }
    }

    /// The scopes of one sign-in.
    fn asked_scopes<'a>(&'a self, asked: &'a [String]) -> Vec<&'a str> {
        let (default, configured) = self.scopes.split_at(self.default_scopes.min(self.scopes.len()));
        let all: Vec<&str> = match self.row.authorize.scope_order {
            ScopeOrder::None => return Vec::new(),
            ScopeOrder::ConfiguredFirst | ScopeOrder::Once => {
                self.scopes.iter().chain(asked).map(String::as_str).collect()
            }
            ScopeOrder::RequestedFirst => {
                default.iter().chain(asked).chain(configured).map(String::as_str).collect()
            }
        };
        if self.row.authorize.scope_order != ScopeOrder::Once {
            return all;
        }
        let mut once: Vec<&str> = Vec::new();
        for scope in all {
            if !once.contains(&scope) {
                once.push(scope);
            }
        }
        once
    }

    fn redirect_uri<'a>(&'a self, callback: &'a str) -> &'a str {
        self.redirect_uri.as_deref().unwrap_or(callback)
    }

    /// The request that turns a code into tokens.
    #[must_use]
    pub fn token_request(&self, ask: &CodeAsk<'_>) -> Request {
        let row = &self.row.token;
        let mut fields = Parameters::default();
        if row.send == TokenSend::Query {
            self.named_client(&mut fields, true);
            fields.set("code", ask.code);
            fields.set("grant_type", "authorization_code");
            return Request::get(with_parameters(self.endpoints.token.clone(), &fields));
        }
        fields.set("grant_type", "authorization_code");
        fields.set("code", ask.code);
        if self.pkce {
            fields.set("code_verifier", ask.code_verifier);
        }
        if let Some(device) = ask.device_id.filter(|_| row.device_id) {
            fields.set("device_id", device);
        }
        fields.set("redirect_uri", self.redirect_uri(ask.redirect_uri));
        for (name, value) in &self.token_params {
            if !fields.has(name) {
                fields.set(name, value);
            }
        }
        let mut request = self.authenticated(self.endpoints.token.clone(), fields, self.token_auth);
        for (name, value) in row.headers {
            request = request.header(name, *value);
        }
        request
    }

    /// The request that renews an access token; `None` if the provider cannot.
    #[must_use]
    pub fn refresh_request(&self, refresh_token: &str) -> Option<Request> {
        let url = self.endpoints.refresh.as_ref().unwrap_or(&self.endpoints.token).clone();
        let mut fields = Parameters::default();
        let auth = match self.row.refresh {
            Refresh::None => return None,
            Refresh::Query(_) => {
                self.named_client(&mut fields, false);
                fields.set("grant_type", "refresh_token");
                fields.set("refresh_token", refresh_token);
                return Some(Request::get(with_parameters(url, &fields)));
            }
            Refresh::AsToken | Refresh::Scoped => self.token_auth,
            Refresh::With(auth) => auth,
        };
        fields.set("grant_type", "refresh_token");
        fields.set("refresh_token", refresh_token);
        if self.row.refresh == Refresh::Scoped {
            fields.set("scope", self.scopes.join(" "));
        }
        for (name, value) in &self.refresh_params {
            if name != "grant_type" && name != "refresh_token" {
                fields.set(name, value);
            }
        }
        Some(self.authenticated(url, fields, auth))
    }

    fn authenticated(&self, url: Url, mut fields: Parameters, auth: TokenAuth) -> Request {
        let secret = self.client.secret.as_ref().map(|secret| secret.expose().as_str());
        match (auth, secret) {
            (TokenAuth::Basic, Some(secret)) => {
                let id: String = byte_serialize(self.client.id().as_bytes()).collect();
                let secret: String = byte_serialize(secret.as_bytes()).collect();
                let credentials = STANDARD.encode(format!("{id}:{secret}"));
                return Request::form(url, &fields)
                    .header("accept", "application/json")
                    .header("authorization", format!("Basic {credentials}"));
            }
            (TokenAuth::Named(..), _) => self.named_client(&mut fields, true),
            (TokenAuth::Basic | TokenAuth::Post, secret) => {
                fields.set("client_id", self.client.id());
                if let Some(secret) = secret {
                    fields.set("client_secret", secret);
                }
            }
        }
        Request::form(url, &fields).header("accept", "application/json")
    }

    /// Id and secret under the provider's own names.
    fn named_client(&self, fields: &mut Parameters, with_secret: bool) {
        let TokenAuth::Named(id, secret) = self.row.token.auth else { return };
        fields.set(id, self.client.id());
        if let Some(value) = self.client.secret.as_ref().filter(|_| with_secret) {
            fields.set(secret, value.expose());
        }
    }

    /// Whether a challenge is sent unless the settings decide.
    pub(super) const fn default_pkce(pkce: Pkce) -> bool {
        matches!(pkce, Pkce::Sent | Pkce::Added)
    }
}

fn with_parameters(url: Url, fields: &Parameters) -> Url {
    let pairs: Vec<(&str, &str)> = fields.0.iter().map(|(name, value)| (&**name, &**value)).collect();
    with_query(url, &pairs)
}
