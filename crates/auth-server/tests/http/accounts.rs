//! GET /list-accounts

use auth_core::testing::{TestDatabase, get};

use crate::support::Server;

on_every_database!(lists_own_accounts_without_their_secrets, splits_scopes);

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
