//! What is asked and what has to come of it.

use serde::Deserialize;
use serde_json::Value;

pub(crate) struct Case {
    pub(crate) name: String,
    /// Nothing for a flow, which its name stands for.
    pub(crate) row: Option<Row>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Accept,
    Reject,
    Either,
}

/// One answer of the endpoint.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    /// A path, or `:1/` and `:PORT+1/` for another port.
    pub(crate) endpoint: String,
    pub(crate) cold: Verdict,
    pub(crate) warm: Verdict,
    #[serde(default = "default_millis")]
    pub(crate) max_ms: u64,
    /// By how much the process may grow.
    pub(crate) max_rss_growth_mib: Option<u64>,
}

fn default_millis() -> u64 {
    6_000
}

/// Answers that are key sets.
const GOOD: [&str; 9] = [
    "ok-json",
    "ok-jwk-set-json",
    "ok-charset",
    "ok-chunked",
    "ok-set-cookie",
    "ok-etag",
    "max-age-0",
    "max-age-huge",
    "max-age-negative",
];

/// Answers that are none, whatever they hold.
const BAD: [&str; 44] = [
    "html-200",
    "html-typed-json",
    "status-201",
    "status-203",
    "status-204",
    "status-206",
    "status-304",
    "status-400",
    "status-401",
    "status-403",
    "status-404",
    "status-410",
    "status-429",
    "status-500",
    "status-502",
    "status-503",
    "status-500-good-body",
    "redirect-301-good",
    "redirect-302-canary",
    "redirect-307-loop",
    "redirect-308-good-body",
    "redirect-file",
    "redirect-metadata",
    "huge-10mb",
    "huge-just-over",
    "huge-50k-keys",
    "endless",
    "slow-body",
    "silent",
    "reset-mid-body",
    "short-content-length",
    "gzip-bomb",
    "empty",
    "empty-object",
    "empty-keys",
    "no-usable-key",
    "array",
    "deep",
    "utf16",
    "truncated",
    "two-documents",
    "header-flood",
    "not-http",
    "gzip-unasked",
];

const BAD_PORTS: [(&str, &str); 2] = [("slowloris-headers", ":PORT+1/"), ("connection-refused", ":1/")];

pub(crate) fn own() -> Vec<Case> {
    let paths = GOOD.into_iter().map(|name| (name, format!("/{name}"), Verdict::Accept));
    let bad = BAD.into_iter().map(|name| (name, format!("/{name}"), Verdict::Reject));
    let ports = BAD_PORTS.into_iter().map(|(name, port)| (name, port.to_owned(), Verdict::Reject));
    let rows = paths.chain(bad).chain(ports).map(|(name, endpoint, cold)| {
        let is_big = name.starts_with("huge") || name == "endless" || name == "gzip-bomb";
        let max_rss_growth_mib = is_big.then_some(32);
        let row = Row { endpoint, cold, warm: Verdict::Accept, max_ms: 6_000, max_rss_growth_mib };
        Case { name: name.to_owned(), row: Some(row) }
    });
    let flows = crate::flows::NAMES.into_iter().map(|name| Case { name: name.to_owned(), row: None });
    rows.chain(flows).collect()
}

pub(crate) fn from_file(text: &[u8]) -> Vec<Case> {
    let document: Value = serde_json::from_slice(text).unwrap();
    let entries = document["entries"].as_array().unwrap();
    let case = |entry: &Value| Case {
        name: entry["name"].as_str().unwrap().to_owned(),
        row: entry.get("endpoint").map(|_| serde_json::from_value(entry.clone()).unwrap()),
    };
    entries.iter().map(case).collect()
}
