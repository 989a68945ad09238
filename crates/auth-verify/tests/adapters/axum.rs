use auth_verify::axum::{Authenticated, Authorized, RequireAuth};
use auth_verify::testing::Issuer;
use auth_verify::{Gate, Permission, Rejection, Requirement};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{HeaderValue, Request};
use axum::routing::get;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Answered, Headers, attack, bearer, resource};

struct Admin;

impl Permission for Admin {
    fn requirement() -> Requirement {
        Requirement::role("admin")
    }
}

#[derive(Clone, serde::Deserialize)]
struct Customer {
    plan: String,
}

async fn me(user: Authenticated) -> String {
    user.subject().to_owned()
}

async fn admin(user: Authorized<Admin>) -> String {
    user.subject().to_owned()
}

async fn orders(user: Authenticated) -> Result<String, Rejection> {
    user.require_scope("orders:read")?;
    Ok(user.subject().to_owned())
}

async fn plan(customer: Authenticated<Customer>) -> String {
    customer.claims().plan.clone()
}

async fn optional(user: Option<Authenticated>) -> String {
    user.map(|user| user.subject().to_owned()).unwrap_or_default()
}

async fn layered(Extension(user): Extension<Authenticated>) -> String {
    user.subject().to_owned()
}

async fn ask(gate: Gate, path: &'static str, headers: Headers) -> Answered {
    let require = |requirement| RequireAuth::new(gate.clone()).and(requirement);
    let app = Router::new()
        .route("/guarded", get(layered))
        .route("/guarded/me", get(me))
        .route("/guarded/plan", get(plan))
        .route_layer(RequireAuth::new(gate.clone()))
        .merge(
            Router::new()
                .route("/guarded/admin", get(layered))
                .route_layer(require(Requirement::role("admin"))),
        )
        .merge(
            Router::new()
                .route("/guarded/orders", get(layered))
                .route_layer(require(Requirement::scope("orders:read"))),
        )
        .route("/me", get(me))
        .route("/admin", get(admin))
        .route("/orders", get(orders))
        .route("/plan", get(plan))
        .route("/optional", get(optional))
        .route(&resource().metadata_path(), get(resource()))
        .with_state(gate);
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for value in headers {
        request.headers_mut().append("authorization", HeaderValue::from_bytes(&value).unwrap());
    }
    let response = app.oneshot(request).await.unwrap();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Answered {
        status: response.status().as_u16(),
        challenge: header("www-authenticate"),
        retry_after: header("retry-after"),
        content_type: header("content-type"),
        body: String::from_utf8(to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn answers_every_request_by_the_table() {
    attack(ask).await;
}

#[tokio::test]
async fn reads_claims_of_another_type_also_behind_the_layer() {
    let issuer = Issuer::start();
    let with_plan = bearer(&issuer.token_with("U1", &json!({"plan": "pro"})));
    for path in ["/plan", "/guarded/plan"] {
        let gate = || Gate::new(issuer.verifier());
        assert_eq!(ask(gate(), path, with_plan.clone()).await.body, "pro");
        assert_eq!(ask(gate(), path, bearer(&issuer.token("U1"))).await.status, 401);
    }
    let gate = Gate::new(issuer.verifier());
    assert_eq!(ask(gate, "/guarded/me", bearer(&issuer.token("U1"))).await.body, "U1");
}

#[tokio::test]
async fn serves_routes_that_work_without_a_caller_but_refuses_bad_tokens() {
    let issuer = Issuer::start();
    let gate = || Gate::new(issuer.verifier());
    assert_eq!(ask(gate(), "/optional", vec![]).await.body, "");
    assert_eq!(ask(gate(), "/optional", bearer(&issuer.token("U1"))).await.body, "U1");
    assert_eq!(ask(gate(), "/optional", bearer("a.b.c")).await.status, 401);
}

#[tokio::test]
async fn describes_the_api_to_anybody() {
    let issuer = Issuer::start();
    let path = "/.well-known/oauth-protected-resource";
    let answered = ask(Gate::new(issuer.verifier()), path, vec![]).await;
    assert_eq!((answered.status, answered.content_type.as_deref()), (200, Some("application/json")));
    assert_eq!(serde_json::from_str::<Value>(&answered.body).unwrap(), resource().document());
}

#[tokio::test]
async fn takes_a_plain_verifier_as_the_state() {
    let issuer = Issuer::start();
    let app = Router::new().route("/me", get(me)).with_state(issuer.verifier());
    let token = format!("Bearer {}", issuer.token("U1"));
    let request = Request::get("/me").header("authorization", token).body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
}
