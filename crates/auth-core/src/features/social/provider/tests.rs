//! What the recorded facts cannot show: refusals, hostile answers, settings.

use auth_jose::{Secret, Timestamp, base64url};
use serde_json::{Value, json};

use super::*;
use crate::features::social::providers::{ROWS, row};

fn provider(id: &str, options: &Value) -> Result<Provider, Vec<Refusal>> {
    let mut all = json!({ "clientId": "client", "clientSecret": "secret" });
    for (name, value) in options.as_object().unwrap() {
        all[name] = value.clone();
    }
    row(id).unwrap().provider(all.as_object().unwrap())
}

/// An id token that nobody signed.
fn id_token(claims: &Value) -> Secret<String> {
    Secret::new(format!("e30.{}.x", base64url::encode(claims.to_string())))
}

fn tokens(claims: Option<&Value>) -> Tokens {
    Tokens {
        access_token: Some(Secret::from("access")),
        id_token: claims.map(id_token),
        openid: Some("openid-1".to_owned()),
        ..Tokens::default()
    }
}

fn ask() -> AuthorizeAsk<'static> {
    AuthorizeAsk {
        state: "state",
        code_verifier: "verifier",
        redirect_uri: "https://app.test/cb",
        ..AuthorizeAsk::default()
    }
}

#[test]
fn ids_are_unique_and_every_row_can_be_configured() {
    let ids: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), ROWS.len());
    for row in ROWS {
        let given = json!({
            "clientId": "client", "clientSecret": "secret",
            "domain": "https://pool.example.test/", "region": "eu-west-1", "userPoolId": "pool",
        });
        let mut given = given.as_object().unwrap().clone();
        given.retain(|name, _| {
            let known = COMMON_OPTIONS.iter().chain(row.options);
            known.into_iter().any(|option| option.name == name)
        });
        let provider = row.provider(&given).unwrap_or_else(|refusals| panic!("{}: {refusals:?}", row.id));
        let Endpoints { authorize, token, calls, .. } = &provider.endpoints;
        for url in [authorize, token].into_iter().chain(calls) {
            assert_eq!(url.scheme(), "https", "{url}");
            assert!(!url.as_str().contains("%7B"), "{url} has an option that is not filled in");
        }
    }
}

#[test]
fn refuses_options_that_it_does_not_know_or_cannot_use() {
    let refused = |id: &str, options: Value| -> Vec<String> {
        provider(id, &options).unwrap_err().into_iter().map(|refusal| refusal.option).collect()
    };
    assert_eq!(refused("google", json!({ "tenantId": "x" })), ["tenantId"]);
    assert_eq!(refused("google", json!({ "clientId": "" })), ["clientId"]);
    assert_eq!(refused("google", json!({ "clientSecret": null })), ["clientSecret"]);
    assert_eq!(refused("google", json!({ "disableSignUp": "yes" })), ["disableSignUp"]);
    assert_eq!(refused("google", json!({ "tokenEndpoint": "javascript:alert(1)" })), ["tokenEndpoint"]);
    assert_eq!(refused("gitlab", json!({ "issuer": "gitlab.example.test" })).len(), 3);
    let pool = json!({ "domain": "d.test", "region": "r", "userPoolId": "p", "requireClientSecret": true, "clientSecret": "" });
    assert_eq!(refused("cognito", pool), ["clientSecret"]);
    assert_eq!(refused("cognito", json!({})), ["domain", "region", "userPoolId"]);
    assert_eq!(refused("paypal", json!({ "environment": "production" })), ["environment"]);
    assert_eq!(refused("reddit", json!({ "mapProfileToUser": { "email": "mail" } })), ["mapProfileToUser"]);
}

#[test]
fn a_refusal_never_shows_a_secret() {
    let refusals =
        provider("google", &json!({ "clientSecret": "hunter2", "hd": ["x"], "no": 1 })).unwrap_err();
    assert!(!format!("{refusals:?}").contains("hunter2"));
    let provider = provider("google", &json!({ "clientSecret": "hunter2" })).unwrap();
    assert!(!format!("{provider:?}").contains("hunter2"));
    let request = provider.token_request(&CodeAsk { code: "the-code", ..CodeAsk::default() });
    let shown = format!("{request:?} {:?}", tokens(Some(&json!({ "sub": "1" }))));
    assert!(!shown.contains("hunter2") && !shown.contains("the-code") && !shown.contains("access\""));
}

