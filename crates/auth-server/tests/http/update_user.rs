//! POST /update-user

use auth_core::testing::{TestDatabase, get, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    changes_name_and_picture,
    sends_the_cookie_again_in_its_mode,
    refuses_a_new_address,
    refuses_a_body_that_changes_nothing,
    refuses_members_that_are_no_text,
);

async fn changes_name_and_picture(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    server.clock.advance(5);
    let body = json!({ "name": "Ada L.", "image": "https://cdn.example.test/a.png" });
    let response = server.call(post("/update-user", body).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    assert_eq!(response.header("set-auth-token"), Some(ada.signed.as_str()));
    let user = |json: Value| json["user"].clone();
    let changed = user(server.session(&ada.cookies).await.json());
    assert_eq!(
        changed,
        json!({
            "name": "Ada L.", "email": "ada@example.test", "emailVerified": false,
            "image": "https://cdn.example.test/a.png", "createdAt": "2030-01-01T00:00:00.000Z",
            "updatedAt": "2030-01-01T00:00:05.000Z", "id": ada.id,
        })
    );
    assert_eq!(user(server.session(&eve.cookies).await.json())["name"], "Eve");

    let response = server.call(post("/update-user", json!({ "image": null })).by(&ada.by_bearer())).await;
    assert_eq!(response.status, 200);
    let json = server.call(get("/get-session").by(&ada.by_bearer())).await.json();
    assert_eq!((&json["user"]["image"], &json["user"]["name"]), (&Value::Null, &json!("Ada L.")));
}

async fn sends_the_cookie_again_in_its_mode(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "email": ada.email, "password": auth_core::testing::PASSWORD, "rememberMe": false });
    let response = server.call(post("/sign-in/email", body)).await;
    let forgotten = auth_core::testing::TestUser::new(&response, &server.app);
    for (user, names, max_age) in [
        (&ada, vec!["better-auth.session_token"], true),
        (&forgotten, vec!["better-auth.session_token", "better-auth.dont_remember"], false),
    ] {
        let response = server.call(post("/update-user", json!({ "name": "A" })).by(&user.by_cookie())).await;
        let cookies = response.set_cookies();
        let set: Vec<_> = cookies.iter().filter_map(|cookie| cookie.split('=').next()).collect();
        assert_eq!(set, names);
        assert!(cookies.iter().all(|cookie| cookie.contains("Max-Age=604800") == max_age), "{cookies:?}");
    }
}

async fn refuses_a_new_address(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for email in [json!("new@example.test"), json!({}), json!(1)] {
        let body = json!({ "email": email, "name": "B" });
        let response = server.call(post("/update-user", body).by(&ada.by_cookie())).await;
        let message = "Email can not be updated";
        assert_refused(&response, 400, "EMAIL_CAN_NOT_BE_UPDATED", message, "AUTH-0030");
    }
    let session = server.session(&ada.cookies).await.json();
    assert_eq!((&session["user"]["email"], &session["user"]["name"]), (&json!(ada.email), &json!("Ada")));
}

async fn refuses_a_body_that_changes_nothing(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for body in [
        json!({}),
        json!({ "email": "" }),
        json!({ "email": null }),
        json!({ "id": "x", "emailVerified": true, "role": "admin", "createdAt": "2000-01-01" }),
    ] {
        let response = server.call(post("/update-user", body).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, "", "No fields to update", "AUTH-0031");
    }
}

async fn refuses_members_that_are_no_text(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let cases = [
        (json!({ "name": null }), "[body.name] Invalid input: expected string, received null"),
        (json!({ "name": ["x"] }), "[body.name] Invalid input: expected string, received array"),
        (json!({ "image": {} }), "[body.image] Invalid input: expected string, received object"),
        (json!({ "image": "\u{0}" }), "[body.image] Invalid input: expected string without U+0000"),
        (json!([]), "[body] Invalid input: expected record, received array"),
    ];
    for (body, message) in cases {
        assert_invalid(&server.call(post("/update-user", body).by(&ada.by_cookie())).await, message);
    }
}
