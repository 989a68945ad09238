//! Where a request may come from, and where it may send a browser.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, get, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_refused};

on_every_database!(
    a_cookie_needs_a_trusted_origin,
    reading_needs_no_origin,
    forms_are_judged_by_fetch_metadata,
    without_cookies_whoever_names_an_origin_is_believed,
    trusted_origins_are_trusted,
    the_checks_can_be_switched_off,
    the_checks_can_be_switched_off_for_some_paths,
    the_rule_for_forms_stays_when_it_is_asked_for,
    the_origin_is_checked_before_the_input_and_the_session,
    refuses_redirect_targets_elsewhere,
    accepts_redirect_targets_on_trusted_sites,
    redirect_targets_are_text,
    an_operator_may_allow_any_target,
);

const OWN: &str = "http://localhost:3000";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Passes,
    Missing,
    Invalid,
    Blocked,
}

use Verdict::{Blocked, Invalid, Missing, Passes};

async fn judge(server: &Server, request: TestRequest, headers: &[(&str, &str)], expected: Verdict) {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    let response = server.call(request).await;
    match expected {
        Passes => assert_ne!(response.status, 403, "{headers:?}: {}", response.text()),
        Missing => {
            assert_refused(&response, 403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin", "AUTH-0011");
        }
        Invalid => assert_refused(&response, 403, "INVALID_ORIGIN", "Invalid origin", "AUTH-0012"),
        Blocked => assert_refused(
            &response,
            403,
            "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
            "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
            "AUTH-0013",
        ),
    }
}

fn sign_in() -> TestRequest {
    post("/sign-in/email", json!({ "email": "nobody@example.test", "password": PASSWORD }))
}

async fn a_cookie_needs_a_trusted_origin(database: TestDatabase) {
    let server = Server::on(database).await;
    for request in [sign_in(), post("/sign-out", json!({})), post("/update-user", json!({ "name": "x" }))] {
        let request = || request.clone().header("cookie", "theme=dark");
        judge(&server, request(), &[], Missing).await;
        judge(&server, request(), &[("origin", "")], Missing).await;
        judge(&server, request(), &[("origin", "null")], Missing).await;
        judge(&server, request(), &[("origin", OWN)], Passes).await;
        judge(&server, request(), &[("referer", "http://localhost:3000/page?x=1")], Passes).await;
        judge(&server, request(), &[("origin", "null"), ("sec-fetch-site", "same-origin")], Passes).await;
        judge(&server, request(), &[("origin", "null"), ("sec-fetch-site", "same-site")], Missing).await;
        judge(&server, request(), &[("origin", "null"), ("referer", OWN)], Missing).await;
        for origin in [
            "https://evil.example",
            "https://localhost:3000",
            "http://localhost:3001",
            "http://localhost",
            "http://localhost:3000.evil.example",
            "http://localhost:3000@evil.example",
            "http://evil.example/http://localhost:3000",
            "localhost:3000",
            "/",
            "javascript:alert(1)",
        ] {
            judge(&server, request(), &[("origin", origin)], Invalid).await;
            judge(&server, request(), &[("referer", origin)], Invalid).await;
        }
    }
}

async fn reading_needs_no_origin(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for origin in ["https://evil.example", "null", ""] {
        let request = get("/get-session").header("cookie", &ada.cookies).header("origin", origin);
        assert_eq!(server.call(request).await.json()["user"]["id"], ada.id);
    }
}

async fn forms_are_judged_by_fetch_metadata(database: TestDatabase) {
    let server = Server::on(database).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": "a good password" });
    for request in [sign_in(), post("/sign-up/email", body)] {
        let request = || request.clone();
        let blocked = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        judge(&server, request(), &blocked, Blocked).await;
        judge(&server, request(), &[blocked[0], blocked[1], ("origin", OWN)], Blocked).await;
        judge(&server, request(), &[("origin", "https://evil.example")], Invalid).await;
        judge(&server, request(), &[("referer", "https://evil.example/login")], Invalid).await;
        judge(&server, request(), &[("origin", "null")], Missing).await;
        judge(&server, request(), &[("sec-fetch-mode", "cors")], Missing).await;
        judge(&server, request(), &[("sec-fetch-dest", "document")], Missing).await;
        judge(&server, request(), &[("sec-fetch-site", "same-origin"), ("origin", OWN)], Passes).await;
        judge(&server, request(), &[("sec-fetch-site", " ")], Passes).await;
        judge(&server, request(), &[], Passes).await;
    }
}

async fn without_cookies_whoever_names_an_origin_is_believed(database: TestDatabase) {
    let server = Server::on(database).await;
    let navigation = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    let request = || post("/sign-out", json!({}));
    judge(&server, request(), &navigation, Passes).await;
    judge(&server, request(), &[("origin", "http://localhost:3000")], Passes).await;
    judge(&server, request(), &[("origin", "https://evil.example")], Invalid).await;
    judge(&server, request(), &[("origin", "null")], Missing).await;
    judge(&server, request(), &[("referer", "https://evil.example/x")], Invalid).await;
}

async fn trusted_origins_are_trusted(database: TestDatabase) {
    let settings = json!({
        "trustedOrigins": ["https://app.example.test", "https://*.preview.example.test", "myapp://"],
        "appURL": "https://www.example.test/app/"
    });
    let server = Server::with(database, settings).await;
    let request = || post("/sign-out", json!({})).header("cookie", "a=b");
    for (origin, verdict) in [
        ("https://app.example.test", Passes),
        ("https://APP.example.test", Passes),
        ("https://x.preview.example.test", Passes),
        ("https://x.y.preview.example.test", Passes),
        ("https://www.example.test", Passes),
        (OWN, Passes),
        ("https://preview.example.test", Invalid),
        ("https://x.preview.example.test:8443", Invalid),
        ("http://x.preview.example.test", Invalid),
        ("https://xpreview.example.test", Invalid),
        ("https://x.preview.example.test.evil.example", Invalid),
        ("https://app.example.test.evil.example", Invalid),
        ("http://app.example.test", Invalid),
    ] {
        judge(&server, request(), &[("origin", origin)], verdict).await;
    }
}

async fn the_checks_can_be_switched_off(database: TestDatabase) {
    let server = Server::with(database, json!({ "advanced": { "disableCSRFCheck": true } })).await;
    let evil = [("origin", "https://evil.example"), ("cookie", "a=b")];
    judge(&server, sign_in(), &evil, Passes).await;
    let target = json!({ "callbackURL": "https://evil.example" });
    assert_eq!(server.call(post("/sign-out", target.clone())).await.status, 403, "targets are still checked");
    let server = server.beside(json!({ "advanced": { "disableOriginCheck": true } })).await;
    judge(&server, sign_in(), &evil, Passes).await;
    assert_eq!(server.call(post("/sign-out", target)).await.status, 200);
}

async fn the_checks_can_be_switched_off_for_some_paths(database: TestDatabase) {
    let paths = json!({ "advanced": { "disableOriginCheck": ["/sign-in/", "/sign-out"] } });
    let server = Server::with(database, paths).await;
    let evil = [("origin", "https://evil.example"), ("cookie", "a=b")];
    judge(&server, sign_in(), &evil, Passes).await;
    judge(&server, sign_in(), &[("origin", "https://evil.example")], Passes).await;
    let foreign_form = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    judge(&server, sign_in(), &foreign_form, Blocked).await;
    let target = json!({ "callbackURL": "https://evil.example" });
    assert_eq!(server.call(post("/sign-out", target.clone())).await.status, 200);
    for path in ["/sign-up/email", "/revoke-sessions", "/update-user"] {
        judge(&server, post(path, json!({})), &evil, Invalid).await;
        assert_eq!(server.call(post(path, target.clone())).await.status, 403, "{path}");
    }
    let half = server.beside(json!({ "advanced": { "disableOriginCheck": ["/sign"] } })).await;
    judge(&half, sign_in(), &evil, Invalid).await;
}

async fn the_rule_for_forms_stays_when_it_is_asked_for(database: TestDatabase) {
    let all = json!({ "advanced": { "disableOriginCheck": true, "disableCSRFCheck": false } });
    let server = Server::with(database, all).await;
    let foreign_form = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    judge(&server, sign_in(), &foreign_form, Blocked).await;
    judge(&server, sign_in(), &[("origin", "https://evil.example"), ("cookie", "a=b")], Passes).await;
    let server = server.beside(json!({ "advanced": { "disableOriginCheck": true } })).await;
    judge(&server, sign_in(), &foreign_form, Passes).await;
}

async fn the_origin_is_checked_before_the_input_and_the_session(database: TestDatabase) {
    let server = Server::on(database).await;
    let request = post("/change-password", json!({})).header("cookie", "a=b");
    judge(&server, request, &[("origin", "https://evil.example")], Invalid).await;
    // The rule for forms comes after the input.
    let request = post("/sign-in/email", json!({})).header("origin", "https://evil.example");
    assert_eq!(server.call(request).await.status, 400);
    let broken = TestRequest::new("POST", "/sign-out").body("application/json", "{").header("cookie", "a=b");
    assert_eq!(server.call(broken).await.status, 400, "the body is parsed first");
}

const MEMBERS: [(&str, &str, &str, &str); 4] = [
    ("callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014"),
    ("redirectTo", "INVALID_REDIRECT_URL", "Invalid redirectURL", "AUTH-0015"),
    ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL", "AUTH-0016"),
    ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL", "AUTH-0017"),
];

async fn refuses_redirect_targets_elsewhere(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for target in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f/evil.example",
        "/%5Cevil.example",
        "/\tx",
        "/\u{7f}",
        "evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http://localhost:3000@evil.example",
        "http://localhost:3001/",
        "https:evil.example",
        " https://evil.example",
        "http://localhost:3000.evil.example/",
        "?next=1",
        "#x",
    ] {
        for (member, code, message, id) in MEMBERS {
            let response =
                server.call(post("/sign-out", json!({ member: target })).by(&ada.by_cookie())).await;
            assert_refused(&response, 403, code, message, id);
        }
        let query: String = url_encode(target);
        let request = post(&format!("/sign-out?callbackURL={query}"), json!({})).by(&ada.by_cookie());
        let (_, code, message, id) = MEMBERS[0];
        assert_refused(&server.call(request).await, 403, code, message, id);
    }
    assert_eq!(server.database.count("session").await, 1, "nothing was done");
}

