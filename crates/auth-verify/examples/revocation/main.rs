//! How fast a sign-out reaches the verifiers, what happens while the list is away, and what 1,000,000 entries
//! cost. `make drill-revocation` runs it beside a PostgreSQL:
//!
//! ```sh
//! scripts/with-pg.sh target/release/examples/revocation target/release/auth-server ROUNDS
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "a drill that cannot be set up has failed")]
#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod million;
mod servers;
mod summary;
mod verifier;

use std::process::ExitCode;
use std::time::Duration;

use auth_jose::{Clock, SystemClock};

use self::servers::Server;
use self::summary::Summary;
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
    // The servers run in folders of their own.
    let binary = std::fs::canonicalize(binary).unwrap();
    let binary = binary.to_str().unwrap();
    let database = servers::database();
    let (mut a, b) = (Server::start(binary, &database).await, Server::start(binary, &database).await);
    println!("two servers on one PostgreSQL, {VERIFIERS} verifier processes, half on each server");
    let mut verifiers = Vec::new();
    for index in 0..VERIFIERS {
        let server = if index % 2 == 0 { &a } else { &b };
        let close_after = if index < VERIFIERS / 2 { 0 } else { CLOSE_AFTER };
        verifiers.push(Process::start(&a.jwks(), &server.feed(), close_after, 10_000));
    }
    let mut summary = Summary::default();
    sign_outs(&a, &mut verifiers, rounds, &mut summary).await;
    outage(&mut a, b, binary, &database, &mut verifiers, &mut summary).await;
    // Each of them would read the million too.
    drop(verifiers);
    million::read(&a, &mut summary).await;
    print!("\n{summary}");
    if summary.has_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// From the request for a sign-out at A to the first refusal at each verifier.
async fn sign_outs(a: &Server, verifiers: &mut [Process], rounds: usize, summary: &mut Summary) {
    let mut delays = Vec::new();
    for round in 0..rounds {
        let user = a.sign_up(&format!("drill-{round}")).await;
        for verifier in &mut *verifiers {
            verifier.watch(&user.token);
        }
        let begin = SystemClock.now().millis();
        a.sign_out(&user).await;
        for verifier in &mut *verifiers {
            delays.push(verifier.refused_at() - begin);
        }
    }
    delays.sort_unstable();
    let at = |permille: usize| {
        delays.get(((delays.len() * permille) / 1_000).min(delays.len() - 1)).copied().unwrap()
    };
    println!("{} refusals after {rounds} sign-outs at server A, from the request to the 401:", delays.len());
    println!("  p50 {} ms, p90 {} ms, p99 {} ms, longest {} ms", at(500), at(900), at(990), at(1_000));
    summary.note("sign-out to 401, p50", format!("{} ms", at(500)));
    let p99 = at(990);
    summary.check(
        "sign-out to 401, p99",
        format!("{p99} ms"),
        format!("{LIMIT_MILLIS} ms"),
        p99 <= LIMIT_MILLIS,
    );
}

/// Both servers away: half of the verifiers go on, half refuse; all recover.
async fn outage(
    a: &mut Server,
    b: Server,
    binary: &str,
    database: &str,
    verifiers: &mut [Process],
    summary: &mut Summary,
) {
    let user = a.sign_up("outage").await;
    let ended = a.sign_up("outage-ended").await;
    a.sign_out(&ended).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ports = (a.port, b.port);
    a.stop();
    drop(b);
    let away = CLOSE_AFTER + 2;
    tokio::time::sleep(Duration::from_secs(away)).await;
    let during = statuses(verifiers, &user.token);
    let refused = statuses(verifiers, &ended.token);
    *a = Server::start_on(binary, database, ports.0).await;
    let _b = Server::start_on(binary, database, ports.1).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let after = statuses(verifiers, &user.token);
    println!(
        "both servers killed for {away} s; half of the verifiers have close_after_seconds({CLOSE_AFTER})"
    );
    let mut expect = |what: &str, statuses: &[u16], status: u16, expected: usize| {
        let count = statuses.iter().filter(|it| **it == status).count();
        println!("  {what}: {count} answer {status}");
        summary.check(what, count.to_string(), expected.to_string(), count == expected);
    };
    let (open, closed) = during.split_at(VERIFIERS / 2);
    expect("list away, a good token, default policy: 200", open, 200, VERIFIERS / 2);
    expect("list away, a good token, closing policy: 503", closed, 503, VERIFIERS / 2);
    expect("list away, a token withdrawn before: 401", &refused, 401, VERIFIERS);
    expect("list back, a good token: 200", &after, 200, VERIFIERS);
}

fn statuses(verifiers: &mut [Process], token: &str) -> Vec<u16> {
    verifiers.iter_mut().map(|verifier| verifier.status(token)).collect()
}
