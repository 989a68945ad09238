//! What operators withdraw by hand: `auth-server revoke`.

use auth_core::revocation::{RevokeError, Scope};
use auth_core::testing::{START, TestDatabase, TestUser, get};
use serde_json::{Value, json};

use crate::revocation::{claims, entries, public};
use crate::support::Server;

on_every_database!(
    a_stolen_account_has_no_session_and_no_token_left,
    tokens_alone_can_be_withdrawn,
    a_session_is_named_by_whatever_names_it,
    an_expired_token_still_leads_to_its_session,
    a_sid_alone_withdraws_tokens,
    a_subject_that_is_an_address_leads_to_the_session,
    a_token_is_named_by_itself_or_its_jti,
    what_is_none_of_ours_withdraws_nothing,
    without_a_list_only_sessions_end,
);

async fn jwt(server: &Server, user: &TestUser) -> String {
    let response = server.call(get("/token").by(&user.by_cookie())).await;
    response.json()["token"].as_str().unwrap().to_owned()
}

async fn is_signed_in(server: &Server, user: &TestUser) -> bool {
    server.call(get("/get-session").by(&user.by_cookie())).await.text() != "null"
}

async fn sid(server: &Server, user: &TestUser) -> String {
    claims(server, user).await["sid"].as_str().unwrap().to_owned()
}

async fn a_stolen_account_has_no_session_and_no_token_left(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let (ada, bob) = (server.sign_up("Ada").await, server.sign_up("Bob").await);
    let phone = server.sign_in(&ada).await;
    let (first, second) = (sid(&server, &ada).await, sid(&server, &phone).await);
    let outcome = server.app.revoke_user(&ada.email.to_uppercase(), Scope::Everything).await.unwrap();
    assert_eq!((outcome.sessions, outcome.tokens_end.seconds()), (2, START + 900));
    assert_eq!(outcome.kept_until.unwrap().seconds(), START + 1_500);
    assert!(outcome.what.contains(&ada.id) && outcome.what.contains(&ada.email), "{outcome:?}");
    assert!(!is_signed_in(&server, &ada).await && !is_signed_in(&server, &phone).await);
    assert!(is_signed_in(&server, &bob).await);
    let found = entries(&server).await;
    assert_eq!(found.len(), 3, "{found:?}");
    for entry in
        [json!({ "sid": first }), json!({ "sid": second }), json!({ "sub": ada.id, "before": START - 1 })]
    {
        assert!(found.contains(&entry), "{entry} in {found:?}");
    }

    let again = server.sign_in(&ada).await;
    let outcome = server.app.revoke_user(&ada.id, Scope::Everything).await.unwrap();
    assert_eq!(outcome.sessions, 1);
    assert!(!is_signed_in(&server, &again).await);
    let outcome = server.app.revoke_user(&ada.id, Scope::Everything).await.unwrap();
    assert_eq!(outcome.sessions, 0);
    for nobody in ["nobody", "nobody@example.test", "", "1 OR 1=1", &ada.token] {
        let refused = server.app.revoke_user(nobody, Scope::Everything).await;
        assert!(matches!(refused, Err(RevokeError::NoUser(_))), "{nobody}: {refused:?}");
    }
    assert!(is_signed_in(&server, &bob).await);
}

async fn tokens_alone_can_be_withdrawn(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(10);
    let outcome = server.app.revoke_user(&ada.id, Scope::Tokens).await.unwrap();
    assert_eq!(outcome.sessions, 0);
    assert!(is_signed_in(&server, &ada).await);
    assert_eq!(entries(&server).await, [json!({ "sub": ada.id, "before": START + 9 })]);
}

async fn a_session_is_named_by_whatever_names_it(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let mut expected = Vec::new();
    for index in 0..6 {
        let phone = server.sign_in(&ada).await;
        let token = jwt(&server, &phone).await;
        expected.push(json!({ "sid": sid(&server, &phone).await }));
        let text = match index {
            0 => phone.token.clone(),
            1 => phone.signed.clone(),
            2 => phone.cookies.split_once('=').unwrap().1.to_owned(),
            3 => format!("Cookie: theme=dark; {}", phone.cookies),
            4 => token,
            _ => format!("Authorization: Bearer {token}"),
        };
        let outcome = server.app.revoke_session(&text, Scope::Everything).await.unwrap();
        assert_eq!(outcome.sessions, 1, "{index}: {outcome:?}");
        assert!(!outcome.what.contains(&phone.token), "{outcome:?}");
        assert!(!is_signed_in(&server, &phone).await && is_signed_in(&server, &ada).await, "{index}");
        assert_eq!(entries(&server).await, expected, "{index}");
        let again = server.app.revoke_session(&phone.token, Scope::Everything).await;
        assert!(matches!(again, Err(RevokeError::NoSession)), "{again:?}");
    }
}

