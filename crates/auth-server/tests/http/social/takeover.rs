//! Attempts to get into somebody else's account by a provider.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, post};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::idp::{Idp, Jar, accounts, begin, person, sign_in, with};
use crate::support::{Server, assert_redirected, assert_refused, token};

on_every_database!(
    who_registered_first_does_not_get_the_real_owners_account,
    who_registered_first_is_out_when_the_real_owner_comes,
    a_reset_by_mail_ends_the_accounts_of_who_registered_first,
    an_address_that_the_provider_has_not_verified_opens_nothing,
    a_text_that_is_not_true_verifies_nothing,
    an_account_of_one_user_is_not_linked_to_another,
    an_unproven_address_gets_no_unproven_account,
    a_link_is_for_its_own_address,
    a_state_of_another_browser_signs_nobody_in,
    of_ten_callbacks_with_one_state_one_signs_in,
    ten_browsers_of_one_new_person_make_one_user,
    the_answer_of_one_provider_is_not_taken_for_anothers,
    the_answer_of_another_issuer_is_refused,
    an_id_token_for_something_else_is_refused,
    an_id_token_of_a_built_in_provider_is_verified_too,
    additional_data_does_not_choose_the_user,
    linking_that_is_off_links_nothing,
);

fn oops(code: &str) -> String {
    format!("/oops?error={code}")
}

async fn prove_everybody(server: &Server) {
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = TRUE"#).await;
}

async fn who_registered_first_does_not_get_the_real_owners_account(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    // Somebody registers Ada's address with a password of their own.
    server.sign_up("Ada").await;
    let mut jar = Jar::default();
    let response = sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    assert_redirected(&response, &oops("account_not_linked"));
    assert_eq!(response.header("x-error-id"), Some("AUTH-0230"));
    assert_eq!(server.session(&jar.header()).await.text(), "null");
    assert_eq!((server.database.count("account").await, server.database.count("session").await), (1, 1));
}

async fn who_registered_first_is_out_when_the_real_owner_comes(database: TestDatabase) {
    let idp = Idp::start();
    let rules = json!({ "account": { "accountLinking": { "requireLocalEmailVerified": false } } });
    let server = Server::with(database, with(idp.settings(), &rules)).await;
    let thief = server.sign_up("Ada").await;
    let mut jar = Jar::default();
    assert_redirected(&sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await, "/in");
    assert_eq!(server.session(&jar.header()).await.json()["user"]["emailVerified"], true);
    assert_eq!(accounts(&server, &mut jar).await, ["oidc"]);
    // The session and the password from before the proof are gone.
    assert_eq!(server.session(&thief.cookies).await.text(), "null");
    let body = json!({ "email": thief.email, "password": PASSWORD });
    assert_eq!(server.call(post("/sign-in/email", body)).await.status, 401);
    assert_eq!(server.database.count("session").await, 1);
}

async fn a_reset_by_mail_ends_the_accounts_of_who_registered_first(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    // Eve's provider does not verify addresses, and Eve has typed in Ada's.
    let mut eve = Jar::default();
    assert_redirected(&sign_in(&server, &idp, &mut eve, "plain", &person("Ada", false)).await, "/welcome");
    let address = "ada@example.test";
    server.call(post("/request-password-reset", json!({ "email": address }))).await;
    let body = json!({ "newPassword": PASSWORD, "token": token(&server.one_mail()) });
    assert_eq!(server.call(post("/reset-password", body)).await.status, 200);
    assert_eq!(server.session(&eve.header()).await.text(), "null");
    let response = sign_in(&server, &idp, &mut eve, "plain", &person("Ada", false)).await;
    assert_redirected(&response, &oops("account_not_linked"));
    let body = json!({ "email": address, "password": PASSWORD });
    assert_eq!(server.call(post("/sign-in/email", body)).await.status, 200);
}

