//! `/ok` and `/error`: is the server there, and the page for errors of browser flows.

use serde::Serialize;
use serde_json::Value;

use crate::access::Public;
use crate::config::ErrorUrl;
use crate::error::Result;
use crate::feature::Feature;
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};

/// The feature's endpoints.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("system").get("/ok", ok).get("/error", error)
}

#[derive(Debug, Serialize)]
struct Alive {
    ok: bool,
}

/// Answers as long as the process does.
async fn ok(_cx: Public, _input: ()) -> Result<Reply<Alive>> {
    Ok(Reply::ok(Alive { ok: true }))
}

/// What `/error` takes.
struct ErrorPage {
    error: Option<String>,
    error_description: Option<String>,
}

impl Input for ErrorPage {
    /// Anything may be in this query: it comes from providers and from users.
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            error: fields.query_lenient("error"),
            error_description: fields.query_lenient("error_description"),
        })
    }

    fn sample() -> Value {
        serde_json::json!({ "error": "state_mismatch" })
    }
}

/// Shows an error code, or sends the browser to the configured page.
async fn error(cx: Public, input: ErrorPage) -> Result<Reply<()>> {
    let is_code = |text: &String| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"'_-".contains(&b))
    };
    let code = input.error.filter(is_code).unwrap_or_else(|| "UNKNOWN".to_owned());
    let description = input.error_description.filter(|text| !text.is_empty());
    let root = ErrorUrl::root();
    let target = match (&cx.app.config.error_url, cx.app.config.production) {
        (Some(url), _) => url,
        (None, true) => &root,
        (None, false) => return Ok(Reply::ready(page(&code, description.as_deref()))),
    };
    let location = target.with_error(&code, description.as_deref());
    Ok(Reply::ready(Response::empty(302).header("Location", location)))
}

fn page(code: &str, description: Option<&str>) -> Response {
    let code = escape(code);
    let description = escape(description.unwrap_or("Something went wrong. You can go back and try again."));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Error</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <style>{STYLE}</style></head>\
         <body><main><h1>Sign-in error</h1><p>{description}</p><p><code>{code}</code></p></main></body></html>\n"
    );
    Response::empty(200)
        .header("Content-Type", "text/html")
        .header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        .header("Referrer-Policy", "no-referrer")
        .body(html)
}

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;\
    margin:1rem;color-scheme:light dark}main{max-width:32rem}code{font-size:.9rem}";

/// Escapes text for HTML content and attribute values.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
        out
    })
}