#[test]
fn every_endpoint_can_be_replaced() {
    let options = json!({
        "authorizationEndpoint": "http://127.0.0.1:9/a?keep=1",
        "tokenEndpoint": "http://127.0.0.1:9/t",
        "userInfoEndpoint": "http://127.0.0.1:9/u",
        "userEmailsEndpoint": "http://127.0.0.1:9/e",
    });
    let provider = provider("github", &options).unwrap();
    assert!(
        provider
            .authorize_url(&ask())
            .as_str()
            .starts_with("http://127.0.0.1:9/a?keep=1&response_type=code&")
    );
    assert_eq!(provider.token_request(&CodeAsk::default()).url.path(), "/t");
    assert_eq!(provider.refresh_request("r").unwrap().url.path(), "/t");
    let calls = provider.profile_calls(&tokens(None)).unwrap();
    let paths: Vec<_> = calls.iter().map(|call| call.request.url.path()).collect();
    assert_eq!(paths, ["/u", "/e"]);
}

#[test]
fn a_caller_cannot_replace_what_binds_the_sign_in() {
    let evil: Vec<(String, String)> = [
        "state",
        "client_id",
        "appid",
        "client_key",
        "redirect_uri",
        "response_type",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "scope",
        "audience",
        "owner",
    ]
    .iter()
    .map(|name| ((*name).to_owned(), "evil".to_owned()))
    .collect();
    for id in ["google", "github", "atlassian", "notion", "wechat", "tiktok"] {
        let provider = provider(id, &json!({})).unwrap();
        let url = provider.authorize_url(&AuthorizeAsk { params: &evil, nonce: Some("nonce"), ..ask() });
        let allowed = match id {
            "atlassian" => ["appid", "client_key", "owner"].as_slice(),
            "notion" => &["appid", "client_key", "audience"],
            "wechat" => &["client_key", "audience", "owner"],
            "tiktok" => &["appid", "audience", "owner"],
            _ => &["appid", "client_key", "audience", "owner"],
        };
        for (name, value) in url.query_pairs() {
            assert!(value != "evil" || allowed.contains(&&*name), "{id}: {name}");
        }
    }
}

#[test]
fn a_provider_that_says_it_failed_has_no_tokens() {
    let now = Timestamp::from_seconds(1_000);
    let github = provider("github", &json!({})).unwrap();
    assert!(github.read_tokens(&json!({ "error": "bad_verification_code" }), now).is_none());
    let wechat = provider("wechat", &json!({})).unwrap();
    assert!(wechat.read_tokens(&json!({ "errcode": 40029, "errmsg": "invalid code" }), now).is_none());
    let tokens =
        wechat.read_tokens(&json!({ "errcode": 0, "access_token": "a", "scope": "x,y" }), now).unwrap();
    assert_eq!(tokens.scopes, ["x", "y"]);
}

#[test]
fn strange_life_times_are_no_life_times_or_bounded() {
    let now = Timestamp::from_seconds(1_000);
    let google = provider("google", &json!({})).unwrap();
    let ends = |life: Value| {
        let tokens = google.read_tokens(&json!({ "expires_in": life }), now).unwrap();
        tokens.access_expires_at.map(Timestamp::seconds)
    };
    assert_eq!(ends(json!(3600)), Some(4_600));
    assert_eq!(ends(json!("3600")), Some(4_600));
    assert_eq!(ends(json!(0)), None);
    assert_eq!(ends(json!("soon")), None);
    assert_eq!(ends(json!([3600])), None);
    assert_eq!(ends(json!(1e300)), Some(253_402_300_799));
    assert!(ends(json!(-1e300)).unwrap() < 0);
}

#[test]
fn documents_of_the_wrong_shape_are_no_profile_and_no_panic() {
    let strange = [json!(null), json!([]), json!("text"), json!(7), json!({}), json!({ "data": null })];
    for row in ROWS.iter().filter(|row| row.id != "cognito") {
        let provider = provider(row.id, &json!({})).unwrap();
        for document in &strange {
            let tokens = tokens(None);
            let Some(calls) = provider.profile_calls(&tokens) else { continue };
            let answers: Vec<Answer> = calls.iter().map(|_| Answer::Json(document.clone())).collect();
            let profile = provider.profile(&tokens, None, &answers);
            assert!(profile.is_none_or(|found| found.subject.is_none()), "{} takes {document}", row.id);
            assert!(provider.profile(&tokens, None, &[]).is_none(), "{} needs no answer", row.id);
        }
    }
}

