//! `/revocations`: what is withdrawn after a number, signed, and at once when there is something new.

use std::time::Duration;

use auth_jose::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::FeedReader;
use super::{codes, token};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};
use crate::revocation::{Batch, Entry, Page, PageKey, Revoked};

/// The type of the answer: never that of a token for users, so that neither passes for the other.
const TYPE: &str = "revocations+jwt";

/// Whom the answer is for.
const AUDIENCE: &str = "revocations";

/// How long an answer says what is withdrawn now, in seconds: an old one shown again is refused.
const LIFETIME: i64 = 60;

/// The longest that an answer is held back.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Left of a request's time when the wait is over.
const SPARE: Duration = Duration::from_secs(3);

/// What `/revocations` takes.
pub(super) struct After {
    after: i64,
    wait: Duration,
}

impl Input for After {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let after = fields.query_number("after", i64::MAX.unsigned_abs());
        let wait = fields.query_number("wait", u64::MAX);
        Some(Self {
            after: i64::try_from(after?).unwrap_or(i64::MAX),
            wait: Duration::from_secs(wait?).min(LONGEST_WAIT),
        })
    }

    fn sample() -> Value {
        json!({ "after": "0" })
    }
}

/// The entries after a number, as a compact JWS. With `wait`, an answer without any comes that many seconds later.
pub(super) async fn revocations(cx: FeedReader, input: After) -> Result<Reply<()>> {
    let app = &cx.app;
    let known = cx.request.header("if-none-match").map(|tag| tag.trim().to_owned());
    let longest = app.config.server.request_timeout.saturating_sub(SPARE);
    let deadline = Instant::now() + input.wait.min(longest);
    let mut seat = if input.wait.is_zero() { None } else { app.feed.seat() };
    let head = loop {
        let head = app.feed.head(app).await?;
        let is_known = head == input.after || known.as_deref() == Some(&*etag(input.after, head));
        let left = deadline.saturating_duration_since(Instant::now());
        match &mut seat {
            Some(seat) if is_known && !left.is_zero() => {
                if !seat.wait(left).await {
                    break head;
                }
            }
            _ => break head,
        }
    };
    drop(seat);
    let page = page(&cx, input.after, head, app.clock.now()).await?;
    let tag = etag(input.after, page.next);
    let response = if known.as_deref() == Some(&*tag) {
        Response::empty(304)
    } else {
        Response::empty(200).header("Content-Type", "application/jwt").body(page.body)
    };
    // Kept by whoever likes, but asked for each time.
    Ok(Reply::ready(response.header("ETag", tag).header("Cache-Control", "private, no-cache")))
}

/// Answers to one question differ in how far they reach.
fn etag(after: i64, next: i64) -> String {
    format!("\"{after}-{next}\"")
}

async fn page(call: &Call, after: i64, head: i64, now: Timestamp) -> Result<Page> {
    let app = &call.app;
    let issuer = token::issuer(call);
    let key = PageKey { issuer: issuer.to_owned(), after, head };
    if let Some(page) = app.feed.signed(&key, now) {
        return Ok(page);
    }
    let batch = app.feed.batch(app, after, head, now).await?;
    let next = batch.next;
    let body = sign(call, issuer, after, batch, now)?;
    let page = Page { body: body.into(), next, signed_at: now };
    app.feed.keep_signed(key, page.clone());
    Ok(page)
}

fn sign(call: &Call, issuer: &str, after: i64, batch: Batch, now: Timestamp) -> Result<String> {
    let algorithm = call.app.config.jwt.algorithm.into();
    let key = call.app.keys.as_ref().and_then(|keys| keys.signing(algorithm, now));
    let key = key.ok_or_else(|| codes::NO_SIGNING_KEY.unavailable())?;
    let claims = json!({
        "iss": issuer,
        "sub": issuer,
        "aud": AUDIENCE,
        "iat": now.seconds(),
        "exp": now.seconds() + LIFETIME,
        "after": after,
        "next": batch.next,
        "more": batch.more,
        "reset": batch.reset,
        "entries": batch.entries.into_iter().map(view).collect::<Vec<_>>(),
    });
    key.sign(Some(TYPE), &claims).map_err(Error::internal)
}

/// An entry as readers see it.
fn view(entry: Entry) -> Value {
    let until = entry.expires_at;
    match entry.what {
        Revoked::Key(kid) => json!({ "kid": kid, "exp": until }),
        Revoked::Session(sid) => json!({ "sid": sid, "exp": until }),
        Revoked::Subject { sub, issued_before } => {
            json!({ "sub": sub, "before": issued_before, "exp": until })
        }
        Revoked::Token(jti) => json!({ "jti": jti, "exp": until }),
    }
}
