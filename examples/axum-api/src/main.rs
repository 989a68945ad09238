//! An axum API that trusts the auth server's users and does not ask it per request.

use std::error::Error;

use auth_verify::axum::{Authenticated, Authorized};
use auth_verify::{Gate, Permission, ProtectedResource, Requirement, Verifier};
use axum::Router;
use axum::routing::get;

/// Who may read orders.
struct ReadOrders;

impl Permission for ReadOrders {
    fn requirement() -> Requirement {
        Requirement::any([Requirement::scope("orders:read"), Requirement::role("admin")])
    }
}

async fn me(user: Authenticated) -> String {
    format!("{} {}\n", user.subject(), user.claims().email.as_deref().unwrap_or_default())
}

async fn greeting(user: Option<Authenticated>) -> String {
    let name = user.and_then(|user| user.claims().name.clone());
    format!("Hello, {}\n", name.as_deref().unwrap_or("whoever you are"))
}

async fn orders(user: Authorized<ReadOrders>) -> String {
    format!("the orders, for {}\n", user.subject())
}

fn app(verifier: Verifier, resource: &ProtectedResource) -> Router {
    Router::new()
        .route("/health", get("ok"))
        .route("/me", get(me))
        .route("/greeting", get(greeting))
        .route("/orders", get(orders))
        .route(&resource.metadata_path(), get(resource.clone()))
        .with_state(Gate::new(verifier).with_resource(resource))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();

    let port: u16 =
        setting("PORT", "4300").parse().map_err(|_error| "PORT: expected a number up to 65535")?;
    let issuer = setting("AUTH_ISSUER", "http://localhost:3000");
    let audience = setting("AUTH_AUDIENCE", &issuer);
    let jwks_url = setting("AUTH_JWKS_URL", &format!("{issuer}/api/auth/jwks"));
    let verifier = Verifier::new(&issuer, &audience, &jwks_url)?;
    let resource = ProtectedResource::new(&setting("API_URL", &format!("http://localhost:{port}")), &issuer)?
        .scopes(&["orders:read"]);

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("axum-api on http://127.0.0.1:{port}, users from {issuer}");
    axum::serve(listener, app(verifier, &resource)).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example, configured by the environment alone")]
fn setting(name: &str, default: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    use auth_verify::testing::{Fault, Issuer};
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;

    async fn ask(app: &Router, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn lets_callers_in_by_their_token() {
        let issuer = Issuer::start();
        let resource = ProtectedResource::new("https://api.example.test", &issuer.issuer()).unwrap();
        let app = app(issuer.verifier(), &resource);
        let ann = issuer.token_with("U1", &json!({"name": "Ann", "email": "ann@example.test"}));
        let clerk = issuer.token_with("U2", &json!({"scope": "orders:read"}));

        assert_eq!(ask(&app, "/me", Some(&ann)).await, (200, "U1 ann@example.test\n".to_owned()));
        assert_eq!(ask(&app, "/me", None).await.0, 401);
        assert_eq!(ask(&app, "/greeting", Some(&ann)).await.1, "Hello, Ann\n");
        assert_eq!(ask(&app, "/greeting", None).await.1, "Hello, whoever you are\n");
        assert_eq!(ask(&app, "/orders", Some(&ann)).await.0, 403);
        assert_eq!(ask(&app, "/orders", Some(&clerk)).await, (200, "the orders, for U2\n".to_owned()));
        assert_eq!(ask(&app, "/.well-known/oauth-protected-resource", None).await.0, 200);
    }

    #[tokio::test]
    async fn goes_on_while_the_auth_server_is_away() {
        let issuer = Issuer::start();
        let resource = ProtectedResource::new("https://api.example.test", &issuer.issuer()).unwrap();
        let app = app(issuer.verifier(), &resource);
        assert_eq!(ask(&app, "/me", Some(&issuer.token("U1"))).await.0, 200);
        issuer.fail(Fault::Outage);
        issuer.clock().advance(3600);
        assert_eq!(ask(&app, "/me", Some(&issuer.token("U2"))).await.0, 200);
    }
}
