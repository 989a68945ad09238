//! GET /ok and GET /error

use auth_core::testing::{TestDatabase, get};
use serde_json::json;

use crate::support::Server;

on_every_database!(
    ok_answers_as_long_as_the_process_does,
    the_error_page_shows_a_code,
    the_error_page_runs_nothing_that_was_sent_to_it,
    the_error_page_redirects_where_it_is_told_to,
);

async fn ok_answers_as_long_as_the_process_does(database: TestDatabase) {
    let server = Server::on(database).await;
    let response = server.call(get("/ok")).await;
    assert_eq!((response.status, response.text()), (200, r#"{"ok":true}"#));
    let mut headers = response.headers;
    headers.sort();
    let expected = [("content-type", "application/json"), ("x-content-type-options", "nosniff")];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

async fn the_error_page_shows_a_code(database: TestDatabase) {
    let server = Server::on(database).await;
    for (query, code) in [
        ("?error=state_mismatch", "<code>state_mismatch</code>"),
        ("", "<code>UNKNOWN</code>"),
        ("?error=", "<code>UNKNOWN</code>"),
        ("?error=a%20b", "<code>UNKNOWN</code>"),
        ("?error=a&error=b", "<code>UNKNOWN</code>"),
    ] {
        let response = server.call(get(&format!("/error{query}"))).await;
        assert_eq!((response.status, response.header("content-type")), (200, Some("text/html")), "{query}");
        assert!(response.text().contains(code), "{query}: {}", response.text());
    }
}

async fn the_error_page_runs_nothing_that_was_sent_to_it(database: TestDatabase) {
    let server = Server::on(database).await;
    let script = "%3Cscript%3Ealert(1)%3C/script%3E%22%27%26";
    let response = server.call(get(&format!("/error?error={script}&error_description={script}"))).await;
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;";
    assert!(response.text().contains(escaped) && !response.text().contains("<script"));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
}

async fn the_error_page_redirects_where_it_is_told_to(database: TestDatabase) {
    let server = Server::with(database, json!({ "production": true })).await;
    let response = server.call(get("/error?error=no_code&error_description=a%20%26%20b")).await;
    assert_eq!((response.status, response.text()), (302, ""));
    assert_eq!(response.header("location"), Some("/?error=no_code&error_description=a+%26+b"));
    for (target, expected) in [
        ("https://app.example.test/oops", "https://app.example.test/oops?error=no_code"),
        ("/oops?from=auth", "/oops?from=auth&error=no_code"),
        (
            "https://app.example.test/oops?from=auth#x",
            "https://app.example.test/oops?from=auth&error=no_code#x",
        ),
    ] {
        let server = server.beside(json!({ "onAPIError": { "errorURL": target } })).await;
        let response = server.call(get("/error?error=no_code")).await;
        assert_eq!((response.status, response.header("location")), (302, Some(expected)));
    }
}
