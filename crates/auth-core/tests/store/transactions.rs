//! Nothing is half written, and no connection is lost, whatever ends a request.

use std::task::Poll;
use std::time::Duration;

use auth_core::testing::{Kind, PASSWORD, TestApp, TestDatabase, TestRequest, get, post};
use serde_json::json;

on_every_database!(
    a_sign_up_that_fails_halfway_leaves_nothing,
    a_password_change_that_fails_halfway_changes_nothing,
    requests_that_are_dropped_leave_nothing_half_done,
    a_pool_of_one_connection_serves_everybody,
);

fn sign_up(name: &str) -> TestRequest {
    let body = json!({ "name": name, "email": format!("{name}@example.test"), "password": PASSWORD });
    post("/sign-up/email", body)
}

fn one_connection() -> serde_json::Value {
    json!({ "database": { "poolSize": 1 } })
}

async fn a_sign_up_that_fails_halfway_leaves_nothing(database: TestDatabase) {
    let app = TestApp::new(database, one_connection()).await;
    app.database.execute("ALTER TABLE session RENAME TO elsewhere").await;
    for _ in 0..3 {
        let response = app.call(sign_up("ada")).await;
        assert_eq!((response.status, response.text()), (500, ""));
        assert_eq!(response.set_cookies(), [""; 0]);
    }
    assert_eq!(app.database.count("user").await, 0);
    assert_eq!(app.database.count("account").await, 0);
    app.database.execute("ALTER TABLE elsewhere RENAME TO session").await;
    assert_eq!(app.call(sign_up("ada")).await.status, 200, "the connection is good again");
}

async fn a_password_change_that_fails_halfway_changes_nothing(database: TestDatabase) {
    let app = TestApp::new(database, one_connection()).await;
    let ada = app.sign_up("Ada").await;
    let hash = "SELECT password AS value FROM account";
    let before = app.database.text(hash).await;
    // The new session is refused by a trigger, after the password is replaced and the old sessions are gone.
    let trigger = match app.database.kind() {
        Kind::Sqlite => {
            "CREATE TRIGGER refuse BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'refused'); END"
        }
        Kind::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'refused'; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER refuse BEFORE INSERT ON session FOR EACH ROW EXECUTE FUNCTION refuse()"
        }
        Kind::Mysql => {
            "CREATE TRIGGER refuse BEFORE INSERT ON session FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"
        }
    };
    app.database.execute(trigger).await;
    let body =
        json!({ "currentPassword": PASSWORD, "newPassword": "a new password", "revokeOtherSessions": true });
    let response = app.call(post("/change-password", body).by(&ada.by_cookie())).await;
    assert_eq!(response.status, 500);
    assert_eq!(app.database.text(hash).await, before);
    let session = app.call(get("/get-session").by(&ada.by_cookie())).await;
    assert_eq!(session.json()["user"]["id"], ada.id, "the session lives on");
}

/// Polls `work` so many times at most, then drops it wherever it stands.
async fn finishes_within(polls: usize, work: impl Future) -> bool {
    let mut work = std::pin::pin!(work);
    for _ in 0..polls {
        if std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}

async fn requests_that_are_dropped_leave_nothing_half_done(database: TestDatabase) {
    let mut settings = one_connection();
    // A hash that takes a while, so that the first of these requests cannot have ended when they are dropped.
    settings["emailAndPassword"] = json!({ "password": { "memoryKiB": 16_384 } });
    let app = TestApp::new(database, settings).await;
    let mut dropped = 0;
    for polls in 1..40 {
        let request = app.call(sign_up(&format!("user{polls}")));
        dropped += usize::from(!finishes_within(polls, request).await);
    }
    assert!(dropped > 0);
    assert_eq!(app.call(sign_up("ada")).await.status, 200, "the pool's only connection is still there");
    let users = app.database.count("user").await;
    for table in ["account", "session"] {
        assert_eq!(app.database.count(table).await, users, "{table}");
    }
}

async fn a_pool_of_one_connection_serves_everybody(database: TestDatabase) {
    let app = TestApp::new(database, one_connection()).await;
    let ada = app.sign_up("Ada").await;
    let requests = (0..60).map(|number| match number % 3 {
        0 => app.call(get("/get-session").by(&ada.by_cookie())),
        1 => app.call(post("/update-user", json!({ "name": format!("Ada {number}") })).by(&ada.by_cookie())),
        _ => app.call(post("/sign-in/email", json!({ "email": ada.email, "password": PASSWORD }))),
    });
    for response in futures_util::future::join_all(requests).await {
        assert_eq!(response.status, 200, "{}", response.text());
    }
}
