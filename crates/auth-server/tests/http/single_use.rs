//! Whatever works once works once for fifty at once, on one server and on two that share a database.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, TestResponse, get, post};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Server, open, token};

on_every_database!(
    fifty_uses_of_a_reset_token_set_one_password,
    fifty_uses_of_two_reset_tokens_of_one_user_set_one_password,
    fifty_uses_of_a_verification_link_sign_in_once,
    fifty_uses_of_a_change_link_change_once,
    fifty_confirmations_mail_once,
    fifty_uses_of_a_delete_token_delete_once,
    fifty_sign_ups_of_one_address_make_one_user,
    fifty_sign_ups_look_alike_when_proof_is_required,
    fifty_changes_to_one_address_give_it_to_one,
    the_last_account_survives_two_removals_at_once,
    fifty_first_passwords_make_one_account,
);

const AT_ONCE: usize = 50;

/// Two servers on one database.
struct Pair(Server, Server);

impl Pair {
    async fn with(database: TestDatabase, mut settings: Value) -> Self {
        // Fifty at once take turns; on a busy machine that takes a while, and is no failure.
        settings["database"] = json!({ "acquireTimeout": 60, "queryTimeout": 60 });
        settings["server"] = json!({ "requestTimeout": 90 });
        let first = Server::with(database, settings.clone()).await;
        let second = first.beside(settings).await;
        Self(first, second)
    }

    /// Sends fifty requests at once, to each server in turn.
    async fn storm(&self, request: impl Fn(usize) -> TestRequest) -> Vec<TestResponse> {
        let send = |number: usize| {
            let server = if number.is_multiple_of(2) { &self.0 } else { &self.1 };
            server.call(request(number))
        };
        let responses = join_all((0..AT_ONCE).map(send)).await;
        assert!(responses.iter().all(|response| response.status < 500), "{responses:?}");
        responses
    }

    fn mails(&self) -> usize {
        self.0.mails().len() + self.1.mails().len()
    }
}

fn count(responses: &[TestResponse], status: u16) -> usize {
    responses.iter().filter(|response| response.status == status).count()
}

async fn fifty_uses_of_a_reset_token_set_one_password(database: TestDatabase) {
    let pair = Pair::with(database, json!({})).await;
    let ada = pair.0.sign_up("Ada").await;
    pair.0.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    let token = token(&pair.0.one_mail());
    let password = |number: usize| format!("a new password {number}");
    let use_it = |number| post("/reset-password", json!({ "newPassword": password(number), "token": token }));
    let responses = pair.storm(use_it).await;
    assert_eq!((count(&responses, 200), count(&responses, 400)), (1, AT_ONCE - 1));
    let winner = responses.iter().position(|response| response.status == 200).unwrap();
    let body = json!({ "email": ada.email, "password": password(winner) });
    assert_eq!(pair.0.call(post("/sign-in/email", body)).await.status, 200);
}

async fn fifty_uses_of_two_reset_tokens_of_one_user_set_one_password(database: TestDatabase) {
    let pair = Pair::with(database, json!({})).await;
    let ada = pair.0.sign_up("Ada").await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        pair.0.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
        tokens.push(token(&pair.0.one_mail()));
    }
    let use_one = |number: usize| {
        let token = &tokens[(number / 2) % 2];
        post("/reset-password", json!({ "newPassword": "a brand new password", "token": token }))
    };
    let responses = pair.storm(use_one).await;
    assert_eq!((count(&responses, 200), count(&responses, 400)), (1, AT_ONCE - 1));
}

async fn fifty_uses_of_a_verification_link_sign_in_once(database: TestDatabase) {
    let settings = json!({
        "emailAndPassword": { "requireEmailVerification": true },
        "emailVerification": { "autoSignInAfterVerification": true },
    });
    let pair = Pair::with(database, settings).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD });
    pair.0.call(post("/sign-up/email", body)).await;
    let link = open(&pair.0.one_mail());
    let responses = pair.storm(|_| link.clone()).await;
    assert_eq!(count(&responses, 302), AT_ONCE);
    let signed_in = responses.iter().filter(|response| !response.set_cookies().is_empty()).count();
    assert_eq!((signed_in, pair.0.database.count("session").await), (1, 1));
}

