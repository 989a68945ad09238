//! Algorithm, key choice, extensions, embedded keys and type.

use auth_jose::{Algorithm, PolicyError, VerifyError};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::forge::{Forge, HEADER, Padding, check_with, claims, input, policy, resigned, set};
use crate::{accept_all, refuse_all};

#[test]
fn refuses_algorithms_that_are_not_on_the_list() {
    let forge = Forge::new();
    let named = |alg: Value| forge.with_header(json!({"alg": alg, "kid": "ed"}));
    let refused = VerifyError::AlgorithmNotAllowed;
    refuse_all(
        &forge,
        vec![
            ("none", named(json!("none")), refused),
            ("None", named(json!("None")), refused),
            ("lower case", named(json!("eddsa")), refused),
            ("trailing space", named(json!("EdDSA ")), refused),
            ("trailing NUL", named(json!("EdDSA\0")), refused),
            ("homoglyph", named(json!("ЕdDSA")), refused),
            ("HS256", named(json!("HS256")), refused),
            ("ES512, which is not listed", forge.sign_p521(&json!({"alg": "ES512", "kid": "es"})), refused),
            ("known but not listed", forge.sign_p384(&json!({"alg": "ES384", "kid": "es"})), refused),
            ("number", named(json!(1)), refused),
            ("array", named(json!(["EdDSA"])), refused),
            ("null", named(Value::Null), refused),
            ("absent", forge.with_header(json!({"kid": "ed"})), refused),
            ("other case of the name", forge.with_header(json!({"Alg": "EdDSA", "kid": "ed"})), refused),
        ],
    );
}

#[test]
fn refuses_a_public_key_used_as_a_secret() {
    let forge = Forge::new();
    let hmac = |header: Value, secret: &[u8]| {
        let input = input(&header.to_string(), &claims().to_string());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", auth_jose::base64url::encode(tag))
    };
    let modulus = auth_jose::base64url::decode(forge.rsa_jwk()["n"].as_str().unwrap()).unwrap();
    let jwk = forge.rsa_jwk().to_string();
    refuse_all(
        &forge,
        vec![
            (
                "modulus",
                hmac(json!({"alg": "HS256", "kid": "rs"}), &modulus),
                VerifyError::AlgorithmNotAllowed,
            ),
            (
                "JWK text",
                hmac(json!({"alg": "HS256", "kid": "rs"}), jwk.as_bytes()),
                VerifyError::AlgorithmNotAllowed,
            ),
            (
                "HMAC named RS256",
                hmac(json!({"alg": "RS256", "kid": "rs"}), &modulus),
                VerifyError::SignatureInvalid,
            ),
            (
                "HMAC named EdDSA",
                hmac(json!({"alg": "EdDSA", "kid": "ed"}), &modulus),
                VerifyError::SignatureInvalid,
            ),
        ],
    );
}

#[test]
fn lets_the_key_decide_the_algorithm() {
    let forge = Forge::new();
    refuse_all(
        &forge,
        vec![
            (
                "ES256 on an OKP key",
                forge.sign_p256(&json!({"alg": "ES256", "kid": "ed"})),
                VerifyError::KeyMismatch,
            ),
            (
                "RS256 on an EC key",
                forge.sign_rsa(&json!({"alg": "RS256", "kid": "es"}), Padding::Pkcs1),
                VerifyError::KeyMismatch,
            ),
            (
                "EdDSA on an RSA key",
                forge.with_header(json!({"alg": "EdDSA", "kid": "rs"})),
                VerifyError::KeyMismatch,
            ),
        ],
    );
    // The JWK's own `alg` binds as well, between two names of one algorithm too.
    let mut ed = forge.ed_jwk();
    ed["alg"] = json!("EdDSA");
    let mut rsa = forge.rsa_jwk();
    rsa["alg"] = json!("RS256");
    let keys = set(&[ed, rsa]);
    let policy = policy().with_algorithms(&Algorithm::ALL).unwrap();
    let pss = forge.sign_rsa(&json!({"alg": "PS256", "kid": "rs"}), Padding::Pss);
    assert_eq!(check_with(&policy, &keys, &pss), Err(VerifyError::KeyMismatch));
    let ed25519 = forge.with_header(json!({"alg": "Ed25519", "kid": "ed"}));
    assert_eq!(check_with(&policy, &keys, &ed25519), Err(VerifyError::KeyMismatch));
}

