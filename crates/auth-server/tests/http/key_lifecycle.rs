//! The life of signing keys: published, signing, retiring, gone, on several servers with one database.

use auth_core::testing::{START, TestDatabase, get};
use auth_jose::Timestamp;
use futures_util::FutureExt;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::keys::{PRIVATE, header_of_new_token, insert};
use crate::support::Server;

on_every_database!(
    a_key_is_published_signs_retires_and_goes,
    keys_change_on_time_without_the_database,
    keys_are_replaced_every_thirty_days_unless_the_operator_says_otherwise,
    the_key_set_may_be_cached_until_the_next_change,
    the_key_set_has_a_tag,
    servers_that_rotate_together_make_one_key,
    several_keys_wait_where_rotation_is_faster_than_caches,
    the_database_holds_one_signing_key_of_each_algorithm,
    a_clock_that_jumps_back_revives_nothing,
    an_expired_key_of_a_better_auth_server_signs_nothing,
    a_key_that_better_auth_adds_is_published_at_once_and_signs_later,
    a_better_auth_server_signs_with_the_same_key,
    a_key_that_is_removed_from_the_table_is_replaced,
    while_the_next_key_cannot_be_opened_the_one_before_goes_on,
    a_retiring_key_outlives_its_tokens_however_short_the_grace_period,
);

const HOUR: i64 = 3600;
/// Twice the key set's age in caches, and twice the time between two looks.
const AHEAD: i64 = 2 * 300 + 2 * 5;
/// The longest token, clocks that differ, and twice the time between two looks.
const KEEP: i64 = 900 + 60 + 10;

/// Keys that sign for an hour, and stay no longer than they have to.
fn rotating() -> Value {
    json!({ "jwt": { "jwks": { "rotationInterval": HOUR, "gracePeriod": 60 } } })
}

/// What the server's background work does every now and then.
pub(crate) async fn look_at_the_keys(server: &Server) {
    server.app.keys.as_ref().unwrap().load_or_create(&server.app).await.unwrap();
}

