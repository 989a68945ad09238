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
    where_two_kinds_are_stored_every_wrong_password_costs_both,
    stored_kinds_are_known_before_the_first_request,
    a_sign_in_replaces_an_old_hash_if_it_is_told_to,
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

async fn where_two_kinds_are_stored_every_wrong_password_costs_both(database: TestDatabase) {
    let imported = Server::with(database, scrypt()).await;
    let old = imported.sign_up("old").await;
    let server = imported.beside(json!({})).await;
    let new = server.sign_up("new").await;
    // One try of the imported user suffices to know that there are such.
    assert_eq!(server.call(sign_in(&old.email, "wrong password")).await.status, 401);
    for email in [old.email.as_str(), new.email.as_str(), "nobody@example.test"] {
        let (argon2, scrypt) = server.app.hasher.runs();
        assert_eq!(server.call(sign_in(email, "wrong password")).await.status, 401);
        assert_eq!(server.app.hasher.runs(), (argon2 + 1, scrypt + 1), "{email}");
    }
    // Whoever knows the password learns nothing from the time, and does not wait.
    for (email, work) in [(&old.email, (0, 1)), (&new.email, (1, 0))] {
        let (argon2, scrypt) = server.app.hasher.runs();
        assert_eq!(server.call(sign_in(email, PASSWORD)).await.status, 200);
        assert_eq!(server.app.hasher.runs(), (argon2 + work.0, scrypt + work.1), "{email}");
    }
}

async fn stored_kinds_are_known_before_the_first_request(database: TestDatabase) {
    let imported = Server::with(database, scrypt()).await;
    imported.sign_up("old").await;
    for (settings, already) in [(scrypt(), 0), (json!({}), 1)] {
        let server = imported.beside(settings).await;
        server.app.expect_stored_hashes().await.unwrap();
        assert_eq!(server.call(sign_in("nobody@example.test", "wrong password")).await.status, 401);
        let (argon2, scrypt) = server.app.hasher.runs();
        assert_eq!((argon2, scrypt), (already, 1));
    }
    let server = imported.beside(json!({})).await;
    server.sign_up("new").await;
    imported.app.expect_stored_hashes().await.unwrap();
    let before = imported.app.hasher.runs();
    assert_eq!(imported.call(sign_in("nobody@example.test", "wrong password")).await.status, 401);
    assert_eq!(imported.app.hasher.runs(), (before.0 + 1, before.1 + 1));
}

async fn a_sign_in_replaces_an_old_hash_if_it_is_told_to(database: TestDatabase) {
    let imported = Server::with(database, scrypt()).await;
    let ada = imported.sign_up("ada").await;
    let old = stored(&imported).await;

    let keeping = imported.beside(json!({})).await;
    assert_eq!(keeping.call(sign_in(&ada.email, PASSWORD)).await.status, 200);
    assert_eq!(stored(&keeping).await, old, "off by default");

    let replacing = json!({ "emailAndPassword": { "password": { "rehashOnSignIn": true } } });
    let replacing = imported.beside(replacing).await;
    assert_eq!(replacing.call(sign_in(&ada.email, "wrong password")).await.status, 401);
    assert_eq!(stored(&replacing).await, old);
    assert_eq!(replacing.call(sign_in(&ada.email, PASSWORD)).await.status, 200);
    let new = stored(&replacing).await;
    assert!(new.starts_with("$argon2id$"), "{new}");
    assert_eq!(replacing.call(sign_in(&ada.email, PASSWORD)).await.status, 200);
    assert_eq!(stored(&replacing).await, new, "once is enough");

    // Other costs are another kind.
    let dearer = json!({ "emailAndPassword": { "password": { "rehashOnSignIn": true, "iterations": 3 } } });
    let dearer = imported.beside(dearer).await;
    assert_eq!(dearer.call(sign_in(&ada.email, PASSWORD)).await.status, 200);
    assert!(stored(&dearer).await.contains(",t=3,"));
    assert_eq!(dearer.session(&ada.cookies).await.json()["user"]["id"], ada.id, "sessions go on");
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
