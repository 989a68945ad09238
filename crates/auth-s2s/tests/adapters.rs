//! Requests before the adapters for axum, tower and tonic, and what the middleware of callers sends.
#![cfg(all(
    feature = "axum",
    feature = "mint",
    feature = "published",
    feature = "reqwest",
    feature = "tonic"
))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use auth_jose::base64url;
use auth_s2s::axum::{Rejection, RequireService, ServiceCaller};
use auth_s2s::tonic::caller;
use auth_s2s::{Ask, Credentials, Minter, Receiver, ServiceName};
use auth_verify::testing::{Fault, Issuer};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, FromRef};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tonic::service::Interceptor as _;
use tonic::{Code, Status};
use tower::{Layer, ServiceExt, service_fn};

/// Values of `Authorization`: any bytes that HTTP lets through.
type Headers = Vec<Vec<u8>>;

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn bearer(token: &str) -> Headers {
    vec![format!("Bearer {token}").into_bytes()]
}

struct World {
    worker: Minter,
    billing: Minter,
    /// Lets the worker in alone, with one scope.
    api: Receiver,
    /// Without keys, and without anybody to get them from.
    cold: Receiver,
}

impl World {
    fn new() -> Self {
        let minter = |service: &str| Minter::generate(name(service)).unwrap();
        let (worker, billing) = (minter("worker"), minter("billing"));
        let keys = [&worker, &billing].map(|minter| (minter.name().clone(), minter.public_jwk()));
        let api = Receiver::new(name("api"), keys).unwrap().allow(&name("worker"), &["orders:read"]);
        let issuer = Issuer::start();
        issuer.fail(Fault::Outage);
        let cold = Receiver::published(name("api"), &issuer.services_jwks_url()).unwrap();
        Self { worker, billing, api, cold }
    }

    /// Requests, each with the code of its refusal, or with none for one that gets in.
    fn requests(&self) -> Vec<(&'static str, Headers, Option<&'static str>)> {
        const INVALID: Option<&str> = Some("INVALID_TOKEN");
        let api = name("api");
        let good = self.worker.token(&api).unwrap();
        let (header, rest) = good.split_once('.').unwrap();
        let (claims, signature) = rest.split_once('.').unwrap();
        let kid = self.worker.public_jwk()["kid"].clone();
        let unsigned = base64url::encode(json!({"alg": "none", "kid": kid, "typ": "s2s+jwt"}).to_string());
        let hmac = base64url::encode(json!({"alg": "HS256", "kid": kid, "typ": "s2s+jwt"}).to_string());
        let admin = base64url::encode(json!({"sub": "service:admin"}).to_string());
        vec![
            ("good", bearer(&good), None),
            ("lower case", vec![format!("bearer {good}").into_bytes()], None),
            ("nothing", vec![], Some("MISSING_TOKEN")),
            ("another scheme", vec![b"Basic YTpi".to_vec()], Some("MISSING_TOKEN")),
            ("no scheme", vec![good.as_bytes().to_vec()], Some("MISSING_TOKEN")),
            ("twice", [bearer(&good), bearer(&good)].concat(), Some("INVALID_REQUEST")),
            (
                "after another scheme",
                [vec![b"Basic a".to_vec()], bearer(&good)].concat(),
                Some("INVALID_REQUEST"),
            ),
            (
                "two in one",
                vec![format!("Bearer {good}, Bearer {good}").into_bytes()],
                Some("INVALID_REQUEST"),
            ),
            ("empty", vec![b"Bearer".to_vec()], Some("INVALID_REQUEST")),
            ("not text", vec![b"Bearer \xff\xfe".to_vec()], Some("INVALID_REQUEST")),
            ("garbage", bearer("a.b.c"), INVALID),
            ("oversize", bearer(&"a".repeat(20_000)), INVALID),
            ("unsigned", bearer(&format!("{unsigned}.{claims}.")), INVALID),
            ("symmetric", bearer(&format!("{hmac}.{claims}.{signature}")), INVALID),
            ("other claims", bearer(&format!("{header}.{admin}.{signature}")), INVALID),
            ("for another service", bearer(&self.worker.token(&name("mail")).unwrap()), INVALID),
            (
                "of a namesake",
                bearer(&Minter::generate(name("worker")).unwrap().token(&api).unwrap()),
                INVALID,
            ),
            ("an assertion", bearer(&self.worker.assertion("service:api").unwrap()), INVALID),
            ("a user's", bearer(&Issuer::start().token("U1")), INVALID),
            ("not on the list", bearer(&self.billing.token(&api).unwrap()), Some("INSUFFICIENT_SCOPE")),
        ]
    }
}

/// The answer that HTTP adapters give: status, `WWW-Authenticate`, body.
#[derive(Debug, PartialEq)]
struct Answered(u16, Option<String>, Option<String>, String);