pub(crate) async fn kids(server: &Server) -> Vec<String> {
    let published = server.call(get("/jwks")).await.json();
    let keys = published["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn signer(server: &Server) -> String {
    header_of_new_token(server).await["kid"].as_str().unwrap().to_owned()
}

/// The key that a Better Auth server on the database would sign with: the newest one that has not expired.
async fn signer_of_better_auth(server: &Server) -> String {
    let rows = r#"SELECT id AS value FROM jwks WHERE "expiresAt" IS NULL ORDER BY "createdAt" DESC"#;
    server.database.texts(rows).await.remove(0).unwrap()
}

async fn states(server: &Server) -> Vec<String> {
    let rows = r#"SELECT "state" AS value FROM "signingKey" ORDER BY "generation""#;
    server.database.texts(rows).await.into_iter().flatten().collect()
}

async fn a_key_is_published_signs_retires_and_goes(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    let first = signer(&server).await;
    server.clock.advance(HOUR - AHEAD - 1);
    look_at_the_keys(&server).await;
    assert_eq!(kids(&server).await, [first.as_str()]);

    server.clock.advance(1);
    look_at_the_keys(&server).await;
    look_at_the_keys(&server).await;
    let published = kids(&server).await;
    assert_eq!((published.len(), &published[1]), (2, &first));
    let second = published[0].clone();
    assert_eq!(states(&server).await, ["signing", "published"]);
    server.clock.advance(AHEAD - 1);
    look_at_the_keys(&server).await;
    assert_eq!(signer(&server).await, first);

    server.clock.advance(1);
    look_at_the_keys(&server).await;
    assert_eq!(signer(&server).await, second);
    assert_eq!(states(&server).await, ["retiring", "signing"]);
    assert_eq!(kids(&server).await, [second.clone(), first.clone()]);

    server.clock.advance(KEEP - 1);
    look_at_the_keys(&server).await;
    assert_eq!(kids(&server).await, [second.clone(), first]);
    server.clock.advance(1);
    assert_eq!(kids(&server).await, [second.as_str()]);
    look_at_the_keys(&server).await;
    assert_eq!(states(&server).await, ["gone", "signing"]);
    assert_eq!(server.database.count("jwks").await, 1, "its private part is not kept");
}

async fn keys_change_on_time_without_the_database(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    let other = server.beside(rotating()).await;
    let first = signer(&server).await;
    server.clock.advance(HOUR - AHEAD);
    look_at_the_keys(&server).await;
    look_at_the_keys(&other).await;
    let second = kids(&server).await[0].clone();
    // Nobody looks any more, as if the background work had no database.
    for (seconds, expected) in [(AHEAD - 1, &first), (1, &second), (KEEP, &second)] {
        server.clock.advance(seconds);
        assert_eq!(&signer(&server).await, expected);
        assert_eq!(&signer(&other).await, expected);
    }
    assert_eq!(kids(&other).await, [second]);
    assert_eq!(states(&server).await, ["signing", "published"], "it is written down later");
    look_at_the_keys(&other).await;
    assert_eq!(states(&server).await[..2], ["gone", "signing"]);
}

async fn keys_are_replaced_every_thirty_days_unless_the_operator_says_otherwise(database: TestDatabase) {
    let server = Server::on(database).await;
    let never = server.beside(json!({ "jwt": { "jwks": { "rotationInterval": 0 } } })).await;
    let first = signer(&server).await;
    server.clock.advance(365 * 86_400);
    look_at_the_keys(&never).await;
    assert_eq!(server.database.count("jwks").await, 1);
    assert_eq!(signer(&never).await, first);
    look_at_the_keys(&server).await;
    server.clock.advance(AHEAD);
    let second = signer(&server).await;
    assert_ne!(second, first);
    look_at_the_keys(&never).await;
    assert_eq!(signer(&never).await, second, "servers without rotation follow");
    server.clock.advance(30 * 86_400 - AHEAD);
    look_at_the_keys(&server).await;
    server.clock.advance(AHEAD - 1);
    assert_eq!(signer(&server).await, second);
    server.clock.advance(1);
    assert_ne!(signer(&server).await, second);
}

async fn max_age(server: &Server) -> String {
    server.call(get("/jwks")).await.header("cache-control").unwrap().to_owned()
}

async fn the_key_set_may_be_cached_until_the_next_change(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    assert_eq!(max_age(&server).await, "public, max-age=300");
    server.clock.advance(HOUR - AHEAD - 120);
    assert_eq!(max_age(&server).await, "public, max-age=120", "until the next key is published");
    server.clock.advance(120);
    look_at_the_keys(&server).await;
    assert_eq!(max_age(&server).await, "public, max-age=300");
    server.clock.advance(AHEAD - 7);
    assert_eq!(max_age(&server).await, "public, max-age=7", "until it signs");
    server.clock.advance(7 + KEEP - 30);
    assert_eq!(max_age(&server).await, "public, max-age=30", "until the first one leaves");
    let exact = server.beside(json!({ "advanced": { "upstreamExact": true } })).await;
    let response = exact.call(get("/jwks")).await;
    assert_eq!((response.header("cache-control"), response.header("etag")), (None, None));
}

async fn the_key_set_has_a_tag(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    let response = server.call(get("/jwks")).await;
    let tag = response.header("etag").unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = server.call(get("/jwks").header("if-none-match", known.clone())).await;
        assert_eq!(
            (again.status, again.text(), again.header("etag")),
            (304, "", Some(tag.as_str())),
            "{known}"
        );
        assert_eq!(again.header("cache-control"), Some("public, max-age=300"));
    }
    for strange in ["\"other\"", "", "other", tag.trim_matches('"')] {
        let again = server.call(get("/jwks").header("if-none-match", strange)).await;
        assert_eq!((again.status, again.body.clone()), (200, response.body.clone()), "{strange}");
    }
    assert_eq!(server.beside(rotating()).await.call(get("/jwks")).await.header("etag"), Some(tag.as_str()));
    server.clock.advance(HOUR);
    look_at_the_keys(&server).await;
    let changed = server.call(get("/jwks").header("if-none-match", tag)).await;
    assert_eq!(changed.status, 200);
}

async fn servers_that_rotate_together_make_one_key(database: TestDatabase) {
    let one = Server::with(database, rotating()).await;
    let two = one.beside(rotating()).await;
    for round in 1..4 {
        one.clock.advance(HOUR - AHEAD);
        join(look_at_the_keys(&one), look_at_the_keys(&two)).await;
        let newest = kids(&one).await[0].clone();
        assert_eq!(kids(&two).await[0], newest, "round {round}");
        assert_eq!(one.database.count("signingKey").await, round + 1);
        one.clock.advance(AHEAD);
        join(look_at_the_keys(&one), look_at_the_keys(&two)).await;
        assert_eq!((signer(&one).await, signer(&two).await), (newest.clone(), newest));
    }
}

