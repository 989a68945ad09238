//! jsonwebtoken on the tokens that `speed` wrote: prints `{"library","alg","nanoseconds"}` for each.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Token {
    alg: String,
    token: String,
    jwks: String,
    issuer: String,
    audience: String,
}

/// What our verifier reads as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Claims {
    sub: String,
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let backend = if cfg!(feature = "rust_crypto") { "rust_crypto" } else { "aws_lc_rs" };
    let path = std::env::args().nth(1).ok_or("usage: verify-peers FILE")?;
    for item in serde_json::from_slice::<Vec<Token>>(&std::fs::read(path)?)? {
        let keys: JwkSet = serde_json::from_str(&item.jwks)?;
        let key = DecodingKey::from_jwk(keys.keys.first().ok_or("no key")?)?;
        let mut validation = Validation::new(item.alg.parse::<Algorithm>()?);
        validation.set_issuer(&[&item.issuer]);
        validation.set_audience(&[&item.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let nanoseconds = fastest(|| {
            assert!(black_box(decode::<Claims>(black_box(&item.token), &key, &validation)).is_ok());
        });
        println!("{}", json!({"library": format!("jsonwebtoken, {backend}"), "alg": item.alg, "nanoseconds": nanoseconds}));
    }
    Ok(())
}

/// As in `speed`: the fastest of many runs of 16 calls.
fn fastest(mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        let began = Instant::now();
        (0..16).for_each(|_| call());
        best = best.min(began.elapsed().as_secs_f64() * 1e9 / 16.0);
    }
    best
}
