//! Published keys that must not verify anything.

use auth_jose::{JsonError, JwkError, JwkSet, JwkSetError, PublicKey, base64url, jwk};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::forge::{Forge, HEADER, check_with, claims, policy, set};

fn outcome(jwk: &Value) -> Result<(), JwkError> {
    PublicKey::from_jwk(jwk.as_object().unwrap()).map(drop)
}

fn with(jwk: &Value, name: &str, value: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[name] = value;
    jwk
}

fn without(jwk: &Value, name: &str) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

#[test]
fn accepts_sound_keys_and_what_may_accompany_them() {
    let forge = Forge::new();
    for jwk in [forge.ed_jwk(), forge.p256_jwk(), forge.p384_jwk(), forge.p521_jwk(), forge.rsa_jwk()] {
        assert_eq!(outcome(&jwk), Ok(()), "{jwk}");
        assert_eq!(outcome(&without(&jwk, "kid")), Ok(()), "{jwk}");
        let adorned = with(&with(&jwk, "use", json!("sig")), "key_ops", json!(["sign", "verify"]));
        assert_eq!(outcome(&with(&adorned, "x5c", json!(["AAAA"]))), Ok(()), "{jwk}");
    }
}

#[test]
fn refuses_keys_for_other_purposes() {
    let ed = Forge::new().ed_jwk();
    for (name, value, expected) in [
        ("use", json!("enc"), JwkError::UseMismatch),
        ("use", json!(1), JwkError::UseMismatch),
        ("use", Value::Null, JwkError::UseMismatch),
        ("key_ops", json!([]), JwkError::UseMismatch),
        ("key_ops", json!(["sign"]), JwkError::UseMismatch),
        ("key_ops", json!("verify"), JwkError::UseMismatch),
        ("alg", json!("ES256"), JwkError::AlgorithmMismatch),
        ("alg", json!("HS256"), JwkError::AlgorithmMismatch),
        ("alg", json!(1), JwkError::MemberInvalid("alg")),
        ("kid", json!(1), JwkError::MemberInvalid("kid")),
        ("d", json!("AAAA"), JwkError::PrivateMember),
        ("k", json!("AAAA"), JwkError::PrivateMember),
        ("p", Value::Null, JwkError::PrivateMember),
    ] {
        assert_eq!(outcome(&with(&ed, name, value.clone())), Err(expected), "{name}: {value}");
    }
}

#[test]
fn refuses_unknown_and_symmetric_key_types() {
    let forge = Forge::new();
    let ed = forge.ed_jwk();
    assert_eq!(outcome(&with(&ed, "kty", json!("oct"))), Err(JwkError::KeyTypeUnsupported));
    assert_eq!(outcome(&with(&ed, "kty", json!("okp"))), Err(JwkError::KeyTypeUnsupported));
    assert_eq!(outcome(&with(&ed, "crv", json!("X25519"))), Err(JwkError::KeyTypeUnsupported));
    assert_eq!(outcome(&without(&ed, "crv")), Err(JwkError::KeyTypeUnsupported));
    assert_eq!(outcome(&without(&ed, "kty")), Err(JwkError::MemberInvalid("kty")));
    assert_eq!(outcome(&json!({"kty": "oct", "k": "AAAA"})), Err(JwkError::PrivateMember));
    assert_eq!(
        outcome(&with(&forge.p256_jwk(), "crv", json!("secp256k1"))),
        Err(JwkError::KeyTypeUnsupported)
    );
    assert_eq!(outcome(&with(&forge.p256_jwk(), "crv", json!("P-384"))), Err(JwkError::MemberInvalid("x")));
}

#[test]
fn refuses_weak_ed25519_points() {
    let ed = Forge::new().ed_jwk();
    let p = |lowest: u8| [&[lowest][..], &[0xff; 30], &[0x7f]].concat();
    let order8 = |sign: u8| {
        let mut point = base64url::decode("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU").unwrap();
        point[31] |= sign;
        point
    };
    let small = |y: u8, sign: u8| [&[y][..], &[0; 30], &[sign]].concat();
    for point in [
        small(0, 0),
        small(0, 0x80),
        small(1, 0),
        small(1, 0x80),
        p(0xec),
        p(0xed),
        p(0xee),
        p(0xff),
        vec![0xff; 32],
        order8(0),
        order8(0x80),
    ] {
        let jwk = with(&ed, "x", json!(base64url::encode(&point)));
        assert_eq!(outcome(&jwk), Err(JwkError::PointRefused), "{point:x?}");
    }
    for x in [json!(""), json!("AAAA"), json!(base64url::encode([5; 33])), json!(1), json!("!")] {
        assert_eq!(outcome(&with(&ed, "x", x.clone())), Err(JwkError::MemberInvalid("x")), "{x}");
    }
}

#[test]
fn refuses_points_off_their_curve() {
    let forge = Forge::new();
    for (jwk, len) in [(forge.p256_jwk(), 32), (forge.p384_jwk(), 48), (forge.p521_jwk(), 66)] {
        assert_eq!(outcome(&with(&jwk, "y", jwk["x"].clone())), Err(JwkError::PointRefused));
        let zero = json!(base64url::encode(vec![0; len]));
        assert_eq!(outcome(&with(&with(&jwk, "x", zero.clone()), "y", zero)), Err(JwkError::PointRefused));
        let padded = [vec![0], base64url::decode(jwk["x"].as_str().unwrap()).unwrap()].concat();
        let padded = with(&jwk, "x", json!(base64url::encode(padded)));
        assert_eq!(outcome(&padded), Err(JwkError::MemberInvalid("x")));
        let short = base64url::decode(jwk["y"].as_str().unwrap()).unwrap()[1..].to_vec();
        let short = with(&jwk, "y", json!(base64url::encode(short)));
        assert_eq!(outcome(&short), Err(JwkError::MemberInvalid("y")), "even where its first byte is zero");
        assert_eq!(outcome(&without(&jwk, "y")), Err(JwkError::MemberInvalid("y")));
    }
}