async fn several_keys_wait_where_rotation_is_faster_than_caches(database: TestDatabase) {
    let settings = json!({ "jwt": { "jwks": { "rotationInterval": 2, "maxAge": 4, "checkInterval": 1, "gracePeriod": 1 } } });
    let server = Server::with(database, settings).await;
    let mut seen_at = std::collections::BTreeMap::new();
    let mut signers = Vec::new();
    for second in 0..60 {
        look_at_the_keys(&server).await;
        for kid in kids(&server).await {
            seen_at.entry(kid).or_insert(second);
        }
        let signer = signer(&server).await;
        if signers.last() != Some(&signer) {
            let waited = second - seen_at[&signer];
            assert!(second < 12 || waited >= 10, "{signer} was published {waited} s before it signed");
            signers.push(signer);
        }
        server.clock.advance(1);
    }
    assert!(signers.len() >= 24, "{}", signers.len());
}

async fn refuses(database: &TestDatabase, sql: &str) -> bool {
    std::panic::AssertUnwindSafe(database.execute(sql)).catch_unwind().await.is_err()
}

async fn the_database_holds_one_signing_key_of_each_algorithm(database: TestDatabase) {
    let server = Server::on(database).await;
    let row = |kid: &str, alg: &str, generation: i32, state: &str, signing: &str| {
        format!(
            r#"INSERT INTO "signingKey" ("kid", "alg", "generation", "state", "signing", "publishedAt", "signsFrom")
               VALUES ('{kid}', '{alg}', {generation}, '{state}', {signing}, '2029-01-01T00:00:00.000Z', '2029-01-01T00:00:00.000Z')"#
        )
    };
    let database = &server.database;
    assert!(refuses(database, &row("A", "EdDSA", 2, "signing", "'EdDSA'")).await, "another one signs");
    assert!(refuses(database, &row("A", "EdDSA", 1, "published", "NULL")).await, "the number is taken");
    assert!(refuses(database, &row("A", "EdDSA", 2, "signing", "NULL")).await, "it hides that it signs");
    assert!(refuses(database, &row("A", "EdDSA", 2, "signing", "'ES256'")).await, "for another algorithm");
    assert!(refuses(database, &row("A", "EdDSA", 2, "retiring", "'EdDSA'")).await, "it does not sign");
    database.execute(&row("A", "ES256", 1, "signing", "'ES256'")).await;
    database.execute(&row("B", "EdDSA", 2, "retiring", "NULL")).await;
}

async fn a_clock_that_jumps_back_revives_nothing(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    let first = signer(&server).await;
    server.clock.advance(HOUR - AHEAD);
    look_at_the_keys(&server).await;
    server.clock.advance(AHEAD);
    let second = signer(&server).await;
    // Nobody wrote down that the first key has stopped: this process knows it.
    server.clock.advance(-HOUR);
    assert_eq!(signer(&server).await, second);
    look_at_the_keys(&server).await;
    assert_eq!(signer(&server).await, second);
    assert_eq!(states(&server).await[..2], ["retiring", "signing"]);
    let restarted = server.beside(rotating()).await;
    assert_eq!(signer(&restarted).await, second, "and now every process does");

    server.clock.advance(HOUR + KEEP);
    look_at_the_keys(&server).await;
    assert!(!kids(&server).await.contains(&first));
    server.clock.advance(-2 * HOUR);
    look_at_the_keys(&server).await;
    let restarted = server.beside(rotating()).await;
    for server in [&server, &restarted] {
        assert_eq!(signer(server).await, second);
        assert!(!kids(server).await.contains(&first));
    }
}

async fn an_expired_key_of_a_better_auth_server_signs_nothing(database: TestDatabase) {
    database.migrate();
    insert(&database, "K1", PRIVATE, "2029-12-31T00:00:00.000Z", "'2030-01-01T01:00:00.000Z'").await;
    let server = Server::on(database).await;
    assert_eq!(signer(&server).await, "K1");
    server.clock.advance(HOUR);
    let ada = server.sign_up("Eve").await;
    let response = server.call(get("/token").by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.header("x-error-id")), (503, Some("AUTH-0070")));
    let session = server.session(&ada.cookies).await;
    assert_eq!((session.status, session.header("set-auth-jwt")), (200, None));
    look_at_the_keys(&server).await;
    assert_ne!(signer(&server).await, "K1");
    assert!(kids(&server).await.contains(&"K1".to_owned()));
}

