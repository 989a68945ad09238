//! Built-in providers that speak a dialect of their own, from the first redirect to the session.

use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use auth_core::testing::{START, TestDatabase, TestRequest, TestResponse, post};
use auth_jose::{KeyAlgorithm, SigningKey, base64url};
use serde_json::{Value, json};
use sha2::Digest as _;
use url::{Url, form_urlencoded};

use super::idp::{Jar, begin};
use super::peer::{self, Heard};
use crate::support::{Server, assert_redirected, member};

on_every_database!(
    github_people_get_the_address_that_github_verified,
    apple_posts_a_form_that_may_hold_the_name,
    wechat_has_names_of_its_own_for_everything,
    tiktok_has_a_key_instead_of_an_id,
    a_facebook_token_of_another_app_signs_nobody_in,
);

type Pairs = HashMap<String, String>;

/// A request that the fake was sent.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    path: String,
    query: Pairs,
    form: Pairs,
    authorization: String,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<&'static str, (u16, Value)>,
    seen: Vec<Seen>,
}

/// A provider that answers every path with what the test put there, as `text/plain`: WeChat does, and upstream takes it.
struct Fake {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Fake {
    fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let state = shared.clone();
        let address = peer::listen(move |stream, _| serve(stream, &state));
        Self { address, shared }
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn answer(&self, path: &'static str, body: Value) {
        self.shared.lock().unwrap().answers.insert(path, (200, body));
    }

    fn refuse(&self, path: &'static str) {
        self.shared.lock().unwrap().answers.insert(path, (403, json!({ "error": "forbidden" })));
    }

    /// What was asked for since the last call.
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.lock().unwrap().seen)
    }

    /// A server with one provider, whose endpoints are the fake's paths.
    async fn server(
        &self,
        database: TestDatabase,
        id: &str,
        endpoints: &[(&str, &str)],
        more: Value,
    ) -> Server {
        let mut options = json!({ "clientId": "our-id", "clientSecret": "our-secret" });
        for (name, value) in more.as_object().unwrap() {
            options[name] = value.clone();
        }
        for (option, path) in endpoints {
            options[option] = json!(self.at(path));
        }
        Server::with(database, json!({ "socialProviders": { id: options } })).await
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let Heard { method, target, authorization, body } = peer::hear(&stream)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect();
    let seen = Seen {
        method,
        path: path.to_owned(),
        query: pairs(query.as_bytes()),
        form: pairs(&body),
        authorization,
    };
    let (status, answer) = {
        let mut shared = shared.lock().unwrap();
        shared.seen.push(seen);
        shared.answers.get(path).cloned().unwrap_or((404, Value::Null))
    };
    let text = answer.to_string();
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    )
}

/// The callback that the provider sends the browser to.
fn back(url: &str, code: &str) -> String {
    let callback = Url::parse(&member(url, "redirect_uri")).unwrap();
    format!("{}?code={code}&state={}", callback.path(), member(url, "state"))
}

/// A whole sign-in: where the browser was sent, and the answer of the callback.
async fn sign_in(server: &Server, jar: &mut Jar, provider: &str) -> (String, TestResponse) {
    let url = begin(server, jar, provider).await;
    let response = jar.send(server, TestRequest::exactly("GET", &back(&url, "the-code"))).await;
    (url, response)
}

async fn session(server: &Server, jar: &Jar) -> Value {
    server.session(&jar.header()).await.json()["user"].clone()
}

