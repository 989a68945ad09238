//! Signing keys against fixed vectors and against josekit's own verifiers, which use OpenSSL.
#![cfg(feature = "sign")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use auth_jose::sign::{KeyAlgorithm, KeyError, SigningKey};
use auth_jose::{Algorithm, JsonError};
use josekit::jwk::Jwk;
use josekit::jws::{self, ES256, ES512, EdDSA, JwsVerifier, PS256, RS256};
use serde_json::{Value, json};

const ED25519: &str = r#"{"crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kty":"OKP"}"#;

/// RFC 7515, appendix A.4.1.
const P521: &str = r#"{"kty":"EC","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2","crv":"P-521","d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}"#;

fn claims() -> Value {
    json!({"id": "U1", "sub": "U1", "iat": 1_893_456_000, "exp": 1_893_456_900, "iss": "http://a.test", "aud": "http://a.test"})
}

fn names(object: &serde_json::Map<String, Value>) -> Vec<&str> {
    object.keys().map(String::as_str).collect()
}

#[test]
fn signs_upstreams_vector_byte_for_byte() {
    let key = SigningKey::from_private_jwk(ED25519, Algorithm::EdDsa, "K1").unwrap();
    assert_eq!(
        key.sign(None, &claims()).unwrap(),
        "eyJhbGciOiJFZERTQSIsImtpZCI6IksxIn0.eyJpZCI6IlUxIiwic3ViIjoiVTEiLCJpYXQiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1NjkwMCwiaXNzIjoiaHR0cDovL2EudGVzdCIsImF1ZCI6Imh0dHA6Ly9hLnRlc3QifQ.hP1IjgpZ6QFnGeIS69M99xe7lA3EPO1Nt7HCOWjsltd4CIIr_c1ojD9CoTyRmMztBWnlHdrdQImtBImMDOCbCg"
    );
}

#[test]
fn keeps_the_text_of_a_stored_key_and_shows_only_its_public_part() {
    let key = SigningKey::from_private_jwk(ED25519, Algorithm::EdDsa, "K1").unwrap();
    assert_eq!(key.private_jwk().expose(), ED25519);
    let public = r#"{"crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kty":"OKP"}"#;
    assert_eq!(serde_json::to_string(&key.public_jwk()).unwrap(), public);
    let shown = format!("{key:?}");
    assert!(shown.contains("K1") && !shown.contains("nWGxne"), "{shown}");
}

