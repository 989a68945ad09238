//! Runs a corpus of tokens through the verification rules and prints every wrong verdict.
//!
//! ```sh
//! cargo run --release -p auth-verify --example corpus -- corpus.json
//! ```
//!
//! The corpus is `{"cases":[{"name","expect","token","jwks" or "jwks_raw","config":{"issuer","audience",
//! "algorithms","now","leeway","typ"?}}]}`. A configuration or a key set that is refused rejects the token.
//! Ends with `N passed, N failed` and, if a verdict was wrong, with exit code 1.

use std::error::Error;
use std::process::ExitCode;

use auth_jose::{Algorithm, JwkSet, Policy, Timestamp, Verified, verify};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Corpus {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    why: String,
    expect: Verdict,
    token: String,
    jwks: Option<Value>,
    /// The key set as text, for sets that JSON values cannot express.
    jwks_raw: Option<String>,
    config: Config,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Accept,
    Reject,
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

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: corpus CORPUS.json")?;
    let corpus: Corpus = serde_json::from_slice(&std::fs::read(path)?)?;
    let mut failed = 0;
    for case in &corpus.cases {
        let outcome = outcome(case);
        let verdict = if outcome.is_ok() { Verdict::Accept } else { Verdict::Reject };
        if verdict != case.expect {
            failed += 1;
            let reason = outcome.err().map_or_else(|| "accepted".to_owned(), |error| error.to_string());
            println!("{}: expected {:?}, but {reason} ({})", case.name, case.expect, case.why);
        }
    }
    println!("{} passed, {failed} failed", corpus.cases.len() - failed);
    Ok(if failed == 0 && !corpus.cases.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