async fn github_people_get_the_address_that_github_verified(database: TestDatabase) {
    let fake = Fake::start();
    let endpoints = [
        ("authorizationEndpoint", "/authorize"),
        ("tokenEndpoint", "/token"),
        ("userInfoEndpoint", "/user"),
        ("userEmailsEndpoint", "/emails"),
    ];
    let server = fake.server(database, "github", &endpoints, json!({})).await;
    fake.answer("/token", json!({ "access_token": "at-1", "token_type": "bearer", "scope": "read:user" }));
    fake.answer("/user", json!({ "id": 7, "login": "ada", "name": null, "email": null }));
    fake.answer(
        "/emails",
        json!([
            { "email": "old@example.test", "primary": false, "verified": false },
            { "email": "Ada@Example.test", "primary": true, "verified": true },
        ]),
    );
    let mut jar = Jar::default();
    let (url, response) = sign_in(&server, &mut jar, "github").await;
    assert_redirected(&response, "/welcome");
    let user = session(&server, &jar).await;
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!("ada@example.test"), &json!(true)));
    assert_eq!(user["name"], "ada");
    assert_eq!(server.database.text(r#"SELECT "accountId" AS value FROM account"#).await, "7");

    let seen = fake.seen();
    let lines: Vec<_> = seen.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
    assert_eq!(lines, ["POST /token", "GET /user", "GET /emails"]);
    assert_eq!(seen[0].form["client_secret"], "our-secret");
    let challenge = base64url::encode(sha2::Sha256::digest(&seen[0].form["code_verifier"]));
    assert_eq!(challenge, member(&url, "code_challenge"));
    assert_eq!((&*seen[1].authorization, &*seen[2].authorization), ("Bearer at-1", "Bearer at-1"));

    // Without the list nobody knows the address.
    fake.refuse("/emails");
    let (_, response) = sign_in(&server, &mut Jar::default(), "github").await;
    assert_redirected(&response, "/oops?error=email_not_found");
    // A public address that is not in the list is not verified, and takes nobody's account over.
    fake.answer("/user", json!({ "id": 8, "login": "eve", "email": "ada@example.test" }));
    let (_, response) = sign_in(&server, &mut Jar::default(), "github").await;
    assert_redirected(&response, "/oops?error=account_not_linked");
    // GitHub refuses codes with status 200.
    fake.answer("/token", json!({ "error": "bad_verification_code" }));
    let (_, response) = sign_in(&server, &mut Jar::default(), "github").await;
    assert_redirected(&response, "/oops?error=invalid_code");
    assert_eq!(server.database.count("user").await, 1);
}

async fn apple_posts_a_form_that_may_hold_the_name(database: TestDatabase) {
    let fake = Fake::start();
    let endpoints = [("tokenEndpoint", "/token"), ("jwksEndpoint", "/keys")];
    let server = fake.server(database, "apple", &endpoints, json!({})).await;
    let key = || SigningKey::generate(KeyAlgorithm::Es256, "apple-1").unwrap();
    let (own, foreign) = (key(), key());
    let mut jwk = own.public_jwk();
    jwk.insert("kid".to_owned(), json!("apple-1"));
    jwk.insert("alg".to_owned(), json!("ES256"));
    fake.answer("/keys", json!({ "keys": [jwk] }));
    let tokens = |key: &SigningKey, audience: &str| {
        let claims = json!({
            "iss": "https://appleid.apple.com", "aud": audience, "iat": START, "exp": START + 600,
            "sub": "001.apple", "email": "ada@example.test", "email_verified": "true",
        });
        json!({ "access_token": "at", "id_token": key.sign(None, &claims).unwrap() })
    };

    let mut answers = [
        (tokens(&foreign, "our-id"), false),
        (tokens(&own, "another"), false),
        (tokens(&own, "our-id"), true),
    ];
    for (answer, is_good) in &mut answers {
        fake.answer("/token", answer.take());
        let mut jar = Jar::default();
        let url = begin(&server, &mut jar, "apple").await;
        assert_eq!(member(&url, "response_mode"), "form_post");
        assert_eq!(member(&url, "response_type"), "code id_token");
        let user = r#"{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"evil@example.test"}"#;
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("state", &*member(&url, "state")), ("code", "the-code"), ("user", user)])
            .finish();
        // A page of Apple posts it; the browser keeps its cookies back.
        let request = TestRequest::new("POST", "/callback/apple")
            .body("application/x-www-form-urlencoded", form)
            .header("origin", "https://appleid.apple.com");
        let location = server.call(request).await.header("location").unwrap().to_owned();
        let callback = Url::parse(&location).unwrap();
        let path = format!("{}?{}", callback.path(), callback.query().unwrap());
        let response = jar.send(&server, TestRequest::exactly("GET", &path)).await;
        if !*is_good {
            assert_redirected(&response, "/oops?error=unable_to_get_user_info");
            continue;
        }
        assert_redirected(&response, "/welcome");
        let user = session(&server, &jar).await;
        assert_eq!((&user["name"], &user["email"]), (&json!("Ada Lovelace"), &json!("ada@example.test")));
        assert_eq!(user["emailVerified"], true);
    }
    assert_eq!(server.database.count("user").await, 1);
}

