//! Password hashing: formats, equal work, and its limits.

use auth_core::testing::{PASSWORD, TestDatabase, post};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::{Server, assert_refused};

on_every_database!(
    writes_argon2id_with_the_configured_cost,
    writes_better_auths_scrypt_where_it_is_configured,
    either_format_is_verified_whatever_is_written,
    unknown_users_cost_the_work_of_known_ones,
    hashing_holds_no_connection,
    beyond_the_queue_requests_are_told_to_come_back,
);

fn sign_up(name: &str) -> auth_core::testing::TestRequest {
    let body = json!({ "name": name, "email": format!("{name}@example.test"), "password": PASSWORD });
    post("/sign-up/email", body)
}

fn sign_in(email: &str, password: &str) -> auth_core::testing::TestRequest {
    post("/sign-in/email", json!({ "email": email, "password": password }))
}

fn scrypt() -> Value {
    json!({ "emailAndPassword": { "password": { "algorithm": "scrypt" } } })
}

async fn stored(server: &Server) -> String {
    server.database.text("SELECT password AS value FROM account").await
}

async fn writes_argon2id_with_the_configured_cost(database: TestDatabase) {
    let cost = json!({ "emailAndPassword": { "password": { "memoryKiB": 2048, "iterations": 3 } } });
    let server = Server::with(database, cost).await;
    server.sign_up("ada").await;
    let hash = stored(&server).await;
    assert!(hash.starts_with("$argon2id$v=19$m=2048,t=3,p=1$"), "{hash}");
    assert_eq!(server.app.hasher.runs(), (1, 0));
}

async fn writes_better_auths_scrypt_where_it_is_configured(database: TestDatabase) {
    let server = Server::with(database, scrypt()).await;
    server.sign_up("ada").await;
    let hash = stored(&server).await;
    let (salt, key) = hash.split_once(':').unwrap();
    assert_eq!((salt.len(), key.len()), (32, 128));
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    assert!(is_hex(salt) && is_hex(key), "{hash}");
    assert_eq!(server.app.hasher.runs(), (0, 1));
}

async fn either_format_is_verified_whatever_is_written(database: TestDatabase) {
    let server = Server::with(database, scrypt()).await;
    let ada = server.sign_up("ada").await;
    let argon2 = server.beside(json!({})).await;
    let bob = argon2.sign_up("bob").await;
    for server in [&server, &argon2] {
        for user in [&ada, &bob] {
            assert_eq!(server.call(sign_in(&user.email, PASSWORD)).await.status, 200);
            assert_eq!(server.call(sign_in(&user.email, "wrong password")).await.status, 401);
        }
    }
}

async fn unknown_users_cost_the_work_of_known_ones(database: TestDatabase) {
    let server = Server::with(database, scrypt()).await;
    server.sign_up("ada").await;
    let (_, before) = server.app.hasher.runs();
    for email in ["ada@example.test", "nobody@example.test"] {
        assert_eq!(server.call(sign_in(email, "wrong password")).await.status, 401);
    }
    assert_eq!(server.app.hasher.runs(), (0, before + 2), "the function that is configured, for both");
}

async fn hashing_holds_no_connection(database: TestDatabase) {
    let slow = json!({
        "database": { "poolSize": 1 },
        "emailAndPassword": { "password": { "memoryKiB": 65_536, "iterations": 4 } }
    });
    let server = Server::with(database, slow).await;
    let ada = server.sign_up("ada").await;
    let done = std::cell::Cell::new(0);
    let sign_ups = join_all((0..4).map(|number| {
        let (server, done) = (&server, &done);
        async move {
            let response = server.call(sign_up(&format!("user{number}"))).await;
            done.set(done.get() + 1);
            response.status
        }
    }));
    let reads = async {
        // Lets the sign-ups come to their hashes, which take a good while longer than this.
        actix_web::rt::time::sleep(std::time::Duration::from_millis(20)).await;
        let mut answered = 0;
        while done.get() == 0 && answered < 20 {
            assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
            answered += 1;
        }
        answered
    };
    let (statuses, answered) = join(sign_ups, reads).await;
    assert_eq!(statuses, [200; 4]);
    assert!(answered >= 5, "only {answered} reads were answered while the first password was hashed");
}

async fn beyond_the_queue_requests_are_told_to_come_back(database: TestDatabase) {
    let tight =
        json!({ "emailAndPassword": { "password": { "memoryKiB": 65_536, "iterations": 2, "queue": 1 } } });
    let server = Server::with(database, tight).await;
    let ada = server.sign_up("ada").await;
    let responses = join_all((0..12).map(|_| server.call(sign_in(&ada.email, PASSWORD)))).await;
    let (served, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 200);
    assert!(!served.is_empty() && refused.len() >= 8, "{} served", served.len());
    for response in refused {
        let message = "Too many sign-ins at once, try again";
        assert_refused(response, 503, "SERVICE_UNAVAILABLE", message, "AUTH-0009");
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.set_cookies(), [""; 0]);
    }
    assert_eq!(server.call(sign_in(&ada.email, PASSWORD)).await.status, 200, "it works again at once");
}
