//! Forged tokens, each with the exact refusal. Every token is made by code, so that what is wrong with
//! it can be read here.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]
#![expect(clippy::needless_pass_by_value, reason = "tables read better when made in place")]

mod claims;
mod forge;
mod header;
mod keys;
mod signature;

use auth_jose::{JsonError, VerifyError};
use serde_json::json;

use self::forge::{Forge, HEADER, Padding, check_with, claims, policy};

/// Checks a table of attacks and reports every surprise at once.
fn refuse_all(forge: &Forge, attacks: Vec<(&str, String, VerifyError)>) {
    let (policy, keys) = (policy(), forge.keys());
    let surprises: Vec<_> = attacks
        .iter()
        .map(|(name, token, expected)| (name, check_with(&policy, &keys, token), expected))
        .filter(|(_, outcome, expected)| *outcome != Err(**expected))
        .collect();
    assert!(surprises.is_empty(), "{surprises:#?}");
}

fn accept_all(forge: &Forge, tokens: Vec<(&str, String)>) {
    let (policy, keys) = (policy(), forge.keys());
    let surprises: Vec<_> = tokens
        .iter()
        .map(|(name, token)| (name, check_with(&policy, &keys, token)))
        .filter(|(_, outcome)| outcome.is_err())
        .collect();
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[test]
fn accepts_honest_tokens_of_every_algorithm() {
    let forge = Forge::new();
    accept_all(
        &forge,
        vec![
            ("EdDSA", forge.sign_ed(HEADER, &claims().to_string())),
            ("Ed25519", forge.with_header(json!({"alg": "Ed25519", "kid": "ed"}))),
            ("ES256", forge.sign_p256(&json!({"alg": "ES256", "kid": "es"}))),
            ("RS256", forge.sign_rsa(&json!({"alg": "RS256", "kid": "rs"}), Padding::Pkcs1)),
            ("no kid, one key of the type", forge.with_header(json!({"alg": "EdDSA"}))),
            (
                "escaped member and value",
                forge.sign_ed(r#"{"\u0061lg":"\u0045dDSA","kid":"ed"}"#, &claims().to_string()),
            ),
        ],
    );
}

#[test]
fn refuses_other_forms() {
    let forge = Forge::new();
    let good = forge.sign_ed(HEADER, &claims().to_string());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let flattened = json!({"payload": input, "signature": signature}).to_string();
    let long = forge.with_claim("pad", json!("x".repeat(16_384)));
    refuse_all(
        &forge,
        vec![
            ("empty", String::new(), VerifyError::Malformed),
            ("unsigned", format!("{input}."), VerifyError::Malformed),
            ("two segments", input.to_owned(), VerifyError::Malformed),
            ("JWE", format!("{good}.AQID.AQID"), VerifyError::Malformed),
            ("scheme", format!("Bearer {good}"), VerifyError::Malformed),
            ("line break", format!("{good}\n"), VerifyError::Malformed),
            ("padding", format!("{good}=="), VerifyError::Malformed),
            ("JSON serialization", flattened, VerifyError::Malformed),
            ("only dots", ".".repeat(16_000), VerifyError::Malformed),
            ("oversize", long, VerifyError::TooLarge),
        ],
    );
    let sizable = forge.with_claim("pad", json!("x".repeat(5_800)));
    assert!(sizable.len() > 7_900);
    accept_all(&forge, vec![("8 KiB", sizable)]);
}

#[test]
fn refuses_lenient_base64_even_when_it_is_signed() {
    let forge = Forge::new();
    let payload = claims().to_string();
    let sign_raw = |header: &str, payload: &str| {
        let input = format!("{header}.{payload}");
        let signature = auth_jose::base64url::encode(forge.ed.sign(input.as_bytes()));
        format!("{input}.{signature}")
    };
    // Sets an unused bit in the last character of a text that ends within a byte.
    let spoil = |text: &str| {
        let encoded = auth_jose::base64url::encode(text);
        assert_ne!(encoded.len() % 4, 0);
        let (rest, last) = encoded.split_at(encoded.len() - 1);
        let next = char::from(last.as_bytes()[0] + 1);
        format!("{rest}{next}")
    };
    let header = r#"{"alg":"EdDSA","kid":"ed","a":1}"#;
    let odd = if payload.len().is_multiple_of(3) { payload.replace('}', " }") } else { payload.clone() };
    let good = forge.sign_ed(HEADER, &payload);
    refuse_all(
        &forge,
        vec![
            (
                "header with stray bits",
                sign_raw(&spoil(header), &auth_jose::base64url::encode(&payload)),
                VerifyError::EncodingInvalid { part: "header" },
            ),
            (
                "claims with stray bits",
                sign_raw(&auth_jose::base64url::encode(HEADER), &spoil(&odd)),
                VerifyError::EncodingInvalid { part: "claims" },
            ),
            (
                "signature of 1 mod 4 characters",
                format!("{good}AAA"),
                VerifyError::EncodingInvalid { part: "signature" },
            ),
        ],
    );
}

#[test]
fn refuses_json_that_parsers_read_differently() {
    let forge = Forge::new();
    let payload = claims().to_string();
    let header = |text: &str| forge.sign_ed(text, &payload);
    let body = |text: &str| forge.sign_ed(HEADER, text);
    let json = |part, error| VerifyError::JsonInvalid { part, error };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    refuse_all(
        &forge,
        vec![
            (
                "two algs",
                header(r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#),
                json("header", JsonError::DuplicateMember),
            ),
            (
                "two algs, one escaped",
                header(r#"{"\u0061lg":"none","alg":"EdDSA","kid":"ed"}"#),
                json("header", JsonError::DuplicateMember),
            ),
            ("header with BOM", header("\u{feff}{\"alg\":\"EdDSA\"}"), json("header", JsonError::NotUtf8)),
            ("array header", header("[]"), json("header", JsonError::NotAnObject)),
            ("comment", header(r#"{"alg":"EdDSA"/**/}"#), json("header", JsonError::Syntax)),
            ("two subjects", body(r#"{"sub":"U1","sub":"U2"}"#), json("claims", JsonError::DuplicateMember)),
            ("inner duplicate", body(r#"{"a":[{"b":1,"b":1}]}"#), json("claims", JsonError::DuplicateMember)),
            ("lone surrogate", body(r#"{"sub":"\ud800"}"#), json("claims", JsonError::Syntax)),
            ("Infinity", body(r#"{"exp":Infinity}"#), json("claims", JsonError::Syntax)),
            ("1e400", body(r#"{"exp":1e400}"#), json("claims", JsonError::NumberOutOfRange)),
            ("string claims", body(r#""sub""#), json("claims", JsonError::NotAnObject)),
            ("nested token", body(&header(HEADER)), json("claims", JsonError::Syntax)),
            ("65 levels", body(&deep), json("claims", JsonError::NestedTooDeeply)),
        ],
    );
    let odd_names = json!({"__proto__": {"admin": true}, "constructor": 1, "emoji": "😀\u{301}", "": null});
    let mut claims = claims();
    claims.as_object_mut().unwrap().extend(odd_names.as_object().unwrap().clone());
    accept_all(&forge, vec![("unusual but plain members", body(&claims.to_string()))]);
}
