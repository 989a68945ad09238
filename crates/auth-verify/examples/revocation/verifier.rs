//! One verifier process, and the driver's end of it. A line in, a line out.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use auth_jose::{Clock, SystemClock};
use auth_verify::{Gate, RevocationFeed, UserClaims, Verified, Verifier};
use tokio::sync::mpsc;

/// What both servers call themselves.
pub(crate) const ISSUER: &str = "http://localhost:3000";

/// Reads commands until there are none.
pub(crate) async fn run(jwks: &str, feed: &str, close_after: u32, cached_tokens: usize) -> ExitCode {
    let feed = RevocationFeed::new(feed).max_entries(2_000_000);
    let feed = if close_after > 0 { feed.close_after_seconds(close_after) } else { feed };
    let builder = Verifier::builder(ISSUER, ISSUER, jwks).revocation_feed(feed);
    let verifier = builder.cached_tokens(cached_tokens).build().unwrap();
    let gate = Gate::new(verifier.clone());
    let (sender, mut lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.blocking_send(line))
    });
    while let Some(line) = lines.recv().await {
        let (command, token) = line.split_once(' ').unwrap();
        match command {
            "watch" => {
                println!("{}", status(&gate, token).await);
                let (gate, token) = (gate.clone(), token.to_owned());
                while status(&gate, &token).await == 200 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                println!("{}", SystemClock.now().millis());
            }
            "status" => println!("{}", status(&gate, token).await),
            "entries" => println!("{}", verifier.metrics().revocations),
            "lookups" => println!("{}", lookups(&verifier, jwks, token).await),
            "report" => println!("{}", report(&verifier, &gate, token).await),
            other => panic!("{other}"),
        }
    }
    ExitCode::SUCCESS
}

async fn status(gate: &Gate, token: &str) -> u16 {
    let header = format!("Bearer {token}");
    let outcome = gate.authenticate::<UserClaims>([header.as_bytes()]).await;
    outcome.map_or_else(|rejection| rejection.status(), |_| 200)
}

/// Entries, memory, and the nanoseconds of one verification.
async fn report(verifier: &Verifier, gate: &Gate, token: &str) -> String {
    const TIMES: u32 = 2_000;
    let begin = Instant::now();
    for _ in 0..TIMES {
        assert_eq!(status(gate, token).await, 200);
    }
    let nanos = begin.elapsed().as_nanos() / u128::from(TIMES);
    format!("{} {} {nanos}", verifier.metrics().revocations, rss_kib())
}

/// How many of the tokens in a file are withdrawn, and the nanoseconds that one takes to be looked up.
async fn lookups(verifier: &Verifier, jwks: &str, file: &str) -> String {
    const PASSES: usize = 5;
    // One that knows of no list: withdrawn tokens are good to it.
    let plain = Verifier::builder(ISSUER, ISSUER, jwks).cached_tokens(0).build().unwrap();
    let mut tokens: Vec<Verified<UserClaims>> = Vec::new();
    for token in std::fs::read_to_string(file).unwrap().lines() {
        tokens.push(plain.verify(token).await.unwrap());
    }
    let mut passes = Vec::new();
    let mut withdrawn = 0;
    for _ in 0..PASSES {
        let begin = Instant::now();
        withdrawn = tokens.iter().filter(|token| verifier.is_revoked(token)).count();
        passes.push(begin.elapsed().as_nanos() / u128::try_from(tokens.len()).unwrap());
    }
    passes.sort_unstable();
    format!("{withdrawn} {}", passes.get(PASSES / 2).unwrap())
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// The driver's end.
pub(crate) struct Process {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a process tells about itself.
pub(crate) struct Report {
    pub(crate) entries: u64,
    pub(crate) rss_kib: u64,
    pub(crate) nanos: f64,
}

/// What a process tells about tokens.
pub(crate) struct Lookups {
    pub(crate) withdrawn: usize,
    /// Of one, the median of some passes.
    pub(crate) nanos: u64,
}

impl Process {
    pub(crate) fn start(jwks: &str, feed: &str, close_after: u64, cached_tokens: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["verifier", jwks, feed, &close_after.to_string(), &cached_tokens.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { commands: child.stdin.take().unwrap(), answers, child }
    }

    fn say(&mut self, command: &str, token: &str) {
        writeln!(self.commands, "{command} {token}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).unwrap();
        assert!(length > 0, "a verifier has ended");
        line.trim().to_owned()
    }

    /// Makes the process verify a good token until it is refused.
    pub(crate) fn watch(&mut self, token: &str) {
        self.say("watch", token);
        assert_eq!(self.answer(), "200", "a good token");
    }

    /// When that was, in milliseconds since 1970.
    pub(crate) fn refused_at(&mut self) -> i64 {
        self.answer().parse().unwrap()
    }

    pub(crate) fn status(&mut self, token: &str) -> u16 {
        self.say("status", token);
        self.answer().parse().unwrap()
    }

    pub(crate) fn entries(&mut self) -> u64 {
        self.say("entries", "-");
        self.answer().parse().unwrap()
    }

    pub(crate) fn lookups(&mut self, file: &Path) -> Lookups {
        self.say("lookups", file.to_str().unwrap());
        let answer = self.answer();
        let (withdrawn, nanos) = answer.split_once(' ').unwrap();
        Lookups { withdrawn: withdrawn.parse().unwrap(), nanos: nanos.parse().unwrap() }
    }

    pub(crate) fn report(&mut self, token: &str) -> Report {
        self.say("report", token);
        let answer = self.answer();
        let mut numbers = answer.split(' ');
        let mut next = || numbers.next().unwrap();
        let (entries, rss_kib) = (next().parse().unwrap(), next().parse().unwrap());
        Report { entries, rss_kib, nanos: next().parse().unwrap() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