#[test]
fn verifies_every_algorithm_that_is_listed_and_only_those() {
    let forge = Forge::new();
    let keys = set(&[forge.ed_jwk(), forge.p256_jwk(), forge.p384_jwk(), forge.p521_jwk(), forge.rsa_jwk()]);
    let tokens = [
        (Algorithm::Ed25519, forge.with_header(json!({"alg": "Ed25519", "kid": "ed"}))),
        (Algorithm::EdDsa, forge.with_header(json!({"alg": "EdDSA", "kid": "ed"}))),
        (Algorithm::Es256, forge.sign_p256(&json!({"alg": "ES256", "kid": "es"}))),
        (Algorithm::Es384, forge.sign_p384(&json!({"alg": "ES384", "kid": "es384"}))),
        (Algorithm::Es512, forge.sign_p521(&json!({"alg": "ES512", "kid": "es512"}))),
        (Algorithm::Ps256, forge.sign_rsa(&json!({"alg": "PS256", "kid": "rs"}), Padding::Pss)),
        (Algorithm::Rs256, forge.sign_rsa(&json!({"alg": "RS256", "kid": "rs"}), Padding::Pkcs1)),
    ];
    for allowed in Algorithm::ALL {
        let policy = policy().with_algorithms(&[allowed]).unwrap();
        for (algorithm, token) in &tokens {
            let expected = if *algorithm == allowed { Ok(()) } else { Err(VerifyError::AlgorithmNotAllowed) };
            assert_eq!(check_with(&policy, &keys, token), expected, "{algorithm} where {allowed} is allowed");
        }
    }
    assert_eq!(policy().with_algorithms(&[]).unwrap_err(), PolicyError::AlgorithmsEmpty);
}

#[test]
fn compares_kids_and_does_nothing_else_with_them() {
    let forge = Forge::new();
    let kid = |kid: Value| forge.with_header(json!({"alg": "EdDSA", "kid": kid}));
    let invalid = VerifyError::HeaderInvalid { parameter: "kid" };
    let mut attacks: Vec<_> = [
        "",
        "ED",
        "ed ",
        "e",
        "ed\0",
        "%65d",
        "*",
        "../ed",
        "https://evil.example/ed",
        "' or 1=1 --",
        "__proto__",
    ]
    .map(|name| (name, kid(json!(name)), VerifyError::KeyUnknown))
    .into();
    attacks.extend([
        ("number", kid(json!(1)), invalid),
        ("null", kid(Value::Null), invalid),
        ("array", kid(json!(["ed"])), invalid),
        ("object", kid(json!({"ed": 1})), invalid),
    ]);
    refuse_all(&forge, attacks);

    let mut composed = forge.ed_jwk();
    composed["kid"] = json!("\u{e9}");
    let keys = set(&[composed]);
    assert_eq!(check_with(&policy(), &keys, &kid(json!("\u{e9}"))), Ok(()));
    assert_eq!(check_with(&policy(), &keys, &kid(json!("e\u{301}"))), Err(VerifyError::KeyUnknown));
}

#[test]
fn refuses_to_guess_between_keys() {
    let (forge, other) = (Forge::new(), Forge::new());
    let without_kid = forge.with_header(json!({"alg": "EdDSA"}));
    let mut renamed = other.ed_jwk();
    renamed["kid"] = json!("other");
    let two = set(&[forge.ed_jwk(), renamed]);
    assert_eq!(check_with(&policy(), &two, &without_kid), Err(VerifyError::KeyAmbiguous));
    assert_eq!(check_with(&policy(), &two, &forge.sign_ed(HEADER, &claims().to_string())), Ok(()));

    let twice = set(&[other.ed_jwk(), forge.ed_jwk()]);
    let token = forge.sign_ed(HEADER, &claims().to_string());
    assert_eq!(check_with(&policy(), &twice, &token), Err(VerifyError::KeyAmbiguous));

    // One kid on keys of two types is no ambiguity: only one of them fits.
    let mut ec = forge.p256_jwk();
    ec["kid"] = json!("ed");
    assert_eq!(check_with(&policy(), &set(&[ec, forge.ed_jwk()]), &token), Ok(()));
    assert_eq!(check_with(&policy(), &set(&[]), &without_kid), Err(VerifyError::KeyUnknown));
}