async fn a_key_that_better_auth_adds_is_published_at_once_and_signs_later(database: TestDatabase) {
    let server = Server::on(database).await;
    let own = signer(&server).await;
    server.clock.advance(HOUR);
    let now = auth_jose::Clock::now(&*server.clock);
    insert(&server.database, "K1", PRIVATE, &now.to_iso(), "NULL").await;
    look_at_the_keys(&server).await;
    assert_eq!(kids(&server).await, ["K1".to_owned(), own.clone()]);
    assert_eq!(signer(&server).await, own);
    server.clock.advance(AHEAD);
    look_at_the_keys(&server).await;
    assert_eq!(signer(&server).await, "K1");
    assert_eq!(states(&server).await, ["retiring", "signing"]);
    assert_eq!(signer_of_better_auth(&server).await, "K1");
    // An older one, such as from a backup, never signs.
    insert(&server.database, "K0", PRIVATE, "2029-01-01T00:00:00.000Z", "NULL").await;
    look_at_the_keys(&server).await;
    server.clock.advance(2 * AHEAD);
    look_at_the_keys(&server).await;
    assert_eq!(signer(&server).await, "K1");
}

async fn a_better_auth_server_signs_with_the_same_key(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    for _ in 0..3 {
        assert_eq!(signer_of_better_auth(&server).await, signer(&server).await);
        server.clock.advance(HOUR - AHEAD);
        look_at_the_keys(&server).await;
        assert_eq!(signer_of_better_auth(&server).await, signer(&server).await, "not the one that waits");
        server.clock.advance(AHEAD);
        look_at_the_keys(&server).await;
    }
}

async fn a_key_that_is_removed_from_the_table_is_replaced(database: TestDatabase) {
    let server = Server::on(database).await;
    let first = signer(&server).await;
    server.database.execute("DELETE FROM jwks").await;
    look_at_the_keys(&server).await;
    let second = signer(&server).await;
    assert_ne!(second, first);
    assert_eq!(kids(&server).await, [second]);
    assert_eq!(states(&server).await, ["gone", "signing"]);
}

async fn while_the_next_key_cannot_be_opened_the_one_before_goes_on(database: TestDatabase) {
    let server = Server::with(database, rotating()).await;
    let first = signer(&server).await;
    server.clock.advance(HOUR - AHEAD);
    look_at_the_keys(&server).await;
    let second = kids(&server).await[0].clone();
    let sealed = format!(r#"UPDATE jwks SET "privateKey" = '"$ba$9$00"' WHERE id = '{second}'"#);
    server.database.execute(&sealed).await;
    let strange =
        server.beside(json!({ "jwt": { "jwks": { "rotationInterval": 0, "gracePeriod": 60 } } })).await;
    server.clock.advance(AHEAD);
    look_at_the_keys(&strange).await;
    assert_eq!(signer(&server).await, second, "it was opened before");
    assert_eq!(signer(&strange).await, first, "its tokens die while it is published");
    assert_eq!(server.database.count("signingKey").await, 2);
    server.clock.advance(KEEP - 900 - 30);
    look_at_the_keys(&strange).await;
    let third = signer(&strange).await;
    assert!(third != first && third != second);
    look_at_the_keys(&server).await;
    assert_eq!(signer(&server).await, third, "all follow");
}

async fn a_retiring_key_outlives_its_tokens_however_short_the_grace_period(database: TestDatabase) {
    let settings = json!({ "jwt": { "jwks": { "rotationInterval": HOUR, "gracePeriod": 0 }, "jwt": { "expirationTime": "20m" } } });
    let server = Server::with(database, settings).await;
    let first = signer(&server).await;
    server.clock.advance(HOUR - AHEAD);
    look_at_the_keys(&server).await;
    server.clock.advance(AHEAD - 1);
    assert_eq!(signer(&server).await, first, "until the last moment");
    for _ in 0..20 {
        server.clock.advance(60);
        look_at_the_keys(&server).await;
        assert!(kids(&server).await.contains(&first));
    }
    server.clock.advance(120);
    assert!(!kids(&server).await.contains(&first));
    assert!(auth_jose::Clock::now(&*server.clock) > Timestamp::from_seconds(START + HOUR));
}