#[test]
fn puts_typ_after_alg_and_kid() {
    let key = SigningKey::from_private_jwk(ED25519, Algorithm::EdDsa, "K1").unwrap();
    let token = key.sign(Some("s2s+jwt"), &claims()).unwrap();
    let header = auth_jose::base64url::decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(String::from_utf8(header).unwrap(), r#"{"alg":"EdDSA","kid":"K1","typ":"s2s+jwt"}"#);
}

fn openssl_accepts(key: &SigningKey, token: &str) -> bool {
    let jwk = Jwk::from_map(key.public_jwk()).unwrap();
    let verifier: Box<dyn JwsVerifier> = match key.algorithm() {
        Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Es512 => Box::new(ES512.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Ps256 => Box::new(PS256.verifier_from_jwk(&jwk).unwrap()),
        _ => Box::new(RS256.verifier_from_jwk(&jwk).unwrap()),
    };
    jws::deserialize_compact(token, &*verifier).is_ok()
}

#[test]
fn generates_stores_and_signs_with_every_kind_of_key() {
    let rsa = ["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"];
    let kinds = [
        (KeyAlgorithm::EdDsa, vec!["crv", "d", "x", "kty"], vec!["crv", "x", "kty"]),
        (KeyAlgorithm::Es256, vec!["kty", "x", "y", "crv", "d"], vec!["kty", "x", "y", "crv"]),
        (KeyAlgorithm::Es512, vec!["kty", "x", "y", "crv", "d"], vec!["kty", "x", "y", "crv"]),
        (KeyAlgorithm::Ps256 { modulus_bits: 2048 }, rsa.to_vec(), vec!["kty", "n", "e"]),
        (KeyAlgorithm::Rs256 { modulus_bits: 2048 }, rsa.to_vec(), vec!["kty", "n", "e"]),
    ];
    for (kind, private, public) in kinds {
        let key = SigningKey::generate(kind, "kid-1").unwrap();
        let text = key.private_jwk();
        assert_eq!(names(&serde_json::from_str(text.expose()).unwrap()), private);
        assert_eq!(names(&key.public_jwk()), public);

        let stored = SigningKey::from_private_jwk(text.expose(), key.algorithm(), "kid-1").unwrap();
        assert_eq!(stored.public_jwk(), key.public_jwk());
        for key in [key, stored] {
            let token = key.sign(None, &claims()).unwrap();
            assert!(openssl_accepts(&key, &token), "{kind:?}");
            let other = SigningKey::generate(kind, "kid-1").unwrap();
            assert!(!openssl_accepts(&other, &token), "{kind:?}");
        }
    }
}

#[test]
fn keeps_every_byte_of_a_p521_key() {
    let stored = SigningKey::from_private_jwk(P521, Algorithm::Es512, "K1").unwrap();
    assert_eq!(stored.private_jwk().expose(), P521);
    assert!(openssl_accepts(&stored, &stored.sign(None, &claims()).unwrap()));
    // Every other coordinate begins with a zero byte, which stays.
    for _ in 0..32 {
        let key = SigningKey::generate(KeyAlgorithm::Es512, "k").unwrap();
        let private: Value = serde_json::from_str(key.private_jwk().expose()).unwrap();
        for member in ["x", "y", "d"] {
            let bytes = auth_jose::base64url::decode(private[member].as_str().unwrap()).unwrap();
            assert_eq!(bytes.len(), 66, "{member}");
        }
        let token = key.sign(None, &claims()).unwrap();
        let signature = auth_jose::base64url::decode(token.rsplit('.').next().unwrap()).unwrap();
        assert_eq!(signature.len(), 132);
    }
}

#[test]
fn generates_a_modulus_of_the_size_asked_for_and_the_usual_exponent() {
    let key = SigningKey::generate(KeyAlgorithm::Rs256 { modulus_bits: 3072 }, "k").unwrap();
    let public = key.public_jwk();
    assert_eq!(auth_jose::base64url::decode(public["n"].as_str().unwrap()).unwrap().len(), 384);
    assert_eq!(public["e"], "AQAB");
    for modulus_bits in [0, 1024, 2047, 2050, 16_384] {
        let refused = SigningKey::generate(KeyAlgorithm::Rs256 { modulus_bits }, "k").unwrap_err();
        assert_eq!(refused, KeyError::ModulusBitsInvalid(modulus_bits));
    }
}

#[test]
fn refuses_keys_that_do_not_fit() {
    let other = SigningKey::generate(KeyAlgorithm::EdDsa, "k").unwrap().public_jwk();
    let with = |name: &str, value: Value| {
        let mut jwk: serde_json::Map<String, Value> = serde_json::from_str(ED25519).unwrap();
        jwk.insert(name.to_owned(), value);
        serde_json::to_string(&jwk).unwrap()
    };
    let refused = |text: &str, alg| SigningKey::from_private_jwk(text, alg, "k").unwrap_err();
    assert_eq!(refused(&with("x", other["x"].clone()), Algorithm::EdDsa), KeyError::KeyInvalid);
    assert_eq!(refused(&with("d", json!("AAAA")), Algorithm::EdDsa), KeyError::KeyInvalid);
    assert_eq!(refused(&with("d", json!(7)), Algorithm::EdDsa), KeyError::KeyInvalid);
    assert_eq!(refused(&with("crv", json!("X25519")), Algorithm::EdDsa), KeyError::KeyInvalid);
    assert_eq!(refused(ED25519, Algorithm::Es256), KeyError::KeyInvalid);
    assert_eq!(refused(ED25519, Algorithm::Rs256), KeyError::KeyInvalid);
    assert_eq!(refused(ED25519, Algorithm::Ps256), KeyError::KeyInvalid);
    assert_eq!(refused(P521, Algorithm::Es256), KeyError::KeyInvalid);
    assert_eq!(refused(ED25519, Algorithm::Es384), KeyError::AlgorithmUnsupported(Algorithm::Es384));
    assert_eq!(refused("[]", Algorithm::EdDsa), KeyError::JsonInvalid(JsonError::NotAnObject));

    for kind in [KeyAlgorithm::Es256, KeyAlgorithm::Es512, KeyAlgorithm::Rs256 { modulus_bits: 2048 }] {
        let key = SigningKey::generate(kind, "k").unwrap();
        let other = SigningKey::generate(kind, "k").unwrap();
        let mut jwk: serde_json::Map<String, Value> =
            serde_json::from_str(key.private_jwk().expose()).unwrap();
        jwk.extend(other.public_jwk());
        let text = serde_json::to_string(&jwk).unwrap();
        assert_eq!(refused(&text, key.algorithm()), KeyError::KeyInvalid, "{kind:?}");
    }
}

#[test]
fn refuses_a_key_that_no_verifier_would_accept() {
    let weak = include_str!("rsa-exponent-3.jwk.json");
    let refused = SigningKey::from_private_jwk(weak, Algorithm::Rs256, "k").unwrap_err();
    assert_eq!(refused, KeyError::KeyInvalid);
}

#[test]
fn refuses_claims_that_are_no_object() {
    let key = SigningKey::from_private_jwk(ED25519, Algorithm::EdDsa, "K1").unwrap();
    assert_eq!(key.sign(None, "text"), Err(KeyError::ClaimsInvalid));
    assert_eq!(key.sign(None, &[1, 2]), Err(KeyError::ClaimsInvalid));
}
