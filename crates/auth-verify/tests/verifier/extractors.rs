//! The extractors on a real actix-web stack: every row of the table in the guide.

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use auth_jose::SigningKey;
use auth_verify::Verifier;
use auth_verify::actix::{Authenticated, MaybeAuthenticated, Rejection};
use serde_json::{Value, json};

use crate::support::{Answer, Issuer, claims, key, token};

async fn me(user: Authenticated) -> String {
    user.claims().email.clone().unwrap_or_default()
}

async fn admin(user: Authenticated) -> Result<&'static str, Rejection> {
    user.require_role("admin")?;
    Ok("admin")
}

async fn maybe(user: MaybeAuthenticated) -> String {
    user.0.map(|user| user.subject().to_owned()).unwrap_or_default()
}

async fn optional(user: Option<Authenticated>) -> String {
    user.map(|user| user.subject().to_owned()).unwrap_or_default()
}

#[derive(serde::Deserialize)]
struct Customer {
    plan: String,
}

async fn plan(customer: Authenticated<Customer>) -> String {
    customer.claims().plan.clone()
}

async fn get(verifier: &Verifier, path: &str, authorization: &[&str]) -> Answered {
    let app = App::new()
        .app_data(web::Data::new(verifier.clone()))
        .route("/me", web::get().to(me))
        .route("/admin", web::get().to(admin))
        .route("/maybe", web::get().to(maybe))
        .route("/optional", web::get().to(optional))
        .route("/plan", web::get().to(plan));
    let app = init_service(app).await;
    let request = authorization.iter().fold(TestRequest::get().uri(path), |request, value| {
        request.append_header(("authorization", *value))
    });
    Answered::from(call_service(&app, request.to_request()).await).await
}

#[derive(Debug, PartialEq)]
struct Answered {
    status: u16,
    challenge: Option<String>,
    retry_after: Option<String>,
    body: String,
}

impl Answered {
    async fn from<B: MessageBody>(response: ServiceResponse<B>) -> Self {
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: response.status().as_u16(),
            challenge: header("www-authenticate"),
            retry_after: header("retry-after"),
            body: String::from_utf8(read_body(response).await.to_vec()).unwrap(),
        }
    }

    fn ok(body: &str) -> Self {
        Self { status: 200, challenge: None, retry_after: None, body: body.to_owned() }
    }

    fn refused(status: u16, challenge: &str, code: &str, message: &str) -> Self {
        let body = json!({"code": code, "message": message}).to_string();
        Self { status, challenge: Some(challenge.to_owned()), retry_after: None, body }
    }
}

fn missing() -> Answered {
    Answered::refused(401, "Bearer", "MISSING_TOKEN", "A bearer token is required.")
}

