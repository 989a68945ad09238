//! The way there and back, with everything in order.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, get, post};
use serde_json::json;

use super::idp::{Idp, Jar, accounts, begin, person, sign_in, with};
use crate::support::{Server, assert_redirected, assert_refused, member, open};

on_every_database!(
    a_stranger_becomes_a_user_and_is_known_again,
    a_plain_link_begins_a_sign_in,
    an_account_is_linked_and_unlinked,
    a_user_of_a_proven_address_gets_the_account,
    a_form_of_the_provider_becomes_a_get,
    a_provider_that_was_away_is_found_again,
    a_state_in_a_cookie_needs_no_row,
    an_id_token_signs_in_without_a_redirect,
    signing_out_leads_to_the_provider,
    what_the_authorization_request_says,
    a_sign_in_may_begin_at_a_provider_that_may,
    a_provider_for_proven_addresses_sends_a_mail_and_makes_no_session,
    a_declared_field_that_is_required_is_asked_for,
    a_profile_is_read_where_the_settings_say,
    a_profile_overwrites_the_user_where_configured,
    another_browser_may_end_a_sign_in_where_configured,
);

async fn a_stranger_becomes_a_user_and_is_known_again(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    for (target, provider) in [("/welcome", "oidc"), ("/in", "oidc"), ("/welcome", "plain"), ("/in", "plain")]
    {
        let mut jar = Jar::default();
        let name = if provider == "plain" { "Bob" } else { "Ada" };
        let response = sign_in(&server, &idp, &mut jar, provider, &person(name, true)).await;
        assert_redirected(&response, target);
        assert_eq!(response.header("cache-control"), Some("no-store"));
        let session = server.session(&jar.header()).await.json();
        assert_eq!(session["user"]["name"], name);
        assert_eq!(session["user"]["email"], format!("{}@example.test", name.to_lowercase()));
        assert_eq!(session["user"]["emailVerified"], true);
        assert_eq!(session["user"]["image"], "https://cdn.example.test/p.png");
        assert!(!jar.header().contains("state="), "{}", jar.header());
    }
    assert_eq!(server.database.count("user").await, 2);
    assert_eq!(server.database.count("account").await, 2);
    assert_eq!(server.database.count("verification").await, 0);
}

async fn a_plain_link_begins_a_sign_in(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    let response = server.call(get("/sign-in/oidc?callbackURL=/shop&errorCallbackURL=/oops")).await;
    jar.take(&response);
    let url = response.header("location").unwrap().to_owned();
    assert_eq!((response.status, url.starts_with(&idp.issuer("main"))), (302, true), "{url}");
    let back = idp.agree(&url, &person("Ada", true));
    assert_redirected(&jar.send(&server, TestRequest::exactly("GET", &back)).await, "/shop");

    for unknown in ["/sign-in/nobody", "/sign-in/social", "/sign-in/email", "/sign-in/oidc/"] {
        let response = server.call(get(unknown)).await;
        assert_eq!((response.status, response.text()), (404, ""), "{unknown}");
    }
    for (name, id) in
        [("callbackURL", "AUTH-0014"), ("errorCallbackURL", "AUTH-0016"), ("newUserCallbackURL", "AUTH-0017")]
    {
        let response = server.call(get(&format!("/sign-in/oidc?{name}=https://evil.example"))).await;
        assert_eq!((response.status, response.header("x-error-id")), (403, Some(id)));
    }
}

