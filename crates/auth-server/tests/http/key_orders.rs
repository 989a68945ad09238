//! What operators order: rotations, emergencies, the end of one key.

use auth_core::features::jwt::Retired;
use auth_core::testing::{TestDatabase, get};
use auth_jose::{Clock, JwkSet, Policy, Timestamp, verify};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::key_lifecycle::{kids, look_at_the_keys, signer};
use crate::keys::{PRIVATE, PUBLIC, insert};
use crate::support::Server;

on_every_database!(
    a_rotation_publishes_first_and_signs_later,
    a_key_that_waits_is_not_doubled,
    rotations_at_the_same_time_are_one,
    in_an_emergency_every_key_goes_at_once,
    emergencies_at_the_same_time_are_one,
    a_revoked_key_never_comes_back,
    in_an_emergency_keys_that_cannot_be_opened_go_too,
    one_key_can_be_revoked,
    a_key_that_is_not_needed_can_retire,
    the_key_that_signs_cannot_simply_retire,
    a_key_that_nobody_knows_cannot_retire,
);

const AHEAD: i64 = 2 * 300 + 2 * 5;

fn now(server: &Server) -> Timestamp {
    server.clock.now()
}

async fn a_rotation_publishes_first_and_signs_later(database: TestDatabase) {
    let server = Server::on(database).await;
    let other = server.beside(json!({})).await;
    let first = signer(&server).await;
    let keys = server.app.keys.as_ref().unwrap();
    let made = keys.rotate(&server.app).await.unwrap();
    assert_eq!((made.len(), made[0].alg.as_str()), (1, "EdDSA"));
    assert_eq!(made[0].signs_from, now(&server).plus_seconds(AHEAD));
    assert_eq!(kids(&server).await, [made[0].kid.clone(), first.clone()]);
    assert_eq!(signer(&server).await, first);
    look_at_the_keys(&other).await;
    assert_eq!(kids(&other).await, kids(&server).await, "others follow without a restart");
    server.clock.advance(AHEAD - 1);
    assert_eq!((signer(&server).await, signer(&other).await), (first.clone(), first));
    server.clock.advance(1);
    assert_eq!((signer(&server).await, signer(&other).await), (made[0].kid.clone(), made[0].kid.clone()));
}

async fn a_key_that_waits_is_not_doubled(database: TestDatabase) {
    let server = Server::on(database).await;
    let keys = server.app.keys.as_ref().unwrap();
    let made = keys.rotate(&server.app).await.unwrap();
    server.clock.advance(AHEAD / 2);
    assert_eq!(keys.rotate(&server.app).await.unwrap(), made);
    server.clock.advance(AHEAD);
    let next = keys.rotate(&server.app).await.unwrap();
    assert_ne!(next[0].kid, made[0].kid);
    assert_eq!(server.database.count("signingKey").await, 3);

    // One that waits for its time by the calendar is brought forward.
    server.clock.advance(AHEAD + 30 * 86_400 - AHEAD);
    look_at_the_keys(&server).await;
    let waiting = kids(&server).await[0].clone();
    server
        .database
        .execute(&format!(
            r#"UPDATE "signingKey" SET "signsFrom" = '2031-01-01T00:00:00.000Z' WHERE "kid" = '{waiting}'"#
        ))
        .await;
    let brought = keys.rotate(&server.app).await.unwrap();
    assert_eq!(
        (brought[0].kid.as_str(), brought[0].signs_from),
        (waiting.as_str(), now(&server).plus_seconds(AHEAD))
    );
}

async fn rotations_at_the_same_time_are_one(database: TestDatabase) {
    let one = Server::on(database).await;
    let two = one.beside(json!({})).await;
    let (first, second) = (one.app.keys.as_ref().unwrap(), two.app.keys.as_ref().unwrap());
    let (first, second) = join(first.rotate(&one.app), second.rotate(&two.app)).await;
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(one.database.count("jwks").await, 2);
}

async fn in_an_emergency_every_key_goes_at_once(database: TestDatabase) {
    let server = Server::on(database).await;
    let other = server.beside(json!({})).await;
    let keys = server.app.keys.as_ref().unwrap();
    let old = [signer(&server).await, keys.rotate(&server.app).await.unwrap().remove(0).kid];
    look_at_the_keys(&other).await;
    let ada = server.sign_up("Eve").await;
    let token =
        server.call(get("/token").by(&ada.by_bearer())).await.json()["token"].as_str().unwrap().to_owned();

    let mut revoked = keys.rotate_at_once(&server.app).await.unwrap();
    revoked.sort();
    let mut expected = old.to_vec();
    expected.sort();
    assert_eq!(revoked, expected);
    let fresh = signer(&server).await;
    assert!(!old.contains(&fresh));
    assert_eq!(kids(&server).await, [fresh.as_str()]);
    let policy = Policy::new("http://localhost:3000", "http://localhost:3000").unwrap();
    let set = JwkSet::parse(&server.call(get("/jwks")).await.body).unwrap();
    assert!(verify::<Value>(&policy, &set, now(&server), &token).is_err());

    look_at_the_keys(&other).await;
    assert_eq!((kids(&other).await, signer(&other).await), (vec![fresh.clone()], fresh.clone()));
    assert_eq!(
        server.database.count("jwks").await,
        1,
        "private parts are gone, also for a Better Auth server"
    );
    server.clock.advance(AHEAD);
    look_at_the_keys(&other).await;
    assert_eq!(signer(&other).await, fresh, "the one that waited never signs");
}

