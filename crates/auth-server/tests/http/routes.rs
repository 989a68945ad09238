//! Paths and methods: what is not routed is 404 with an empty body, byte for byte.

use auth_core::testing::{TestDatabase, TestRequest, TestResponse, get, post};
use serde_json::json;

use crate::support::Server;

on_every_database!(
    unknown_paths_are_not_found,
    other_methods_are_not_found,
    other_spellings_of_a_path_are_other_paths,
    requests_with_odd_paths_change_nothing_for_others,
    the_query_is_no_part_of_the_path,
);

#[track_caller]
fn assert_no_route(response: &TestResponse, what: &str) {
    assert_eq!((response.status, response.text()), (404, ""), "{what}");
    assert_eq!(response.header("x-error-id"), Some("AUTH-0001"), "{what}");
    assert_eq!(response.header("content-type"), None, "{what}");
    assert_eq!(response.set_cookies(), [""; 0], "{what}");
}

async fn unknown_paths_are_not_found(database: TestDatabase) {
    let server = Server::on(database).await;
    for path in ["/nothing", "", "/", "/sign-in", "/set-password", "/sign-jwt", "/forget-password"] {
        for method in ["GET", "POST"] {
            assert_no_route(&server.call(TestRequest::new(method, path)).await, path);
        }
    }
    for path in ["/", "/ok", "/api", "/api/auth", "/api/authx/ok", "/api/auth2/ok", "/xapi/auth/ok", "*"] {
        assert_no_route(&server.call(TestRequest::exactly("GET", path)).await, path);
    }
}

async fn other_methods_are_not_found(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for endpoint in server.app.router.endpoints() {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"] {
            let is_route = server.app.router.endpoints().iter();
            if is_route.filter(|it| it.path == endpoint.path).any(|it| it.method.as_str() == method) {
                continue;
            }
            let request = TestRequest::new(method, endpoint.path).by(&ada.by_cookie());
            assert_no_route(&server.call(request).await, &format!("{method} {}", endpoint.path));
        }
    }
    assert_eq!(server.database.count("session").await, 1);
}

async fn other_spellings_of_a_path_are_other_paths(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for path in [
        "/api/auth/sign-out/",
        "/api/auth//sign-out",
        "//api/auth/sign-out",
        "/api//auth/sign-out",
        "/api/auth/./sign-out",
        "/api/auth/x/../sign-out",
        "/api/auth/%2e/sign-out",
        "/api/auth/sign%2Dout",
        "/api/auth%2Fsign-out",
        "/api/auth/sign-out%00",
        "/api/auth/sign-out%20",
        "/api/auth/sign-out;x=1",
        "/api/auth/Sign-Out",
        "/API/auth/sign-out",
        "/api/auth/sign-out/%2e%2e",
        "/api/auth\\sign-out",
    ] {
        let request = TestRequest::exactly("POST", path).by(&ada.by_cookie());
        assert_no_route(&server.call(request).await, path);
    }
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
}

async fn requests_with_odd_paths_change_nothing_for_others(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for number in 0..200 {
        let path = format!("/other/base{number}/get-session");
        let odd = TestRequest::exactly("GET", &path).header("host", format!("evil{number}.example"));
        assert_eq!(server.call(odd).await.status, 404);
    }
    for _ in 0..20 {
        let request = get("/get-session").header("host", "evil.example").header("cookie", &ada.cookies);
        assert_eq!(server.call(request).await.json()["user"]["id"], ada.id);
    }
}

async fn the_query_is_no_part_of_the_path(database: TestDatabase) {
    let server = Server::on(database).await;
    for path in ["/ok?", "/ok?a=1&a=2", "/ok?%zz", "/ok?/../x"] {
        assert_eq!(server.call(get(path)).await.status, 200, "{path}");
    }
    let response = server.call(post("/sign-out?a=%ff", json!({}))).await;
    assert_eq!(response.status, 200);
}
