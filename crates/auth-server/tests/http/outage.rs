//! A database that is not there: 503 and a time to come back, never a refusal of a good session.

use auth_core::testing::{PASSWORD, TestDatabase, get, post};
use serde_json::json;

use crate::support::{Server, assert_refused};

on_every_database!(a_table_that_is_gone_fails_without_telling);

// SQLite has no server that could go away.
#[cfg(feature = "test-postgres")]
#[actix_web::test]
async fn a_lost_postgres_is_no_lost_session() {
    a_lost_database_is_no_lost_session(crate::support::postgres()).await;
}

#[cfg(feature = "test-mysql")]
#[actix_web::test]
async fn a_lost_mysql_is_no_lost_session() {
    a_lost_database_is_no_lost_session(crate::support::mysql()).await;
}

#[cfg(any(feature = "test-postgres", feature = "test-mysql"))]
async fn a_lost_database_is_no_lost_session(database: TestDatabase) {
    let server = Server::with(database, json!({ "database": { "acquireTimeout": 1 } })).await;
    let ada = server.sign_up("Ada").await;
    server.database.go_away();
    let requests = || {
        [
            get("/get-session").by(&ada.by_cookie()),
            get("/token").by(&ada.by_cookie()),
            get("/list-sessions").by(&ada.by_bearer()),
            post("/sign-in/email", json!({ "email": ada.email, "password": PASSWORD })),
            post("/sign-up/email", json!({ "name": "B", "email": "b@example.test", "password": PASSWORD })),
            post("/update-user", json!({ "name": "x" })).by(&ada.by_cookie()),
            post("/sign-out", json!({})).by(&ada.by_cookie()),
        ]
    };
    for request in requests() {
        let response = server.call(request).await;
        let message = "The database is not available, try again";
        assert_refused(&response, 503, "SERVICE_UNAVAILABLE", message, "AUTH-0008");
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.set_cookies(), [""; 0], "no cookie is removed");
    }
    for path in ["/ok", "/jwks"] {
        assert_eq!(server.call(get(path)).await.status, 200, "{path} needs no database");
    }
    server.database.come_back();
    for request in requests() {
        assert_eq!(server.call(request).await.status, 200, "it works again, without a failed request");
    }
}

async fn a_table_that_is_gone_fails_without_telling(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("DROP TABLE session").await;
    let response = server.call(get("/get-session").by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (500, ""));
    assert_eq!(response.header("x-error-id"), Some("AUTH-0007"));
    assert_eq!((response.header("content-type"), response.set_cookies()), (None, vec![]));
}
