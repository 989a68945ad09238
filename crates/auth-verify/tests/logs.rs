//! Point 14: what a verifier logs. In a process of its own, so that no other test's lines are among them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_verify::UserClaims;
use auth_verify::testing::{Fault, Issuer};
use serde_json::json;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn point_14_logs_the_reason_of_a_refusal_and_of_a_failed_fetch_and_never_the_token() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let expired = issuer.token_with("U1", &json!({"exp": 1}));
    assert!(verifier.verify::<UserClaims>(&expired).await.is_err());
    issuer.fail(Fault::Status(500));
    issuer.clock().advance(660);
    assert!(verifier.verify::<UserClaims>(&issuer.token("U1")).await.is_ok());
    for _ in 0..500 {
        if verifier.metrics().fetch_failures > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("code=\"expired\""), "{log}");
    assert!(log.contains("status 500") && log.contains("stale_seconds=60"), "{log}");
    for part in expired.split('.') {
        assert!(!log.contains(part), "{log}");
    }
}
