//! How fast a sign-out reaches the verifiers, what happens while the list is away, and what 1,000,000 entries
//! cost. `make drill-revocation` runs it beside a PostgreSQL:
//!
//! ```sh
//! scripts/with-pg.sh target/release/examples/revocation target/release/auth-server ROUNDS
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "a drill that cannot be set up has failed")]
#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod servers;
mod verifier;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use auth_jose::{Clock, SystemClock};

use self::servers::{Server, psql};
use self::verifier::Process;

/// How many processes verify.
const VERIFIERS: usize = 20;

/// After how many seconds without the list half of them refuse.
const CLOSE_AFTER: u64 = 5;

/// The greatest delay that 99 of 100 sign-outs may have.
const LIMIT_MILLIS: i64 = 1_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["verifier", jwks, feed, close_after, cached] => {
            verifier::run(jwks, feed, close_after.parse().unwrap(), cached.parse().unwrap()).await
        }
        [server] => drill(server, 50).await,
        [server, rounds] => drill(server, rounds.parse().unwrap()).await,
        _ => panic!("expected the path of auth-server, and a number of rounds"),
    }
}

async fn drill(binary: &str, rounds: usize) -> ExitCode {
    let database = servers::database();
    let (mut a, b) = (Server::start(binary, &database).await, Server::start(binary, &database).await);
    println!("two servers on one PostgreSQL, {VERIFIERS} verifier processes, half on each server");
    let mut verifiers = Vec::new();
    for index in 0..VERIFIERS {
        let server = if index % 2 == 0 { &a } else { &b };
        let close_after = if index < VERIFIERS / 2 { 0 } else { CLOSE_AFTER };
        verifiers.push(Process::start(&a.jwks(), &server.feed(), close_after, 10_000));
    }

    let mut delays = Vec::new();
    for round in 0..rounds {
        let user = a.sign_up(&format!("drill-{round}")).await;
        for verifier in &mut verifiers {
            verifier.watch(&user.token);
        }
        let begin = SystemClock.now().millis();
        a.sign_out(&user).await;
        for verifier in &mut verifiers {
            delays.push(verifier.refused_at() - begin);
        }
    }
    delays.sort_unstable();
    let at = |permille: usize| {
        delays.get(((delays.len() * permille) / 1_000).min(delays.len() - 1)).copied().unwrap()
    };
    println!("{} refusals after {rounds} sign-outs at server A, from the request to the 401:", delays.len());
    println!("  p50 {} ms, p90 {} ms, p99 {} ms, longest {} ms", at(500), at(900), at(990), at(1_000));
    let is_fast = at(990) <= LIMIT_MILLIS;

    let is_kept = outage(&mut a, b, binary, &database, &mut verifiers).await;
    let is_small = million(&a).await;
    let passed = is_fast && is_kept && is_small;
    println!("{}", if passed { "passed" } else { "FAILED" });
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Both servers away: half of the verifiers go on, half refuse; all recover.
async fn outage(a: &mut Server, b: Server, binary: &str, database: &str, verifiers: &mut [Process]) -> bool {
    let user = a.sign_up("outage").await;
    let ended = a.sign_up("outage-ended").await;
    a.sign_out(&ended).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ports = (a.port, b.port);
    a.stop();
    drop(b);
    tokio::time::sleep(Duration::from_secs(CLOSE_AFTER + 2)).await;
    let during = statuses(verifiers, &user.token);
    let refused = statuses(verifiers, &ended.token);
    *a = Server::start_on(binary, database, ports.0).await;
    let _b = Server::start_on(binary, database, ports.1).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let after = statuses(verifiers, &user.token);
    let half = VERIFIERS / 2;
    let count = |statuses: &[u16], status: u16| statuses.iter().filter(|it| **it == status).count();
    println!("both servers killed for {} s:", CLOSE_AFTER + 2);
    println!("  a good token: {} serve (200), {} close (503)", count(&during, 200), count(&during, 503));
    println!("  a token revoked before: {} of {VERIFIERS} refuse it (401)", count(&refused, 401));
    println!("  servers back: {} of {VERIFIERS} accept the good token", count(&after, 200));
    count(&during, 200) == half
        && count(&during, 503) == half
        && count(&refused, 401) == VERIFIERS
        && count(&after, 200) == VERIFIERS
}

fn statuses(verifiers: &mut [Process], token: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for verifier in verifiers {
        statuses.push(verifier.status(token));
    }
    statuses
}

/// A new process reads 1,000,000 entries from the server.
async fn million(a: &Server) -> bool {
    const COUNT: u64 = 1_000_000;
    let user = a.sign_up("million").await;
    let mut process = Process::start(&a.jwks(), &a.feed(), 0, 0);
    let before = process.report(&user.token);
    let until = SystemClock.now().seconds() + 3_600;
    let first = SystemClock.now().millis() * 1_000;
    psql(&format!(
        "INSERT INTO auth_revocation SELECT {first} + n, 'sid', 'drill-session-' || n, 0, {until} FROM generate_series(1, {COUNT}) n; \
         UPDATE auth_revocation_head SET last = {first} + {COUNT};"
    ));
    let begin = Instant::now();
    let after = loop {
        let report = process.report(&user.token);
        if report.entries >= COUNT || begin.elapsed().as_secs() > 120 {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let took = begin.elapsed().as_secs_f64();
    println!("{} entries, read by one verifier from the server in {took:.1} s:", after.entries);
    println!("  memory {} MB (before: {} MB)", after.rss_kib / 1024, before.rss_kib / 1024);
    let (with, without) = (after.nanos / 1e3, before.nanos / 1e3);
    println!("  one verification without the token cache {with:.1} us (without entries: {without:.1} us)");
    after.entries >= COUNT && after.rss_kib.saturating_sub(before.rss_kib) < 200 * 1024
}
