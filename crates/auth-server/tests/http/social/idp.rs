//! A provider: OpenID Connect with several tenants (`/main`, `/other`), each an issuer of its own, and `/plain` without
//! id tokens. It answers on threads, whatever the test's runtime does, and misbehaves when told to.

use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use auth_core::testing::{START, TestRequest, TestResponse, get, post};
use auth_jose::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::peer::{self, Heard};
use crate::support::{Server, member};

/// What the provider answers instead of the truth.
#[derive(Clone)]
pub(super) struct Instead {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) delay: Duration,
}

impl Instead {
    /// A body of a media type.
    pub(super) fn body(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let head = format!("content-type: {media_type}\r\n");
        Self { status: 200, head, body: body.into(), delay: Duration::ZERO }
    }

    /// A status without a body.
    pub(super) fn status(status: u16) -> Self {
        Self { status, head: String::new(), body: Vec::new(), delay: Duration::ZERO }
    }
}

/// Somebody who has agreed to sign in.
#[derive(Clone)]
struct Grant {
    tenant: String,
    claims: Value,
    nonce: Option<String>,
    challenge: Option<String>,
    client: String,
}

#[derive(Default)]
struct State {
    codes: HashMap<String, Grant>,
    access: HashMap<String, Grant>,
    refresh: HashMap<String, Grant>,
    instead: HashMap<String, Instead>,
    /// Claims of id tokens that are not what they should be.
    lies: Value,
    foreign_key: bool,
    log: Vec<String>,
    count: usize,
}

/// The provider.
pub(super) struct Idp {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct Keys {
    own: SigningKey,
    foreign: SigningKey,
}

impl Idp {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let key = || SigningKey::generate(KeyAlgorithm::EdDsa, "idp-key").unwrap();
        let keys = Arc::new(Keys { own: key(), foreign: key() });
        let shared = state.clone();
        let address = peer::listen(move |stream, address| serve(stream, address, &shared, &keys));
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn issuer(&self, tenant: &str) -> String {
        format!("http://{}/{tenant}", self.address)
    }

    /// Settings that configure every tenant; `more` is merged into them by the caller.
    pub(super) fn settings(&self) -> Value {
        let discovered = |id: &str, tenant: &str| {
            json!({
                "providerId": id,
                "discoveryUrl": format!("{}/.well-known/openid-configuration", self.issuer(tenant)),
                "clientId": format!("{id}-client"),
                "clientSecret": "secret",
                "scopes": ["openid", "email", "profile"],
            })
        };
        let plain = self.issuer("plain");
        json!({
            "providers": { "generic": [
                discovered("oidc", "main"),
                discovered("other", "other"),
                {
                    "providerId": "plain",
                    "authorizationUrl": format!("{plain}/authorize"),
                    "tokenUrl": format!("{plain}/token"),
                    "userInfoUrl": format!("{plain}/userinfo"),
                    "clientId": "plain-client",
                    "clientSecret": "secret",
                },
            ] },
            "advanced": { "outbound": { "timeout": 1 } },
        })
    }

    /// Answers requests to `path`, such as `main/token`, with this.
    pub(super) fn answer(&self, path: &str, instead: Instead) {
        self.state().instead.insert(path.to_owned(), instead);
    }

    /// Tells the truth again.
    pub(super) fn recover(&self) {
        let mut state = self.state();
        state.instead.clear();
        state.lies = Value::Null;
        state.foreign_key = false;
    }

    /// Puts these claims into id tokens; `null` leaves one out.
    pub(super) fn lie(&self, claims: Value) {
        self.state().lies = claims;
    }

    /// Signs with a key that is not published.
    pub(super) fn sign_with_foreign_key(&self) {
        self.state().foreign_key = true;
    }

    /// What was asked for since the last call, such as `POST main/token`.
    pub(super) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    /// The person of `claims` agrees at `url`: the path and query of the callback.
    pub(super) fn agree(&self, url: &str, claims: &Value) -> String {
        let url = Url::parse(url).unwrap();
        let text = |name: &str| Some(member(url.as_str(), name)).filter(|text| !text.is_empty());
        let mut state = self.state();
        state.count += 1;
        let code = format!("code-{}", state.count);
        let grant = Grant {
            tenant: url.path().split('/').nth(1).unwrap().to_owned(),
            claims: claims.clone(),
            nonce: text("nonce"),
            challenge: text("code_challenge"),
            client: text("client_id").unwrap(),
        };
        state.codes.insert(code.clone(), grant);
        let mut back = Url::parse(&text("redirect_uri").unwrap()).unwrap();
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &text("state").unwrap());
        format!("{}?{}", back.path(), back.query().unwrap())
    }
}

fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    state: &Mutex<State>,
    keys: &Keys,
) -> std::io::Result<()> {
    let Heard { method, target, authorization, body } = peer::hear(&stream)?;
    let path = target.trim_start_matches('/').to_owned();
    let bearer = authorization.trim_start_matches("Bearer ");
    let instead = {
        let mut state = state.lock().unwrap();
        state.log.push(format!("{method} {path}"));
        state.instead.get(&path).cloned()
    };
    if let Some(instead) = instead {
        thread::sleep(instead.delay);
        write!(stream, "HTTP/1.1 {} Instead\r\n{}connection: close\r\n\r\n", instead.status, instead.head)?;
        return stream.write_all(&instead.body);
    }
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let (tenant, rest) = path.split_once('/').unwrap_or_default();
    let base = format!("http://{address}/{tenant}");
    let answer = match rest {
        ".well-known/openid-configuration" => Some(json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "userinfo_endpoint": format!("{base}/userinfo"),
            "end_session_endpoint": format!("{base}/logout"),
            "jwks_uri": format!("{base}/jwks"),
            "id_token_signing_alg_values_supported": ["EdDSA"],
        })),
        "jwks" => {
            let mut jwk = keys.own.public_jwk();
            jwk.insert("kid".to_owned(), json!("idp-key"));
            jwk.insert("alg".to_owned(), json!("EdDSA"));
            Some(json!({ "keys": [jwk] }))
        }
        "token" => token(&mut state.lock().unwrap(), &form, &base, keys),
        "userinfo" => state.lock().unwrap().access.get(bearer).map(|grant| {
            let mut claims = grant.claims.clone();
            claims["id"] = claims["sub"].clone();
            claims
        }),
        _ => None,
    };
    let (status, answer) = match answer {
        Some(answer) => (200, answer),
        None => (400, json!({ "error": "invalid_grant" })),
    };
    let text = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
}

fn token(state: &mut State, form: &HashMap<String, String>, base: &str, keys: &Keys) -> Option<Value> {
    let is_refresh = form.get("grant_type").is_some_and(|it| it == "refresh_token");
    let grant = if is_refresh {
        Grant { nonce: None, ..state.refresh.get(form.get("refresh_token")?)?.clone() }
    } else {
        // A code works once (RFC 6749, section 4.1.2).
        let grant = state.codes.remove(form.get("code")?)?;
        let verifier = form.get("code_verifier").map(|verifier| sha256(verifier));
        if grant.challenge != verifier {
            return None;
        }
        grant
    };
    if form.get("client_id") != Some(&grant.client) || !base.ends_with(&grant.tenant) {
        return None;
    }
    state.count += 1;
    let (access, refresh) = (format!("at-{}", state.count), format!("rt-{}", state.count));
    state.access.insert(access.clone(), grant.clone());
    state.refresh.insert(refresh.clone(), grant.clone());
    let mut answer = json!({
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "openid email profile",
    });
    if grant.tenant != "plain" {
        let mut claims = json!({
            "iss": base, "aud": grant.client, "iat": START, "exp": START + 100_000, "nonce": grant.nonce,
        });
        for source in [&grant.claims, &state.lies] {
            for (name, value) in source.as_object().into_iter().flatten() {
                claims[name] = value.clone();
            }
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let key = if state.foreign_key { &keys.foreign } else { &keys.own };
        answer["id_token"] = json!(key.sign(None, &claims).unwrap());
    }
    Some(answer)
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    auth_jose::base64url::encode(sha2::Sha256::digest(text))
}

/// A browser: the cookies that it has.
#[derive(Default, Clone)]
pub(super) struct Jar(Vec<(String, String)>);

impl Jar {
    pub(super) fn take(&mut self, response: &TestResponse) {
        for cookie in response.set_cookies() {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            self.0.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub(super) fn header(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub(super) fn with(cookies: &str) -> Self {
        let pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Sends a request as a page of the server's own site would.
    pub(super) async fn send(&mut self, server: &Server, request: TestRequest) -> TestResponse {
        let mut request = request.header("origin", "http://localhost:3000");
        if !self.0.is_empty() {
            request = request.header("cookie", self.header());
        }
        let response = server.call(request).await;
        self.take(&response);
        response
    }
}

/// What the provider says about somebody.
pub(super) fn person(name: &str, verified: bool) -> Value {
    let email = format!("{}@example.test", name.to_lowercase());
    json!({
        "sub": format!("sub-{name}"),
        "email": email,
        "email_verified": verified,
        "name": name,
        "picture": "https://cdn.example.test/p.png",
    })
}

/// Begins a sign-in; the provider's address.
pub(super) async fn begin(server: &Server, jar: &mut Jar, provider: &str) -> String {
    let body = json!({
        "provider": provider,
        "callbackURL": "/in",
        "errorCallbackURL": "/oops",
        "newUserCallbackURL": "/welcome",
    });
    let response = jar.send(server, post("/sign-in/social", body)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["url"].as_str().unwrap().to_owned()
}

/// A whole sign-in; the answer of the callback.
pub(super) async fn sign_in(
    server: &Server,
    idp: &Idp,
    jar: &mut Jar,
    provider: &str,
    claims: &Value,
) -> TestResponse {
    let url = begin(server, jar, provider).await;
    let back = idp.agree(&url, claims);
    jar.send(server, TestRequest::exactly("GET", &back)).await
}

/// The provider ids of the caller's accounts.
pub(super) async fn accounts(server: &Server, jar: &mut Jar) -> Vec<String> {
    let response = jar.send(server, get("/list-accounts")).await;
    let list = response.json();
    let ids = list.as_array().unwrap().iter().map(|it| it["providerId"].as_str().unwrap().to_owned());
    let mut ids: Vec<String> = ids.collect();
    // The test's clock stands still: all are equally old.
    ids.sort();
    ids
}

/// Settings on top of the provider's.
pub(super) fn with(mut settings: Value, more: &Value) -> Value {
    fn merge(base: &mut Value, over: &Value) {
        match (base, over) {
            (Value::Object(base), Value::Object(over)) => {
                for (name, value) in over {
                    merge(base.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
            (base, over) => *base = over.clone(),
        }
    }
    merge(&mut settings, more);
    settings
}
