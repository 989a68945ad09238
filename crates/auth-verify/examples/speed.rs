//! Our side of `bench/verify`: `speed FILE` makes the tokens that all libraries get, writes them and their keys
//! to the file, and prints one line `{"library","alg","nanoseconds"}` for each of our ways to verify them.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use auth_jose::{Clock, JwkSet, KeyAlgorithm, SystemClock, base64url};
use auth_verify::testing::Issuer;
use auth_verify::{UserClaims, Verifier};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ALGORITHMS: [(&str, KeyAlgorithm); 3] = [
    ("EdDSA", KeyAlgorithm::EdDsa),
    ("ES256", KeyAlgorithm::Es256),
    ("RS256", KeyAlgorithm::Rs256 { modulus_bits: 2048 }),
];

fn main() -> Outcome<()> {
    let path = std::env::args().nth(1).ok_or("usage: speed FILE")?;
    let issuers = ALGORITHMS.map(|(name, algorithm)| (name, Issuer::with_algorithm(algorithm)));
    let tokens: Vec<_> = issuers.iter().map(|(name, issuer)| (*name, issuer, token(issuer))).collect();
    let written: Vec<_> = tokens
        .iter()
        .map(|(name, issuer, token)| {
            json!({"alg": name, "token": token, "jwks": issuer.jwks(), "issuer": issuer.issuer(),
                "audience": issuer.audience()})
        })
        .collect();
    std::fs::write(path, Value::from(written).to_string())?;
    for (name, issuer, token) in &tokens {
        measure(name, issuer, token)?;
    }
    Ok(())
}

/// As long as our server's, and of today: the other libraries go by the system's clock.
fn token(issuer: &Issuer) -> String {
    let now = SystemClock.now().seconds();
    issuer.token_with(
        "k4GkWfAY1ZVYiVnCpRtZ2yPVbWTVfFbS",
        &json!({"iat": now, "exp": now + 3600, "id": "k4GkWfAY1ZVYiVnCpRtZ2yPVbWTVfFbS", "name": "Ann Example",
            "email": "ann@example.test", "emailVerified": true, "image": null,
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"}),
    )
}

fn measure(alg: &str, issuer: &Issuer, token: &str) -> Outcome<()> {
    let report = |library: &str, nanoseconds: f64| {
        println!("{}", json!({"library": library, "alg": alg, "nanoseconds": nanoseconds}));
    };
    let key = raw_key(issuer)?;
    let (message, signature) = token.rsplit_once('.').ok_or("no token")?;
    let signature = base64url::decode(signature).ok_or("no signature")?;
    report(
        "aws-lc-rs, the signature alone",
        median(|| {
            let good = key.verify_sig(black_box(message.as_bytes()), black_box(&signature)).is_ok();
            assert!(good);
        }),
    );

    let builder = || Verifier::builder(&issuer.issuer(), issuer.audience(), &issuer.jwks_url());
    let runtime = runtime()?;
    let uncached = builder().cached_tokens(0).build()?;
    report("auth-verify", median(|| accept(&runtime, &uncached, token)));

    let cached = builder().build()?;
    report("auth-verify, verified before", median(|| accept(&runtime, &cached, token)));

    let before = issuer.requests();
    let fresh = builder().build()?;
    (0..10_000).for_each(|_| accept(&runtime, &fresh, token));
    let requests = issuer.requests() - before;
    let allocations = allocation_counter::measure(|| accept(&runtime, &cached, token)).count_total;
    for threads in [1, 2] {
        report(
            &format!("auth-verify, verified before, {threads} threads"),
            on_threads(threads, &cached, token)?,
        );
    }
    println!("{}", json!({"alg": alg, "requestsFor10000": requests, "allocationsPerHit": allocations}));
    Ok(())
}

fn runtime() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn accept(runtime: &Runtime, verifier: &Verifier, token: &str) {
    let verified = runtime.block_on(verifier.verify::<UserClaims>(black_box(token)));
    assert!(verified.is_ok());
    drop(black_box(verified));
}

/// Nanoseconds of one call: the median of 20 runs of 25 ms after one to warm up.
fn median(mut call: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..=20)
        .map(|_| {
            let (began, mut calls) = (Instant::now(), 0_u32);
            while began.elapsed() < Duration::from_millis(25) {
                (0..8).for_each(|_| call());
                calls += 8;
            }
            began.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
        })
        .skip(1)
        .collect();
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

/// Nanoseconds from one answer to the next of all threads together.
fn on_threads(threads: u32, verifier: &Verifier, token: &str) -> Outcome<f64> {
    const CALLS: u32 = 400_000;
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| -> Outcome<()> {
                    let runtime = runtime()?;
                    runtime.block_on(async {
                        for _ in 0..CALLS {
                            black_box(verifier.verify::<UserClaims>(black_box(token)).await)?;
                        }
                        Ok(())
                    })
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_panic| "a thread panicked")?)
    })?;
    Ok(began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS * threads))
}

fn raw_key(issuer: &Issuer) -> Outcome<ParsedPublicKey> {
    let set = JwkSet::parse(issuer.jwks().as_bytes())?;
    let jwk = set.keys().first().ok_or("no key")?.jwk();
    Ok(match jwk.get("kty").and_then(Value::as_str) {
        Some("OKP") => UnparsedPublicKey::new(&ED25519, octets(jwk, "x")).parse()?,
        Some("EC") => {
            let point = [vec![4], octets(jwk, "x"), octets(jwk, "y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).parse()?
        }
        _ => {
            let parts = RsaPublicKeyComponents { n: octets(jwk, "n"), e: octets(jwk, "e") };
            parts.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?
        }
    })
}

fn octets(jwk: &Map<String, Value>, name: &str) -> Vec<u8> {
    jwk.get(name).and_then(Value::as_str).and_then(base64url::decode).unwrap_or_default()
}