#[test]
fn only_true_verifies_an_address() {
    let provider = provider("google", &json!({})).unwrap();
    for (claim, expected) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("false"), false),
        (json!(1), false),
        (json!({}), false),
    ] {
        let tokens = tokens(Some(&json!({ "sub": "1", "email": "a@b.co", "email_verified": claim })));
        assert_eq!(provider.profile(&tokens, None, &[]).unwrap().email_verified, expected, "{claim}");
    }
}

#[test]
fn a_facebook_token_of_another_app_is_nobody() {
    let provider = provider("facebook", &json!({ "clientId": ["client", "ios"] })).unwrap();
    let me = Answer::Json(json!({ "id": "42", "name": "Ann", "email": "ann@example.test" }));
    let profile = |owner: Value| {
        let answers = [Answer::Json(json!({ "data": owner })), me.clone()];
        provider.profile(&tokens(None), None, &answers).and_then(|found| found.subject)
    };
    let good = json!({ "is_valid": true, "app_id": "ios", "user_id": "42" });
    assert_eq!(profile(good.clone()).as_deref(), Some("42"));
    for (member, value) in [
        ("app_id", json!("evil")),
        ("is_valid", json!("true")),
        ("user_id", json!("43")),
        ("user_id", json!("")),
    ] {
        let mut owner = good.clone();
        owner[member] = value;
        assert_eq!(profile(owner), None, "{member}");
    }
    assert!(provider.profile(&tokens(None), None, &[Answer::Failed, me.clone()]).is_none());
}

#[test]
fn a_hosted_domain_and_a_tenant_are_enforced() {
    let google = provider("google", &json!({ "hd": "example.test" })).unwrap();
    let any = provider("google", &json!({ "hd": "*" })).unwrap();
    let claims = |hd: Value| tokens(Some(&json!({ "sub": "1", "hd": hd })));
    assert!(google.profile(&claims(json!("example.test")), None, &[]).is_some());
    assert!(any.profile(&claims(json!("other.test")), None, &[]).is_some());
    for hd in [json!("other.test"), json!(""), json!(null), json!(["example.test"])] {
        assert!(google.profile(&claims(hd.clone()), None, &[]).is_none(), "{hd}");
    }

    let rules = |tenant: &str| {
        let provider = provider("microsoft", &json!({ "tenantId": tenant })).unwrap();
        (provider.id_token_rules().unwrap(), provider)
    };
    let (single, _) = rules("11111111-2222-3333-4444-555555555555");
    assert_eq!(
        single.issuers,
        ["https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"]
    );
    let (multi, provider) = rules("organizations");
    assert!(multi.issuers.is_empty());
    let allows = |tid: &str, issuer: &str| {
        let claims = json!({ "tid": tid, "iss": format!("https://login.microsoftonline.com/{issuer}/v2.0") });
        multi.claims.allows(&provider, claims.as_object().unwrap())
    };
    assert!(allows("tenant-a", "tenant-a"));
    assert!(!allows("tenant-a", "tenant-b"));
    let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
    assert!(!allows(consumers, consumers));
}

#[test]
fn an_address_of_nobody_needs_an_id_that_makes_an_address() {
    let provider = provider("wechat", &json!({})).unwrap();
    let email = |unionid: &str| {
        let answers = [Answer::Json(json!({ "unionid": unionid, "nickname": "Ann" }))];
        provider.profile(&tokens(None), None, &answers).unwrap().email
    };
    assert_eq!(email("o6_bmasd").as_deref(), Some("o6_bmasd@wechat.placeholder.invalid"));
    assert_eq!(email("a b@evil.test,c"), None);
}

#[test]
fn fields_of_the_user_can_be_mapped_in_the_settings() {
    let options = json!({ "mapProfileToUser": {
        "email": "/mail/0", "emailVerified": "/mail_ok", "locale": "/lang", "image": "/none",
    } });
    let provider = provider("reddit", &options).unwrap();
    let answer =
        json!({ "id": "1", "name": "Ann", "mail": ["ann@example.test"], "mail_ok": true, "lang": "de" });
    let profile = provider.profile(&tokens(None), None, &[Answer::Json(answer)]).unwrap();
    assert_eq!(profile.email.as_deref(), Some("ann@example.test"));
    assert!(profile.email_verified);
    assert_eq!(Value::Object(profile.more), json!({ "locale": "de" }));
}
