//! Issuer, audience, subject and times.

use auth_jose::{Policy, Timestamp, Verified, VerifyError, verify};
use serde_json::{Value, json};

use crate::forge::{AUDIENCE, Forge, HEADER, ISSUER, NOW, check_with, claims, policy};
use crate::{accept_all, refuse_all};

#[test]
fn refuses_a_claim_that_is_missing() {
    let forge = Forge::new();
    let attacks = ["iss", "aud", "sub", "exp"];
    let attacks =
        attacks.map(|claim| (claim, forge.without_claim(claim), VerifyError::ClaimMissing { claim }));
    refuse_all(&forge, attacks.into());
    accept_all(&forge, vec![("iat is optional", forge.without_claim("iat"))]);
}

#[test]
fn refuses_a_claim_of_a_wrong_type_instead_of_ignoring_it() {
    let forge = Forge::new();
    let wrong: &[(&'static str, &[Value])] = &[
        ("iss", &[json!([ISSUER]), json!({}), json!(1), Value::Null]),
        ("aud", &[json!(1), json!({}), Value::Null, json!([AUDIENCE, 1]), json!([AUDIENCE, null])]),
        ("sub", &[json!(""), json!(1), json!(["U1"]), json!({"$ne": ""}), Value::Null, json!(true)]),
        (
            "exp",
            &[json!("2030-01-01"), json!((NOW + 900).to_string()), json!(true), json!([NOW]), Value::Null],
        ),
        ("nbf", &[json!("0"), Value::Null, json!(false)]),
        ("iat", &[json!("0"), Value::Null, json!({})]),
    ];
    let attacks = wrong.iter().flat_map(|(claim, values)| {
        let expected = VerifyError::ClaimInvalid { claim };
        values
            .iter()
            .map(|value| (*claim, forge.with_claim(claim, value.clone()), expected))
            .collect::<Vec<_>>()
    });
    refuse_all(&forge, attacks.collect());
}

#[test]
fn compares_issuer_and_audience_exactly() {
    let forge = Forge::new();
    let issuers = [
        "",
        "https://AUTH.example.test",
        "https://auth.example.test/",
        "https://auth.example.test:443",
        "http://auth.example.test",
        "https://auth.example.test ",
    ];
    let audiences = [
        json!(""),
        json!("https://api.example"),
        json!(format!("{AUDIENCE} x")),
        json!("*"),
        json!(ISSUER),
        json!([]),
        json!(["other"]),
    ];
    let mut attacks = Vec::new();
    for issuer in issuers {
        attacks.push((issuer, forge.with_claim("iss", json!(issuer)), VerifyError::IssuerMismatch));
    }
    for audience in audiences {
        attacks.push(("audience", forge.with_claim("aud", audience), VerifyError::AudienceMismatch));
    }
    refuse_all(&forge, attacks);
    accept_all(
        &forge,
        vec![
            ("one", forge.with_claim("aud", json!([AUDIENCE]))),
            ("last of several", forge.with_claim("aud", json!(["other", "", AUDIENCE]))),
        ],
    );
}

#[test]
fn counts_time_with_five_seconds_of_leeway() {
    let forge = Forge::new();
    refuse_all(
        &forge,
        vec![
            ("exp", forge.with_claim("exp", json!(NOW - 5)), VerifyError::Expired),
            ("nbf", forge.with_claim("nbf", json!(NOW + 6)), VerifyError::NotYetValid),
            ("iat", forge.with_claim("iat", json!(NOW + 66)), VerifyError::IssuedInFuture),
        ],
    );
    accept_all(
        &forge,
        vec![
            ("exp", forge.with_claim("exp", json!(NOW - 4))),
            ("exp, fraction", forge.with_claim("exp", json!(NOW as f64 - 4.5))),
            ("nbf", forge.with_claim("nbf", json!(NOW + 5))),
            ("nbf long ago", forge.with_claim("nbf", json!(0))),
            ("iat", forge.with_claim("iat", json!(NOW + 65))),
            ("iat long ago", forge.with_claim("iat", json!(0))),
        ],
    );
    let strict = policy().with_leeway_seconds(0).unwrap();
    let expiring = forge.with_claim("exp", json!(NOW));
    assert_eq!(check_with(&strict, &forge.keys(), &expiring), Err(VerifyError::Expired));
}

#[test]
fn a_list_of_issuers_or_audiences_accepts_each_of_them_and_no_other() {
    let forge = Forge::new();
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let issuers = policy().with_issuers(&list(&["https://one.example.test", "two.example.test"])).unwrap();
    let audiences = policy().with_audiences(&list(&["web", "ios"])).unwrap();
    let anybody = policy().with_any_issuer();
    let check =
        |policy: &Policy, claim, value| check_with(policy, &forge.keys(), &forge.with_claim(claim, value));
    for issuer in ["https://one.example.test", "two.example.test"] {
        assert_eq!(check(&issuers, "iss", json!(issuer)), Ok(()));
    }
    for issuer in [ISSUER, "", "one.example.test", "https://two.example.test"] {
        assert_eq!(check(&issuers, "iss", json!(issuer)), Err(VerifyError::IssuerMismatch), "{issuer}");
    }
    for audience in [json!("web"), json!("ios"), json!(["other", "ios"])] {
        assert_eq!(check(&audiences, "aud", audience), Ok(()));
    }
    for audience in [json!(AUDIENCE), json!("android"), json!([]), json!("")] {
        assert_eq!(check(&audiences, "aud", audience), Err(VerifyError::AudienceMismatch));
    }
    // Whoever judges the issuer needs one.
    assert_eq!(check(&anybody, "iss", json!("https://tenant.example.test")), Ok(()));
    let unnamed = check_with(&anybody, &forge.keys(), &forge.without_claim("iss"));
    assert_eq!(unnamed, Err(VerifyError::ClaimMissing { claim: "iss" }));
    for empty in [&[][..], &[""], &["web", ""]] {
        assert!(
            policy().with_issuers(&list(empty)).is_err() && policy().with_audiences(&list(empty)).is_err()
        );
    }
}

#[test]
fn compares_every_number_without_wrapping() {
    let forge = Forge::new();
    let invalid = VerifyError::ClaimInvalid { claim: "exp" };
    let attacks = [
        ("-1", invalid),
        ("-1e300", invalid),
        ("253402300800", invalid),
        ("9223372036854775807", invalid),
        ("18446744073709551615", invalid),
        ("18446744073709551616", invalid),
        ("1e308", invalid),
        ("0", VerifyError::Expired),
        ("-0", VerifyError::Expired),
        ("1e-300", VerifyError::Expired),
        ("1.893456e9e0", VerifyError::JsonInvalid { part: "claims", error: auth_jose::JsonError::Syntax }),
    ];
    refuse_all(&forge, attacks.map(|(text, expected)| (text, forge.with_exp_text(text), expected)).into());
    let fine = ["253402300799", "1893456900.0", "1.8934569e9", "18934569E+2", "189345690000e-2"];
    accept_all(&forge, fine.map(|text| (text, forge.with_exp_text(text))).into());
}

#[test]
fn limits_the_lifetime_when_asked_to() {
    let forge = Forge::new();
    let short = policy().with_max_lifetime_seconds(60);
    let keys = forge.keys();
    let lives = |iat: Value, exp: Value| {
        let mut claims = claims();
        claims["iat"] = iat;
        claims["exp"] = exp;
        check_with(&short, &keys, &forge.sign_ed(HEADER, &claims.to_string()))
    };
    assert_eq!(lives(json!(NOW), json!(NOW + 60)), Ok(()));
    assert_eq!(lives(json!(NOW), json!(NOW + 61)), Err(VerifyError::LifetimeTooLong));
    assert_eq!(lives(json!(NOW), json!(NOW as f64 + 60.5)), Err(VerifyError::LifetimeTooLong));
    // Ahead of every clock by more than the leeway, it would live 66 seconds from now.
    assert_eq!(lives(json!(NOW + 5), json!(NOW + 65)), Ok(()));
    assert_eq!(lives(json!(NOW + 6), json!(NOW + 66)), Err(VerifyError::IssuedInFuture));
    let undated = forge.without_claim("iat");
    assert_eq!(check_with(&short, &keys, &undated), Err(VerifyError::ClaimMissing { claim: "iat" }));
}

#[test]
fn names_subject_token_and_session_however_they_are_written() {
    let forge = Forge::new();
    let names = |payload: &str| {
        let token = forge.sign_ed(HEADER, payload);
        let verified: Verified =
            verify(&policy(), &forge.keys(), Timestamp::from_seconds(NOW), &token).unwrap();
        let owned = |name: Option<&str>| name.map(str::to_owned);
        (verified.subject().to_owned(), owned(verified.token_id()), owned(verified.session_id()))
    };
    let named = |token: Option<&str>, session: Option<&str>| {
        ("U1".to_owned(), token.map(str::to_owned), session.map(str::to_owned))
    };
    let with = |rest: &str| claims().to_string().replacen('{', &format!("{{{rest},"), 1);
    assert_eq!(names(&claims().to_string()), named(None, None));
    assert_eq!(names(&with(r#""jti":"T-é","sid":"S""#)), named(Some("T-é"), Some("S")));
    assert_eq!(names(&with(r#""j\u0074i":"\u0054-\u00e9","sid":"\u0053""#)), named(Some("T-é"), Some("S")));
    assert_eq!(names(&with(r#""jti":"","sid":"\"""#)), named(Some(""), Some("\"")));
    assert_eq!(names(&with(r#""jti":7,"sid":["S"]"#)), named(None, None), "not text");
    assert_eq!(names(&with(r#""nested":{"jti":"T","sid":"S"}"#)), named(None, None), "another's");
    let escaped = claims().to_string().replace(r#""sub":"U1""#, r#""sub":"\u00551""#);
    assert_eq!(names(&escaped), named(None, None));
}

#[test]
fn hands_out_typed_and_raw_claims() {
    #[derive(Debug, serde::Deserialize)]
    struct Mine {
        sub: String,
        plan: Option<String>,
    }
    let forge = Forge::new();
    let read = |token: &str| -> Result<Verified<Mine>, VerifyError> {
        verify(&policy(), &forge.keys(), Timestamp::from_seconds(NOW), token)
    };
    let verified = read(&forge.with_claim("plan", json!("pro"))).unwrap();
    assert_eq!((verified.claims().sub.as_str(), verified.claims().plan.as_deref()), ("U1", Some("pro")));
    assert_eq!((verified.subject(), verified.kid()), ("U1", Some("ed")));
    assert_eq!(verified.raw_claims()["aud"], AUDIENCE);
    assert_eq!(verified.expires_at(), Timestamp::from_seconds(NOW + 900));
    assert_eq!(read(&forge.with_claim("plan", json!(7))).unwrap_err(), VerifyError::ClaimsUnreadable);
}

#[test]
fn limits_the_age_when_asked_to() {
    let forge = Forge::new();
    let young = policy().with_max_age_seconds(60);
    let keys = forge.keys();
    let issued = |iat: i64| check_with(&young, &keys, &forge.with_claim("iat", json!(iat)));
    assert_eq!(issued(NOW - 65), Ok(()));
    assert_eq!(issued(NOW - 66), Err(VerifyError::TooOld));
    assert_eq!(issued(NOW + 5), Ok(()));
    assert_eq!(issued(NOW + 6), Err(VerifyError::IssuedInFuture));
    let undated = forge.without_claim("iat");
    assert_eq!(check_with(&young, &keys, &undated), Err(VerifyError::ClaimMissing { claim: "iat" }));

    let now = Timestamp::from_seconds(NOW);
    let verified: Verified = verify(&young, &keys, now, &forge.with_claim("iat", json!(NOW - 10))).unwrap();
    assert_eq!(verified.issued_at(), Some(Timestamp::from_seconds(NOW - 10)));
    assert_eq!(young.end_of(&verified), Timestamp::from_seconds(NOW + 50));
    assert_eq!(policy().end_of(&verified), verified.expires_at());
}

#[test]
fn requires_more_claims_when_asked_to() {
    let forge = Forge::new();
    let strict = policy().with_required_claims(&["iat", "sid"]);
    let keys = forge.keys();
    let missing = |claim| Err(VerifyError::ClaimMissing { claim });
    assert_eq!(check_with(&strict, &keys, &forge.without_claim("iat")), missing("iat"));
    assert_eq!(check_with(&strict, &keys, &forge.with_claim("x", json!(1))), missing("sid"));
    assert_eq!(check_with(&strict, &keys, &forge.with_claim("sid", json!("S1"))), Ok(()));
}

#[test]
fn shares_what_was_verified_and_gives_it_out_under_its_own_type_only() {
    #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
    struct Mine {
        sub: String,
    }
    let forge = Forge::new();
    let token = forge.with_claim("x", json!(1));
    let verified: Verified<Mine> =
        verify(&policy(), &forge.keys(), Timestamp::from_seconds(NOW), &token).unwrap();
    let any = verified.clone().into_any();
    assert!(Verified::<serde_json::Map<String, Value>>::from_any(std::sync::Arc::clone(&any)).is_none());
    assert_eq!(Verified::<Mine>::from_any(any).as_ref(), Some(&verified));
    assert_eq!(verified.into_claims(), Mine { sub: "U1".to_owned() });
}
