//! `advanced.database.generateId`: ids that are UUIDs, and ids that the database counts.

use auth_core::id::GenerateId;
use auth_core::testing::{Kind, PASSWORD, TestDatabase, get, post};
use auth_jose::base64url;
use serde_json::{Value, json};

use crate::support::{Server, assert_refused, token};

on_every_database!(
    uuids_serve_a_whole_life,
    counted_ids_serve_a_whole_life,
    counted_ids_serve_declared_fields,
    uuids_serve_declared_fields,
    ids_of_the_databases_own_making_are_read_back,
    a_token_whose_owner_is_no_id_belongs_to_nobody,
    a_taken_address_gets_an_id_like_a_free_one,
    counted_ids_of_the_deleted_are_not_given_out_again,
    the_copy_in_the_cookie_keeps_counted_ids,
    keys_are_named_by_counted_ids_through_their_whole_life,
);

fn settings(kind: &str) -> Value {
    json!({
        "advanced": { "database": { "generateId": kind } },
        "user": { "deleteUser": { "enabled": true } },
        "rateLimit": { "enabled": true, "storage": "database", "max": 1000, "customRules": { "/*": { "window": 10, "max": 1000 } } },
    })
}

fn with_fields(kind: &str) -> Value {
    let mut settings = settings(kind);
    settings["user"]["additionalFields"] = json!({ "plan": { "type": "string", "defaultValue": "free" } });
    settings["session"] = json!({ "additionalFields": { "device": { "type": "string", "required": false, "defaultValue": "web" } } });
    settings
}

#[track_caller]
fn assert_id(kind: &str, id: &Value) {
    let text = id.as_str().unwrap_or_else(|| panic!("{id} is no text"));
    let fits = match kind {
        "serial" => text.parse::<i64>().is_ok_and(|number| number > 0 && number.to_string() == text),
        _ => text.len() == 36 && text.split('-').count() == 5 && text.to_lowercase() == text,
    };
    assert!(fits, "{id} as {kind}");
}

async fn uuids_serve_a_whole_life(database: TestDatabase) {
    life(database, "uuid", settings("uuid")).await;
}

async fn counted_ids_serve_a_whole_life(database: TestDatabase) {
    life(database, "serial", settings("serial")).await;
}

async fn counted_ids_serve_declared_fields(database: TestDatabase) {
    let server = life(database, "serial", with_fields("serial")).await;
    assert_eq!(server.database.text("SELECT plan AS value FROM \"user\"").await, "free");
}

async fn uuids_serve_declared_fields(database: TestDatabase) {
    life(database, "uuid", with_fields("uuid")).await;
}

