//! Secrets that are replaced: nobody is signed out, and old keys can still be read.

use auth_core::testing::{SECRET, TestDatabase, get};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    a_session_outlives_two_changes_of_the_secret,
    cookies_are_signed_with_the_first_secret_of_the_list,
    older_secrets_can_be_refused_for_cookies,
    a_secret_that_is_not_listed_opens_nothing,
    private_keys_of_older_secrets_still_sign,
    a_key_whose_secret_is_gone_breaks_nothing,
);

const FIRST: &str = "first-Secret-0123456789-abcdefghijklmnop-01";
const SECOND: &str = "second-Secret-0123456789-abcdefghijklmnop-02";

/// `SECRET` is the one from before there were numbers.
fn secrets(numbered: &[(u32, &str)]) -> Value {
    let list: Vec<Value> =
        numbered.iter().map(|(version, value)| json!({ "version": version, "value": value })).collect();
    json!({ "secrets": list })
}

async fn a_session_outlives_two_changes_of_the_secret(database: TestDatabase) {
    let before = Server::on(database).await;
    let ada = before.sign_up("Ada").await;
    let once = before.beside(secrets(&[(1, FIRST)])).await;
    let eve = once.sign_up("Eve").await;
    let twice = before.beside(secrets(&[(2, SECOND), (1, FIRST)])).await;
    for server in [&before, &once, &twice] {
        assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    }
    assert_eq!(twice.session(&eve.cookies).await.json()["user"]["id"], eve.id);
    assert_eq!(before.session(&eve.cookies).await.text(), "null", "it cannot know newer secrets");
}

async fn cookies_are_signed_with_the_first_secret_of_the_list(database: TestDatabase) {
    let server = Server::with(database, secrets(&[(1, FIRST), (7, SECOND)])).await;
    let ada = server.sign_up("Ada").await;
    let only = |secret: &str| server.beside(json!({ "secret": secret }));
    assert_eq!(only(FIRST).await.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    assert_eq!(only(SECOND).await.session(&ada.cookies).await.text(), "null");
}

async fn older_secrets_can_be_refused_for_cookies(database: TestDatabase) {
    let before = Server::on(database).await;
    let ada = before.sign_up("Ada").await;
    let mut settings = secrets(&[(1, FIRST)]);
    settings["advanced"] = json!({ "acceptOlderCookieSecrets": false });
    let strict = before.beside(settings).await;
    let response = strict.session(&ada.cookies).await;
    assert_eq!((response.status, response.text()), (200, "null"));
    assert!(response.set_cookies().is_empty(), "as with any wrong signature");
    let eve = strict.sign_up("Eve").await;
    assert_eq!(strict.session(&eve.cookies).await.json()["user"]["id"], eve.id);
}

async fn a_secret_that_is_not_listed_opens_nothing(database: TestDatabase) {
    let server = Server::with(database, secrets(&[(2, SECOND)])).await;
    let foreign = server.beside(json!({ "secret": FIRST })).await;
    let ada = foreign.sign_up("Ada").await;
    assert_eq!(server.session(&ada.cookies).await.text(), "null");
}

/// The `kid` of a new token.
async fn kid(server: &Server, name: &str) -> Value {
    let user = server.sign_up(name).await;
    let response = server.session(&user.cookies).await;
    let header = response.header("set-auth-jwt").unwrap().split('.').next().unwrap().to_owned();
    let header: Value = serde_json::from_slice(&auth_jose::base64url::decode(&header).unwrap()).unwrap();
    header["kid"].clone()
}

async fn private_keys_of_older_secrets_still_sign(database: TestDatabase) {
    let before = Server::on(database).await;
    let unnumbered = kid(&before, "Ada").await;
    let numbered = before.beside(secrets(&[(1, FIRST)])).await;
    assert_eq!(kid(&numbered, "Bea").await, unnumbered, "sealed with the secret from before");

    before.database.execute("DELETE FROM jwks").await;
    let first = before.beside(secrets(&[(1, FIRST)])).await;
    let stored = before.database.text(r#"SELECT "privateKey" AS value FROM jwks"#).await;
    assert!(stored.starts_with(r#""$ba$1$"#), "{stored}");
    let second = before.beside(secrets(&[(2, SECOND), (1, FIRST)])).await;
    assert_eq!(kid(&second, "Cem").await, kid(&first, "Dan").await);
    assert_eq!(before.database.count("jwks").await, 1);
}

async fn a_key_whose_secret_is_gone_breaks_nothing(database: TestDatabase) {
    let first = Server::with(database, secrets(&[(1, FIRST)])).await;
    let old = kid(&first, "Ada").await;
    let second = first.beside(secrets(&[(2, SECOND)])).await;
    let new = kid(&second, "Bea").await;
    assert_ne!(new, old);
    let published = second.call(get("/jwks")).await.json();
    let kids: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert!(kids.contains(&old) && kids.contains(&new), "tokens of the old key can still be verified");
    let legacy_only = first.beside(json!({ "secret": SECRET })).await;
    assert_ne!(kid(&legacy_only, "Cem").await, old);
}
