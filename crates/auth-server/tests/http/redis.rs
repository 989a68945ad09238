//! Servers that are in touch through Valkey or Redis: `REDIS_URL`.

mod lost;
mod server;

use std::time::{Duration, Instant};

use auth_core::revocation::Revoked;
use auth_core::testing::{PASSWORD, TestDatabase, TestUser, get, post};
use auth_jose::Clock;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::introspection::{inactive, introspect, jwt, revoke};
use crate::support::{Server, redis_url};
use server::{Pair, connect, keep_in_touch, sets, settings, until};

on_every_database!(
    a_sign_out_is_told_to_the_other_servers,
    a_waiting_reader_at_another_server_is_told_at_once,
    what_was_withdrawn_a_moment_ago_is_withdrawn_everywhere,
    what_redis_holds_needs_no_query,
    every_kind_of_entry_is_held,
    a_long_list_is_copied_as_a_whole,
    a_list_that_is_too_long_is_left_to_the_database,
    entries_are_removed_when_they_have_expired,
    two_databases_share_a_redis_without_mixing,
);

async fn is_active(server: &Server, token: &str) -> bool {
    introspect(server, token).await["active"] == json!(true)
}

fn claim(token: &str, name: &str) -> String {
    crate::jwt::claims(&json!(token))[name].as_str().unwrap().to_owned()
}

async fn a_sign_out_is_told_to_the_other_servers(database: TestDatabase) {
    let url = redis_url();
    let pair = Pair::on(database, &url).await;
    let ada = pair.a.sign_up("Ada").await;
    let channel = pair.sets().await[0].rsplit_once(':').unwrap().0.to_owned();
    let mut listener = redis::Client::open(&*url).unwrap().get_async_pubsub().await.unwrap();
    listener.subscribe(channel).await.unwrap();
    pair.sign_out(&ada).await;
    let heard = futures_util::StreamExt::next(&mut listener.on_message()).await.unwrap();
    let text: String = heard.get_payload().unwrap();
    assert!(
        text.len() == 16 && !ada.token.contains(&text),
        "says who speaks, and nothing of what is withdrawn"
    );
}

async fn a_waiting_reader_at_another_server_is_told_at_once(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    // Without a word from the first server the second looks 250 ms after the reader has come, so each time later.
    let mut times = Vec::new();
    for round in 0..20 {
        let ada = pair.a.sign_up(&format!("Ada{round}")).await;
        let reader = async {
            let path = format!("/revocations?after={}&wait=10", pair.head().await);
            let response = pair.b.call(get(&path)).await;
            assert_eq!(response.status, 200);
            Instant::now()
        };
        let leaver = async {
            actix_web::rt::time::sleep(Duration::from_millis(50)).await;
            pair.sign_out(&ada).await;
            Instant::now()
        };
        let (read, left) = join(reader, leaver).await;
        times.push(read.saturating_duration_since(left));
        if times.last() < Some(&Duration::from_millis(60)) {
            return;
        }
    }
    panic!("{times:?}");
}

async fn what_was_withdrawn_a_moment_ago_is_withdrawn_everywhere(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let stays = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &stays).await;
    for round in 0..20 {
        let ada = pair.a.sign_up(&format!("Ada{round}")).await;
        let token = jwt(&pair.a, &ada).await;
        assert!(is_active(&pair.b, &token).await);
        pair.sign_out(&ada).await;
        // The second server knows the last number of a moment ago, and Redis may not have the entry yet.
        assert!(!is_active(&pair.b, &token).await, "round {round}");
        assert!(is_active(&pair.b, &good).await && is_active(&pair.a, &good).await);
    }
    let token = jwt(&pair.a, &stays).await;
    assert_eq!(revoke(&pair.b, &token).await.status, 200);
    assert!(!is_active(&pair.a, &token).await && is_active(&pair.a, &good).await);
}

/// An entry that the database holds below the last number, as if it had been there always.
async fn slip_in(server: &Server, number: i64, kind: &str, name: &str) {
    let sql = format!(
        "INSERT INTO auth_revocation (number, kind, name, issued_before, expires_at) VALUES ({number}, '{kind}', '{name}', 0, 4000000000)"
    );
    server.database.execute(&sql).await;
}

async fn what_redis_holds_needs_no_query(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let (ada, bob) = (pair.a.sign_up("Ada").await, pair.a.sign_up("Bob").await);
    let (withdrawn, good) = (jwt(&pair.a, &ada).await, jwt(&pair.a, &bob).await);
    pair.sign_out(&ada).await;
    pair.settle().await;
    // From here on the database would answer the opposite.
    pair.a.database.execute("DELETE FROM auth_revocation").await;
    slip_in(&pair.a, 1, "jti", &claim(&good, "jti")).await;
    // Asked again, because an answer that comes too late is asked for in the database.
    until!({
        let before = pair.b.app.store.checkouts();
        let mut is_so = true;
        for _ in 0..10 {
            is_so &= introspect(&pair.b, &withdrawn).await == inactive() && is_active(&pair.b, &good).await;
        }
        is_so && pair.b.app.store.checkouts() - before < 10
    });
}

