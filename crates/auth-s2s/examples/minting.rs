//! How fast service tokens are made and checked, beside the signatures alone, in one run on one core.
//! `make bench-services`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be set up has failed")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use auth_jose::{JwkSet, Timestamp};
use auth_s2s::{Minter, Rules, ServiceKey, ServiceName};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 5;

/// Calls a second, the median of some rounds.
fn rate(mut call: impl FnMut()) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (mut count, begin) = (0_u32, Instant::now());
        while begin.elapsed() < ROUND {
            for _ in 0..50 {
                call();
            }
            count += 50;
        }
        rates.push(f64::from(count) / begin.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    rates.get(ROUNDS / 2).copied().unwrap_or_default()
}

fn main() {
    let (worker, api): (ServiceName, ServiceName) = ("worker".parse().unwrap(), "api".parse().unwrap());
    let minter = Minter::generate(worker.clone()).unwrap();
    let fresh = minter.clone().single_use();
    let key = ServiceKey::new(&worker, &minter.public_jwk()).unwrap();
    let keys = JwkSet::from_iter([key.public_key().clone()]);
    let rules = Rules::new(api.clone()).unwrap();
    let token = fresh.token(&api).unwrap();
    let now = Timestamp::from_seconds(issued_at(&token));

    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let (message, _) = token.rsplit_once('.').unwrap();
    let signature = pair.sign(message.as_bytes());
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref()).parse().unwrap();

    drop(minter.token(&api).unwrap());
    let kept = rate(|| drop(black_box(minter.token(&api).unwrap())));
    let allocations = allocation_counter::measure(|| {
        for _ in 0..1_000_000 {
            drop(black_box(minter.token(&api).unwrap()));
        }
    });
    let mint = rate(|| drop(black_box(fresh.token(&api).unwrap())));
    let sign = rate(|| {
        black_box(pair.sign(message.as_bytes()));
    });
    let check = rate(|| drop(black_box(rules.verify(&keys, now, &token).unwrap())));
    let verify = rate(|| black_box(public.verify_sig(message.as_bytes(), signature.as_ref())).unwrap());

    println!(
        "kept token        {kept:>12.0} a second; a million of them: {} allocations, {} bytes more in use",
        allocations.count_total, allocations.bytes_current
    );
    println!("fresh token       {mint:>12.0} a second, {:>6.1} us", 1e6 / mint);
    println!("Ed25519 signature {sign:>12.0} a second, {:>6.1} us: ratio {:.2}", 1e6 / sign, sign / mint);
    println!("check of a token  {check:>12.0} a second, {:>6.1} us", 1e6 / check);
    println!(
        "Ed25519 check     {verify:>12.0} a second, {:>6.1} us: ratio {:.2}",
        1e6 / verify,
        verify / check
    );
    assert!(kept >= 1_000_000.0, "fewer than a million kept tokens a second");
}

fn issued_at(token: &str) -> i64 {
    let claims = auth_jose::base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap().get("iat").unwrap().as_i64().unwrap()
}
