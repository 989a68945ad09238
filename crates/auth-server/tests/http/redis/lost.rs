//! A Redis that loses, misses, refuses or keeps silent: no answer about a token is wrong for that.

use std::net::TcpListener;

use auth_core::testing::{TestDatabase, get, post};
use serde_json::json;

use super::server::{Pair, Redis, a_moment, connect, is_connected, keep_in_touch, settings, until};
use super::{is_active, withdrawn};
use crate::introspection::jwt;
use crate::support::{Server, redis_url};

on_every_database!(
    a_redis_that_forgets_everything_is_filled_again,
    a_redis_that_dies_is_not_missed_and_is_found_again,
    a_redis_that_evicts_loses_the_proof_with_the_entries,
    a_redis_that_takes_no_writes_is_not_relied_on,
    a_redis_that_keeps_silent_is_not_waited_for,
    a_withdrawal_that_redis_never_heard_of_is_found,
    a_redis_that_cannot_be_used_is_no_outage,
    the_documented_rights_are_enough,
);

async fn a_redis_that_forgets_everything_is_filled_again(database: TestDatabase) {
    let redis = Redis::start("");
    let pair = Pair::on(database, &redis.url).await;
    let user = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &user).await;
    for round in 0..5 {
        let (_, token) = withdrawn(&pair, &format!("Ada{round}")).await;
        pair.settle().await;
        redis.run(&["FLUSHALL"]).await;
        assert!(!is_active(&pair.b, &token).await && is_active(&pair.b, &good).await, "round {round}");
        pair.settle().await;
        assert!(
            !is_active(&pair.b, &token).await && is_active(&pair.b, &good).await,
            "round {round}, filled"
        );
    }
}

async fn a_redis_that_dies_is_not_missed_and_is_found_again(database: TestDatabase) {
    let redis = Redis::start("");
    let pair = Pair::on(database, &redis.url).await;
    let user = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &user).await;
    let (_, before) = withdrawn(&pair, "Ada").await;
    redis.kill();
    let (_, token) = withdrawn(&pair, "Bob").await;
    a_moment().await;
    for server in [&pair.a, &pair.b] {
        assert!(!is_active(server, &before).await && !is_active(server, &token).await);
        assert!(is_active(server, &good).await);
        assert_eq!(server.call(get("/ok")).await.status, 200);
    }
    let list = pair.b.call(get("/revocations?after=0")).await;
    assert_eq!(list.status, 200);
    redis.come_back();
    until!(is_connected(&pair.a) && is_connected(&pair.b));
    assert!(!is_active(&pair.b, &token).await && is_active(&pair.b, &good).await);
    pair.settle().await;
    assert!(!is_active(&pair.b, &before).await && is_active(&pair.b, &good).await);
}

async fn a_redis_that_evicts_loses_the_proof_with_the_entries(database: TestDatabase) {
    let redis = Redis::start("--maxmemory-policy allkeys-random");
    let pair = Pair::on(database, &redis.url).await;
    let (_, token) = withdrawn(&pair, "Ada").await;
    let user = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &user).await;
    pair.settle().await;
    redis.run(&["CONFIG", "SET", "maxmemory", "3mb"]).await;
    let mut connection = connect(&redis.url).await;
    let mut fill = 0;
    until!({
        fill += 1;
        let value = "x".repeat(10_000);
        let () = redis::cmd("SET").arg(fill).arg(value).query_async(&mut connection).await.unwrap();
        pair.sets().await.is_empty()
    });
    assert!(!is_active(&pair.b, &token).await && is_active(&pair.b, &good).await);
}

async fn a_redis_that_takes_no_writes_is_not_relied_on(database: TestDatabase) {
    let redis = Redis::start("");
    let pair = Pair::on(database, &redis.url).await;
    let user = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &user).await;
    redis.run(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let (_, token) = withdrawn(&pair, "Ada").await;
    a_moment().await;
    assert!(!is_active(&pair.a, &token).await && !is_active(&pair.b, &token).await);
    assert!(is_active(&pair.b, &good).await);
    assert!(!pair.is_settled().await, "it lacks the entry and does not claim to have it");
    redis.run(&["CONFIG", "SET", "maxmemory", "0"]).await;
    until!({
        assert!(!is_active(&pair.b, &token).await && is_active(&pair.b, &good).await);
        pair.is_settled().await
    });
}

