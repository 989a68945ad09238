//! Takes the issuer away under load, then floods the verifier with tokens under unknown kids.
//!
//! ```sh
//! cargo run --release -p auth-verify --example outage -- [SECONDS]
//! ```
//!
//! The outage lasts 60 seconds unless told otherwise: a third of it connections are closed, a third of it they
//! hang, a third of it they are answered with garbage. The keys live for 30 seconds, so most of it is spent on
//! keys past their time. Prints what was accepted and how long it took, and exits with 1 unless every valid
//! token was accepted, 99 % of them within a millisecond, with at most two requests for keys in each 10 seconds.
//! Then the same without the token cache, where the time is printed only: each verification is some 50
//! microseconds of arithmetic, so that on a busy machine the slowest ones show the scheduler, not the verifier.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use auth_jose::{Clock, SystemClock, base64url};
use auth_verify::testing::{Fault, Issuer};
use auth_verify::{UserClaims, Verifier, VerifyError};
use serde_json::json;
use tokio::task::JoinHandle;

const CALLERS: usize = 4;
const TOKENS: usize = 1_000;
const STRANGERS: usize = 100_000;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(60), |seconds| seconds.parse())?;
    let mut is_good = true;
    for (name, cached_tokens, max_micros) in
        [("with the token cache", 10_000, 1_000.0), ("without the token cache", 0, f64::INFINITY)]
    {
        println!("{name}");
        let scene = Scene::set(cached_tokens, max_micros)?;
        is_good &= scene.outage(seconds).await?;
        is_good &= scene.flood().await?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Scene {
    issuer: Issuer,
    verifier: Verifier,
    tokens: Arc<Vec<String>>,
    /// What 99 % of the verifications may take.
    max_micros: f64,
}

impl Scene {
    fn set(cached_tokens: usize, max_micros: f64) -> Result<Self, Box<dyn Error>> {
        let issuer = Issuer::start();
        issuer.set_max_age_seconds(30);
        let verifier = Verifier::builder(&issuer.issuer(), issuer.audience(), &issuer.jwks_url())
            .cached_tokens(cached_tokens)
            .build()?;
        let now = SystemClock.now().seconds();
        let token = |number| {
            let mut claims = issuer.claims(&format!("U{number}"));
            if let Some(claims) = claims.as_object_mut() {
                claims.insert("iat".to_owned(), json!(now));
                claims.insert("exp".to_owned(), json!(now + 3_600));
            }
            issuer.sign(&claims)
        };
        let tokens = Arc::new((0..TOKENS).map(token).collect());
        Ok(Self { issuer, verifier, tokens, max_micros })
    }

    fn is_good(&self, outcome: &Outcome) -> bool {
        !outcome.nanos.is_empty() && outcome.refused == 0 && outcome.micros(990) < self.max_micros
    }

    async fn outage(&self, seconds: u64) -> Result<bool, Box<dyn Error>> {
        let load = Load::start(&self.verifier, &self.tokens);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let healthy = load.stop().await?;
        healthy.print("before", self.issuer.requests());

        let before = self.issuer.requests();
        let load = Load::start(&self.verifier, &self.tokens);
        let third = Duration::from_secs(seconds) / 3;
        for fault in [Fault::Outage, Fault::Slow(Duration::from_secs(60)), Fault::Garbage] {
            self.issuer.fail(fault);
            tokio::time::sleep(third).await;
        }
        let during = load.stop().await?;
        let requests = self.issuer.requests() - before;
        during.print(&format!("{seconds} s of outage"), requests);
        println!("    keys are {} s past their time", self.verifier.stale_age().as_secs());
        self.issuer.recover();
        Ok(self.is_good(&healthy) && self.is_good(&during) && requests as u64 <= 2 * seconds.div_ceil(10))
    }

    async fn flood(&self) -> Result<bool, Box<dyn Error>> {
        let load = Load::start(&self.verifier, &self.tokens);
        let before = self.issuer.requests();
        let begin = Instant::now();
        let verifier = self.verifier.clone();
        let claims =
            self.tokens.first().and_then(|token| token.split('.').nth(1)).unwrap_or_default().to_owned();
        let flood: JoinHandle<usize> = tokio::spawn(async move {
            let mut refused = 0;
            for number in 0..STRANGERS {
                let header =
                    base64url::encode(format!("{{\"alg\":\"EdDSA\",\"kid\":\"stranger-{number}\"}}"));
                let token = format!("{header}.{claims}.{}", "A".repeat(86));
                let outcome = verifier.verify::<UserClaims>(&token).await;
                refused += usize::from(matches!(outcome, Err(VerifyError::KeyUnknown)));
                if number % (STRANGERS / 1_000) == 0 {
                    tokio::time::sleep(Duration::from_millis(9)).await;
                }
            }
            refused
        });
        let refused = flood.await?;
        let elapsed = begin.elapsed();
        let during = load.stop().await?;
        let requests = self.issuer.requests() - before;
        during.print(&format!("{refused} unknown kids in {:.1} s", elapsed.as_secs_f64()), requests);
        // The routine request may fall into the same time.
        let allowed = 2 * elapsed.as_secs().div_ceil(10) + elapsed.as_secs().div_ceil(22);
        Ok(self.is_good(&during) && refused == STRANGERS && requests as u64 <= allowed)
    }
}

/// Callers that verify one valid token per millisecond each.
struct Load {
    is_over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Outcome>>,
}

#[derive(Default)]
struct Outcome {
    refused: usize,
    nanos: Vec<u64>,
}

impl Load {
    fn start(verifier: &Verifier, tokens: &Arc<Vec<String>>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let caller = |number: usize| {
            let (verifier, tokens, is_over) = (verifier.clone(), Arc::clone(tokens), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut outcome = Outcome::default();
                let mut pace = tokio::time::interval(Duration::from_millis(1));
                for token in tokens.iter().cycle().skip(number * TOKENS / CALLERS) {
                    pace.tick().await;
                    let begin = Instant::now();
                    let verified = verifier.verify::<UserClaims>(token).await;
                    outcome.nanos.push(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
                    outcome.refused += usize::from(verified.is_err());
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
                outcome
            })
        };
        let callers = (0..CALLERS).map(caller).collect();
        Self { is_over, callers }
    }

    async fn stop(self) -> Result<Outcome, Box<dyn Error>> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Outcome::default();
        for caller in self.callers {
            let outcome = caller.await?;
            all.refused += outcome.refused;
            all.nanos.extend(outcome.nanos);
        }
        all.nanos.sort_unstable();
        Ok(all)
    }
}

impl Outcome {
    fn micros(&self, permille: usize) -> f64 {
        let index = self.nanos.len() * permille / 1_000;
        let nanos = self.nanos.get(index.min(self.nanos.len().saturating_sub(1))).copied().unwrap_or(0);
        Duration::from_nanos(nanos).as_secs_f64() * 1e6
    }

    fn print(&self, what: &str, requests: usize) {
        println!(
            "  {what}: {} valid tokens, {} refused, p50 {:.1} us, p99 {:.1} us, {requests} requests for keys",
            self.nanos.len(),
            self.refused,
            self.micros(500),
            self.micros(990),
        );
    }
}
