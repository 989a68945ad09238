//! What is said about one value.

use std::fmt;

use auth_jose::Timestamp;
use serde_json::{Map, Value};

/// What a value is, what it says, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What it is.
    pub title: String,
    /// What it says.
    pub facts: Vec<(String, String)>,
    /// What it is worth.
    pub verdict: String,
}

impl Explained {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), facts: Vec::new(), verdict: String::new() }
    }

    pub(super) fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.push((name.to_owned(), value.into()));
    }

    pub(super) fn verdict(mut self, verdict: impl Into<String>) -> Self {
        self.verdict = verdict.into();
        self
    }

    /// The members of an object, dates in words, secrets left out.
    pub(super) fn members(&mut self, prefix: &str, members: &Map<String, Value>, now: Timestamp) {
        for (name, value) in members {
            let shown = match (name.as_str(), value.as_i64()) {
                ("exp" | "iat" | "nbf", Some(seconds)) => moment(Timestamp::from_seconds(seconds), now),
                ("updatedAt" | "expiresAt", Some(millis)) => moment(Timestamp::from_millis(millis), now),
                _ => without_secrets(name, value).to_string(),
            };
            self.fact(&format!("{prefix}{name}"), shown);
        }
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", printable(&self.title))?;
        let width =
            self.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("verdict".len());
        for (name, value) in &self.facts {
            writeln!(f, "  {:<width$}  {}", printable(name), printable(value))?;
        }
        writeln!(f, "  {:<width$}  {}", "verdict", printable(&self.verdict))
    }
}

/// Whoever made a token chose what it says: nothing of it moves the cursor of a terminal.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect()
}

/// A point in time and how far away it is.
pub(super) fn moment(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.seconds().saturating_sub(now.seconds());
    let (count, unit) = match seconds.unsigned_abs() {
        count @ 0..120 => (count, "s"),
        count @ 120..7_200 => (count / 60, "min"),
        count @ 7_200..172_800 => (count / 3_600, "h"),
        count => (count / 86_400, "days"),
    };
    if seconds < 0 {
        format!("{} ({count} {unit} ago)", at.to_iso())
    } else {
        format!("{} (in {count} {unit})", at.to_iso())
    }
}

/// How long the name of a session is in its tokens.
const SID_LENGTH: usize = 22;

/// A value without what could be used: the session's token wherever it stands, and members that are called like
/// secrets.
fn without_secrets(name: &str, value: &Value) -> Value {
    const SECRET: [&str; 6] = ["token", "sid", "secret", "password", "nonce", "privatekey"];
    let lower = name.to_ascii_lowercase();
    match value {
        // In a JWT of ours a hash, in a copy of a session its token.
        Value::String(text) if name == "sid" && text.len() == SID_LENGTH => value.clone(),
        Value::String(text) if SECRET.iter().any(|secret| lower.ends_with(secret)) => {
            format!("hidden, {} characters", text.chars().count()).into()
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_secrets(name, value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| without_secrets(name, item)).collect(),
        other => other.clone(),
    }
}
