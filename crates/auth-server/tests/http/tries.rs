//! Wrong passwords for one account, wherever they come from.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, TestResponse, TestUser, post};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    one_client_uses_up_its_own_share_only,
    many_clients_together_are_stopped,
    spellings_of_an_address_are_one_account,
    unknown_addresses_are_stopped_alike,
    whoever_is_signed_in_on_the_network_is_not_shut_out,
    a_right_password_is_no_wrong_one,
    checking_the_own_password_counts_too,
    the_window_ends_by_itself,
    it_follows_the_rate_limit_unless_it_is_set,
    rows_hold_no_address,
);

fn settings(storage: &str) -> Value {
    json!({
        "rateLimit": {
            "perAccount": { "enabled": true, "max": 20, "maxPerClient": 5 },
            "storage": storage,
        },
        "advanced": { "ipAddress": { "trustedProxies": ["127.0.0.1"] } },
    })
}

async fn servers(database: TestDatabase) -> [Server; 2] {
    let server = Server::with(database, settings("memory")).await;
    let shared = server.beside(settings("database")).await;
    [server, shared]
}

fn sign_in(email: &str, password: &str, client: &str) -> TestRequest {
    post("/sign-in/email", json!({ "email": email, "password": password })).header("x-forwarded-for", client)
}

async fn sign_up(server: &Server, name: &str, client: &str) -> TestUser {
    let body = json!({ "name": name, "email": format!("{name}@example.test"), "password": PASSWORD });
    let response = server.call(post("/sign-up/email", body).header("x-forwarded-for", client)).await;
    TestUser::new(&response, &server.app)
}

/// Tries wrong passwords from as many clients as it takes to fill the account's window.
async fn flood(server: &Server, email: &str) {
    for index in 0..20 {
        let client = format!("198.51.100.{}", index / 5);
        let response = server.call(sign_in(email, "wrong password", &client)).await;
        assert_eq!(response.status, 401, "{index}");
    }
}

#[track_caller]
fn assert_stopped(response: &TestResponse) {
    let body = r#"{"message":"Too many requests. Please try again later."}"#;
    assert_eq!((response.status, response.text()), (429, body));
    assert_eq!(response.header("x-retry-after"), Some("900"));
    assert_eq!(response.header("x-error-id"), Some("AUTH-0161"));
}

async fn one_client_uses_up_its_own_share_only(database: TestDatabase) {
    for (index, server) in servers(database).await.iter().enumerate() {
        let ada = sign_up(server, &format!("ada{index}"), "203.0.113.1").await;
        for _ in 0..5 {
            assert_eq!(server.call(sign_in(&ada.email, "wrong password", "198.51.100.1")).await.status, 401);
        }
        let work = server.app.hasher.runs();
        for password in ["wrong password", PASSWORD] {
            for _ in 0..40 {
                assert_stopped(&server.call(sign_in(&ada.email, password, "198.51.100.1")).await);
            }
        }
        assert_eq!(server.app.hasher.runs(), work, "nothing is hashed");
        // Everybody else goes on, and the client with other accounts.
        assert_eq!(server.call(sign_in(&ada.email, PASSWORD, "192.0.2.1")).await.status, 200);
        assert_eq!(server.call(sign_in("bob@example.test", PASSWORD, "198.51.100.1")).await.status, 401);
    }
}

async fn many_clients_together_are_stopped(database: TestDatabase) {
    for (index, server) in servers(database).await.iter().enumerate() {
        let ada = sign_up(server, &format!("ada{index}"), "203.0.113.1").await;
        flood(server, &ada.email).await;
        for client in 10..30 {
            let client = format!("192.0.2.{client}");
            assert_stopped(&server.call(sign_in(&ada.email, PASSWORD, &client)).await);
        }
    }
}

async fn spellings_of_an_address_are_one_account(database: TestDatabase) {
    for server in servers(database).await {
        let spellings = ["ada@example.test", "ADA@example.test", "Ada@Example.TEST"];
        let mut seen = Vec::new();
        for index in 0..7 {
            let spelling = spellings[index % 3];
            seen.push(server.call(sign_in(spelling, "wrong password", "198.51.100.1")).await.status);
        }
        assert_eq!(seen, [401, 401, 401, 401, 401, 429, 429]);
    }
}

async fn unknown_addresses_are_stopped_alike(database: TestDatabase) {
    for server in servers(database).await {
        flood(&server, "nobody@example.test").await;
        assert_stopped(&server.call(sign_in("nobody@example.test", "wrong password", "192.0.2.1")).await);
    }
}

