//! An API that trusts the auth server's users and its fellow services, and asks neither per request.

use std::error::Error;

use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, get, post, web};
use auth_s2s::Receiver;
use auth_s2s::actix::ServiceCaller;
use auth_s2s::actors;
use auth_verify::actix::Authenticated;
use auth_verify::{Gate, UserClaims, Verifier};
use serde_json::json;

#[get("/health")]
async fn health() -> &'static str {
    "ok"
}

#[get("/me")]
async fn me(user: Authenticated) -> HttpResponse {
    let claims = user.claims();
    HttpResponse::Ok().json(json!({"id": user.subject(), "email": claims.email, "name": claims.name}))
}

#[get("/admin")]
async fn admin(user: Authenticated) -> Result<HttpResponse, auth_verify::actix::Rejection> {
    user.require_role("admin")?;
    Ok(HttpResponse::Ok().json(json!({"hello": user.subject()})))
}

#[post("/internal/reindex")]
async fn reindex(caller: ServiceCaller) -> Result<HttpResponse, auth_s2s::actix::Rejection> {
    caller.require_scope("reindex")?;
    Ok(HttpResponse::Ok().json(json!({"startedBy": caller.service().as_str()})))
}

/// Lets services in that act for a user: with a token about the user, for this API, in exchange for the user's own.
struct Delegated(Gate);

#[get("/internal/me")]
async fn me_for_a_service(
    request: HttpRequest,
    delegated: web::Data<Delegated>,
) -> Result<HttpResponse, auth_verify::actix::Rejection> {
    let values = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let user: auth_verify::Authenticated<UserClaims> = delegated.0.authenticate(values).await?;
    user.require_scope("profile")?;
    // The nearest service is the one that calls; those behind it are for the log.
    let services = actors(user.raw_claims()).unwrap_or_default();
    let Some(caller) = services.first() else { return Err(user.forbidden()) };
    Ok(HttpResponse::Ok().json(json!({"id": user.subject(), "askedBy": caller.as_str()})))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();

    let issuer = setting("AUTH_ISSUER", "http://localhost:3000");
    let audience = setting("AUTH_AUDIENCE", &issuer);
    let jwks_url = setting("AUTH_JWKS_URL", &format!("{issuer}/api/auth/jwks"));
    let verifier = Verifier::new(&issuer, &audience, &jwks_url)?;

    let delegated = web::Data::new(Delegated(Verifier::new(&issuer, "service:api", &jwks_url)?.into()));

    // The keys of other services: from the auth server, or from a file.
    let receiver =
        match (setting("SERVICES_JWKS_URL", "").as_str(), setting("SERVICE_KEYS_FILE", "").as_str()) {
            ("", "") => Receiver::from_json("api".parse()?, "{}")?,
            ("", path) => {
                let keys = std::fs::read_to_string(path)
                    .map_err(|error| format!("SERVICE_KEYS_FILE {path}: {error}"))?;
                Receiver::from_json("api".parse()?, &keys)?
            }
            (url, _) => Receiver::published("api".parse()?, url)?,
        };
    let receiver = receiver.allow(&"worker".parse()?, &["reindex"]);

    let port: u16 =
        setting("PORT", "4000").parse().map_err(|_error| "PORT: expected a number up to 65535")?;
    let app = move || {
        App::new()
            .app_data(web::Data::new(verifier.clone()))
            .app_data(web::Data::new(receiver.clone()))
            .app_data(delegated.clone())
            .service(health)
            .service(me)
            .service(admin)
            .service(reindex)
            .service(me_for_a_service)
    };
    let server = HttpServer::new(app).bind(("127.0.0.1", port))?;
    println!("protected-api on http://127.0.0.1:{port}, users from {issuer}");
    server.run().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example, configured by the environment alone")]
fn setting(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}
