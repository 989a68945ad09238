//! Requests, responses and callers, as tests write and read them.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use serde_json::Value;

use crate::app::App;
use crate::call::Request;
use crate::reply::Response;
use crate::wire::cookie::decode_uri_component;

/// A request to be sent, by whatever way.
#[derive(Debug, Clone)]
pub struct TestRequest {
    /// The method.
    pub method: String,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    path: String,
    is_below_base: bool,
}

/// GET a path below the base path.
#[must_use]
pub fn get(path: &str) -> TestRequest {
    TestRequest::new("GET", path)
}

/// POST JSON to a path below the base path; `null` is no body.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "bodies are written in place")]
pub fn post(path: &str, body: Value) -> TestRequest {
    let request = TestRequest::new("POST", path);
    if body.is_null() { request } else { request.body("application/json", body.to_string()) }
}

impl TestRequest {
    /// A request to a path below the base path.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            path: path.to_owned(),
            is_below_base: true,
        }
    }

    /// A request to exactly this path.
    #[must_use]
    pub fn exactly(method: &str, path: &str) -> Self {
        Self { is_below_base: false, ..Self::new(method, path) }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// With a body of a media type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.raw_body(body).header("content-type", media_type)
    }

    /// With a body that no header describes.
    #[must_use]
    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sent by `caller`.
    #[must_use]
    pub fn by(self, caller: &Caller) -> Self {
        match caller {
            Caller::Anonymous => self,
            Caller::Cookie { cookies, origin } => self.header("cookie", cookies).header("origin", origin),
            Caller::Bearer(token) => self.header("authorization", format!("Bearer {token}")),
        }
    }

    /// The path and query on a server with this base path.
    #[must_use]
    pub fn target(&self, base_path: &str) -> String {
        if self.is_below_base { format!("{base_path}{}", self.path) } else { self.path.clone() }
    }

    pub(super) fn into_call(self, target: &str) -> Request {
        Request {
            method: self.method,
            path: target.split('?').next().unwrap_or_default().to_owned(),
            query: target.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default(),
            headers: self.headers,
            body: self.body.into(),
            peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        }
    }
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody in particular: no cookie, no token, no origin.
    Anonymous,
    /// A browser on the server's own site.
    Cookie {
        /// The value of the `Cookie` header.
        cookies: String,
        /// The value of the `Origin` header.
        origin: String,
    },
    /// A program that keeps the token itself.
    Bearer(String),
}

/// A person who has signed in.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The id.
    pub id: String,
    /// The address.
    pub email: String,
    /// The session's token.
    pub token: String,
    /// The token with its signature, as `set-auth-token` has it.
    pub signed: String,
    /// The value of the `Cookie` header with every cookie that was set.
    pub cookies: String,
    origin: String,
}

impl TestUser {
    /// Whoever the answer of a sign-up or sign-in is for.
    #[must_use]
    pub fn new(response: &TestResponse, app: &App) -> Self {
        let text = |pointer: &str| {
            let json = response.json();
            let found = json.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_else(|| panic!("no {pointer} in {json}")).to_owned()
        };
        let pairs = response.set_cookies();
        let pairs: Vec<_> = pairs.iter().filter_map(|cookie| cookie.split(';').next()).collect();
        let signed = response.cookie(&app.cookies.session_token.name).expect("a session cookie");
        Self {
            id: text("/user/id"),
            email: text("/user/email"),
            token: text("/token"),
            signed: decode_uri_component(&signed).expect("an encoded cookie"),
            cookies: pairs.join("; "),
            origin: app.config.base_url.origin().to_owned(),
        }
    }

    /// With a browser.
    #[must_use]
    pub fn by_cookie(&self) -> Caller {
        Caller::Cookie { cookies: self.cookies.clone(), origin: self.origin.clone() }
    }

    /// With a program that sends the session's token.
    #[must_use]
    pub fn by_bearer(&self) -> Caller {
        Caller::Bearer(self.token.clone())
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// The status code.
    pub status: u16,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl From<Response> for TestResponse {
    fn from(response: Response) -> Self {
        let lower = |(name, value): (&str, String)| (name.to_ascii_lowercase(), value);
        let headers = response.headers.into_iter().map(lower).collect();
        Self { status: response.status, headers, body: response.body }
    }
}

impl TestResponse {
    /// The value of a header that occurs once or not at all.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} occurs twice");
        value
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Every `Set-Cookie` header.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<&str> {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.map(|(_, value)| value.as_str()).collect()
    }

    /// The value that is set for a cookie, as it stands in the header.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let pair = |cookie: &str| {
            let (found, rest) = cookie.split_once('=')?;
            (found == name).then(|| rest.split(';').next().unwrap_or_default().to_owned())
        };
        self.set_cookies().into_iter().find_map(pair)
    }
}