async fn an_address_that_the_provider_has_not_verified_opens_nothing(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    server.sign_up("Ada").await;
    prove_everybody(&server).await;
    for provider in ["oidc", "plain"] {
        let mut jar = Jar::default();
        let response = sign_in(&server, &idp, &mut jar, provider, &person("Ada", false)).await;
        assert_redirected(&response, &oops("account_not_linked"));
        assert_eq!(server.session(&jar.header()).await.text(), "null");
    }
    assert_eq!(server.database.count("account").await, 1);
}

async fn a_text_that_is_not_true_verifies_nothing(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    server.sign_up("Ada").await;
    prove_everybody(&server).await;
    for untrue in [json!("false"), json!("yes"), json!(1), json!({}), Value::Null] {
        for provider in ["oidc", "plain"] {
            let mut claims = person("Ada", false);
            claims["email_verified"] = untrue.clone();
            let response = sign_in(&server, &idp, &mut Jar::default(), provider, &claims).await;
            assert_redirected(&response, &oops("account_not_linked"));
        }
    }
    assert_eq!(server.database.count("account").await, 1);
}

async fn an_account_of_one_user_is_not_linked_to_another(database: TestDatabase) {
    let idp = Idp::start();
    let rules = json!({ "account": { "accountLinking": { "allowDifferentEmails": true } } });
    let server = Server::with(database, with(idp.settings(), &rules)).await;
    sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    let eve = server.sign_up("Eve").await;
    prove_everybody(&server).await;
    let mut jar = Jar::with(&eve.cookies);
    let response = link(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    assert_redirected(&response, &oops("account_already_linked_to_different_user"));
    assert_eq!(accounts(&server, &mut jar).await, ["credential"]);

    let token =
        server.database.text(r#"SELECT "idToken" AS value FROM account WHERE "providerId" = 'oidc'"#).await;
    let body = json!({ "provider": "oidc", "idToken": { "token": token } });
    let response = jar.send(&server, post("/link-social", body)).await;
    let message = "Social account already linked";
    assert_refused(&response, 409, "SOCIAL_ACCOUNT_ALREADY_LINKED", message, "AUTH-0207");
}

async fn link(
    server: &Server,
    idp: &Idp,
    jar: &mut Jar,
    provider: &str,
    claims: &Value,
) -> auth_core::testing::TestResponse {
    let body = json!({ "provider": provider, "callbackURL": "/linked", "errorCallbackURL": "/oops" });
    let response = jar.send(server, post("/link-social", body)).await;
    let back = idp.agree(response.json()["url"].as_str().unwrap(), claims);
    jar.send(server, TestRequest::exactly("GET", &back)).await
}

async fn an_unproven_address_gets_no_unproven_account(database: TestDatabase) {
    let idp = Idp::start();
    let rules = json!({
        "account": { "accountLinking": { "trustedProviders": ["plain"], "allowDifferentEmails": true } }
    });
    let server = Server::with(database, with(idp.settings(), &rules)).await;
    // Eve holds Ada's address, unproven, and wants a second way in that outlives the password.
    let eve = server.sign_up("Ada").await;
    let mut jar = Jar::with(&eve.cookies);
    for (provider, claims) in [("plain", person("Ada", false)), ("oidc", person("Eve", true))] {
        let response = link(&server, &idp, &mut jar, provider, &claims).await;
        assert_redirected(&response, &oops("unable_to_link_account"));
    }
    assert_eq!(accounts(&server, &mut jar).await, ["credential"]);
    // An account that proves the address itself is fine.
    assert_redirected(&link(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await, "/linked");
}

async fn a_link_is_for_its_own_address(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let ada = server.sign_up("Ada").await;
    prove_everybody(&server).await;
    let mut jar = Jar::with(&ada.cookies);
    let response = link(&server, &idp, &mut jar, "oidc", &person("Eve", true)).await;
    assert_redirected(&response, &oops("email_does_not_match"));
    assert_eq!(accounts(&server, &mut jar).await, ["credential"]);
}

async fn a_state_of_another_browser_signs_nobody_in(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    // Eve begins a sign-in, agrees as herself, and sends Ada the link back.
    let mut eves = Jar::default();
    let back = idp.agree(&begin(&server, &mut eves, "oidc").await, &person("Eve", true));
    let mut adas = Jar::default();
    begin(&server, &mut adas, "oidc").await;
    for mut jar in [Jar::default(), adas] {
        let response = jar.send(&server, TestRequest::exactly("GET", &back)).await;
        assert_redirected(&response, &oops("state_mismatch"));
        assert_eq!(server.session(&jar.header()).await.text(), "null");
    }
    assert_eq!(server.database.count("user").await, 0);
    // Nobody has used it up.
    assert_redirected(&eves.send(&server, TestRequest::exactly("GET", &back)).await, "/welcome");
}

/// A server that waits as long as ten requests at once take on a busy machine.
async fn patient(database: TestDatabase, idp: &Idp) -> Server {
    let times = json!({
        "database": { "acquireTimeout": 60, "queryTimeout": 60 },
        "server": { "requestTimeout": 90 },
        "advanced": { "outbound": { "timeout": 60 } },
    });
    Server::with(database, with(idp.settings(), &times)).await
}

async fn of_ten_callbacks_with_one_state_one_signs_in(database: TestDatabase) {
    let idp = Idp::start();
    let server = patient(database, &idp).await;
    let mut jar = Jar::default();
    let back = idp.agree(&begin(&server, &mut jar, "oidc").await, &person("Ada", true));
    let request = || TestRequest::exactly("GET", &back).header("cookie", jar.header());
    let responses = join_all((0..10).map(|_| server.call(request()))).await;
    let signed_in = responses.iter().filter(|it| it.header("location") == Some("/welcome")).count();
    let refused =
        responses.iter().filter(|it| it.header("location").unwrap().ends_with("state_mismatch")).count();
    assert_eq!((signed_in, refused), (1, 9));
    assert_eq!((server.database.count("user").await, server.database.count("session").await), (1, 1));
    assert_eq!(idp.log().iter().filter(|line| *line == "POST main/token").count(), 1);
}

async fn ten_browsers_of_one_new_person_make_one_user(database: TestDatabase) {
    let idp = Idp::start();
    let server = patient(database, &idp).await;
    let mut requests = Vec::new();
    for _ in 0..10 {
        let mut jar = Jar::default();
        let back = idp.agree(&begin(&server, &mut jar, "oidc").await, &person("Ada", true));
        requests.push(TestRequest::exactly("GET", &back).header("cookie", jar.header()));
    }
    let responses = join_all(requests.into_iter().map(|request| server.call(request))).await;
    let count = |target| responses.iter().filter(|it| it.header("location") == Some(target)).count();
    assert_eq!((count("/welcome"), count("/in")), (1, 9));
    let rows = (server.database.count("user").await, server.database.count("account").await);
    assert_eq!((rows, server.database.count("session").await), ((1, 1), 10));
}

async fn the_answer_of_one_provider_is_not_taken_for_anothers(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    // Ada goes to one provider, and something on the way leads her back to the callback of the other, which would
    // send her code there.
    let mut jar = Jar::default();
    let back = idp.agree(&begin(&server, &mut jar, "oidc").await, &person("Ada", true));
    idp.log();
    let mixed = back.replace("/callback/oidc", "/callback/other");
    let response = jar.send(&server, TestRequest::exactly("GET", &mixed)).await;
    assert_redirected(&response, &oops("state_mismatch"));
    assert_eq!(idp.log(), [""; 0]);
    assert_redirected(&jar.send(&server, TestRequest::exactly("GET", &back)).await, "/welcome");
}

async fn the_answer_of_another_issuer_is_refused(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    let back = idp.agree(&begin(&server, &mut jar, "oidc").await, &person("Ada", true));
    idp.log();
    let mixed = format!("{back}&iss={}", idp.issuer("other"));
    assert_redirected(
        &jar.send(&server, TestRequest::exactly("GET", &mixed)).await,
        &oops("issuer_mismatch"),
    );
    assert_eq!(idp.log(), [""; 0]);
    let back = idp.agree(&begin(&server, &mut jar, "oidc").await, &person("Ada", true));
    let right = format!("{back}&iss={}", idp.issuer("main"));
    assert_redirected(&jar.send(&server, TestRequest::exactly("GET", &right)).await, "/welcome");
}

async fn an_id_token_for_something_else_is_refused(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let lies = [
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "aud": "other-client" }),
        json!({ "iss": idp.issuer("other") }),
        json!({ "exp": 1000 }),
        json!({ "exp": null }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
    ];
    for lie in lies {
        idp.lie(lie.clone());
        let response = sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
        assert_redirected(&response, &oops("unable_to_get_user_info"));
    }
    idp.recover();
    idp.sign_with_foreign_key();
    let response = sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    assert_redirected(&response, &oops("unable_to_get_user_info"));
    assert_eq!((server.database.count("user").await, server.database.count("account").await), (0, 0));
}

async fn an_id_token_of_a_built_in_provider_is_verified_too(database: TestDatabase) {
    let idp = Idp::start();
    let google = idp.issuer("google");
    let settings = json!({ "socialProviders": { "google": {
        "clientId": "google-client",
        "clientSecret": "secret",
        "authorizationEndpoint": format!("{google}/authorize"),
        "tokenEndpoint": format!("{google}/token"),
        "jwksEndpoint": format!("{google}/jwks"),
    } } });
    let server = Server::with(database, settings.clone()).await;
    // The provider's token is signed in a way that Google's never is, and names another issuer.
    let response = sign_in(&server, &idp, &mut Jar::default(), "google", &person("Ada", true)).await;
    assert_redirected(&response, &oops("unable_to_get_user_info"));
    let mut jar = Jar::default();
    let back = idp.agree(&begin(&server, &mut jar, "google").await, &person("Ada", true));
    let mixed = format!("{back}&iss=https://accounts.example.test");
    assert_redirected(
        &jar.send(&server, TestRequest::exactly("GET", &mixed)).await,
        &oops("issuer_mismatch"),
    );
    assert_eq!(server.database.count("user").await, 0);
    // Keys that cannot be fetched safely do not switch the check off.
    let insecure = with(
        settings.clone(),
        &json!({ "socialProviders": { "google": { "jwksEndpoint": "http://10.0.0.1/" } } }),
    );
    let server = server.beside(insecure).await;
    let response = sign_in(&server, &idp, &mut Jar::default(), "google", &person("Ada", true)).await;
    assert_redirected(&response, &oops("unable_to_get_user_info"));
    // Upstream believes what comes from the provider itself.
    let server = server.beside(with(settings, &json!({ "advanced": { "upstreamExact": true } }))).await;
    let response = sign_in(&server, &idp, &mut Jar::default(), "google", &person("Ada", true)).await;
    assert_redirected(&response, "/welcome");
}

async fn additional_data_does_not_choose_the_user(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let ada = server.sign_up("Ada").await;
    prove_everybody(&server).await;
    let mut jar = Jar::default();
    let body = json!({
        "provider": "oidc",
        "callbackURL": "/in",
        "additionalData": {
            "link": { "userId": ada.id, "email": "eve@example.test" },
            "callbackURL": "https://evil.example",
            "oauthProvider": "other",
            "serverContext": {},
        },
    });
    let response = jar.send(&server, post("/sign-in/social", body)).await;
    let back = idp.agree(response.json()["url"].as_str().unwrap(), &person("Eve", true));
    assert_redirected(&jar.send(&server, TestRequest::exactly("GET", &back)).await, "/in");
    assert_eq!(server.session(&jar.header()).await.json()["user"]["email"], "eve@example.test");
}

async fn linking_that_is_off_links_nothing(database: TestDatabase) {
    let idp = Idp::start();
    let rules = json!({ "account": { "accountLinking": { "enabled": false } } });
    let server = Server::with(database, with(idp.settings(), &rules)).await;
    let ada = server.sign_up("Ada").await;
    prove_everybody(&server).await;
    let response = sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    assert_redirected(&response, &oops("account_not_linked"));
    let mut jar = Jar::with(&ada.cookies);
    let response = link(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    assert_redirected(&response, &oops("unable_to_link_account"));
    assert_eq!(server.database.count("account").await, 1);
}