async fn wechat_has_names_of_its_own_for_everything(database: TestDatabase) {
    let fake = Fake::start();
    let endpoints = [("tokenEndpoint", "/token"), ("userInfoEndpoint", "/userinfo")];
    let server = fake.server(database, "wechat", &endpoints, json!({})).await;
    let tokens = json!({
        "access_token": "at-1", "refresh_token": "rt-1", "expires_in": 7200, "openid": "open-1", "scope": "snsapi_login",
    });
    fake.answer("/token", tokens);
    fake.answer("/userinfo", json!({ "openid": "open-1", "unionid": "union-1", "nickname": "Ada" }));
    let mut jar = Jar::default();
    let (url, response) = sign_in(&server, &mut jar, "wechat").await;
    assert!(
        url.ends_with("#wechat_redirect") && !url.contains("client_id") && !url.contains("code_challenge"),
        "{url}"
    );
    assert_eq!((member(&url, "appid"), member(&url, "lang")), ("our-id".to_owned(), "cn".to_owned()));
    assert_redirected(&response, "/welcome");
    let user = session(&server, &jar).await;
    assert_eq!(user["email"], "union-1@wechat.placeholder.invalid");
    assert_eq!(user["emailVerified"], false);
    let seen = fake.seen();
    assert_eq!(
        (&*seen[0].method, &*seen[0].query["appid"], &*seen[0].query["secret"]),
        ("GET", "our-id", "our-secret")
    );
    assert_eq!((&*seen[1].query["access_token"], &*seen[1].query["openid"]), ("at-1", "open-1"));
    assert_eq!(seen[1].authorization, "");

    let id = server.database.text("SELECT id AS value FROM account").await;
    let response = jar.send(&server, post("/refresh-token", json!({ "accountId": id }))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let seen = fake.seen();
    assert_eq!((&*seen[0].query["refresh_token"], seen[0].query.contains_key("secret")), ("rt-1", false));

    // It refuses with status 200.
    fake.answer("/userinfo", json!({ "errcode": 40003, "errmsg": "invalid openid" }));
    let (_, response) = sign_in(&server, &mut Jar::default(), "wechat").await;
    assert_redirected(&response, "/oops?error=unable_to_get_user_info");
    fake.answer("/token", json!({ "errcode": 40029, "errmsg": "invalid code" }));
    let (_, response) = sign_in(&server, &mut Jar::default(), "wechat").await;
    assert_redirected(&response, "/oops?error=invalid_code");
}

async fn tiktok_has_a_key_instead_of_an_id(database: TestDatabase) {
    let fake = Fake::start();
    let endpoints = [("tokenEndpoint", "/token"), ("userInfoEndpoint", "/userinfo")];
    let more = json!({ "scope": ["video.list"] });
    let server = fake.server(database, "tiktok", &endpoints, more).await;
    fake.answer("/token", json!({ "access_token": "at-1", "scope": "user.info.profile,video.list" }));
    fake.answer("/userinfo", json!({ "data": { "user": { "open_id": "open-1", "display_name": "Ada" } } }));
    let mut jar = Jar::default();
    let (url, response) = sign_in(&server, &mut jar, "tiktok").await;
    assert_eq!(member(&url, "client_key"), "our-id");
    assert_eq!(member(&url, "scope"), "user.info.profile,video.list");
    assert!(!url.contains("client_id=") && !url.contains("code_challenge"), "{url}");
    assert_redirected(&response, "/welcome");
    assert_eq!(session(&server, &jar).await["email"], "open-1@tiktok.placeholder.invalid");
    let seen = fake.seen();
    assert_eq!((&*seen[0].form["client_key"], &*seen[0].form["client_secret"]), ("our-id", "our-secret"));
    assert!(!seen[0].form.contains_key("client_id") && !seen[0].form.contains_key("code_verifier"));
    assert_eq!(seen[1].authorization, "Bearer at-1");
}

async fn a_facebook_token_of_another_app_signs_nobody_in(database: TestDatabase) {
    let fake = Fake::start();
    let endpoints = [("debugTokenEndpoint", "/debug"), ("userInfoEndpoint", "/me")];
    let server = fake.server(database, "facebook", &endpoints, json!({})).await;
    fake.answer("/me", json!({ "id": "42", "name": "Ada", "email": "ada@example.test" }));
    let body = json!({ "provider": "facebook", "idToken": { "token": "opaque", "accessToken": "at-1" } });
    for (app, valid, user) in [("another", true, "42"), ("our-id", false, "42"), ("our-id", true, "43")] {
        fake.answer("/debug", json!({ "data": { "app_id": app, "is_valid": valid, "user_id": user } }));
        let response = server.call(post("/sign-in/social", body.clone())).await;
        assert_eq!(response.status, 401, "{}", response.text());
    }
    assert_eq!(server.database.count("user").await, 0);
    fake.seen();
    fake.answer("/debug", json!({ "data": { "app_id": "our-id", "is_valid": true, "user_id": "42" } }));
    let response = server.call(post("/sign-in/social", body)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["user"]["email"], "ada@example.test");
    let seen = fake.seen();
    assert_eq!(
        (&*seen[0].query["input_token"], &*seen[0].query["access_token"]),
        ("at-1", "our-id|our-secret")
    );
}