async fn an_expired_token_still_leads_to_its_session(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    server.clock.advance(3_600);
    assert!(is_signed_in(&server, &ada).await);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{input}.{other}{}", signature.get(1..).unwrap());
    let refused = server.app.revoke_session(&forged, Scope::Everything).await;
    assert!(matches!(refused, Err(RevokeError::NotOurs(_))), "{refused:?}");
    assert!(is_signed_in(&server, &ada).await);
    assert_eq!(server.app.revoke_session(&token, Scope::Everything).await.unwrap().sessions, 1);
    assert!(!is_signed_in(&server, &ada).await);
}

async fn a_sid_alone_withdraws_tokens(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let name = sid(&server, &ada).await;
    let outcome = server.app.revoke_session(&name, Scope::Everything).await.unwrap();
    assert_eq!(outcome.sessions, 0);
    assert!(is_signed_in(&server, &ada).await);
    assert_eq!(entries(&server).await, [json!({ "sid": name })]);
}

async fn a_subject_that_is_an_address_leads_to_the_session(database: TestDatabase) {
    let mut settings = public();
    settings["jwt"] = json!({ "subject": "email" });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    assert_eq!(server.app.revoke_session(&token, Scope::Everything).await.unwrap().sessions, 1);
    assert!(!is_signed_in(&server, &ada).await);
}

async fn a_token_is_named_by_itself_or_its_jti(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let jti = crate::jwt::claims(&json!(token))["jti"].clone();
    server.app.revoke_token(&token).await.unwrap();
    server.app.revoke_token("another-jti").await.unwrap();
    assert_eq!(entries(&server).await, [json!({ "jti": jti }), json!({ "jti": "another-jti" })]);
    assert!(is_signed_in(&server, &ada).await);
}

async fn what_is_none_of_ours_withdraws_nothing(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let (input, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{input}.{other}{}", signature.get(1..).unwrap());
    let long = "a".repeat(256);
    for text in [forged.as_str(), "a.b.c", "..", "", "two words", "caf\u{e9}", &long] {
        let token = server.app.revoke_token(text).await;
        assert!(matches!(token, Err(RevokeError::NotOurs(_))), "{text}: {token:?}");
        let session = server.app.revoke_session(text, Scope::Everything).await;
        assert!(matches!(session, Err(RevokeError::NotOurs(_))), "{text}: {session:?}");
    }
    let unknown = server.app.revoke_session(&"a".repeat(32), Scope::Everything).await;
    assert!(matches!(unknown, Err(RevokeError::NoSession)), "{unknown:?}");
    server.clock.advance(906);
    let expired = server.app.revoke_token(&token).await;
    assert!(matches!(expired, Err(RevokeError::NotOurs(_))), "{expired:?}");
    assert_eq!(entries(&server).await, [Value::Null; 0]);
    assert!(is_signed_in(&server, &ada).await);
}

async fn without_a_list_only_sessions_end(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    for scope in [Scope::Everything, Scope::Tokens] {
        let refused = server.app.revoke_user(&ada.id, scope).await;
        assert!(matches!(refused, Err(RevokeError::FeedOff)), "{refused:?}");
    }
    let session = server.app.revoke_session(&ada.token, Scope::Everything).await;
    assert!(matches!(session, Err(RevokeError::FeedOff)), "{session:?}");
    assert!(matches!(server.app.revoke_token(&token).await, Err(RevokeError::FeedOff)));
    assert!(is_signed_in(&server, &ada).await);
    let outcome = server.app.revoke_user(&ada.id, Scope::Sessions).await.unwrap();
    assert_eq!((outcome.sessions, outcome.kept_until), (1, None));
    assert!(!is_signed_in(&server, &ada).await);
    assert_eq!(server.database.count("auth_revocation").await, 0);
}
