//! Who may call: walks the route table, so that a new endpoint is covered without a new test.

use auth_core::call::Method;
use auth_core::endpoint::Endpoint;
use auth_core::testing::{TestDatabase, TestRequest, get, post};
use serde_json::json;

use crate::support::{Server, assert_refused};

on_every_database!(
    every_endpoint_that_is_not_public_refuses_strangers,
    every_endpoint_takes_its_own_sample,
    every_fresh_endpoint_refuses_an_old_session,
);

fn sample(endpoint: &Endpoint) -> TestRequest {
    match endpoint.method {
        Method::Get => {
            let mut query = String::new();
            for (name, value) in endpoint.sample.as_object().into_iter().flatten() {
                query += &format!(
                    "{}{name}={}",
                    if query.is_empty() { '?' } else { '&' },
                    value.as_str().unwrap()
                );
            }
            get(&format!("{}{query}", endpoint.path))
        }
        Method::Post => post(endpoint.path, endpoint.sample.clone()),
    }
}

async fn every_endpoint_that_is_not_public_refuses_strangers(database: TestDatabase) {
    let server = Server::on(database).await;
    let mut refused = 0;
    for endpoint in server.app.router.endpoints() {
        let response = server.call(sample(endpoint)).await;
        if endpoint.access == "public" {
            assert_ne!(response.status, 401, "{} works without a session, or is not public", endpoint.path);
            continue;
        }
        refused += 1;
        if endpoint.access.ends_with("401 without a body") {
            assert_eq!((response.status, response.text()), (401, ""), "{}", endpoint.path);
            assert_eq!(response.header("x-error-id"), Some("AUTH-0020"));
            continue;
        }
        if endpoint.access == "service" {
            let message = "A service token for this server is required";
            assert_refused(&response, 401, "SERVICE_TOKEN_REQUIRED", message, "AUTH-0250");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        } else {
            assert_refused(&response, 401, "UNAUTHORIZED", "Unauthorized", "AUTH-0020");
        }
        assert_eq!(response.set_cookies(), [""; 0], "{}", endpoint.path);
    }
    assert!(refused >= 10, "the walk has found {refused} endpoints that need a session");
}

async fn every_endpoint_takes_its_own_sample(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailAndPassword": { "minPasswordLength": 8 } })).await;
    for endpoint in server.app.router.endpoints() {
        let ada = server.sign_up("Ada").await;
        let response = server.call(sample(endpoint).by(&ada.by_bearer())).await;
        assert_ne!(
            response.header("x-error-id"),
            Some("AUTH-0002"),
            "{}: {}",
            endpoint.path,
            response.text()
        );
        assert!(response.status < 500, "{}: {response:?}", endpoint.path);
        server.database.execute(r#"DELETE FROM "user""#).await;
    }
}

async fn every_fresh_endpoint_refuses_an_old_session(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(86_400);
    let mut fresh = 0;
    for endpoint in server.app.router.endpoints().iter().filter(|it| it.access == "fresh session") {
        fresh += 1;
        let response = server.call(sample(endpoint).by(&ada.by_cookie())).await;
        assert_refused(&response, 403, "SESSION_NOT_FRESH", "Session is not fresh", "AUTH-0021");
    }
    assert!(fresh >= 1);
}
