//! Follows an issuer's keys under load, for `make drill-rotation`.
//!
//! Takes `ISSUER`, `AUDIENCE`, `JWKS_URL` and `LOAD` (verifications per second) from the environment, and commands from
//! standard input: `verify TOKEN` verifies it now and again and again for 8 seconds, `forget` ends that, `report` prints
//! what happened since the last report, `watch TOKEN` prints when the token is refused because of its key.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth_jose::{Clock, SystemClock};
use auth_verify::{UserClaims, Verifier, VerifyError};
use serde_json::json;
use tokio::sync::mpsc;

const KEPT_MILLIS: i64 = 8_000;

#[derive(Default)]
struct Seen {
    verified: u64,
    failed: u64,
    reasons: BTreeMap<String, u64>,
    kept: Vec<(i64, String)>,
}

#[derive(Clone)]
struct Follower {
    verifier: Verifier,
    seen: Arc<Mutex<Seen>>,
}

impl Follower {
    fn seen<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn verify(&self, token: &str) {
        let result = self.verifier.verify::<UserClaims>(token).await;
        self.seen(|seen| match result {
            Ok(_) => seen.verified += 1,
            Err(error) => {
                seen.failed += 1;
                *seen.reasons.entry(error.code().to_owned()).or_default() += 1;
            }
        });
    }

    async fn load(self, pause: Duration) {
        for turn in 0_usize.. {
            tokio::time::sleep(pause).await;
            let token = self.seen(|seen| {
                let now = SystemClock.now().millis();
                seen.kept.retain(|(at, _)| *at > now - KEPT_MILLIS);
                let index = turn.checked_rem(seen.kept.len());
                index.and_then(|index| seen.kept.get(index)).map(|(_, token)| token.clone())
            });
            if let Some(token) = token {
                self.verify(&token).await;
            }
        }
    }

    async fn watch(self, token: String) {
        let is_refused = |error: &VerifyError| !matches!(error, VerifyError::KeysUnavailable);
        while !self.verifier.verify::<UserClaims>(&token).await.is_err_and(|error| is_refused(&error)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{}", json!({ "refused": SystemClock.now().millis() }));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [issuer, audience, url, load] = ["ISSUER", "AUDIENCE", "JWKS_URL", "LOAD"].map(environment);
    let verifier = Verifier::builder(&issuer?, &audience?, &url?).build()?;
    let follower = Follower { verifier, seen: Arc::default() };
    let load: u32 = load?.parse()?;
    let pause = Duration::from_secs(1) / load.max(1);
    tokio::spawn(follower.clone().load(pause));
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let (word, token) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "verify" => {
                follower.seen(|seen| seen.kept.push((SystemClock.now().millis(), token.to_owned())));
                let (follower, token) = (follower.clone(), token.to_owned());
                tokio::spawn(async move { follower.verify(&token).await });
            }
            "forget" => follower.seen(|seen| seen.kept.clear()),
            "watch" => {
                follower.seen(|seen| seen.kept.clear());
                tokio::spawn(follower.clone().watch(token.to_owned()));
            }
            "report" => {
                let report = follower.seen(|seen| {
                    let report =
                        json!({ "verified": seen.verified, "failed": seen.failed, "reasons": seen.reasons });
                    (seen.verified, seen.failed) = (0, 0);
                    seen.reasons.clear();
                    report
                });
                println!("{report}");
            }
            _ => return Err(format!("unknown command {word:?}").into()),
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own, started by the drill")]
fn environment(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("{name}: {error}"))
}