fn url_encode(text: &str) -> String {
    auth_core::wire::cookie::encode_uri_component(text)
}

async fn accepts_redirect_targets_on_trusted_sites(database: TestDatabase) {
    let settings = json!({ "trustedOrigins": ["https://app.example.test", "myapp://"] });
    let server = Server::with(database, settings).await;
    for target in [
        "/",
        "/a b",
        "/a/../b?next=//evil.example#//evil.example",
        "/a:b@c",
        "http://localhost:3000/x",
        "HTTP://LOCALHOST:3000/x",
        "https://app.example.test/deep/path?x=1",
        "https://app.example.test:443/",
        "myapp://anything/at/all",
        "",
    ] {
        for (member, ..) in MEMBERS {
            let response = server.call(post("/sign-out", json!({ member: target }))).await;
            assert_eq!(response.status, 200, "{member}: {target}");
        }
    }
    let falsy = json!({ "redirectTo": null, "errorCallbackURL": false, "newUserCallbackURL": 0 });
    assert_eq!(server.call(post("/sign-out", falsy)).await.status, 200);
}

async fn redirect_targets_are_text(database: TestDatabase) {
    let server = Server::on(database).await;
    let labels = ["callbackURL", "redirectURL", "errorCallbackURL", "newUserCallbackURL"];
    for ((member, ..), label) in MEMBERS.into_iter().zip(labels) {
        for value in [json!(1), json!(true), json!(["/x"]), json!({ "x": 1 })] {
            let body = json!({ member: value });
            let response = server.call(post("/sign-out", body)).await;
            assert_refused(&response, 400, "", &format!("Invalid {label}: expected a string"), "AUTH-0018");
        }
    }
    let twice = server.call(post("/sign-out?callbackURL=/a&callbackURL=/b", Value::Null)).await;
    assert_refused(&twice, 400, "", "Invalid callbackURL: expected a string", "AUTH-0018");
}

async fn an_operator_may_allow_any_target(database: TestDatabase) {
    let server = Server::with(database, json!({ "advanced": { "disableOriginCheck": true } })).await;
    let ada = server.sign_up("Ada").await;
    let target = "https://elsewhere.example/\r\nset-cookie: a=b";
    let body = json!({ "email": ada.email, "password": PASSWORD, "callbackURL": target });
    let response = server.call(post("/sign-in/email", body)).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("location"), Some("https://elsewhere.example/set-cookie: a=b"));
    assert_eq!(response.set_cookies().len(), 1);
}