fn invalid() -> Answered {
    let message = "The token is invalid or has expired.";
    Answered::refused(401, r#"Bearer error="invalid_token""#, "INVALID_TOKEN", message)
}

fn malformed() -> Answered {
    let message = "The Authorization header is malformed.";
    Answered::refused(400, r#"Bearer error="invalid_request""#, "INVALID_REQUEST", message)
}

fn setup() -> (SigningKey, Issuer, Verifier) {
    let key = key("k1");
    let issuer = Issuer::answering(Answer::keys(&[&key]));
    let verifier = issuer.verifier();
    (key, issuer, verifier)
}

fn bearer(key: &SigningKey, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims();
    change(&mut claims);
    format!("Bearer {}", key.sign(None, &claims).unwrap())
}

#[actix_web::test]
async fn lets_a_good_token_in() {
    let (key, _issuer, verifier) = setup();
    let good = format!("Bearer {}", token(&key));
    assert_eq!(get(&verifier, "/me", &[&good]).await, Answered::ok("ann@example.test"));
    assert_eq!(
        get(&verifier, "/me", &[&good.replace("Bearer", "bearer")]).await,
        Answered::ok("ann@example.test")
    );
    let with_plan = bearer(&key, |claims| claims["plan"] = json!("pro"));
    assert_eq!(get(&verifier, "/plan", &[&with_plan]).await, Answered::ok("pro"));
    assert_eq!(get(&verifier, "/plan", &[&good]).await, invalid());
}

#[actix_web::test]
async fn challenges_without_an_error_when_nobody_tried() {
    let (_key, issuer, verifier) = setup();
    assert_eq!(get(&verifier, "/me", &[]).await, missing());
    assert_eq!(get(&verifier, "/me", &["Basic YTpi"]).await, missing());
    assert_eq!(issuer.fetches(), 0);
}

#[actix_web::test]
async fn answers_every_bad_token_alike() {
    let (key, issuer, verifier) = setup();
    let service = format!("Bearer {}", key.sign(Some("s2s+jwt"), &claims()).unwrap());
    let expired = bearer(&key, |claims| claims["exp"] = json!(crate::support::NOW - 60));
    let foreign = bearer(&crate::support::key("other"), |_| ());
    for value in ["Bearer x", "Bearer a.b.c", &service, &expired, &foreign] {
        assert_eq!(get(&verifier, "/me", &[value]).await, invalid(), "{value}");
    }
    assert_eq!(issuer.fetches(), 2);
}

#[actix_web::test]
async fn refuses_malformed_requests() {
    let (key, _issuer, verifier) = setup();
    let good = format!("Bearer {}", token(&key));
    assert_eq!(get(&verifier, "/me", &[&good, &good]).await, malformed());
    assert_eq!(get(&verifier, "/me", &["Bearer"]).await, malformed());
    assert_eq!(get(&verifier, "/me", &["Bearer a b"]).await, malformed());
}

#[actix_web::test]
async fn keeps_what_callers_may_do_apart_from_who_they_are() {
    let (key, _issuer, verifier) = setup();
    let admin = bearer(&key, |claims| claims["role"] = json!("user,admin"));
    assert_eq!(get(&verifier, "/admin", &[&admin]).await, Answered::ok("admin"));
    let user = bearer(&key, |_| ());
    let refused = Answered::refused(
        403,
        r#"Bearer error="insufficient_scope""#,
        "INSUFFICIENT_SCOPE",
        "The token does not allow this.",
    );
    assert_eq!(get(&verifier, "/admin", &[&user]).await, refused);
    assert_eq!(get(&verifier, "/admin", &[]).await, missing());
}

#[actix_web::test]
async fn asks_to_come_back_while_there_are_no_keys() {
    let key = key("k1");
    let issuer = Issuer::answering(Answer::status(500, "{}"));
    let answered = get(&issuer.verifier(), "/me", &[&format!("Bearer {}", token(&key))]).await;
    assert_eq!(
        (answered.status, answered.challenge, answered.retry_after),
        (503, None, Some("10".to_owned()))
    );
    assert!(answered.body.starts_with(r#"{"code":"KEYS_UNAVAILABLE","message":"#), "{}", answered.body);
}

#[actix_web::test]
async fn serves_routes_that_work_without_a_user() {
    let (key, _issuer, verifier) = setup();
    let good = format!("Bearer {}", token(&key));
    for path in ["/maybe", "/optional"] {
        assert_eq!(get(&verifier, path, &[]).await, Answered::ok(""));
        assert_eq!(get(&verifier, path, &[&good]).await, Answered::ok("U1"));
    }
    assert_eq!(get(&verifier, "/maybe", &["Bearer a.b.c"]).await, invalid());
    assert_eq!(get(&verifier, "/optional", &["Bearer a.b.c"]).await, Answered::ok(""));
}

#[actix_web::test]
async fn answers_500_when_no_verifier_is_registered() {
    let app = init_service(App::new().route("/me", web::get().to(me))).await;
    let request = TestRequest::get().uri("/me").append_header(("authorization", "Bearer a.b.c")).to_request();
    assert_eq!(call_service(&app, request).await.status(), 500);
}
