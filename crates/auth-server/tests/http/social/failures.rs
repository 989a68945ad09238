//! Providers that are away, slow or broken: the browser is led back with upstream's code, and nothing is written.

use std::time::Duration;

use auth_core::testing::{TestDatabase, TestRequest, get};
use serde_json::json;

use super::idp::{Idp, Instead, Jar, begin, person, sign_in, with};
use crate::support::{Server, assert_redirected};

on_every_database!(
    a_broken_token_endpoint_signs_nobody_in,
    a_broken_profile_signs_nobody_in,
    a_provider_that_refuses_is_quoted,
    callbacks_that_lack_something_are_refused,
    an_address_inside_that_a_provider_names_is_not_called,
    sign_ups_that_are_switched_off_make_no_user,
    a_missing_or_malformed_address_makes_no_user,
);

const JSON: &str = "application/json";

async fn assert_nothing_written(server: &Server) {
    for table in ["user", "account", "session"] {
        assert_eq!(server.database.count(table).await, 0, "{table}");
    }
}

/// Answers that are none.
fn failing() -> Vec<Instead> {
    let moved = Instead { head: "location: /elsewhere\r\n".to_owned(), ..Instead::status(302) };
    let slow = Instead { delay: Duration::from_secs(3), ..Instead::body(JSON, "{}") };
    let huge = Instead::body(JSON, vec![b' '; 1024 * 1024]);
    vec![Instead::status(500), moved, slow, huge]
}

/// Answers that are not what they say, or nothing.
fn lying() -> Vec<Instead> {
    vec![
        Instead::status(204),
        Instead::body("text/html", r#"{"access_token":"at","id_token":"x"}"#),
        Instead::body(JSON, "<html>Welcome to the captive portal</html>"),
        Instead::body(JSON, ""),
    ]
}

async fn a_broken_token_endpoint_signs_nobody_in(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let failing = failing().into_iter().map(|instead| (instead, "invalid_code"));
    let lying = lying().into_iter().map(|instead| (instead, "unable_to_get_user_info"));
    for (instead, code) in failing.chain(lying) {
        idp.recover();
        let mut jar = Jar::default();
        let url = begin(&server, &mut jar, "oidc").await;
        idp.answer("main/token", instead);
        idp.log();
        let back = idp.agree(&url, &person("Ada", true));
        let response = jar.send(&server, TestRequest::exactly("GET", &back)).await;
        assert_redirected(&response, &format!("/oops?error={code}"));
        assert_eq!(idp.log(), ["POST main/token"]);
    }
    assert_nothing_written(&server).await;
}

async fn a_broken_profile_signs_nobody_in(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let shapes = ["[]", "null", "1", "\"x\"", "{}"];
    let wrong = shapes.into_iter().map(|body| Instead::body(JSON, body));
    for instead in failing().into_iter().chain(lying()).chain(wrong) {
        idp.recover();
        idp.answer("plain/userinfo", instead);
        let response = sign_in(&server, &idp, &mut Jar::default(), "plain", &person("Ada", true)).await;
        assert_redirected(&response, "/oops?error=unable_to_get_user_info");
    }
    assert_nothing_written(&server).await;
}

async fn a_provider_that_refuses_is_quoted(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    let state = crate::support::member(&begin(&server, &mut jar, "oidc").await, "state");
    let query = format!("error=access_denied&error_description=no%20%3Cthanks%3E&state={state}");
    let response = jar.send(&server, get(&format!("/callback/oidc?{query}"))).await;
    assert_redirected(&response, "/oops?error=access_denied&error_description=no+%3Cthanks%3E");
    // The sign-in is over.
    let response = jar.send(&server, get(&format!("/callback/oidc?{query}"))).await;
    assert_redirected(&response, "http://localhost:3000/api/auth/error?error=state_mismatch");
    assert_nothing_written(&server).await;
}

async fn callbacks_that_lack_something_are_refused(database: TestDatabase) {
    let idp = Idp::start();
    let page = json!({ "onAPIError": { "errorURL": "https://app.example.test/oops?from=auth#top" } });
    let server = Server::with(database, with(idp.settings(), &page)).await;
    let unknown = "x".repeat(32);
    for (query, code) in [
        (String::new(), "state_not_found"),
        ("code=x".to_owned(), "state_not_found"),
        ("code=x&state=".to_owned(), "state_not_found"),
        (format!("code=x&state={unknown}"), "state_mismatch"),
        ("code=x&state=%00".to_owned(), "state_mismatch"),
    ] {
        let response = server.call(get(&format!("/callback/oidc?{query}"))).await;
        assert_redirected(&response, &format!("https://app.example.test/oops?from=auth&error={code}#top"));
    }
    let mut jar = Jar::default();
    let state = crate::support::member(&begin(&server, &mut jar, "oidc").await, "state");
    let response = jar.send(&server, get(&format!("/callback/oidc?state={state}"))).await;
    assert_redirected(&response, "/oops?error=no_code");
    let twice = server.call(get("/callback/oidc?code=a&code=b")).await;
    assert_eq!(twice.status, 400);
    assert_nothing_written(&server).await;
}

async fn an_address_inside_that_a_provider_names_is_not_called(database: TestDatabase) {
    let (idp, inside) = (Idp::start(), Idp::start());
    let server = Server::with(database, idp.settings()).await;
    // The operator named this provider; its document names a machine that the operator did not.
    let base = idp.issuer("plain");
    let document = json!({
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{}/token", inside.issuer("plain")),
    });
    idp.answer("main/.well-known/openid-configuration", Instead::body(JSON, document.to_string()));
    let response = sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    assert_redirected(&response, "/oops?error=invalid_code");
    assert_eq!(inside.log(), [""; 0]);
    // The operator may allow it.
    let allowed = json!({ "advanced": { "outbound": { "allowPrivateAddresses": true } } });
    let server = server.beside(with(idp.settings(), &allowed)).await;
    sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    assert_eq!(inside.log(), ["POST plain/token"]);
}

async fn sign_ups_that_are_switched_off_make_no_user(database: TestDatabase) {
    let idp = Idp::start();
    let mut settings = idp.settings();
    settings["providers"]["generic"][0]["disableSignUp"] = json!(true);
    settings["providers"]["generic"][1]["disableImplicitSignUp"] = json!(true);
    let server = Server::with(database, settings).await;
    for provider in ["oidc", "other"] {
        let response = sign_in(&server, &idp, &mut Jar::default(), provider, &person("Ada", true)).await;
        assert_redirected(&response, "/oops?error=signup_disabled");
    }
    assert_nothing_written(&server).await;
}

async fn a_missing_or_malformed_address_makes_no_user(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    for address in [json!(null), json!(""), json!(7), json!("nobody"), json!("a b@example.test")] {
        let mut claims = person("Ada", true);
        claims["email"] = address;
        let response = sign_in(&server, &idp, &mut Jar::default(), "oidc", &claims).await;
        assert_redirected(&response, "/oops?error=email_not_found");
    }
    assert_nothing_written(&server).await;
}
