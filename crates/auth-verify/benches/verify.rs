//! What one verification costs, and which part of it the signature is: `cargo bench -p auth-verify`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has failed")]

use std::hint::black_box;

use auth_jose::{JwkSet, KeyAlgorithm, base64url};
use auth_verify::testing::Issuer;
use auth_verify::{UserClaims, Verifier};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

const ALGORITHMS: [(&str, KeyAlgorithm); 3] = [
    ("EdDSA", KeyAlgorithm::EdDsa),
    ("ES256", KeyAlgorithm::Es256),
    ("RS256", KeyAlgorithm::Rs256 { modulus_bits: 2048 }),
];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A token of our server's shape.
fn token(issuer: &Issuer) -> String {
    issuer.token_with(
        "k4GkWfAY1ZVYiVnCpRtZ2yPVbWTVfFbS",
        &json!({"id": "k4GkWfAY1ZVYiVnCpRtZ2yPVbWTVfFbS", "name": "Ann Example", "email": "ann@example.test",
            "emailVerified": true, "image": null, "createdAt": "2030-01-01T00:00:00.000Z",
            "updatedAt": "2030-01-01T00:00:00.000Z"}),
    )
}

fn octets(jwk: &Map<String, Value>, name: &str) -> Vec<u8> {
    base64url::decode(jwk.get(name).and_then(Value::as_str).unwrap_or_default()).unwrap_or_default()
}

fn raw_key(jwk: &Map<String, Value>) -> ParsedPublicKey {
    match jwk.get("kty").and_then(Value::as_str) {
        Some("OKP") => UnparsedPublicKey::new(&ED25519, octets(jwk, "x")).parse().unwrap(),
        Some("EC") => {
            let point = [vec![4], octets(jwk, "x"), octets(jwk, "y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).parse().unwrap()
        }
        _ => {
            let parts = RsaPublicKeyComponents { n: octets(jwk, "n"), e: octets(jwk, "e") };
            parts.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap()
        }
    }
}

fn verifications(c: &mut Criterion) {
    let runtime = runtime();
    for (name, algorithm) in ALGORITHMS {
        let issuer = Issuer::with_algorithm(algorithm);
        let token = token(&issuer);
        let verify =
            |verifier: &Verifier| runtime.block_on(verifier.verify::<UserClaims>(black_box(&token))).unwrap();

        let jwks = JwkSet::parse(issuer.jwks().as_bytes()).unwrap();
        let key = raw_key(jwks.keys().first().unwrap().jwk());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        c.bench_function(&format!("signature alone/{name}"), |b| {
            b.iter(|| key.verify_sig(black_box(message.as_bytes()), black_box(&signature)).unwrap());
        });

        let uncached = issuer.builder().cached_tokens(0).build().unwrap();
        verify(&uncached);
        c.bench_function(&format!("verify/{name}"), |b| b.iter(|| verify(&uncached)));

        let cached = issuer.verifier();
        verify(&cached);
        c.bench_function(&format!("verified before/{name}"), |b| b.iter(|| verify(&cached)));
    }
}

fn parsing(c: &mut Criterion) {
    let runtime = runtime();
    let issuer = Issuer::start();
    for _ in 0..4 {
        issuer.rotate();
    }
    let document = issuer.jwks();
    c.bench_function("parse/five keys", |b| {
        b.iter(|| JwkSet::parse(black_box(document.as_bytes())).unwrap());
    });

    let verifier = issuer.verifier();
    let good = token(&issuer);
    runtime.block_on(verifier.verify::<UserClaims>(&good)).unwrap();
    let altered = issuer.sign_as(Some("s2s+jwt"), &issuer.claims("U1"));
    for (name, bad) in [("no token", "a.b"), ("16 KiB", &*"a".repeat(16_385)), ("another type", &altered)] {
        c.bench_function(&format!("refuse/{name}"), |b| {
            b.iter(|| runtime.block_on(verifier.verify::<UserClaims>(black_box(bad))).unwrap_err());
        });
    }
}

criterion_group!(benches, verifications, parsing);
criterion_main!(benches);