async fn every_kind_of_entry_is_held(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let now = pair.a.clock.now();
    for (name, kind, member) in
        [("Ada", "sid", "s:"), ("Bob", "jti", "j:"), ("Eve", "sub", "u:"), ("Zoe", "kid", "k:")]
    {
        let user = pair.a.sign_up(name).await;
        let token = jwt(&pair.a, &user).await;
        let value = if kind == "kid" { kid_of(&token) } else { claim(&token, kind) };
        let what = match kind {
            "sid" => Revoked::Session(value.clone()),
            "jti" => Revoked::Token(value.clone()),
            "kid" => Revoked::Key(value.clone()),
            _ => Revoked::Subject { sub: value.clone(), issued_before: now.seconds() + 1 },
        };
        pair.a.app.revoke(vec![what], now).await.unwrap();
        pair.settle().await;
        assert!(pair.score(&format!("{member}{value}")).await.is_some(), "{kind}");
        pair.a.database.execute("DELETE FROM auth_revocation").await;
        until!(!is_active(&pair.b, &token).await);
    }
    let before = pair.score(&format!("<u:{}", user_of(&pair, "eve@example.test").await)).await;
    assert_eq!(before, Some(-(now.seconds() as f64 + 1.0)));
}

async fn user_of(pair: &Pair, email: &str) -> String {
    let sql = format!("SELECT CAST(id AS text) AS value FROM \"user\" WHERE email = '{email}'");
    pair.a.database.text(&sql).await
}

fn kid_of(token: &str) -> String {
    let header = auth_jose::base64url::decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn a_long_list_is_copied_as_a_whole(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let user = pair.a.sign_up("Ada").await;
    let tokens = [jwt(&pair.a, &user).await, jwt(&pair.a, &user).await, jwt(&pair.a, &user).await];
    let mut what: Vec<_> = (0..2_500).map(|n| Revoked::Token(format!("token-{n}"))).collect();
    for (place, token) in [0, 1_250, 2_499].into_iter().zip(&tokens) {
        what[place] = Revoked::Token(claim(token, "jti"));
    }
    pair.a.app.revoke(what, pair.a.clock.now()).await.unwrap();
    pair.settle().await;
    // Once more from nothing: it was lost.
    let set = pair.sets().await.pop().unwrap();
    let () = redis::cmd("DEL").arg(set).query_async(&mut connect(&redis_url()).await).await.unwrap();
    for token in &tokens {
        assert!(!is_active(&pair.b, token).await);
    }
    pair.settle().await;
    // The entries, that of the first sign-out, and how far they reach.
    assert_eq!(pair.size().await, 2_502);
    pair.a.database.execute("DELETE FROM auth_revocation").await;
    for token in &tokens {
        until!(!is_active(&pair.b, token).await);
    }
    let good = jwt(&pair.a, &user).await;
    assert!(is_active(&pair.b, &good).await);
}

async fn a_list_that_is_too_long_is_left_to_the_database(database: TestDatabase) {
    let pair = Pair::with(database, &redis_url(), json!({ "maxWithdrawn": 4 })).await;
    let stays = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &stays).await;
    let mut tokens = Vec::new();
    for name in ["Ada", "Bob", "Eve", "Zoe"] {
        let user = pair.a.sign_up(name).await;
        tokens.push(jwt(&pair.a, &user).await);
        pair.sign_out(&user).await;
    }
    until!(pair.size().await <= 4 && !pair.is_settled().await);
    for token in &tokens {
        assert!(!is_active(&pair.a, token).await && !is_active(&pair.b, token).await);
    }
    assert!(is_active(&pair.a, &good).await && is_active(&pair.b, &good).await);
}

async fn entries_are_removed_when_they_have_expired(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let (ada, bob) = (pair.a.sign_up("Ada").await, pair.a.sign_up("Bob").await);
    let change = json!({
        "currentPassword": PASSWORD, "newPassword": "another good password", "revokeOtherSessions": true
    });
    assert_eq!(pair.a.call(post("/change-password", change).by(&ada.by_cookie())).await.status, 200);
    pair.settle().await;
    let subject = format!("u:{}", ada.id);
    assert!(pair.score(&subject).await.is_some() && pair.score(&format!("<{subject}")).await.is_some());
    pair.a.clock.advance(900 + 600 + 60);
    pair.sign_out(&bob).await;
    pair.settle().await;
    assert_eq!((pair.score(&subject).await, pair.score(&format!("<{subject}")).await), (None, None));
    // The new entry and how far the set reaches; whether doubt about the entry was written before is chance.
    assert!(pair.size().await <= 3);
}

async fn two_databases_share_a_redis_without_mixing(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let prefix = pair.sets().await[0].split("withdrawn:").next().unwrap().to_owned();
    let other = Server::with(TestDatabase::sqlite(), settings(&redis_url(), &prefix)).await;
    keep_in_touch(&other);
    until!(server::is_connected(&other));
    let (ours, theirs) = (pair.a.sign_up("Ada").await, other.sign_up("Ada").await);
    let (our_token, their_token) = (jwt(&pair.a, &ours).await, jwt(&other, &theirs).await);
    let ended = other.call(post("/sign-out", json!({})).by(&theirs.by_cookie())).await;
    assert_eq!(ended.status, 200);
    assert!(!is_active(&other, &their_token).await && is_active(&pair.b, &our_token).await);
    pair.sign_out(&ours).await;
    assert!(!is_active(&pair.b, &our_token).await && !is_active(&other, &their_token).await);
    until!(sets(&redis_url(), &prefix).await.len() == 2);
}

async fn withdrawn(pair: &Pair, name: &str) -> (TestUser, String) {
    let user = pair.a.sign_up(name).await;
    let token = jwt(&pair.a, &user).await;
    pair.sign_out(&user).await;
    (user, token)
}