async fn emergencies_at_the_same_time_are_one(database: TestDatabase) {
    let one = Server::on(database).await;
    let two = one.beside(json!({})).await;
    let old = signer(&one).await;
    let (first, second) = (one.app.keys.as_ref().unwrap(), two.app.keys.as_ref().unwrap());
    let (first, second) = join(first.rotate_at_once(&one.app), second.rotate_at_once(&two.app)).await;
    let mut revoked = [first.unwrap(), second.unwrap()].concat();
    revoked.sort();
    assert_eq!(revoked, [old]);
    look_at_the_keys(&one).await;
    look_at_the_keys(&two).await;
    assert_eq!(signer(&one).await, signer(&two).await);
    assert_eq!(one.database.count("signingKey").await, 2);
}

async fn a_revoked_key_never_comes_back(database: TestDatabase) {
    database.migrate();
    insert(&database, "K1", PRIVATE, "2029-12-31T00:00:00.000Z", "NULL").await;
    let server = Server::on(database).await;
    assert_eq!(signer(&server).await, "K1");
    let keys = server.app.keys.as_ref().unwrap();
    assert_eq!(keys.rotate_at_once(&server.app).await.unwrap(), ["K1"]);
    // A Better Auth server or a backup writes it once more, newer than ever.
    insert(&server.database, "K1", PRIVATE, "2030-06-01T00:00:00.000Z", "NULL").await;
    server.clock.advance(-86_400);
    let restarted = server.beside(json!({})).await;
    for server in [&server, &restarted] {
        look_at_the_keys(server).await;
        assert_ne!(signer(server).await, "K1");
        assert!(!kids(server).await.contains(&"K1".to_owned()));
    }
    assert_eq!(server.database.count("jwks").await, 1, "and is removed once more");
}

async fn in_an_emergency_keys_that_cannot_be_opened_go_too(database: TestDatabase) {
    database.migrate();
    insert(&database, "sealed", "\"$ba$9$00\"", "2029-12-31T00:00:00.000Z", "NULL").await;
    let other = format!(
        r#"INSERT INTO jwks (id, "publicKey", "privateKey", "createdAt", alg) VALUES ('other', '{PUBLIC}', 'x', '2029-12-31T00:00:00.000Z', 'ES256K')"#
    );
    database.execute(&other).await;
    let server = Server::on(database).await;
    assert_eq!(kids(&server).await.len(), 3);
    let keys = server.app.keys.as_ref().unwrap();
    let revoked = keys.rotate_at_once(&server.app).await.unwrap();
    assert!(revoked.contains(&"sealed".to_owned()) && revoked.contains(&"other".to_owned()), "{revoked:?}");
    assert_eq!(kids(&server).await, [signer(&server).await]);
}

async fn one_key_can_be_revoked(database: TestDatabase) {
    let server = Server::on(database).await;
    let first = signer(&server).await;
    let keys = server.app.keys.as_ref().unwrap();
    keys.rotate(&server.app).await.unwrap();
    server.clock.advance(AHEAD);
    look_at_the_keys(&server).await;
    let second = signer(&server).await;
    assert_eq!(keys.retire_at_once(&server.app, &first).await.unwrap(), Retired::Gone);
    assert_eq!((kids(&server).await, signer(&server).await), (vec![second.clone()], second.clone()));
    assert_eq!(keys.retire_at_once(&server.app, &second).await.unwrap(), Retired::Gone);
    let third = signer(&server).await;
    assert!(third != first && third != second);
    assert_eq!(keys.retire_at_once(&server.app, "nobody").await.unwrap(), Retired::Unknown);
    assert_eq!(keys.retire_at_once(&server.app, &first).await.unwrap(), Retired::Gone, "as before");
    assert_eq!(kids(&server).await, [third]);
}

async fn a_key_that_is_not_needed_can_retire(database: TestDatabase) {
    let server = Server::on(database).await;
    let first = signer(&server).await;
    let moved = server.beside(json!({ "jwt": { "jwks": { "keyPairConfig": { "alg": "ES256" } } } })).await;
    let keys = moved.app.keys.as_ref().unwrap();
    let until = now(&server).plus_seconds(30 * 86_400);
    assert_eq!(keys.retire(&moved.app, &first).await.unwrap(), Retired::Until(until));
    assert!(kids(&moved).await.contains(&first));
    assert_eq!(keys.retire(&moved.app, &first).await.unwrap(), Retired::Until(until), "once is enough");
    let waiting = keys.rotate(&moved.app).await.unwrap().remove(0).kid;
    assert_eq!(keys.retire(&moved.app, &waiting).await.unwrap(), Retired::Gone);
    assert!(!kids(&moved).await.contains(&waiting));
}

async fn the_key_that_signs_cannot_simply_retire(database: TestDatabase) {
    let server = Server::on(database).await;
    let first = signer(&server).await;
    let keys = server.app.keys.as_ref().unwrap();
    assert_eq!(keys.retire(&server.app, &first).await.unwrap(), Retired::Signs);
    assert_eq!(signer(&server).await, first);
}

async fn a_key_that_nobody_knows_cannot_retire(database: TestDatabase) {
    let server = Server::on(database).await;
    let keys = server.app.keys.as_ref().unwrap();
    assert_eq!(keys.retire(&server.app, "nobody").await.unwrap(), Retired::Unknown);
    assert_eq!(server.database.count("signingKey").await, 1);
}
