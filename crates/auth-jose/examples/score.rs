//! Runs a corpus of attack tokens through the verifier.
//!
//! ```sh
//! cargo run -p auth-jose --example score -- corpus.json > results.jsonl
//! ```
//!
//! The corpus is `{"cases":[{"name","token","jwks" or "jwks_raw","config":{"issuer","audience",
//! "algorithms","now","leeway","typ"?}}]}`; each line of output is `{"name","outcome","reason"?}`.

use std::error::Error;
use std::io::Write;

use auth_jose::{Algorithm, JwkSet, Policy, Timestamp, Verified, verify};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Corpus {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    token: String,
    jwks: Option<Value>,
    jwks_raw: Option<String>,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    issuer: String,
    audience: String,
    algorithms: Vec<String>,
    now: i64,
    leeway: u32,
    typ: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: score CORPUS.json")?;
    let corpus: Corpus = serde_json::from_slice(&std::fs::read(path)?)?;
    let mut out = std::io::stdout().lock();
    for case in &corpus.cases {
        let result = match outcome(case) {
            Ok(_) => json!({"name": case.name, "outcome": "accept"}),
            Err(reason) => json!({"name": case.name, "outcome": "reject", "reason": reason.to_string()}),
        };
        writeln!(out, "{result}")?;
    }
    Ok(())
}

fn outcome(case: &Case) -> Result<Verified, Box<dyn Error>> {
    let config = &case.config;
    let algorithms =
        config.algorithms.iter().map(|name| name.parse()).collect::<Result<Vec<Algorithm>, _>>()?;
    let mut policy = Policy::new(&*config.issuer, &*config.audience)?
        .with_algorithms(&algorithms)?
        .with_leeway_seconds(config.leeway)?;
    if let Some(typ) = &config.typ {
        policy = policy.with_typ(typ)?;
    }
    let document = match (&case.jwks_raw, &case.jwks) {
        (Some(raw), _) => raw.clone(),
        (None, Some(jwks)) => jwks.to_string(),
        (None, None) => return Err("the case has no keys".into()),
    };
    let keys = JwkSet::parse(document.as_bytes())?;
    Ok(verify(&policy, &keys, Timestamp::from_seconds(config.now), &case.token)?)
}