/// Everything that writes or finds a row by its id. One of two users is left.
async fn life(database: TestDatabase, kind: &str, settings: Value) -> Server {
    let server = Server::with(database, settings).await;
    let (ada, bob) = (server.sign_up("Ada").await, server.sign_up("Bob").await);
    assert_ne!(ada.id, bob.id);
    assert_id(kind, &json!(ada.id));

    let read = server.call(get("/get-session").by(&ada.by_cookie())).await;
    let session = read.json()["session"].clone();
    assert_id(kind, &session["id"]);
    assert_eq!((&session["userId"], &read.json()["user"]["id"]), (&json!(ada.id), &json!(ada.id)));

    let jwt = server.call(get("/token").by(&ada.by_cookie())).await.json()["token"].clone();
    let part = |at: usize| {
        let part = jwt.as_str().unwrap().split('.').nth(at).unwrap().to_owned();
        serde_json::from_slice::<Value>(&base64url::decode(&part).unwrap()).unwrap()
    };
    assert_eq!(part(1)["sub"], ada.id);
    let keys = server.call(get("/jwks")).await.json();
    assert_id(kind, &keys["keys"][0]["kid"]);
    assert_eq!(part(0)["kid"], keys["keys"][0]["kid"]);

    let accounts = server.call(get("/list-accounts").by(&ada.by_cookie())).await.json();
    assert_id(kind, &accounts[0]["id"]);
    assert_eq!((&accounts[0]["accountId"], &accounts[0]["userId"]), (&json!(ada.id), &json!(ada.id)));
    for stranger in ["1 OR 1=1", "", "99999999999999999999", "-1", "0", &bob.id, "\u{661}"] {
        let body = json!({ "accountId": stranger });
        let response = server.call(post("/unlink-account", body).by(&ada.by_cookie())).await;
        assert_eq!(response.status, 400, "{stranger:?}: {}", response.text());
    }

    let (_second, third) = (server.sign_in(&ada).await, server.sign_in(&ada).await);
    let listed = server.call(get("/list-sessions").by(&third.by_cookie())).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let response = server.call(post("/revoke-other-sessions", json!({})).by(&third.by_cookie())).await;
    assert_eq!(response.text(), r#"{"status":true}"#);
    assert_eq!(server.call(get("/get-session").by(&ada.by_cookie())).await.text(), "null");
    assert_eq!(server.database.count("session").await, 2);

    let response =
        server.call(post("/update-user", json!({ "name": "Ada L." })).by(&third.by_cookie())).await;
    assert_eq!(response.text(), r#"{"status":true}"#);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "another password", "revokeOtherSessions": true });
    let changed = server.call(post("/change-password", body).by(&third.by_cookie())).await.json();
    assert_eq!((&changed["user"]["id"], &changed["user"]["name"]), (&json!(ada.id), &json!("Ada L.")));
    assert!(changed["token"].is_string(), "{changed}");

    server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    let expired = token(&server.one_mail());
    server.clock.advance(7200);
    server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    assert_eq!(server.database.count("verification").await, 1, "the expired value is gone");
    let reset = token(&server.one_mail());
    for (token, status) in [(expired, 400), (reset, 200)] {
        let body = json!({ "newPassword": PASSWORD, "token": token });
        assert_eq!(server.call(post("/reset-password", body)).await.status, status);
    }

    let again = server.sign_in(&ada).await;
    server.call(post("/delete-user", json!({})).by(&again.by_cookie())).await;
    let link = format!("/delete-user/callback?token={}", token(&server.one_mail()));
    let stranger = server.call(get(&link).by(&bob.by_cookie())).await;
    assert_eq!(stranger.status, 404, "{}", stranger.text());
    assert_eq!(server.call(get(&link).by(&again.by_cookie())).await.status, 200);
    assert_eq!(server.database.text("SELECT CAST(id AS text) AS value FROM \"user\"").await, bob.id);
    assert_eq!((server.database.count("account").await, server.database.count("session").await), (1, 1));
    server
}

/// `false`: PostgreSQL's defaults may be anything; the others count.
async fn ids_of_the_databases_own_making_are_read_back(database: TestDatabase) {
    let is_postgres = database.kind() == Kind::Postgres;
    database.migrate_for(if is_postgres { GenerateId::Uuid } else { GenerateId::Serial });
    if is_postgres {
        let marked = "ALTER TABLE \"user\" ALTER COLUMN id SET DEFAULT CAST('00000000-0000-4000-8000-' || lpad(CAST(floor(random() * 1e9) AS text), 12, '0') AS uuid)";
        database.execute(marked).await;
    }
    let server = Server::with(database, json!({ "advanced": { "database": { "generateId": false } } })).await;
    let ada = server.sign_up("Ada").await;
    assert_id(if is_postgres { "uuid" } else { "serial" }, &json!(ada.id));
    assert_eq!(ada.id.starts_with("00000000-0000-4000-8000-"), is_postgres);
    let session = server.call(get("/get-session").by(&ada.by_cookie())).await.json();
    assert_eq!(session["session"]["userId"], ada.id);
}

async fn a_token_whose_owner_is_no_id_belongs_to_nobody(database: TestDatabase) {
    let server = Server::with(database, settings("serial")).await;
    let ada = server.sign_up("Ada").await;
    for owner in ["nobody", "", "99999999999999999999", "01"] {
        server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
        server.database.execute(&format!("UPDATE verification SET value = '{owner}'")).await;
        let body = json!({ "newPassword": "another password", "token": token(&server.one_mail()) });
        let response = server.call(post("/reset-password", body)).await;
        assert_refused(&response, 400, "USER_NOT_FOUND", "User not found", "AUTH-0114");
    }
    server.sign_in(&ada).await;
}

async fn a_taken_address_gets_an_id_like_a_free_one(database: TestDatabase) {
    let mut settings = settings("serial");
    settings["emailAndPassword"] = json!({ "requireEmailVerification": true });
    let server = Server::with(database, settings).await;
    let sign_up = |name: &str| {
        let email = format!("{name}@example.test");
        server.call(post("/sign-up/email", json!({ "name": "N", "email": email, "password": PASSWORD })))
    };
    let id = |response: &auth_core::testing::TestResponse| response.json()["user"]["id"].clone();
    let (free, taken) = (sign_up("ada").await, sign_up("ada").await);
    assert_eq!((free.status, taken.status), (200, 200), "{}", taken.text());
    assert_id("serial", &id(&taken));
    assert_ne!(id(&free), id(&taken));
    let next = sign_up("bob").await;
    assert_id("serial", &id(&next));
    assert_eq!(server.database.count("user").await, 2);
    let names = "SELECT email AS value FROM \"user\" ORDER BY email";
    let stored: Vec<_> = server.database.texts(names).await.into_iter().flatten().collect();
    assert_eq!(stored, ["ada@example.test", "bob@example.test"]);
}

async fn counted_ids_of_the_deleted_are_not_given_out_again(database: TestDatabase) {
    let server = Server::with(database, settings("serial")).await;
    let ada = server.sign_up("Ada").await;
    server.call(post("/delete-user", json!({})).by(&ada.by_cookie())).await;
    let link = format!("/delete-user/callback?token={}", token(&server.one_mail()));
    assert_eq!(server.call(get(&link).by(&ada.by_cookie())).await.status, 200);
    assert_eq!(server.database.count("user").await, 0);
    assert_ne!(server.sign_up("Eve").await.id, ada.id, "tokens of the deleted would be Eve's");
}

async fn the_copy_in_the_cookie_keeps_counted_ids(database: TestDatabase) {
    let mut settings = settings("serial");
    settings["session"] = json!({ "cookieCache": { "enabled": true } });
    settings["rateLimit"] = json!({ "enabled": false });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let before = server.app.store.checkouts();
    let read = server.call(get("/get-session").by(&ada.by_cookie())).await.json();
    assert_eq!(server.app.store.checkouts(), before, "read from the copy");
    assert_id("serial", &read["session"]["id"]);
    assert_eq!(read["user"]["id"], ada.id);
    // A refresh writes to the row that the copy names.
    server.clock.advance(2 * 86_400);
    let later = server.call(get("/get-session").by(&ada.by_cookie())).await.json();
    assert_ne!(later["session"]["expiresAt"], read["session"]["expiresAt"]);
}

async fn keys_are_named_by_counted_ids_through_their_whole_life(database: TestDatabase) {
    let server = Server::with(database, settings("serial")).await;
    let (app, ada) = (&server.app, server.sign_up("Ada").await);
    let keys = app.keys.as_ref().unwrap();
    let kids = || async {
        let set = server.call(get("/jwks")).await.json();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let first = kids().await;
    assert_eq!(first.len(), 1);
    let successors = keys.rotate(app).await.unwrap();
    let next = json!(successors[0].kid);
    assert_id("serial", &next);
    assert!(kids().await.contains(&next) && !first.contains(&next), "{first:?}, then {next}");
    // Every row has the life that is told of it, also to another server.
    let other = server.beside(settings("serial")).await;
    let names = |app: &auth_core::app::App| {
        let keys = app.keys.as_ref().unwrap().keys(app.clock.now()).into_iter();
        keys.map(|key| (key.kid, key.phase, key.unusable)).collect::<Vec<_>>()
    };
    assert_eq!(names(app), names(&other.app));
    assert!(
        names(app).iter().all(|(_, phase, unusable)| phase.is_some() && unusable.is_none()),
        "{:?}",
        names(app)
    );

    let revoked = keys.rotate_at_once(app).await.unwrap();
    assert_eq!(revoked.len(), 2, "{revoked:?}");
    let fresh = kids().await;
    assert_eq!(fresh.len(), 1);
    assert_id("serial", &fresh[0]);
    assert!(!revoked.iter().any(|kid| fresh.contains(&json!(kid))), "{revoked:?} and {fresh:?}");
    let token = server.call(get("/token").by(&ada.by_cookie())).await.json()["token"].clone();
    let header = base64url::decode(token.as_str().unwrap().split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["kid"], fresh[0]);
}
