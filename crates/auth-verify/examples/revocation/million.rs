//! What 1,000,000 entries cost a verifier: to read, to keep, to look into.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use auth_jose::{Clock, SystemClock, base64url};
use serde_json::Value;

use crate::servers::{Server, User, psql};
use crate::summary::Summary;
use crate::verifier::Process;

const ENTRIES: u64 = 1_000_000;

/// Tokens that are looked up, withdrawn and not.
const TOKENS: usize = 1_000;

/// The longest that a new verifier may take for all entries.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 120 } else { 30 });

/// What an entry may take in memory, in bytes.
const LIMIT_BYTES: u64 = 100;

/// Tokens in a file, and their `jti`.
struct Tokens {
    file: PathBuf,
    names: Vec<String>,
}

/// A new process reads 1,000,000 entries from the server.
pub(crate) async fn read(a: &Server, summary: &mut Summary) {
    let user = a.sign_up("million").await;
    let (withdrawn, good) = (tokens(a, &user, "withdrawn").await, tokens(a, &user, "good").await);
    let mut empty = Process::start(&a.jwks(), &a.feed(), 0, 0);
    empty.status(&user.token);
    let without = measure(&mut empty, &withdrawn.file, &good.file);
    let before = empty.report(&user.token);
    drop(empty);
    insert(&withdrawn.names);

    let mut process = Process::start(&a.jwks(), &a.feed(), 0, 0);
    let begin = Instant::now();
    while process.entries() < ENTRIES && begin.elapsed() < LIMIT * 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = begin.elapsed();
    let with = measure(&mut process, &withdrawn.file, &good.file);
    let after = process.report(&user.token);
    let bytes = after.rss_kib.saturating_sub(before.rss_kib) * 1024 / ENTRIES;

    let megabytes = |kib: u64| kib / 1024;
    println!(
        "{} entries, read by a new verifier process from the server in {:.1} s:",
        after.entries,
        took.as_secs_f64()
    );
    println!("  memory {} MB (without entries: {} MB)", megabytes(after.rss_kib), megabytes(before.rss_kib));
    println!(
        "  withdrawn or not, of one token: {} ns if it is, {} ns if not (without entries: {} ns)",
        with.0, with.1, without.1
    );
    let micros = |nanos: f64| nanos / 1e3;
    println!(
        "  one verification without the token cache {:.1} us (without entries: {:.1} us)",
        micros(after.nanos),
        micros(before.nanos)
    );
    let (is_all, is_fast) = (after.entries >= ENTRIES, took <= LIMIT);
    summary.check("entries read", after.entries.to_string(), ENTRIES.to_string(), is_all);
    summary.check(
        "time to read them",
        format!("{:.1} s", took.as_secs_f64()),
        format!("{} s", LIMIT.as_secs()),
        is_fast,
    );
    summary.check(
        "memory of an entry",
        format!("{bytes} B"),
        format!("{LIMIT_BYTES} B"),
        bytes <= LIMIT_BYTES,
    );
    summary.note("lookup, withdrawn", format!("{} ns", with.0));
    summary.note("lookup, not withdrawn", format!("{} ns", with.1));
    let are_told_apart = with.2 == TOKENS && with.3 == 0;
    summary.check(
        "withdrawn tokens found, good ones taken for one",
        format!("{}, {}", with.2, with.3),
        format!("{TOKENS}, 0"),
        are_told_apart,
    );
}

/// The nanoseconds of one lookup of withdrawn and of good tokens, and how many of each count as withdrawn.
fn measure(process: &mut Process, withdrawn: &Path, good: &Path) -> (u64, u64, usize, usize) {
    let (hit, miss) = (process.lookups(withdrawn), process.lookups(good));
    (hit.nanos, miss.nanos, hit.withdrawn, miss.withdrawn)
}

async fn tokens(server: &Server, user: &User, name: &str) -> Tokens {
    let file = server.folder.path().join(name);
    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        tokens.push(server.token(&user.cookie).await);
    }
    std::fs::write(&file, tokens.join("\n")).unwrap();
    Tokens { file, names: tokens.iter().map(|token| jti(token)).collect() }
}

fn jti(token: &str) -> String {
    let payload = base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims.get("jti").and_then(Value::as_str).unwrap().to_owned()
}

/// Entries as sign-outs make them, and one for each of the tokens `names`.
fn insert(names: &[String]) {
    let now = SystemClock.now();
    let (first, until) = (now.millis() * 1_000, now.seconds() + 3_600);
    let sessions = ENTRIES - u64::try_from(names.len()).unwrap();
    let names = names.join("','");
    psql(&format!(
        "INSERT INTO auth_revocation SELECT {first} + n, 'sid', substr(md5(n::text), 1, 22), 0, {until} FROM generate_series(1, {sessions}) n; \
         INSERT INTO auth_revocation SELECT {first} + {sessions} + n, 'jti', name, 0, {until} \
         FROM unnest(ARRAY['{names}']) WITH ORDINALITY AS t(name, n); \
         UPDATE auth_revocation_head SET last = {first} + {ENTRIES};"
    ));
}
