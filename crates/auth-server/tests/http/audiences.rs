//! Tokens for particular APIs: `/token?audience=NAME`, `/jwks?alg=`, `/jwks/NAME`.

use auth_core::testing::{START, TestDatabase, TestUser, get, load_config};
use auth_jose::{Clock, JwkSet, Policy, Verified, verify};
use serde_json::{Value, json};

use crate::jwt::claims;
use crate::key_lifecycle::look_at_the_keys;
use crate::support::{Server, assert_refused};

on_every_database!(
    a_token_is_made_for_its_audience,
    claims_are_chosen_renamed_and_nested,
    without_claims_a_token_has_those_of_every_other,
    an_unknown_audience_is_refused_with_the_names_that_there_are,
    without_audiences_none_is_known,
    only_people_with_a_session_learn_the_names,
    a_view_has_the_keys_of_one_algorithm_alone,
    each_audience_has_a_view_of_its_keys,
    the_keys_of_every_algorithm_rotate,
    a_key_outlives_the_longest_token_of_any_audience,
    nothing_replaces_a_registered_claim,
    settings_that_make_no_sense_stop_the_start,
    fields_can_be_claims_of_another_name_in_every_token,
);

const ISSUER: &str = "http://localhost:3000";

fn settings() -> Value {
    json!({ "user": { "additionalFields": {
        "role": { "type": "string", "defaultValue": "editor", "input": false },
        "level": { "type": "number", "required": false },
    } }, "audiences": {
        "hasura": {
            "alg": "RS256", "expirationTime": "5m",
            "claims": {
                "https://hasura.io/jwt/claims": {
                    "x-hasura-user-id": "$user.id", "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user", "$user.role"],
                },
            },
        },
        "billing": { "alg": "ES256", "audience": ["https://billing.example.com", "old"] },
        "plain": { "claims": {} },
    } })
}

