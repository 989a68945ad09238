//! The issuer's list of what it has withdrawn, as the auth server serves it.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use auth_jose::Clock;
use auth_jose::clock::ManualClock;
use serde_json::{Value, json};

use super::Fault;
use super::server::Published;
use crate::Revocation;

/// How many entries one answer has.
const PAGE: usize = 500;

/// How often whoever waits has a look.
const LOOK: Duration = Duration::from_millis(5);

/// What is withdrawn.
#[derive(Default)]
pub(super) struct FeedState {
    pub(super) fault: Option<Fault>,
    pub(super) requests: usize,
    /// Numbered from `first`.
    entries: Vec<Value>,
    issuer: String,
    clock: Option<Arc<ManualClock>>,
}

/// What somebody asks for.
pub(super) struct Question {
    after: usize,
    wait: Duration,
}

/// The question that a request's target stands for, if it is about the list.
pub(super) fn question(target: &str) -> Option<Question> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.ends_with("/revocations") {
        return None;
    }
    let number = |name: &str| {
        let members = query.split('&').filter_map(|member| member.split_once('='));
        members.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse::<usize>().ok())
    };
    let seconds = u64::try_from(number("wait").unwrap_or(0)).unwrap_or(0).min(10);
    Some(Question { after: number("after").unwrap_or(0), wait: Duration::from_secs(seconds) })
}

impl FeedState {
    pub(super) fn start(&mut self, issuer: String, clock: Arc<ManualClock>) {
        self.issuer = issuer;
        self.clock = Some(clock);
    }

    pub(super) fn add(&mut self, what: &Revocation, until: i64) {
        self.entries.push(match what {
            Revocation::Key { kid } => json!({ "kid": kid, "exp": until }),
            Revocation::Session { sid } => json!({ "sid": sid, "exp": until }),
            Revocation::Subject { sub, issued_before } => {
                json!({ "sub": sub, "before": issued_before.seconds(), "exp": until })
            }
            Revocation::Token { jti } => json!({ "jti": jti, "exp": until }),
        });
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// The signed answer of an issuer.
fn answer(published: &Published, after: usize) -> String {
    let feed = &published.feed;
    let reset = after > feed.entries.len();
    let entries: Vec<_> = feed.entries.iter().skip(after).take(PAGE).collect();
    let next = if reset { 0 } else { after + entries.len() };
    let now = feed.clock.as_ref().map_or(0, |clock| clock.now().seconds());
    let claims = json!({ "iss": feed.issuer, "sub": feed.issuer, "aud": "revocations", "iat": now, "exp": now + 60,
        "after": after, "next": next, "more": next < feed.entries.len() && !reset, "reset": reset, "entries": entries });
    let key = published.keys.last().expect("there is always a key");
    key.sign(Some("revocations+jwt"), &claims).expect("claims are a JSON object")
}

/// Answers, later if there is nothing new.
pub(super) fn serve(
    stream: &mut TcpStream,
    question: &Question,
    with: impl Fn(&mut dyn FnMut(&mut Published)),
) -> io::Result<()> {
    let mut looks = question.wait.as_millis() / LOOK.as_millis();
    with(&mut |published| published.feed.requests += 1);
    let (mut fault, mut body) = (None, String::new());
    loop {
        let mut is_known = true;
        with(&mut |published| {
            fault = published.feed.fault.or(published.fault);
            is_known = published.feed.entries.len() == question.after && !published.is_closed();
        });
        if !is_known || looks == 0 || fault.is_some() {
            break;
        }
        looks -= 1;
        thread::sleep(LOOK);
    }
    if let Some(Fault::Slow(delay)) = fault {
        thread::sleep(delay);
    }
    with(&mut |published| body = answer(published, question.after));
    let (status, body) = match fault {
        Some(Fault::Outage) => return Ok(()),
        Some(Fault::Status(status)) => (status, String::new()),
        Some(Fault::Garbage) => (200, "<html>Welcome to the captive portal</html>".to_owned()),
        Some(Fault::Huge) => (200, "x".repeat(4 * 1024 * 1024)),
        Some(Fault::Slow(_)) | None => (200, body),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\ncontent-type: application/jwt\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}
