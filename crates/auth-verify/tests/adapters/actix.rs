use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use auth_verify::actix::{Authenticated, Authorized, MaybeAuthenticated, RequireAuth, metadata_route};
use auth_verify::testing::Issuer;
use auth_verify::{Gate, Permission, Rejection, Requirement, Verifier};
use serde_json::{Value, json};

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

async fn maybe(user: MaybeAuthenticated) -> String {
    user.0.map(|user| user.subject().to_owned()).unwrap_or_default()
}

async fn optional(user: Option<Authenticated>) -> String {
    user.map(|user| user.subject().to_owned()).unwrap_or_default()
}

async fn ask(gate: Gate, path: &'static str, headers: Headers) -> Answered {
    let require = |requirement| RequireAuth::new(gate.clone()).and(requirement);
    let app = App::new()
        .app_data(gate.clone())
        .service(metadata_route(&resource()))
        .route("/me", web::get().to(me))
        .route("/admin", web::get().to(admin))
        .route("/orders", web::get().to(orders))
        .route("/plan", web::get().to(plan))
        .route("/maybe", web::get().to(maybe))
        .route("/optional", web::get().to(optional))
        .service(
            web::scope("/guarded/admin")
                .wrap(require(Requirement::role("admin")))
                .route("", web::get().to(me)),
        )
        .service(
            web::scope("/guarded/orders")
                .wrap(require(Requirement::scope("orders:read")))
                .route("", web::get().to(me)),
        )
        .service(
            web::scope("/guarded")
                .wrap(RequireAuth::new(gate))
                .route("", web::get().to(me))
                .route("/plan", web::get().to(plan)),
        );
    let app = init_service(app).await;
    let name = HeaderName::from_static("authorization");
    let request = headers.into_iter().fold(TestRequest::get().uri(path), |request, value| {
        request.append_header((name.clone(), HeaderValue::from_bytes(&value).unwrap()))
    });
    answered(call_service(&app, request.to_request()).await).await
}

async fn answered<B: MessageBody>(response: ServiceResponse<B>) -> Answered {
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Answered {
        status: response.status().as_u16(),
        challenge: header("www-authenticate"),
        retry_after: header("retry-after"),
        content_type: header("content-type"),
        body: String::from_utf8(read_body(response).await.to_vec()).unwrap(),
    }
}

#[actix_web::test]
async fn answers_every_request_by_the_table() {
    attack(ask).await;
}

#[actix_web::test]
async fn reads_claims_of_another_type_also_behind_the_middleware() {
    let issuer = Issuer::start();
    let with_plan = bearer(&issuer.token_with("U1", &json!({"plan": "pro"})));
    for path in ["/plan", "/guarded/plan"] {
        let gate = || Gate::new(issuer.verifier());
        assert_eq!(ask(gate(), path, with_plan.clone()).await.body, "pro");
        assert_eq!(ask(gate(), path, bearer(&issuer.token("U1"))).await.status, 401);
    }
}

#[actix_web::test]
async fn serves_routes_that_work_without_a_caller() {
    let issuer = Issuer::start();
    let gate = || Gate::new(issuer.verifier());
    for path in ["/maybe", "/optional"] {
        assert_eq!(ask(gate(), path, vec![]).await.body, "");
        assert_eq!(ask(gate(), path, bearer(&issuer.token("U1"))).await.body, "U1");
    }
    assert_eq!(ask(gate(), "/maybe", bearer("a.b.c")).await.status, 401);
    // actix's own `Option` cannot tell a bad token from none.
    assert_eq!(ask(gate(), "/optional", bearer("a.b.c")).await.body, "");
}

#[actix_web::test]
async fn describes_the_api_to_anybody() {
    let issuer = Issuer::start();
    let path = "/.well-known/oauth-protected-resource";
    let answered = ask(Gate::new(issuer.verifier()), path, vec![]).await;
    assert_eq!(answered.status, 200);
    assert_eq!(serde_json::from_str::<Value>(&answered.body).unwrap(), resource().document());
    assert_eq!(issuer.requests(), 0);
}

#[actix_web::test]
async fn takes_a_plain_verifier_and_answers_500_without_any() {
    let issuer = Issuer::start();
    let request = || {
        let token = format!("Bearer {}", issuer.token("U1"));
        TestRequest::get().uri("/me").append_header(("authorization", token)).to_request()
    };
    let verifier: Verifier = issuer.verifier();
    let app = App::new().app_data(web::Data::new(verifier)).route("/me", web::get().to(me));
    assert_eq!(call_service(&init_service(app).await, request()).await.status(), 200);
    let app = App::new().route("/me", web::get().to(me));
    assert_eq!(call_service(&init_service(app).await, request()).await.status(), 500);
}
