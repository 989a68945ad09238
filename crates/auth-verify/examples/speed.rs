//! Our side of `bench/verify`: `speed FILE` makes the tokens that all libraries get, writes them and their keys
//! to the file, and prints one line `{"library","alg","nanoseconds","process"}` for each of our ways to verify them, and
//! one `{"scaling","alg","one","two"}` for what a call takes on one core and on each of two.

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth_jose::{Clock, JwkSet, KeyAlgorithm, SystemClock, base64url};
use auth_verify::testing::Issuer;
use auth_verify::{UserClaims, Verifier};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ALGORITHMS: [(&str, KeyAlgorithm); 3] = [
    ("EdDSA", KeyAlgorithm::EdDsa),
    ("ES256", KeyAlgorithm::Es256),
    ("RS256", KeyAlgorithm::Rs256 { modulus_bits: 2048 }),
];

/// Calls between two looks at the clock.
const BATCH: u32 = 16;

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
    token_of(issuer, "k4GkWfAY1ZVYiVnCpRtZ2yPVbWTVfFbS")
}

fn numbered(issuer: &Issuer, number: usize) -> String {
    token_of(issuer, &format!("k4GkWfAY1ZVYiVnCpRtZ2yPVbWTV{number:04}"))
}

fn token_of(issuer: &Issuer, subject: &str) -> String {
    let now = SystemClock.now().seconds();
    issuer.token_with(
        subject,
        &json!({"iat": now, "exp": now + 3600, "id": "k4GkWfAY1ZVYiVnCpRtZ2yPVbWTVfFbS", "name": "Ann Example",
            "email": "ann@example.test", "emailVerified": true, "image": null,
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"}),
    )
}

fn measure(alg: &str, issuer: &Issuer, token: &str) -> Outcome<()> {
    let report = |library: &str, nanoseconds: f64| {
        println!(
            "{}",
            json!({"library": library, "alg": alg, "nanoseconds": nanoseconds, "process": "auth-verify"})
        );
    };
    let key = raw_key(issuer)?;
    let (message, signature) = token.rsplit_once('.').ok_or("no token")?;
    let signature = base64url::decode(signature).ok_or("no signature")?;
    let builder = || Verifier::builder(&issuer.issuer(), issuer.audience(), &issuer.jwks_url());
    let runtime = runtime()?;
    let uncached = builder().cached_tokens(0).build()?;
    let cached = builder().build()?;
    let [signature_alone, ours, hit] = fastest([
        &mut || {
            for _ in 0..BATCH {
                let good = key.verify_sig(black_box(message.as_bytes()), black_box(&signature)).is_ok();
                assert!(good);
            }
        },
        &mut || accept(&runtime, &uncached, token, BATCH),
        &mut || accept(&runtime, &cached, token, BATCH),
    ]);
    report("aws-lc-rs, the signature alone", signature_alone);
    report("auth-verify", ours);
    report("auth-verify, verified before", hit);

    let before = issuer.requests();
    let fresh = builder().build()?;
    accept(&runtime, &fresh, token, 10_000);
    let requests = issuer.requests() - before;
    let allocations = allocation_counter::measure(|| accept(&runtime, &cached, token, 1)).count_total;
    scaling(issuer, alg, &cached, token)?;
    println!("{}", json!({"alg": alg, "requestsFor10000": requests, "allocationsPerHit": allocations}));
    Ok(())
}

fn runtime() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Calls inside of a runtime that runs already, as in a server.
fn accept(runtime: &Runtime, verifier: &Verifier, token: &str, count: u32) {
    runtime.block_on(async {
        for _ in 0..count {
            let verified = verifier.verify::<UserClaims>(black_box(token)).await;
            assert!(verified.is_ok());
            drop(black_box(verified));
        }
    });
}

/// Nanoseconds of one call of each: the fastest of many short runs. They take turns, so that what else runs on the
/// machine slows all of them alike.
fn fastest<const N: usize>(mut calls: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        for (call, best) in calls.iter_mut().zip(&mut best) {
            let began = Instant::now();
            call();
            *best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
        }
    }
    best
}

/// What one thread takes for a token that was verified before, and each of two at once; and for a hash, which shares nothing.
fn scaling(issuer: &Issuer, alg: &str, verifier: &Verifier, token: &str) -> Outcome<()> {
    const OWN: usize = 256;
    let tokens: Vec<Vec<String>> =
        (0..2).map(|thread| (0..OWN).map(|n| numbered(issuer, thread * OWN + n)).collect()).collect();
    let hash = |_: &Runtime, _: usize| {
        for _ in 0..CALLS {
            black_box(Sha256::digest(black_box(token)));
        }
    };
    let same = |runtime: &Runtime, _: usize| accept(runtime, verifier, token, CALLS);
    let own = |runtime: &Runtime, thread: usize| {
        runtime.block_on(async {
            for token in tokens.iter().skip(thread).take(1).flatten() {
                let verified = verifier.verify::<UserClaims>(black_box(token)).await;
                assert!(verified.is_ok());
            }
        });
    };
    let works: [(&str, Work<'_>); 3] =
        [("SHA-256 of the token", &hash), ("the same token", &same), ("256 tokens of its own", &own)];
    for (work, round) in works {
        let times = [1, 2].map(|threads| at_once(threads, round));
        let [one, two] = times;
        println!("{}", json!({"scaling": work, "alg": alg, "one": one?, "two": two?}));
    }
    Ok(())
}

/// Calls in one round, short enough that a round often passes without a thread losing its core.
const CALLS: u32 = 256;

/// One round of a thread.
type Work<'a> = &'a (dyn Fn(&Runtime, usize) + Sync);

/// Nanoseconds of one call while so many threads are at work: the fastest round, from the start of its first thread to the
/// end of its last one. A round in which a thread had to wait for the others, or for its core, is never the fastest.
fn at_once(threads: usize, round: Work<'_>) -> Outcome<f64> {
    const ROUNDS: usize = 1_500;
    let (arrived, base) = (AtomicUsize::new(0), Instant::now());
    let rounds = std::thread::scope(|scope| {
        let arrived = &arrived;
        let worker = move |thread: usize| -> Outcome<Vec<(Duration, Duration)>> {
            let runtime = runtime()?;
            round(&runtime, thread);
            let spans = (1..=ROUNDS).map(|number| {
                arrived.fetch_add(1, Ordering::SeqCst);
                let mut looks = 0;
                while arrived.load(Ordering::SeqCst) < number * threads {
                    looks += 1;
                    if looks > 20_000 { std::thread::yield_now() } else { std::hint::spin_loop() }
                }
                let began = base.elapsed();
                round(&runtime, thread);
                (began, base.elapsed())
            });
            Ok(spans.collect())
        };
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || worker(thread))).collect();
        let joined = workers.into_iter().map(|worker| worker.join().map_err(|_panic| "a thread panicked")?);
        joined.collect::<Outcome<Vec<_>>>()
    })?;
    let span = |number: usize| {
        let spans = || rounds.iter().filter_map(|spans| spans.get(number));
        let began = spans().map(|(began, _)| *began).min()?;
        Some(spans().map(|(_, ended)| *ended).max()? - began)
    };
    let fastest = (0..ROUNDS).filter_map(span).min().ok_or("no round")?;
    Ok(fastest.as_secs_f64() * 1e9 / f64::from(CALLS))
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
