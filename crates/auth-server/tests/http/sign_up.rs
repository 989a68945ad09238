//! POST /sign-up/email

use auth_core::testing::{PASSWORD, TestDatabase, post};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    makes_a_user_an_account_and_a_session,
    keeps_what_optional_members_say,
    lower_cases_the_address,
    counts_password_length_in_utf16_units,
    refuses_a_taken_address,
    refuses_sign_up_when_it_is_off,
    hides_taken_addresses_without_auto_sign_in,
    lists_every_invalid_member_in_order,
    twenty_at_once_make_one_user,
    the_unique_index_decides_a_race,
    a_session_that_ends_with_the_browser,
);

fn ada() -> Value {
    json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD })
}

async fn makes_a_user_an_account_and_a_session(database: TestDatabase) {
    let server = Server::on(database).await;
    let response = server.call(post("/sign-up/email", ada()).header("user-agent", "test/1")).await;

    let db = &server.database;
    let id = db.text(r#"SELECT id AS value FROM "user""#).await;
    let token = db.text("SELECT token AS value FROM session").await;
    let user = format!(
        r#"{{"name":"Ada","email":"ada@example.test","emailVerified":false,"image":null,"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","id":"{id}"}}"#
    );
    assert_eq!(response.status, 200);
    assert_eq!(response.text(), format!(r#"{{"token":"{token}","user":{user}}}"#));
    let signed = server.app.signer.sign(&token);
    let encoded = auth_core::wire::cookie::encode_uri_component(&signed);
    let mut headers = response.headers.clone();
    headers.sort();
    let expected = [
        ("access-control-expose-headers", "set-auth-token".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("set-auth-token", signed),
        (
            "set-cookie",
            format!("better-auth.session_token={encoded}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"),
        ),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value)));

    assert_eq!([id.len(), token.len()], [32, 32]);
    assert!(format!("{id}{token}").bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let account = r#"SELECT "providerId" || ' ' || "accountId" || ' ' || "userId" AS value FROM account"#;
    assert_eq!(db.text(account).await, format!("credential {id} {id}"));
    let session = r#"SELECT "userId" || ' ' || "ipAddress" || ' ' || "userAgent" AS value FROM session"#;
    assert_eq!(db.text(session).await, format!("{id} 127.0.0.1 test/1"));
}

async fn keeps_what_optional_members_say(database: TestDatabase) {
    let server = Server::on(database).await;
    let mut body = ada();
    body["image"] = "https://cdn.example.test/ada.png".into();
    body["callbackURL"] = "/welcome".into();
    body["name"] = "".into();
    let response = server.call(post("/sign-up/email", body)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let user = &response.json()["user"];
    assert_eq!((&user["image"], &user["name"]), (&json!("https://cdn.example.test/ada.png"), &json!("")));
}

async fn lower_cases_the_address(database: TestDatabase) {
    let server = Server::on(database).await;
    let body = json!({ "name": "Ada", "email": "ADA@Example.TEST", "password": PASSWORD });
    let response = server.call(post("/sign-up/email", body)).await;
    assert_eq!(response.json()["user"]["email"], "ada@example.test");
    assert_eq!(server.database.text(r#"SELECT email AS value FROM "user""#).await, "ada@example.test");
}

async fn counts_password_length_in_utf16_units(database: TestDatabase) {
    let server = Server::on(database).await;
    let cases = [
        ("1234567".to_owned(), Err("short")),
        ("12345678".to_owned(), Ok(())),
        ("\u{1f511}".repeat(4), Ok(())),
        ("\u{1f511}".repeat(3) + "1", Err("short")),
        ("x".repeat(128), Ok(())),
        ("x".repeat(129), Err("long")),
        ("\u{1f511}".repeat(65), Err("long")),
    ];
    for (number, (password, expected)) in cases.into_iter().enumerate() {
        let body = json!({ "name": "A", "email": format!("a{number}@example.test"), "password": password });
        let response = server.call(post("/sign-up/email", body)).await;
        match expected {
            Ok(()) => assert_eq!(response.status, 200, "{password}"),
            Err("short") => {
                assert_refused(&response, 400, "PASSWORD_TOO_SHORT", "Password too short", "AUTH-0045");
            }
            Err(_) => assert_refused(&response, 400, "PASSWORD_TOO_LONG", "Password too long", "AUTH-0046"),
        }
    }
}

async fn refuses_a_taken_address(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    for email in ["ada@example.test", "ADA@EXAMPLE.TEST"] {
        let body = json!({ "name": "Eve", "email": email, "password": "another password" });
        let response = server.call(post("/sign-up/email", body)).await;
        assert_refused(
            &response,
            422,
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            "User already exists. Use another email.",
            "AUTH-0047",
        );
        assert_eq!(response.set_cookies(), [""; 0]);
    }
    assert_eq!(server.database.count("user").await, 1);
}

async fn refuses_sign_up_when_it_is_off(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailAndPassword": { "disableSignUp": true } })).await;
    let response = server.call(post("/sign-up/email", ada())).await;
    let off = ("EMAIL_PASSWORD_SIGN_UP_DISABLED", "Email and password sign up is not enabled");
    assert_refused(&response, 400, off.0, off.1, "AUTH-0041");
    let server = server.beside(json!({ "emailAndPassword": { "enabled": false } })).await;
    let response = server.call(post("/sign-up/email", ada())).await;
    assert_refused(&response, 400, off.0, off.1, "AUTH-0041");
    assert_eq!(server.database.count("user").await, 0);
}

async fn hides_taken_addresses_without_auto_sign_in(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailAndPassword": { "autoSignIn": false } })).await;
    let first = server.call(post("/sign-up/email", ada())).await;
    let work = server.app.hasher.runs();
    let again = server.call(post("/sign-up/email", ada())).await;
    assert_eq!(server.app.hasher.runs(), (work.0 * 2, 0), "the same work for a taken address");
    let shape = |response: &auth_core::testing::TestResponse| {
        let mut json = response.json();
        json["user"]["id"] = json["user"]["id"].as_str().unwrap().len().into();
        (response.status, json.to_string(), response.headers.clone())
    };
    assert_eq!(shape(&first), shape(&again));
    assert_eq!(first.json()["token"], Value::Null);
    assert_eq!(first.set_cookies(), [""; 0]);
    assert_eq!(server.database.count("user").await, 1);
    assert_eq!(server.database.count("session").await, 0);
}

async fn lists_every_invalid_member_in_order(database: TestDatabase) {
    let server = Server::on(database).await;
    let string = |name: &str, received: &str| {
        format!("[body.{name}] Invalid input: expected string, received {received}")
    };
    let cases = [
        (json!({}), [string("name", "undefined"), string("email", "undefined"), string("password", "undefined")].join("; ")),
        (
            json!({ "name": 1, "email": ["a@b.co"], "password": null, "image": {}, "rememberMe": "yes" }),
            [
                string("name", "number"),
                string("email", "array"),
                string("password", "null"),
                string("image", "object"),
                "[body.rememberMe] Invalid input: expected boolean, received string".to_owned(),
            ]
            .join("; "),
        ),
        (
            json!({ "name": "A", "email": "not an address", "password": "" }),
            "[body.email] Invalid email address; [body.password] Too small: expected string to have >=1 characters"
                .to_owned(),
        ),
        (
            json!([]),
            "[body] Invalid input: expected object, received array; [body] Invalid input: expected record, received array"
                .to_owned(),
        ),
        (
            json!("x"),
            "[body] Invalid input: expected object, received string; [body] Invalid input: expected record, received string"
                .to_owned(),
        ),
        (
            json!({ "name": "A\u{0}", "email": "a@b.co", "password": PASSWORD }),
            "[body.name] Invalid input: expected string without U+0000".to_owned(),
        ),
    ];
    for (body, message) in cases {
        assert_invalid(&server.call(post("/sign-up/email", body)).await, &message);
    }
    let nothing = server.call(post("/sign-up/email", Value::Null)).await;
    assert_invalid(
        &nothing,
        "[body] Invalid input: expected object, received undefined; [body] Invalid input: expected record, received undefined",
    );
    assert_eq!(server.database.count("user").await, 0);
}

async fn twenty_at_once_make_one_user(database: TestDatabase) {
    let server = Server::on(database).await;
    let spelling = |number: usize| {
        let upper = |(at, c): (usize, char)| if (number >> at) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        "adalovelace@example.test".chars().enumerate().map(upper).collect::<String>()
    };
    let sign_up = |number: usize| {
        let body = json!({ "name": "Ada", "email": spelling(number % 10), "password": PASSWORD });
        server.call(post("/sign-up/email", body))
    };
    let responses = join_all((0..20).map(sign_up)).await;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(200), count(422)), (1, 19), "{responses:?}");
    for table in ["user", "account", "session"] {
        assert_eq!(server.database.count(table).await, 1, "{table}");
    }
}

async fn the_unique_index_decides_a_race(database: TestDatabase) {
    let slow = json!({ "emailAndPassword": { "password": { "memoryKiB": 65_536, "iterations": 3 } } });
    let server = Server::with(database, slow).await;
    // All four have seen a free address before the first of them writes: hashing comes between.
    let responses = join_all((0..4).map(|_| server.call(post("/sign-up/email", ada())))).await;
    let lost: Vec<_> = responses.iter().filter(|response| response.status != 200).collect();
    assert_eq!(lost.len(), 3);
    for response in lost {
        assert_refused(response, 422, "FAILED_TO_CREATE_USER", "Failed to create user", "AUTH-0048");
        assert_eq!(response.set_cookies(), [""; 0]);
    }
}

async fn a_session_that_ends_with_the_browser(database: TestDatabase) {
    let server = Server::on(database).await;
    let mut body = ada();
    body["rememberMe"] = false.into();
    let response = server.call(post("/sign-up/email", body)).await;
    let attributes: Vec<_> = response
        .set_cookies()
        .iter()
        .map(|cookie| cookie.split_once('=').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.split_once("; ").unwrap().1.to_owned()))
        .collect();
    let expected = ["better-auth.session_token", "better-auth.dont_remember"];
    assert_eq!(
        attributes,
        expected.map(|name| (name.to_owned(), "Path=/; HttpOnly; SameSite=Lax".to_owned()))
    );
    let session = server.session(&auth_core::testing::TestUser::new(&response, &server.app).cookies).await;
    assert_eq!(session.json()["session"]["expiresAt"], "2030-01-02T00:00:00.000Z");
}