async fn a_redis_that_keeps_silent_is_not_waited_for(database: TestDatabase) {
    let redis = Redis::start("");
    let pair = Pair::on(database, &redis.url).await;
    let user = pair.a.sign_up("Stays").await;
    let good = jwt(&pair.a, &user).await;
    let (_, before) = withdrawn(&pair, "Ada").await;
    redis.signal("STOP");
    let (_, token) = withdrawn(&pair, "Bob").await;
    a_moment().await;
    assert!(!is_active(&pair.b, &before).await && !is_active(&pair.b, &token).await);
    assert!(is_active(&pair.b, &good).await);
    assert!(!is_connected(&pair.a) && !is_connected(&pair.b), "each has waited once");
    for server in [&pair.a, &pair.b] {
        assert!(!is_active(server, &token).await && is_active(server, &good).await);
    }
    redis.signal("CONT");
    until!(is_connected(&pair.a) && is_connected(&pair.b));
    until!({
        assert!(!is_active(&pair.b, &token).await && is_active(&pair.b, &good).await);
        pair.is_settled().await
    });
}

async fn a_withdrawal_that_redis_never_heard_of_is_found(database: TestDatabase) {
    let pair = Pair::on(database, &redis_url()).await;
    let mut alone = super::server::settings(&redis_url(), "x:");
    alone.as_object_mut().unwrap().remove("redis");
    // As one that cannot reach Redis, or that ends between its commit and the word to others.
    let alone = pair.a.beside(alone).await;
    let user = alone.sign_up("Ada").await;
    let (token, other) = (jwt(&alone, &user).await, jwt(&alone, &alone.sign_in(&user).await).await);
    assert!(super::is_active(&pair.b, &token).await);
    let ended = alone.call(post("/sign-out", json!({})).by(&user.by_cookie())).await;
    assert_eq!(ended.status, 200);
    a_moment().await;
    assert!(!is_active(&pair.b, &token).await && is_active(&pair.b, &other).await);
    pair.settle().await;
    pair.a.database.execute("DELETE FROM auth_revocation").await;
    // It was noticed, and is there now.
    until!(!is_active(&pair.b, &token).await);
}

async fn a_redis_that_cannot_be_used_is_no_outage(database: TestDatabase) {
    let locked = Redis::start("--requirepass right");
    let wrong = locked.url.replace("redis://", "redis://:wrong@");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (format!("redis://{}", silent.local_addr().unwrap()), silent);
    let nobody = "redis://127.0.0.1:1".to_owned();
    let first = Server::with(database, settings(&wrong, "x:")).await;
    for (url, name) in [(&wrong, "Ada"), (&silent.0, "Bob"), (&nobody, "Eve")] {
        let server = first.beside(settings(url, "x:")).await;
        keep_in_touch(&server);
        let user = server.sign_up(name).await;
        let (token, other) = (jwt(&server, &user).await, jwt(&server, &server.sign_in(&user).await).await);
        assert!(is_active(&server, &token).await);
        assert_eq!(server.call(post("/sign-out", json!({})).by(&user.by_cookie())).await.status, 200);
        assert!(!is_active(&server, &token).await && is_active(&server, &other).await, "{url}");
        assert!(!is_connected(&server), "{url}");
    }
}

async fn the_documented_rights_are_enough(database: TestDatabase) {
    let redis = Redis::start("");
    let rights = "+@connection +subscribe +publish +zadd +zmscore +zscore +eval +zrangebyscore +zrem +zcard +del +expire";
    let page = include_str!("../../../../../docs/operating.md");
    assert!(page.contains(&format!("`{rights}`")));
    let mut order = vec!["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "-@all"];
    order.extend(rights.split(' '));
    redis.run(&order).await;
    let pair = Pair::on(database, &redis.url.replace("redis://", "redis://app:secret@")).await;
    let (_, token) = withdrawn(&pair, "Ada").await;
    assert!(!is_active(&pair.b, &token).await);
    pair.settle().await;
}