async fn token(server: &Server, user: &TestUser, audience: &str) -> String {
    let response = server.call(get(&format!("/token?audience={audience}")).by(&user.by_bearer())).await;
    assert_eq!(
        (response.status, response.header("cache-control")),
        (200, Some("no-store")),
        "{}",
        response.text()
    );
    response.json()["token"].as_str().unwrap().to_owned()
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&auth_jose::base64url::decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

async fn a_token_is_made_for_its_audience(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    for (name, audience, alg, lifetime) in [
        ("hasura", json!("hasura"), "RS256", 300),
        ("billing", json!(["https://billing.example.com", "old"]), "ES256", 900),
        ("plain", json!("plain"), "EdDSA", 900),
    ] {
        let token = token(&server, &ada, name).await;
        let claims = claims(&token.clone().into());
        assert_eq!(
            (&claims["aud"], &claims["iss"], &claims["sub"]),
            (&audience, &json!(ISSUER), &json!(ada.id))
        );
        assert_eq!((claims["iat"].clone(), claims["exp"].clone()), (json!(START), json!(START + lifetime)));
        assert!(claims["jti"].is_string());
        assert_eq!(header(&token)["alg"], alg);
        let set = server.call(get(&format!("/jwks/{name}"))).await;
        let set = JwkSet::parse(&set.body).unwrap();
        let audience = audience.as_str().unwrap_or("old").to_owned();
        let policy = Policy::new(ISSUER, audience).unwrap();
        let verified: Verified = verify(&policy, &set, server.clock.now(), &token).unwrap();
        assert_eq!(verified.subject(), ada.id);
    }
    let plain = server.call(get("/token").by(&ada.by_bearer())).await.json();
    assert_eq!(claims(&plain["token"])["aud"], ISSUER, "without an audience as ever");
    assert_eq!(claims(&plain["token"])["email"], "ada@example.test");
}

async fn claims_are_chosen_renamed_and_nested(database: TestDatabase) {
    let mut settings = settings();
    settings["audiences"]["all"] = json!({ "claims": {
        "mail": "$user.email", "proven": "$user.emailVerified", "session": "$session.id", "level": "$user.level",
        "price": "$$5", "n": 5, "on": true, "none": "", "deep": [{ "a": ["$user.name"] }], "picture": "$user.image",
    } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let mut hasura = claims(&token(&server, &ada, "hasura").await.into());
    for name in ["iat", "exp", "iss", "aud", "sub", "jti", "sid"] {
        hasura.as_object_mut().unwrap().remove(name).unwrap();
    }
    assert_eq!(
        hasura,
        json!({ "https://hasura.io/jwt/claims": {
            "x-hasura-user-id": ada.id, "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user", "editor"],
        } })
    );
    let session = server.session(&ada.cookies).await.json()["session"]["id"].clone();
    let all = claims(&token(&server, &ada, "all").await.into());
    assert_eq!(
        (&all["mail"], &all["proven"], &all["session"]),
        (&json!("ada@example.test"), &json!(false), &session)
    );
    assert_eq!(
        (&all["price"], &all["n"], &all["on"], &all["none"]),
        (&json!("$5"), &json!(5), &json!(true), &json!(""))
    );
    assert_eq!(
        (&all["deep"], &all["picture"], &all["level"]),
        (&json!([{ "a": ["Ada"] }]), &Value::Null, &Value::Null)
    );
    assert!(!all.to_string().contains(&ada.token));
}

async fn without_claims_a_token_has_those_of_every_other(database: TestDatabase) {
    let mut settings = settings();
    settings["jwt"] = json!({ "definePayload": { "user": ["email"], "static": { "tier": "gold" } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let billing = claims(&token(&server, &ada, "billing").await.into());
    assert_eq!(
        (&billing["email"], &billing["tier"], billing.get("name")),
        (&json!("ada@example.test"), &json!("gold"), None)
    );
    let plain = claims(&token(&server, &ada, "plain").await.into());
    assert_eq!((plain.get("email"), plain.get("tier")), (None, None), "no claims are none");
}

async fn an_unknown_audience_is_refused_with_the_names_that_there_are(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    for name in
        ["nobody", "", "Hasura", "hasura%20", "http://localhost:3000", "https://billing.example.com", "%00"]
    {
        let response = server.call(get(&format!("/token?audience={name}")).by(&ada.by_bearer())).await;
        let message = "No such audience; there are hasura, billing, plain";
        assert_refused(&response, 400, "UNKNOWN_AUDIENCE", message, "AUTH-0141");
    }
    let twice = server.call(get("/token?audience=hasura&audience=plain").by(&ada.by_bearer())).await;
    assert_eq!((twice.status, twice.header("x-error-id")), (400, Some("AUTH-0002")));
    let exact = server.beside(json!({ "advanced": { "upstreamExact": true } })).await;
    let response = exact.call(get("/token?audience=nobody").by(&ada.by_bearer())).await;
    assert_eq!(claims(&response.json()["token"])["aud"], ISSUER);
}

async fn without_audiences_none_is_known(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(get("/token?audience=api").by(&ada.by_bearer())).await;
    assert_refused(
        &response,
        400,
        "UNKNOWN_AUDIENCE",
        "This server has no audiences; ask without one",
        "AUTH-0141",
    );
}

async fn only_people_with_a_session_learn_the_names(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let response = server.call(get("/token?audience=nobody")).await;
    assert_eq!(response.status, 401);
    assert!(!response.text().contains("hasura"));
    for name in ["nobody", "Hasura", "hasura/", "%68asura/x"] {
        let response = server.call(get(&format!("/jwks/{name}"))).await;
        assert_eq!((response.status, response.text()), (404, ""), "{name}");
    }
}

async fn algorithms(server: &Server, path: &str) -> Vec<String> {
    let json = server.call(get(path)).await.json();
    json["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect()
}

async fn a_view_has_the_keys_of_one_algorithm_alone(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let mut all = algorithms(&server, "/jwks").await;
    all.sort();
    assert_eq!(all, ["ES256", "EdDSA", "RS256"]);
    for alg in ["EdDSA", "ES256", "RS256"] {
        assert_eq!(algorithms(&server, &format!("/jwks?alg={alg}")).await, [alg]);
    }
    let response = server.call(get("/jwks?alg=ES256")).await;
    assert_eq!(response.header("cache-control"), Some("public, max-age=300"));
    let tag = response.header("etag").unwrap().to_owned();
    assert_ne!(Some(tag.as_str()), server.call(get("/jwks")).await.header("etag"));
    assert_eq!(server.call(get("/jwks?alg=ES256").header("if-none-match", tag)).await.status, 304);
    for strange in ["HS256", "none", "es256", "%00", ""] {
        let response = server.call(get(&format!("/jwks?alg={strange}"))).await;
        let message = "No keys of this algorithm; there are ES256, EdDSA, RS256";
        assert_refused(&response, 400, "UNKNOWN_ALGORITHM", message, "AUTH-0140");
    }
    let exact = server.beside(json!({ "advanced": { "upstreamExact": true } })).await;
    assert_eq!(algorithms(&exact, "/jwks?alg=ES256").await.len(), 3);
}

async fn each_audience_has_a_view_of_its_keys(database: TestDatabase) {
    let mut settings = settings();
    settings["jwt"] = json!({ "jwks": { "jwksPath": "/.well-known/jwks.json" } });
    let server = Server::with(database, settings).await;
    for (name, alg) in [("hasura", "RS256"), ("billing", "ES256"), ("plain", "EdDSA")] {
        assert_eq!(algorithms(&server, &format!("/jwks/{name}")).await, [alg]);
        assert!(server.call(get(&format!("/jwks/{name}"))).await.header("etag").is_some());
    }
    assert_eq!(server.call(get("/jwks")).await.status, 404);
    assert_eq!(algorithms(&server, "/.well-known/jwks.json").await.len(), 3);
}

async fn the_keys_of_every_algorithm_rotate(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let keys = server.app.keys.as_ref().unwrap();
    let before =
        [header(&token(&server, &ada, "hasura").await), header(&token(&server, &ada, "billing").await)];
    let made = keys.rotate(&server.app).await.unwrap();
    assert_eq!(made.len(), 3);
    server.clock.advance(610);
    look_at_the_keys(&server).await;
    for (name, before) in ["hasura", "billing"].into_iter().zip(before) {
        let after = header(&token(&server, &ada, name).await);
        assert_eq!(after["alg"], before["alg"]);
        assert_ne!(after["kid"], before["kid"]);
        assert!(made.iter().any(|key| after["kid"] == key.kid.as_str()));
    }
    let revoked = keys.rotate_at_once(&server.app).await.unwrap();
    assert_eq!(revoked.len(), 6);
    assert_eq!(algorithms(&server, "/jwks").await.len(), 3);
    token(&server, &ada, "hasura").await;
}

async fn a_key_outlives_the_longest_token_of_any_audience(database: TestDatabase) {
    let settings = json!({
        "jwt": { "jwks": { "gracePeriod": 0 } },
        "audiences": { "devices": { "expirationTime": "7d" } },
    });
    let server = Server::with(database, settings).await;
    let keys = server.app.keys.as_ref().unwrap();
    keys.rotate(&server.app).await.unwrap();
    server.clock.advance(610);
    look_at_the_keys(&server).await;
    server.clock.advance(7 * 86_400);
    look_at_the_keys(&server).await;
    assert_eq!(algorithms(&server, "/jwks").await.len(), 2);
    server.clock.advance(120);
    assert_eq!(algorithms(&server, "/jwks").await.len(), 1);
}

async fn nothing_replaces_a_registered_claim(database: TestDatabase) {
    drop(database);
    for claim in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        let problems =
            load_config(&json!({ "audiences": { "a": { "claims": { claim: "x" } } } })).unwrap_err();
        assert!(problems[0].to_string().contains(claim), "{problems:?}");
    }
}

async fn settings_that_make_no_sense_stop_the_start(database: TestDatabase) {
    drop(database);
    for (audience, expected) in [
        (json!({ "alg": "HS256" }), "audiences.a.alg"),
        (json!({ "audience": [] }), "audiences.a.audience"),
        (json!({ "claims": "x" }), "audiences.a.claims"),
        (json!({ "claims": { "t": "$session.token" } }), "$session.token"),
        (json!({ "claims": { "t": "$user.password" } }), "$user.password"),
        (json!({ "claims": { "t": ["$user"] } }), "$user"),
        (json!({ "claims": { "t": { "u": "$env.HOME" } } }), "$env.HOME"),
        (json!({ "lifetime": 5 }), "audiences.a.lifetime"),
    ] {
        let problems = load_config(&json!({ "audiences": { "a": audience } })).unwrap_err();
        assert!(problems.iter().any(|problem| problem.to_string().contains(expected)), "{problems:?}");
    }
    for name in ["", "a b", "a/b", "ä", &"a".repeat(65)] {
        assert!(load_config(&json!({ "audiences": { name: { "alg": "ES256" } } })).is_err(), "{name}");
    }
}

async fn fields_can_be_claims_of_another_name_in_every_token(database: TestDatabase) {
    let renamed = json!({ "mail": "user.email", "login": "session.id" });
    let server = Server::with(database, json!({ "jwt": { "definePayload": { "renamed": renamed } } })).await;
    let ada = server.sign_up("Ada").await;
    let session = server.session(&ada.cookies).await.json()["session"]["id"].clone();
    let token = server.call(get("/token").by(&ada.by_bearer())).await.json()["token"].clone();
    let claims = claims(&token);
    assert_eq!((&claims["mail"], &claims["login"]), (&json!("ada@example.test"), &session));
    assert_eq!((claims.get("email"), claims.get("name")), (None, None), "a token has nothing else");
    for wrong in ["email", "session.token", "user.nothing", "", "user."] {
        let settings = json!({ "jwt": { "definePayload": { "renamed": { "x": wrong } } } });
        assert!(load_config(&settings).is_err(), "{wrong}");
    }
    assert!(
        load_config(&json!({ "jwt": { "definePayload": { "renamed": { "sub": "user.email" } } } })).is_err()
    );
}
