//! What receivers are told of services and keys that end at once.

use std::time::Duration;

use auth_core::features::services::admin::{self, KeySource};
use auth_core::testing::{TestDatabase, get};
use auth_s2s::{Minter, ServiceKey};
use serde_json::{Value, json};

use super::{auth, key_of, name};
use crate::support::Server;

on_every_database!(
    what_ends_at_once_is_listed_as_withdrawn,
    nothing_is_listed_of_what_was_not_done,
    nothing_is_listed_where_nobody_reads,
);

/// The entries that `reader` finds, without their ends.
async fn withdrawn(server: &Server, reader: &Minter) -> Vec<Value> {
    let token = reader.token(&auth()).unwrap();
    let list = get("/revocations?after=0").header("authorization", format!("Bearer {token}"));
    let response = server.call(list).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let text = response.text();
    let payload = auth_jose::base64url::decode(text.split('.').nth(1).unwrap()).unwrap();
    let mut entries =
        serde_json::from_slice::<Value>(&payload).unwrap()["entries"].as_array().unwrap().clone();
    let now = auth_jose::Clock::now(&*server.clock).seconds();
    for entry in &mut entries {
        assert_eq!(entry.as_object_mut().unwrap().remove("exp"), Some(json!(now + 120)), "{text}");
    }
    entries
}

fn kid_of(minter: &Minter) -> Value {
    minter.public_jwk()["kid"].clone()
}

async fn what_ends_at_once_is_listed_as_withdrawn(database: TestDatabase) {
    let server = Server::with(database, json!({ "revocation": { "feed": "clients" } })).await;
    // Another process than the one that is asked, as the command line is.
    let operator = server.beside(json!({ "revocation": { "feed": "clients" } })).await;
    let reader = server.service("reader").await;
    let (first, second) = (server.service("worker").await, server.minter("worker"));
    admin::rotate(&operator.app, &key_of(&second), 60).await.unwrap();
    assert_eq!(withdrawn(&server, &reader).await, [] as [Value; 0], "the old key is good for a while");

    admin::set_enabled(&operator.app, &name("worker"), false).await.unwrap();
    let before = auth_jose::Clock::now(&*server.clock).seconds() + 2;
    let mut listed = withdrawn_soon(&server, &reader).await;
    let subject = listed.pop().unwrap();
    assert_eq!(subject, json!({"sub": "service:worker", "before": before}), "what was issued for it");
    let mut kids: Vec<_> = listed.iter().map(|entry| entry["kid"].clone()).collect();
    kids.sort_by_key(Value::to_string);
    let mut expected = [kid_of(&first), kid_of(&second)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(kids, expected);

    // What was ended long ago is not listed again, nor is anything by enabling.
    admin::set_enabled(&operator.app, &name("worker"), true).await.unwrap();
    server.clock.advance(900);
    assert_eq!(withdrawn(&server, &reader).await, [] as [Value; 0], "forgotten");
    let third = server.minter("worker");
    admin::rotate(&operator.app, &key_of(&third), 0).await.unwrap();
    assert_eq!(withdrawn_soon(&server, &reader).await, [json!({"kid": kid_of(&second)})]);
    admin::remove(&operator.app, &name("worker")).await.unwrap();
    assert!(withdrawn_soon(&server, &reader).await.contains(&json!({"kid": kid_of(&third)})));

    // A key that its service does not show any more.
    server.clock.advance(900);
    let url = "https://billing.example.test/jwks".to_owned();
    admin::add(&operator.app, &name("billing"), KeySource::Url(url)).await.unwrap();
    let (one, two) = (server.minter("billing"), server.minter("billing"));
    admin::synchronize(&operator.app, &name("billing"), &[key_of(&one)]).await.unwrap();
    for _ in 0..2 {
        admin::synchronize(&operator.app, &name("billing"), &[key_of(&two)]).await.unwrap();
    }
    assert_eq!(withdrawn_soon(&server, &reader).await, [json!({"kid": kid_of(&one)})], "once");
}

/// The same, once another server's entries are seen.
async fn withdrawn_soon(server: &Server, reader: &Minter) -> Vec<Value> {
    tokio::time::sleep(Duration::from_millis(260)).await;
    withdrawn(server, reader).await
}

async fn nothing_is_listed_of_what_was_not_done(database: TestDatabase) {
    let server = Server::with(database, json!({ "revocation": { "feed": "clients" } })).await;
    let reader = server.service("reader").await;
    let stolen = ServiceKey::new(&name("worker"), &reader.public_jwk()).unwrap();
    server.service("worker").await;
    assert!(admin::rotate(&server.app, &stolen, 0).await.is_err());
    assert!(admin::set_enabled(&server.app, &name("nobody"), false).await.is_err());
    assert!(admin::remove(&server.app, &name("nobody")).await.is_err());
    assert_eq!(server.database.count("auth_revocation").await, 0);
}

async fn nothing_is_listed_where_nobody_reads(database: TestDatabase) {
    let server = Server::on(database).await;
    server.service("worker").await;
    admin::set_enabled(&server.app, &name("worker"), false).await.unwrap();
    assert_eq!(server.database.count("auth_revocation").await, 0);
}
