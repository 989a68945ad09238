//! GET /list-accounts, POST /unlink-account

use auth_core::testing::{TestDatabase, get, post};
use serde_json::json;

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    lists_own_accounts_without_their_secrets,
    splits_scopes,
    unlinks_an_account_but_not_the_last,
    unlinks_own_accounts_only,
    unlinks_the_last_where_configured,
);

async fn lists_own_accounts_without_their_secrets(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, _eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let id = format!(r#"SELECT id AS value FROM account WHERE "userId" = '{}'"#, ada.id);
    let account = server.database.text(&id).await;
    let set = "\"accessToken\" = 'secret-1', \"refreshToken\" = 'secret-2', \"idToken\" = 'secret-3'";
    server.database.execute(&format!("UPDATE account SET {set}")).await;
    let response = server.call(get("/list-accounts").by(&ada.by_cookie())).await;
    let expected = format!(
        r#"[{{"id":"{account}","providerId":"credential","accountId":"{0}","userId":"{0}","scopes":[],"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z"}}]"#,
        ada.id
    );
    assert_eq!((response.status, response.text()), (200, expected.as_str()));
}

async fn splits_scopes(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("UPDATE account SET scope = 'openid,email,,profile'").await;
    let response = server.call(get("/list-accounts").by(&ada.by_cookie())).await;
    let scopes = response.json()[0]["scopes"].clone();
    assert_eq!(scopes, serde_json::json!(["openid", "email", "profile"]));
}

async fn add_account(server: &Server, id: &str, owner: &str) {
    let account = format!(
        r#"INSERT INTO account (id, "accountId", "providerId", "userId", "createdAt", "updatedAt")
        SELECT '{id}', 'subject', 'other', "userId", "createdAt", "updatedAt" FROM account WHERE "userId" = '{owner}'"#
    );
    server.database.execute(&account).await;
}

async fn unlinks_an_account_but_not_the_last(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    add_account(&server, "second", &ada.id).await;
    let unlink =
        |id: &str| server.call(post("/unlink-account", json!({ "accountId": id })).by(&ada.by_cookie()));
    let unknown = unlink("third").await;
    assert_refused(&unknown, 400, "ACCOUNT_NOT_FOUND", "Account not found", "AUTH-0120");
    let response = unlink("second").await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    let credential = server.database.text("SELECT id AS value FROM account").await;
    for id in [credential.as_str(), "second"] {
        let last = unlink(id).await;
        let message = "You can't unlink your last account";
        assert_refused(&last, 400, "FAILED_TO_UNLINK_LAST_ACCOUNT", message, "AUTH-0119");
    }
    let body = json!({ "providerId": "credential" });
    let response = server.call(post("/unlink-account", body).by(&ada.by_cookie())).await;
    assert_invalid(&response, "[body.accountId] Invalid input: expected string, received undefined");
    assert_eq!(server.database.count("account").await, 1);
}

async fn unlinks_own_accounts_only(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    add_account(&server, "adas", &ada.id).await;
    add_account(&server, "eves", &eve.id).await;
    let body = json!({ "accountId": "adas" });
    let response = server.call(post("/unlink-account", body).by(&eve.by_cookie())).await;
    assert_refused(&response, 400, "ACCOUNT_NOT_FOUND", "Account not found", "AUTH-0120");
    assert_eq!(server.database.count("account").await, 4);
}

async fn unlinks_the_last_where_configured(database: TestDatabase) {
    let settings = json!({ "account": { "accountLinking": { "allowUnlinkingAll": true } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let id = server.database.text("SELECT id AS value FROM account").await;
    let body = json!({ "accountId": id });
    assert_eq!(server.call(post("/unlink-account", body).by(&ada.by_cookie())).await.status, 200);
    assert_eq!(server.database.count("account").await, 0);
}
