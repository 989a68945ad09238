//! Media types and malformed bodies.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, post};
use serde_json::json;

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    json_is_json_in_any_spelling,
    forms_work_where_upstream_reads_them,
    refuses_other_media_types,
    no_body_has_no_media_type,
    refuses_what_is_not_json,
    the_last_of_two_members_counts,
    deep_and_odd_json_never_fails_the_server,
);

const FORM: &str = "application/x-www-form-urlencoded";

fn sign_in(media_type: &str, body: &str) -> TestRequest {
    TestRequest::new("POST", "/sign-in/email").body(media_type, body)
}

async fn json_is_json_in_any_spelling(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let body = json!({ "email": "ada@example.test", "password": PASSWORD }).to_string();
    for media_type in
        ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;x"]
    {
        assert_eq!(server.call(sign_in(media_type, &body)).await.status, 200, "{media_type}");
    }
}

async fn forms_work_where_upstream_reads_them(database: TestDatabase) {
    let server = Server::on(database).await;
    let form = "name=Ada+L.&email=first%40example.test&email=ada%40example.test&password=a+good+password";
    let response = server.call(TestRequest::new("POST", "/sign-up/email").body(FORM, form)).await;
    let json = response.json();
    assert_eq!(
        (&json["user"]["name"], &json["user"]["email"]),
        (&json!("Ada L."), &json!("ada@example.test"))
    );
    let response = server.call(sign_in(FORM, "email=ada%40example.test&password=a%20good%20password")).await;
    assert_eq!(response.status, 200);
    let response = server.call(sign_in(FORM, "email=ada%40example.test&rememberMe=false")).await;
    assert_invalid(
        &response,
        "[body.password] Invalid input: expected string, received undefined; [body.rememberMe] Invalid input: expected boolean, received string",
    );
}

async fn refuses_other_media_types(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let refuse = |said: String, allowed: &str| format!("{said}. Allowed types: {allowed}");
    for media_type in
        ["text/plain", "multipart/form-data; boundary=x", "application/xml", "json", "application/jsonx"]
    {
        let said = format!("Content-Type \"{media_type}\" is not allowed");
        let response = server.call(sign_in(media_type, "{}")).await;
        let message = refuse(said.clone(), "application/x-www-form-urlencoded, application/json");
        assert_refused(&response, 415, "UNSUPPORTED_MEDIA_TYPE", &message, "AUTH-0003");
        let request = TestRequest::new("POST", "/sign-out").body(media_type, "{}").by(&ada.by_cookie());
        let response = server.call(request).await;
        let message = refuse(said, "application/json");
        assert_refused(&response, 415, "UNSUPPORTED_MEDIA_TYPE", &message, "AUTH-0003");
    }
    let request = TestRequest::new("POST", "/sign-out").body(FORM, "a=b").by(&ada.by_cookie());
    let message = refuse(format!("Content-Type \"{FORM}\" is not allowed"), "application/json");
    assert_refused(&server.call(request).await, 415, "UNSUPPORTED_MEDIA_TYPE", &message, "AUTH-0003");
    let request = TestRequest::new("POST", "/sign-out").raw_body("{}");
    let message = "Content-Type is required. Allowed types: application/json";
    assert_refused(&server.call(request).await, 415, "UNSUPPORTED_MEDIA_TYPE", message, "AUTH-0003");
    assert_eq!(server.database.count("session").await, 1);
}

async fn no_body_has_no_media_type(database: TestDatabase) {
    let server = Server::on(database).await;
    for media_type in ["text/plain", "application/json", ""] {
        let request = TestRequest::new("POST", "/sign-out").body(media_type, "");
        assert_eq!(server.call(request).await.status, 200, "{media_type}");
    }
}

async fn refuses_what_is_not_json(database: TestDatabase) {
    let server = Server::on(database).await;
    for body in [
        "{",
        "{}x",
        "{\"a\":}",
        "{'a':1}",
        "[1,]",
        "undefined",
        "NaN",
        " ",
        "\u{feff}{}",
        "{\"a\":\"\n\"}",
        "{\"email\":\"\\ud800\"}",
        "01",
    ] {
        let response = server.call(sign_in("application/json", body)).await;
        assert_refused(&response, 400, "BAD_REQUEST", "Invalid JSON in request body", "AUTH-0004");
    }
    let bytes =
        TestRequest::new("POST", "/sign-in/email").body("application/json", b"{\"email\":\"\xff\"}".to_vec());
    let response = server.call(bytes).await;
    assert_refused(&response, 400, "BAD_REQUEST", "Invalid JSON in request body", "AUTH-0004");
}

async fn the_last_of_two_members_counts(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let body =
        format!(r#"{{"email":"eve@example.test","email":"ada@example.test","password":"{PASSWORD}"}}"#);
    let response = server.call(sign_in("application/json", &body)).await;
    assert_eq!(response.json()["user"]["email"], "ada@example.test");
}

async fn deep_and_odd_json_never_fails_the_server(database: TestDatabase) {
    let server = Server::on(database).await;
    let deep = "[".repeat(30_000);
    let deep_object = "{\"a\":".repeat(10_000);
    let number = format!("1{}", "0".repeat(5_000));
    for body in [
        deep.clone(),
        format!("{deep}{}", "]".repeat(30_000)),
        deep_object,
        format!(r#"{{"email":{number},"password":1e999}}"#),
        r#"{"__proto__":{"email":"x"},"constructor":1,"email":"a@b.co","password":"x"}"#.to_owned(),
        r#"{"":"","email":"a@b.co","password":"\u0000"}"#.to_owned(),
    ] {
        let response = server.call(sign_in("application/json", &body)).await;
        assert!((400..500).contains(&response.status), "{}: {}", response.status, response.text());
        assert!(response.header("x-error-id").is_some());
    }
    let response = server.call(post("/sign-in/email", json!({ "email": {}, "password": {} }))).await;
    assert_eq!(response.status, 400);
}