fn expected(code: Option<&str>) -> Answered {
    let Some(code) = code else { return Answered(200, None, None, "worker".to_owned()) };
    let (status, challenge, message) = match code {
        "MISSING_TOKEN" => (401, Some("Bearer"), "A bearer token is required."),
        "INVALID_TOKEN" => {
            (401, Some(r#"Bearer error="invalid_token""#), "The token is invalid or has expired.")
        }
        "INVALID_REQUEST" => {
            (400, Some(r#"Bearer error="invalid_request""#), "The Authorization header is malformed.")
        }
        "KEYS_UNAVAILABLE" => (503, None, "Tokens cannot be verified at present."),
        _ => (403, Some(r#"Bearer error="insufficient_scope""#), "The token does not allow this."),
    };
    let retry_after = (status == 503).then(|| "10".to_owned());
    let body = json!({"code": code, "message": message}).to_string();
    Answered(status, challenge.map(str::to_owned), retry_after, body)
}

async fn read(response: Response<Body>) -> Answered {
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (challenge, retry_after) = (header("www-authenticate"), header("retry-after"));
    let (status, content_type) = (response.status().as_u16(), header("content-type"));
    assert_eq!(content_type.as_deref() == Some("application/json"), status != 200);
    let body = String::from_utf8(to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap();
    Answered(status, challenge, retry_after, body)
}

fn request(path: &str, headers: Headers) -> Request<Body> {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for value in headers {
        request.headers_mut().append("authorization", HeaderValue::from_bytes(&value).unwrap());
    }
    request
}

/// A state of the application's own.
#[derive(Clone)]
struct Shared(Receiver);

impl FromRef<Shared> for Receiver {
    fn from_ref(shared: &Shared) -> Self {
        shared.0.clone()
    }
}

async fn extracted(caller: ServiceCaller) -> String {
    caller.service().to_string()
}

async fn layered(Extension(caller): Extension<ServiceCaller>) -> String {
    caller.service().to_string()
}

async fn scoped(caller: ServiceCaller) -> Result<String, Rejection> {
    caller.require_scope("orders:read")?;
    Ok(caller.service().to_string())
}

async fn forbidden(caller: ServiceCaller) -> Result<String, Rejection> {
    caller.require_scope("orders:write")?;
    Ok(caller.service().to_string())
}

async fn by_axum(receiver: &Receiver, path: &str, headers: Headers) -> Answered {
    let app = Router::new()
        .route("/layered", get(layered))
        .route("/both", get(extracted))
        .route_layer(RequireService::new(receiver))
        .route("/extracted", get(extracted))
        .route("/scoped", get(scoped))
        .route("/forbidden", get(forbidden))
        .with_state(Shared(receiver.clone()));
    read(app.oneshot(request(path, headers)).await.unwrap()).await
}

async fn by_tower(receiver: &Receiver, headers: Headers) -> Answered {
    let inner = service_fn(async |request: Request<Body>| {
        let caller = request.extensions().get::<ServiceCaller>().unwrap();
        Ok::<_, Infallible>(Response::new(Body::from(caller.service().to_string())))
    });
    let service = RequireService::new(receiver).layer(inner);
    read(service.oneshot(request("/", headers)).await.unwrap()).await
}

#[tokio::test]
async fn axum_and_tower_answer_every_request_by_the_table() {
    let world = World::new();
    for (what, headers, code) in world.requests() {
        for path in ["/extracted", "/layered", "/both", "/scoped"] {
            let answered = by_axum(&world.api, path, headers.clone()).await;
            assert_eq!(answered, expected(code), "{what} on {path}");
        }
        assert_eq!(by_tower(&world.api, headers).await, expected(code), "{what}");
    }
    let good = world.worker.token(&name("api")).unwrap();
    let beyond = by_axum(&world.api, "/forbidden", bearer(&good)).await;
    assert_eq!(beyond, expected(Some("INSUFFICIENT_SCOPE")));
    // Tokens belong into the header alone.
    for path in [format!("/extracted?access_token={good}"), format!("/layered?access_token={good}")] {
        assert_eq!(by_axum(&world.api, &path, vec![]).await, expected(Some("MISSING_TOKEN")), "{path}");
    }
}

#[tokio::test]
async fn without_keys_nobody_is_told_that_the_token_is_bad() {
    let world = World::new();
    let good = world.worker.token(&name("api")).unwrap();
    for path in ["/extracted", "/layered"] {
        let answered = by_axum(&world.cold, path, bearer(&good)).await;
        assert_eq!(answered, expected(Some("KEYS_UNAVAILABLE")), "{path}");
        // Garbage is known for what it is without any key.
        let answered = by_axum(&world.cold, path, bearer("a.b.c")).await;
        assert_eq!(answered, expected(Some("INVALID_TOKEN")), "{path}");
    }
    let status = by_tonic(&world.cold, bearer(&good)).await;
    assert_eq!((status.code(), code_of(&status)), (Code::Unavailable, Some("KEYS_UNAVAILABLE")));
}

/// What a generated server does: the extensions of the HTTP request become those of the gRPC request.
async fn orders(request: Request<tonic::body::Body>) -> Result<Response<tonic::body::Body>, Infallible> {
    let (parts, ()) = request.map(drop).into_parts();
    let request = tonic::Request::from_parts(Default::default(), parts.extensions, ());
    Ok(match caller(&request) {
        Ok(caller) => Status::new(Code::Ok, caller.service().as_str()).into_http(),
        Err(status) => status.into_http(),
    })
}

async fn by_tonic(receiver: &Receiver, headers: Headers) -> Status {
    let service = auth_s2s::tonic::RequireService::in_protocol(receiver).layer(service_fn(orders));
    let request = request("/orders.Orders/List", headers).map(|_| tonic::body::Body::empty());
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    Status::from_header_map(response.headers()).unwrap()
}

fn code_of(status: &Status) -> Option<&str> {
    status.metadata().get("auth-code").map(|code| code.to_str().unwrap())
}

#[tokio::test]
async fn tonic_answers_every_request_by_the_table() {
    let world = World::new();
    for (what, headers, code) in world.requests() {
        let status = by_tonic(&world.api, headers).await;
        let expected = match code {
            None => Code::Ok,
            Some("INSUFFICIENT_SCOPE") => Code::PermissionDenied,
            Some(_) => Code::Unauthenticated,
        };
        assert_eq!((status.code(), code_of(&status)), (expected, code), "{what}");
        assert!(code.is_some() || status.message() == "worker", "{what}");
    }
    let nobody = caller(&tonic::Request::new(())).unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated, "a service without the layer lets nobody in");
}

/// Answers with who calls and the scopes that the caller's token names.
async fn whoami(headers: HeaderMap, receiver: Receiver) -> String {
    let values: Vec<_> = headers.get_all("authorization").iter().map(HeaderValue::as_bytes).collect();
    match receiver.authenticate(values).await {
        Ok(caller) => format!("{} {}", caller.service(), caller.scopes().collect::<Vec<_>>().join("+")),
        Err(rejection) => rejection.body(),
    }
}

impl World {
    fn credentials(&self) -> Credentials {
        Credentials::asking(&self.worker, Ask::to(&name("api")).scope_of("orders:read").unwrap())
    }
}

#[tokio::test]
async fn reqwest_sends_one_token_with_every_call_and_in_place_of_any_other() {
    let world = World::new();
    let receiver = world.api.clone();
    let app = Router::new().route("/", get(move |headers| whoami(headers, receiver.clone())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(http.clone()).with(world.credentials()).build();
    for request in [
        client.get(&url),
        client.get(&url).bearer_auth("of-the-user"),
        client.get(&url).basic_auth("a", Some("b")),
    ] {
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "worker orders:read");
    }
    let plain = http.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(plain.contains("MISSING_TOKEN"), "{plain}");
    server.abort();
}

#[tokio::test]
async fn tower_clients_send_one_token_in_place_of_any_other() {
    let world = World::new();
    let receiver = world.api.clone();
    let transport = service_fn(move |request: Request<Body>| {
        let receiver = receiver.clone();
        async move {
            let values: Vec<_> = request.headers().get_all("authorization").iter().collect();
            assert!(values.iter().all(|value| value.is_sensitive()), "kept out of logs");
            let shown = whoami(request.headers().clone(), receiver).await;
            Ok::<_, Infallible>(Response::new(Body::from(shown)))
        }
    });
    let client = world.credentials().layer(transport);
    for headers in [vec![], bearer("of-the-user"), [bearer("one"), bearer("two")].concat()] {
        let response = client.clone().oneshot(request("/", headers)).await.unwrap();
        assert_eq!(read(response).await.3, "worker orders:read");
    }
}

#[tokio::test]
async fn tonic_clients_send_one_token_in_place_of_any_other() {
    let world = World::new();
    let mut credentials = world.credentials();
    let mut request = tonic::Request::new(());
    request.metadata_mut().append("authorization", "Bearer of-the-user".parse().unwrap());
    let request = credentials.call(request).unwrap();
    let headers = request.metadata().clone().into_headers();
    assert_eq!(headers.get_all("authorization").iter().count(), 1);
    assert_eq!(whoami(headers, world.api.clone()).await, "worker orders:read");
}

#[tokio::test]
async fn a_call_that_names_its_chain_has_a_token_of_its_own() {
    let world = World::new();
    let first = Credentials::asking(&world.worker, Ask::to(&name("api")).transaction("T1"));
    let (one, two) = (first.authorization().unwrap(), first.authorization().unwrap());
    assert_ne!(one, two);
    let kept = world.credentials();
    assert_eq!(kept.authorization().unwrap(), kept.authorization().unwrap());
    let shown = format!("{:?}", Arc::new(kept));
    assert!(!shown.contains("eyJ"), "{shown}");
    let claims: Value =
        serde_json::from_slice(&base64url::decode(one.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(claims["txn"], "T1");
}