#[test]
fn refuses_weak_rsa_keys() {
    let rsa = Forge::new().rsa_jwk();
    let n = base64url::decode(rsa["n"].as_str().unwrap()).unwrap();
    let mut even = n.clone();
    even[255] &= 0xfe;
    let mut short = n.clone();
    short[0] = 0x7f;
    for (modulus, name) in [
        (n[1..].to_vec(), "2040 bits"),
        (short, "2047 bits"),
        ([&[0], &n[..]].concat(), "padded"),
        (even, "even"),
        (vec![0xff; 1025], "8200 bits"),
        (vec![], "empty"),
    ] {
        let jwk = with(&rsa, "n", json!(base64url::encode(modulus)));
        assert_eq!(outcome(&jwk), Err(JwkError::ModulusRefused), "{name}");
    }
    let exponents: [&[u8]; 9] =
        [&[], &[0], &[1], &[2], &[3], &[1, 0, 0], &[0, 1, 0, 1], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]];
    for exponent in exponents {
        let jwk = with(&rsa, "e", json!(base64url::encode(exponent)));
        assert_eq!(outcome(&jwk), Err(JwkError::ExponentRefused), "{exponent:x?}");
    }
    let largest = with(&rsa, "e", json!(base64url::encode([1, 0xff, 0xff, 0xff, 0xff])));
    assert_eq!(outcome(&largest), Ok(()));
    assert_eq!(outcome(&with(&rsa, "e", json!(65537))), Err(JwkError::MemberInvalid("e")));
}

#[test]
fn skips_unusable_keys_and_keeps_the_others() {
    let forge = Forge::new();
    let keys = set(&[
        json!({"kty": "oct", "k": "AAAA"}),
        json!("text"),
        Value::Null,
        with(&forge.rsa_jwk(), "n", json!("AQAB")),
        forge.ed_jwk(),
        json!({"kty": "PQ", "crv": "ML-DSA"}),
    ]);
    assert_eq!((keys.keys().len(), keys.skipped()), (1, 5));
    let token = forge.sign_ed(HEADER, &claims().to_string());
    assert_eq!(check_with(&policy(), &keys, &token), Ok(()));
}

#[test]
fn refuses_documents_that_are_no_key_set() {
    let refused = |text: &str| JwkSet::parse(text.as_bytes()).map(drop).unwrap_err();
    assert_eq!(refused("{}"), JwkSetError::KeysNotAnArray);
    assert_eq!(refused(r#"{"keys":{}}"#), JwkSetError::KeysNotAnArray);
    assert_eq!(refused("[]"), JwkSetError::JsonInvalid(JsonError::NotAnObject));
    assert_eq!(refused("<html>"), JwkSetError::JsonInvalid(JsonError::Syntax));
    assert_eq!(refused(r#"{"keys":[]}{"keys":[]}"#), JwkSetError::JsonInvalid(JsonError::Syntax));
    assert_eq!(refused(r#"{"keys":[],"keys":[]}"#), JwkSetError::JsonInvalid(JsonError::DuplicateMember));
    assert!(JwkSet::parse(br#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn names_a_key_by_its_thumbprint() {
    // RFC 8037 appendix A.3.
    let jwk = json!({"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kty": "OKP", "crv": "Ed25519", "kid": "any"});
    let expected = Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned());
    assert_eq!(jwk::thumbprint(jwk.as_object().unwrap()), expected);
    assert_eq!(jwk::thumbprint(&Map::new()), None);
}

proptest! {
    #[test]
    fn survives_any_jwk(kty in "OKP|EC|RSA|oct", crv in "Ed25519|P-256|P-384|P-521|", members in proptest::collection::btree_map("x|y|n|e|use|alg|kid", "[A-Za-z0-9_-]{0,86}|\\PC{0,8}", 0..6)) {
        let mut jwk: Map<String, Value> = members.into_iter().map(|(name, text)| (name, json!(text))).collect();
        jwk.insert("kty".to_owned(), json!(kty));
        jwk.insert("crv".to_owned(), json!(crv));
        let _ = PublicKey::from_jwk(&jwk);
        let _ = jwk::thumbprint(&jwk);
    }
}

#[test]
fn tells_keys_apart_by_kid_algorithm_and_material() {
    let (forge, other) = (Forge::new(), Forge::new());
    let key = |jwk: &Value, members: Value| {
        let mut jwk = jwk.as_object().unwrap().clone();
        jwk.extend(members.as_object().unwrap().clone());
        PublicKey::from_jwk(&jwk).unwrap()
    };
    let plain = key(&forge.ed_jwk(), json!({}));
    // What says nothing about the key does not make it another one.
    assert_eq!(plain, key(&forge.ed_jwk(), json!({"use": "sig", "key_ops": ["verify"], "x5t": "a"})));
    for (changed, is_same) in [
        (key(&forge.ed_jwk(), json!({"kid": "ed2"})), true),
        (key(&forge.ed_jwk(), json!({"alg": "EdDSA"})), true),
        (key(&other.ed_jwk(), json!({})), false),
    ] {
        assert_ne!(plain, changed);
        assert_eq!(plain.is_same_key(&changed), is_same);
    }
    let jwk = serde_json::to_value(plain.jwk()).unwrap();
    assert_eq!(jwk, forge.ed_jwk());
}