async fn fifty_uses_of_a_change_link_change_once(database: TestDatabase) {
    let pair = Pair::with(database, json!({ "user": { "changeEmail": { "enabled": true } } })).await;
    let ada = pair.0.sign_up("Ada").await;
    let body = json!({ "newEmail": "lovelace@example.test" });
    pair.0.call(post("/change-email", body).by(&ada.by_cookie())).await;
    let token = token(&pair.0.one_mail());
    let responses = pair.storm(|_| get(&format!("/verify-email?token={token}"))).await;
    assert_eq!((count(&responses, 200), count(&responses, 401)), (1, AT_ONCE - 1));
    assert_eq!(pair.0.database.count("session").await, 2);
    let email = pair.0.database.text(r#"SELECT email AS value FROM "user""#).await;
    assert_eq!(email, "lovelace@example.test");
}

async fn fifty_confirmations_mail_once(database: TestDatabase) {
    let pair = Pair::with(database, json!({ "user": { "changeEmail": { "enabled": true } } })).await;
    let ada = pair.0.sign_up("Ada").await;
    pair.0.database.execute(r#"UPDATE "user" SET "emailVerified" = (1 = 1)"#).await;
    let body = json!({ "newEmail": "lovelace@example.test" });
    pair.0.call(post("/change-email", body).by(&ada.by_cookie())).await;
    let link = open(&pair.0.one_mail());
    let responses = pair.storm(|_| link.clone()).await;
    assert_eq!((count(&responses, 302), pair.mails()), (AT_ONCE, 1));
}

async fn fifty_uses_of_a_delete_token_delete_once(database: TestDatabase) {
    let pair = Pair::with(database, json!({ "user": { "deleteUser": { "enabled": true } } })).await;
    let (ada, eve) = (pair.0.sign_up("Ada").await, pair.0.sign_up("Eve").await);
    pair.0.call(post("/delete-user", json!({})).by(&ada.by_cookie())).await;
    let token = token(&pair.0.one_mail());
    let link = format!("/delete-user/callback?token={token}");
    let use_it = |number: usize| {
        let by = if number.is_multiple_of(5) { eve.by_cookie() } else { ada.by_cookie() };
        get(&link).by(&by)
    };
    let responses = pair.storm(use_it).await;
    assert_eq!((count(&responses, 200), count(&responses, 404)), (1, AT_ONCE - 1));
    assert_eq!(pair.0.session(&eve.cookies).await.json()["user"]["id"], eve.id);
    assert_eq!(pair.0.database.count("user").await, 1);
}

async fn fifty_sign_ups_of_one_address_make_one_user(database: TestDatabase) {
    let pair = Pair::with(database, json!({})).await;
    let spelling = |number: usize| {
        let upper = |(at, c): (usize, char)| if (number >> at) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        "adalovelace@example.test".chars().enumerate().map(upper).collect::<String>()
    };
    let sign_up = |number: usize| {
        let body = json!({ "name": "Ada", "email": spelling(number), "password": PASSWORD });
        post("/sign-up/email", body)
    };
    let responses = pair.storm(sign_up).await;
    assert_eq!((count(&responses, 200), count(&responses, 422)), (1, AT_ONCE - 1));
    for table in ["user", "account", "session"] {
        assert_eq!(pair.0.database.count(table).await, 1, "{table}");
    }
}

async fn fifty_sign_ups_look_alike_when_proof_is_required(database: TestDatabase) {
    let settings = json!({ "emailAndPassword": { "requireEmailVerification": true } });
    let pair = Pair::with(database, settings).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD });
    let responses = pair.storm(|_| post("/sign-up/email", body.clone())).await;
    assert_eq!((count(&responses, 200), pair.mails()), (AT_ONCE, 1));
    let db = &pair.0.database;
    assert_eq!((db.count("user").await, db.count("account").await, db.count("session").await), (1, 1, 0));
}

async fn fifty_changes_to_one_address_give_it_to_one(database: TestDatabase) {
    let change = json!({ "enabled": true, "updateEmailWithoutVerification": true });
    let pair = Pair::with(database, json!({ "user": { "changeEmail": change } })).await;
    let mut users = Vec::new();
    for name in ["Ada", "Eve", "Bob", "Joe"] {
        users.push(pair.0.sign_up(name).await);
    }
    let change = |number: usize| {
        let body = json!({ "newEmail": "shared@example.test" });
        post("/change-email", body).by(&users[number % 4].by_cookie())
    };
    let responses = pair.storm(change).await;
    // Whoever has it asks once more and hears that it is theirs already.
    assert_eq!(count(&responses, 200) + count(&responses, 400), AT_ONCE);
    let holders = r#"SELECT id AS value FROM "user" WHERE email = 'shared@example.test'"#;
    assert_eq!((pair.0.database.texts(holders).await.len(), pair.mails()), (1, 1));
}

async fn the_last_account_survives_two_removals_at_once(database: TestDatabase) {
    let pair = Pair::with(database, json!({})).await;
    let ada = pair.0.sign_up("Ada").await;
    let second = r#"INSERT INTO account (id, "accountId", "providerId", "userId", "createdAt", "updatedAt")
        SELECT 'second', 'subject', 'other', "userId", "createdAt", "updatedAt" FROM account"#;
    pair.0.database.execute(second).await;
    let accounts = pair.0.database.texts("SELECT id AS value FROM account").await;
    let unlink = |number: usize| {
        let body = json!({ "accountId": accounts[(number / 2) % 2] });
        post("/unlink-account", body).by(&ada.by_cookie())
    };
    let responses = pair.storm(unlink).await;
    assert_eq!((count(&responses, 200), count(&responses, 400)), (1, AT_ONCE - 1));
    assert_eq!(pair.0.database.count("account").await, 1);
}

async fn fifty_first_passwords_make_one_account(database: TestDatabase) {
    use auth_core::features::account::password::set_password;
    let pair = Pair::with(database, json!({})).await;
    pair.0.sign_up("Ada").await;
    pair.0.database.execute("DELETE FROM account").await;
    let email = auth_core::wire::email::EmailAddress::parse("ada@example.test").unwrap();
    let user = pair
        .0
        .app
        .store
        .db()
        .await
        .unwrap()
        .find_user_by_email(&email, &pair.0.app.config.fields.user)
        .await
        .unwrap()
        .unwrap();
    let set = |number: usize| {
        let app = if number.is_multiple_of(2) { &pair.0.app } else { &pair.1.app };
        let (app, id, password) = (app.clone(), user.id.clone(), format!("a first password {number}"));
        async move { set_password(&app, &id, password.as_str().into()).await }
    };
    let results = join_all((0..AT_ONCE).map(set)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert_eq!(pair.0.database.count("account").await, 1);
}