#[test]
fn refuses_extensions() {
    let forge = Forge::new();
    let with = |name: &str, value: Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "ed"});
        header[name] = value;
        forge.with_header(header)
    };
    let b64 = VerifyError::HeaderInvalid { parameter: "b64" };
    refuse_all(
        &forge,
        vec![
            ("crit", with("crit", json!(["exp"])), VerifyError::CriticalHeader),
            ("empty crit", with("crit", json!([])), VerifyError::CriticalHeader),
            ("null crit", with("crit", Value::Null), VerifyError::CriticalHeader),
            ("crit of another type", with("crit", json!("b64")), VerifyError::CriticalHeader),
            ("b64 false", with("b64", json!(false)), b64),
            ("b64 as text", with("b64", json!("true")), b64),
        ],
    );
    accept_all(&forge, vec![("b64 true", with("b64", json!(true))), ("unknown", with("x", json!({"y": 1})))]);
}

#[test]
fn never_takes_a_key_from_the_header() {
    let (forge, attacker) = (Forge::new(), Forge::new());
    let by_attacker = |header: Value| attacker.sign_ed(&header.to_string(), &claims().to_string());
    let jwk = attacker.ed_jwk();
    let url = "http://127.0.0.1:9/keys";
    let refused = VerifyError::SignatureInvalid;
    refuse_all(
        &forge,
        vec![
            ("jwk", by_attacker(json!({"alg": "EdDSA", "kid": "ed", "jwk": jwk})), refused),
            ("jwk without kid", by_attacker(json!({"alg": "EdDSA", "jwk": jwk})), refused),
            ("jku", by_attacker(json!({"alg": "EdDSA", "kid": "ed", "jku": url})), refused),
            ("x5u", by_attacker(json!({"alg": "EdDSA", "kid": "ed", "x5u": url})), refused),
            ("x5c", by_attacker(json!({"alg": "EdDSA", "kid": "ed", "x5c": ["AAAA"]})), refused),
        ],
    );
    let honest = forge.with_header(json!({"alg": "EdDSA", "kid": "ed", "jku": url, "jwk": jwk, "x5t": "x"}));
    accept_all(&forge, vec![("their presence alone", honest)]);
}

#[test]
fn keeps_types_of_tokens_apart() {
    let forge = Forge::new();
    let typed = |typ: Value| forge.with_header(json!({"alg": "EdDSA", "kid": "ed", "typ": typ}));
    let untyped = forge.with_header(json!({"alg": "EdDSA", "kid": "ed"}));
    let any = policy();
    let service = policy().with_typ("s2s+jwt").unwrap();
    let keys = forge.keys();
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/JWT"] {
        assert_eq!(check_with(&any, &keys, &typed(json!(typ))), Ok(()), "{typ}");
        assert_eq!(check_with(&service, &keys, &typed(json!(typ))), Err(VerifyError::TypeMismatch), "{typ}");
    }
    for typ in ["s2s+jwt", "S2S+JWT", "application/s2s+jwt"] {
        assert_eq!(check_with(&service, &keys, &typed(json!(typ))), Ok(()), "{typ}");
        assert_eq!(check_with(&any, &keys, &typed(json!(typ))), Err(VerifyError::TypeMismatch), "{typ}");
    }
    let never = [
        json!(""),
        json!(" JWT"),
        json!("JWT;a=b"),
        json!("text/jwt"),
        json!("dpop+jwt"),
        json!("JOSE"),
        json!(1),
        json!(["JWT"]),
        Value::Null,
    ];
    for typ in never {
        assert_eq!(check_with(&any, &keys, &typed(typ.clone())), Err(VerifyError::TypeMismatch), "{typ}");
        assert_eq!(check_with(&service, &keys, &typed(typ.clone())), Err(VerifyError::TypeMismatch), "{typ}");
    }
    assert_eq!(check_with(&service, &keys, &untyped), Err(VerifyError::TypeMismatch));
    let flipped = resigned(&untyped, |mut bytes| {
        bytes[0] ^= 1;
        bytes
    });
    assert_eq!(check_with(&any, &keys, &flipped), Err(VerifyError::SignatureInvalid));
}