async fn an_account_is_linked_and_unlinked(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = TRUE"#).await;
    let mut jar = Jar::with(&ada.cookies);
    let body = json!({ "provider": "oidc", "callbackURL": "/settings", "errorCallbackURL": "/oops" });
    let response = jar.send(&server, post("/link-social", body)).await;
    let back = idp.agree(response.json()["url"].as_str().unwrap(), &person("Ada", true));
    let response = jar.send(&server, TestRequest::exactly("GET", &back)).await;
    assert_redirected(&response, "/settings");
    assert_eq!(accounts(&server, &mut jar).await, ["credential", "oidc"]);
    assert_eq!(server.database.count("session").await, 1);

    let id = server.database.text(r#"SELECT id AS value FROM account WHERE "providerId" = 'oidc'"#).await;
    let response = jar.send(&server, post("/unlink-account", json!({ "accountId": id }))).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    assert_eq!(accounts(&server, &mut jar).await, ["credential"]);
}

async fn a_user_of_a_proven_address_gets_the_account(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = TRUE"#).await;
    let mut jar = Jar::default();
    assert_redirected(&sign_in(&server, &idp, &mut jar, "oidc", &person("ADA", true)).await, "/in");
    assert_eq!(server.session(&jar.header()).await.json()["user"]["id"], ada.id.as_str());
    assert_eq!(accounts(&server, &mut jar).await, ["credential", "oidc"]);
    // The password still works: both sides had proven the address.
    let body = json!({ "email": ada.email, "password": PASSWORD });
    assert_eq!(server.call(post("/sign-in/email", body)).await.status, 200);
}

async fn a_form_of_the_provider_becomes_a_get(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let form = "state=abc&code=x%20y&user=%7B%7D&unknown=1&iss=";
    let request = TestRequest::new("POST", "/callback/oidc").body("application/x-www-form-urlencoded", form);
    // As browsers send it: from a page of the provider, without cookies.
    let request = request.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    let response = server.call(request.header("origin", "https://appleid.apple.com")).await;
    let expected = "http://localhost:3000/api/auth/callback/oidc?code=x+y&state=abc&user=%7B%7D&iss=";
    assert_redirected(&response, expected);
    let odd = TestRequest::new("POST", "/callback/a%2F..%3Fx%23")
        .body("application/x-www-form-urlencoded", "code=c");
    let location = server.call(odd).await.header("location").unwrap().to_owned();
    assert_eq!(location, "http://localhost:3000/api/auth/callback/a%2F..%3Fx%23?code=c");
}

async fn a_provider_that_was_away_is_found_again(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    idp.answer("main/.well-known/openid-configuration", super::idp::Instead::status(503));
    let ask = || server.call(post("/sign-in/social", json!({ "provider": "oidc" })));
    for _ in 0..3 {
        assert_refused(&ask().await, 404, "PROVIDER_NOT_FOUND", "Provider not found", "AUTH-0200");
    }
    assert_eq!(idp.log().len(), 1, "a provider that is away is not asked by every sign-in");
    idp.recover();
    server.clock.advance(5);
    assert_eq!(ask().await.status, 200);
    // What is known is used while the document cannot be had again.
    idp.answer("main/.well-known/openid-configuration", super::idp::Instead::status(503));
    server.clock.advance(2 * 86_400);
    assert_eq!(ask().await.status, 200);
}

async fn a_state_in_a_cookie_needs_no_row(database: TestDatabase) {
    let idp = Idp::start();
    let settings = with(idp.settings(), &json!({ "account": { "storeStateStrategy": "cookie" } }));
    let server = Server::with(database, settings).await;
    let mut jar = Jar::default();
    let url = begin(&server, &mut jar, "oidc").await;
    assert_eq!(server.database.count("verification").await, 0);
    let back = idp.agree(&url, &person("Ada", true));
    let mut stranger = Jar::default();
    let response = stranger.send(&server, TestRequest::exactly("GET", &back)).await;
    assert_redirected(&response, "http://localhost:3000/api/auth/error?error=state_mismatch");
    let mut broken = Jar::with("better-auth.oauth_state=0011");
    let response = broken.send(&server, TestRequest::exactly("GET", &back)).await;
    assert_redirected(&response, "http://localhost:3000/api/auth/error?error=state_invalid");
    let response = jar.send(&server, TestRequest::exactly("GET", &back)).await;
    assert_redirected(&response, "/welcome");
    assert!(!jar.header().contains("oauth_state"));
}

async fn an_id_token_signs_in_without_a_redirect(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    // A token of the provider, taken from a sign-in as an app has it.
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    let token = server.database.text(r#"SELECT "idToken" AS value FROM account"#).await;
    let body = |token: &str| json!({ "provider": "oidc", "idToken": { "token": token } });
    let response = server.call(post("/sign-in/social", body(&token))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let answer = response.json();
    assert_eq!((&answer["redirect"], &answer["user"]["email"]), (&json!(false), &json!("ada@example.test")));

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let other = json!({ "provider": "other", "idToken": { "token": token } });
    let nonce = json!({ "provider": "oidc", "idToken": { "token": token, "nonce": "another" } });
    for refused in [body(&forged), body("x"), body(""), other, nonce] {
        let response = server.call(post("/sign-in/social", refused)).await;
        assert_refused(&response, 401, "INVALID_TOKEN", "Invalid token", "AUTH-0202");
    }
    server.clock.advance(200_000);
    let response = server.call(post("/sign-in/social", body(&token))).await;
    assert_refused(&response, 401, "INVALID_TOKEN", "Invalid token", "AUTH-0202");
    assert_eq!(server.database.count("user").await, 1);
}

async fn signing_out_leads_to_the_provider(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    let response =
        jar.send(&server, post("/sign-out", json!({ "callbackURL": "/bye", "state": "s1" }))).await;
    let url = response.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(response.header("location"), Some(url.as_str()));
    assert!(url.starts_with(&format!("{}/logout?", idp.issuer("main"))), "{url}");
    assert_eq!(member(&url, "post_logout_redirect_uri"), "http://localhost:3000/bye");
    assert_eq!((member(&url, "client_id").as_str(), member(&url, "state").as_str()), ("oidc-client", "s1"));
    assert_eq!(member(&url, "id_token_hint").split('.').count(), 3);
    assert_eq!(server.database.count("session").await, 0);
    let evil = json!({ "callbackURL": "https://evil.example" });
    assert_eq!(jar.send(&server, post("/sign-out", evil)).await.status, 403);
}

async fn what_the_authorization_request_says(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    let body = json!({
        "provider": "oidc",
        "scopes": ["calendar"],
        "loginHint": "ada@example.test",
        "additionalParams": { "prompt": "login" },
    });
    let response = jar.send(&server, post("/sign-in/social", body)).await;
    let url = response.json()["url"].as_str().unwrap().to_owned();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "oidc-client"),
        ("redirect_uri", "http://localhost:3000/api/auth/callback/oidc"),
        ("scope", "calendar openid email profile"),
        ("login_hint", "ada@example.test"),
        ("prompt", "login"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(member(&url, name), value, "{name}");
    }
    assert_eq!(member(&url, "nonce").len(), 32);
    assert_eq!(member(&url, "state").len(), 32);
    assert_eq!(member(&url, "code_challenge").len(), 43);
    assert_eq!(response.header("location"), Some(url.as_str()));
}

async fn a_sign_in_may_begin_at_a_provider_that_may(database: TestDatabase) {
    let idp = Idp::start();
    let mut settings = idp.settings();
    settings["providers"]["generic"][0]["allowIdpInitiated"] = json!(true);
    let server = Server::with(database, settings).await;
    let mut jar = Jar::default();
    let response = jar.send(&server, get("/callback/oidc?code=from-nowhere")).await;
    let url = response.header("location").unwrap().to_owned();
    assert!(response.status == 302 && url.starts_with(&idp.issuer("main")), "{url}");
    let back = idp.agree(&url, &person("Ada", true));
    assert_redirected(&jar.send(&server, TestRequest::exactly("GET", &back)).await, "http://localhost:3000");
    let other = server.call(get("/callback/other?code=from-nowhere")).await;
    assert_redirected(&other, "http://localhost:3000/api/auth/error?error=state_not_found");
}

async fn a_provider_for_proven_addresses_sends_a_mail_and_makes_no_session(database: TestDatabase) {
    let idp = Idp::start();
    let mut settings = idp.settings();
    settings["providers"]["generic"][0]["requireEmailVerification"] = json!(true);
    let server = Server::with(database, settings).await;
    let mut jar = Jar::default();
    let response = sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", false)).await;
    assert_redirected(&response, "/oops?error=email_not_verified");
    assert_eq!((server.database.count("user").await, server.database.count("session").await), (1, 0));
    let mail = server.one_mail();
    assert_eq!(mail.to.as_str(), "ada@example.test");
    assert_eq!(server.call(open(&mail)).await.status, 302);
    assert_redirected(&sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", false)).await, "/in");
}

async fn a_declared_field_that_is_required_is_asked_for(database: TestDatabase) {
    let idp = Idp::start();
    let fields =
        json!({ "user": { "additionalFields": { "plan": { "type": "string", "required": true } } } });
    let server = Server::with(database, with(idp.settings(), &fields)).await;
    let response = sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    assert_redirected(&response, "/oops?error=MISSING_FIELD&error_description=plan+is+required");
    assert_eq!(server.database.count("user").await, 0);
}

async fn a_profile_is_read_where_the_settings_say(database: TestDatabase) {
    let idp = Idp::start();
    let mut settings = idp.settings();
    settings["providers"]["generic"][2]["mapProfileToUser"] =
        json!({ "name": "/data/display", "email": "/data/mail", "emailVerified": "/data/ok" });
    let server = Server::with(database, settings).await;
    let mut claims = person("Ada", false);
    claims["data"] = json!({ "display": "Countess", "mail": "Lovelace@Example.test", "ok": true });
    let mut jar = Jar::default();
    assert_redirected(&sign_in(&server, &idp, &mut jar, "plain", &claims).await, "/welcome");
    let user = server.session(&jar.header()).await.json()["user"].clone();
    assert_eq!((&user["name"], &user["email"]), (&json!("Countess"), &json!("lovelace@example.test")));
    assert_eq!(user["emailVerified"], true);
}

async fn a_profile_overwrites_the_user_where_configured(database: TestDatabase) {
    let idp = Idp::start();
    let mut settings = idp.settings();
    settings["providers"]["generic"][0]["overrideUserInfo"] = json!(true);
    let server = Server::with(database, settings).await;
    server.sign_up("Eve").await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    for (address, verified, expected, proven) in [
        ("countess@example.test", false, "countess@example.test", false),
        ("countess@example.test", true, "countess@example.test", true),
        // Somebody else's address is not taken.
        ("eve@example.test", true, "countess@example.test", true),
    ] {
        let mut claims = person("Ada", verified);
        claims["email"] = json!(address);
        claims["name"] = json!("Countess");
        assert_redirected(&sign_in(&server, &idp, &mut jar, "oidc", &claims).await, "/in");
        let user = server.session(&jar.header()).await.json()["user"].clone();
        assert_eq!((&user["name"], &user["email"]), (&json!("Countess"), &json!(expected)));
        assert_eq!(user["emailVerified"], proven, "{address}");
    }
    assert_eq!(server.database.count("user").await, 2);
}

async fn another_browser_may_end_a_sign_in_where_configured(database: TestDatabase) {
    let idp = Idp::start();
    let settings = with(idp.settings(), &json!({ "account": { "skipStateCookieCheck": true } }));
    let server = Server::with(database, settings).await;
    let back = idp.agree(&begin(&server, &mut Jar::default(), "oidc").await, &person("Ada", true));
    let mut other = Jar::default();
    assert_redirected(&other.send(&server, TestRequest::exactly("GET", &back)).await, "/welcome");
    let again = other.send(&server, TestRequest::exactly("GET", &back)).await;
    assert_redirected(&again, "http://localhost:3000/api/auth/error?error=state_mismatch");
}