async fn whoever_is_signed_in_on_the_network_is_not_shut_out(database: TestDatabase) {
    for (index, server) in servers(database).await.iter().enumerate() {
        let ada = sign_up(server, &format!("ada{index}"), "2001:db8:1:2::1").await;
        flood(server, &ada.email).await;
        let home = "2001:db8:1:2::99";
        assert_eq!(server.call(sign_in(&ada.email, PASSWORD, home)).await.status, 200);
        // Within a client's share, as ever.
        for _ in 0..5 {
            assert_eq!(server.call(sign_in(&ada.email, "wrong password", home)).await.status, 401);
        }
        assert_stopped(&server.call(sign_in(&ada.email, PASSWORD, home)).await);
        assert_stopped(&server.call(sign_in(&ada.email, PASSWORD, "2001:db8:1:3::1")).await);
    }
}

async fn a_right_password_is_no_wrong_one(database: TestDatabase) {
    for (index, server) in servers(database).await.iter().enumerate() {
        let ada = sign_up(server, &format!("ada{index}"), "203.0.113.1").await;
        for _ in 0..30 {
            assert_eq!(server.call(sign_in(&ada.email, PASSWORD, "198.51.100.1")).await.status, 200);
        }
        for round in 0..3 {
            for _ in 0..4 {
                let wrong = server.call(sign_in(&ada.email, "wrong password", "198.51.100.1")).await;
                assert_eq!(wrong.status, 401, "{round}");
            }
            assert_eq!(server.call(sign_in(&ada.email, PASSWORD, "198.51.100.1")).await.status, 200);
        }
    }
}

async fn checking_the_own_password_counts_too(database: TestDatabase) {
    for (index, server) in servers(database).await.iter().enumerate() {
        let ada = sign_up(server, &format!("ada{index}"), "203.0.113.1").await;
        let verify = |password: &str| {
            let request = post("/verify-password", json!({ "password": password }));
            request.by(&ada.by_bearer()).header("x-forwarded-for", "198.51.100.1")
        };
        let change = json!({ "currentPassword": "wrong password", "newPassword": "another password" });
        let change = post("/change-password", change).by(&ada.by_bearer());
        let change = change.header("x-forwarded-for", "198.51.100.1");
        for _ in 0..3 {
            assert_eq!(server.call(verify("wrong password")).await.status, 400);
        }
        assert_eq!(server.call(change.clone()).await.status, 400);
        assert_eq!(server.call(sign_in(&ada.email, "wrong password", "198.51.100.1")).await.status, 401);
        assert_stopped(&server.call(verify(PASSWORD)).await);
        assert_stopped(&server.call(change).await);
        assert_stopped(&server.call(sign_in(&ada.email, PASSWORD, "198.51.100.1")).await);
    }
}

async fn the_window_ends_by_itself(database: TestDatabase) {
    for (index, server) in servers(database).await.iter().enumerate() {
        let ada = sign_up(server, &format!("ada{index}"), "203.0.113.1").await;
        flood(server, &ada.email).await;
        server.clock.advance(899);
        let response = server.call(sign_in(&ada.email, PASSWORD, "192.0.2.1")).await;
        assert_eq!((response.status, response.header("x-retry-after")), (429, Some("1")));
        server.clock.advance(1);
        assert_eq!(server.call(sign_in(&ada.email, PASSWORD, "192.0.2.1")).await.status, 200);
    }
}

async fn it_follows_the_rate_limit_unless_it_is_set(_database: TestDatabase) {
    for (settings, is_on) in [
        (json!({}), false),
        (json!({ "rateLimit": { "enabled": true } }), true),
        (json!({ "rateLimit": { "enabled": true, "perAccount": { "enabled": false } } }), false),
        (json!({ "rateLimit": { "perAccount": { "enabled": true } } }), true),
        (json!({ "rateLimit": { "enabled": true }, "advanced": { "upstreamExact": true } }), false),
    ] {
        let config = auth_core::testing::load_config(&settings).unwrap();
        assert_eq!(config.rate_limit.per_account.is_some(), is_on, "{settings}");
    }
}

async fn rows_hold_no_address(database: TestDatabase) {
    let [_, server] = servers(database).await;
    server.call(sign_in("ada@example.test", "wrong password", "198.51.100.1")).await;
    let keys = server.database.texts("SELECT \"key\" AS value FROM \"rateLimit\"").await;
    let keys: Vec<_> = keys.into_iter().flatten().collect();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let hash = key.strip_prefix("password-tries|").unwrap();
        assert!(hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
}
