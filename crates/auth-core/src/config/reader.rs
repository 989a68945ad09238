//! Reads settings from the file and the environment, and collects every problem instead of the first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use auth_jose::Secret;
use serde_json::Value;

use super::settings::{Kind, SETTINGS, Setting};

/// Where settings come from. Tests pass closures over a map.
pub struct Sources<'a> {
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a text file (the configuration file and `NAME_FILE` variables).
    pub read_file: &'a dyn Fn(&Path) -> std::io::Result<String>,
    /// The configuration file, if any.
    pub file: Option<&'a Path>,
}

/// One thing that is wrong with the configuration. It never holds a secret's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as the operator wrote it: a key of the file or an environment variable.
    pub name: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

struct Found {
    value: Value,
    name: String,
}

/// The settings that were given, by key.
pub(crate) struct Reader {
    found: BTreeMap<&'static str, Found>,
    problems: Vec<Problem>,
    asked: BTreeSet<&'static str>,
}

impl Reader {
    pub(crate) fn new(sources: &Sources<'_>) -> Self {
        let mut reader = Self { found: BTreeMap::new(), problems: Vec::new(), asked: BTreeSet::new() };
        if let Some(path) = sources.file {
            reader.read_file(path, sources);
        }
        for setting in SETTINGS {
            if let Some(name) = setting.env {
                reader.read_env(setting, name, sources);
            }
        }
        reader
    }

    fn read_file(&mut self, path: &Path, sources: &Sources<'_>) {
        let name = path.display().to_string();
        let text = match (sources.read_file)(path) {
            Ok(text) => text,
            Err(error) => return self.problem(name, format!("cannot be read: {error}")),
        };
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let tree: Result<Value, String> = if is_json {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error: toml::de::Error| error.message().to_owned())
        };
        match tree {
            Ok(Value::Object(members)) => {
                for (key, value) in members {
                    self.flatten(key, value);
                }
            }
            Ok(_) => self.problem(name, "must hold an object of settings".to_owned()),
            Err(error) => {
                let format = if is_json { "JSON" } else { "TOML" };
                self.problem(name, format!("is not valid {format}: {error}"));
            }
        }
    }

    fn flatten(&mut self, key: String, value: Value) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) {
            if !value.is_null() {
                self.found.insert(setting.key, Found { value, name: key });
            }
            return;
        }
        let inner = format!("{key}.");
        match value {
            Value::Object(members) if SETTINGS.iter().any(|setting| setting.key.starts_with(&inner)) => {
                for (name, value) in members {
                    self.flatten(format!("{key}.{name}"), value);
                }
            }
            _ => {
                let hint = nearest(&key).map_or_else(String::new, |near| format!("; did you mean {near}?"));
                self.problem(key, format!("is not a setting of this server{hint}"));
            }
        }
    }

    fn read_env(&mut self, setting: &'static Setting, name: &'static str, sources: &Sources<'_>) {
        let file_name = format!("{name}_FILE");
        let plain = (sources.env)(name).filter(|value| !value.is_empty());
        let from_file = (sources.env)(&file_name).filter(|path| !path.is_empty());
        let (text, name) = match (plain, from_file) {
            (None, None) => return,
            (Some(_), Some(_)) => {
                return self.problem(name.to_owned(), format!("set either {name} or {file_name}, not both"));
            }
            (Some(text), None) => (text, name.to_owned()),
            (None, Some(path)) => match (sources.read_file)(Path::new(&path)) {
                Ok(text) => (text.trim_end_matches(['\r', '\n']).to_owned(), file_name),
                Err(error) => return self.problem(file_name, format!("cannot read {path}: {error}")),
            },
        };
        let value = if setting.key == "production" {
            match text.as_str() {
                "production" => Value::Bool(true),
                "development" | "test" => Value::Bool(false),
                _ => {
                    return self.problem(name, "expected production, development or test".to_owned());
                }
            }
        } else {
            from_text(setting.kind, text)
        };
        self.found.insert(setting.key, Found { value, name });
    }

    /// Records a problem of the whole configuration.
    pub(crate) fn problem(&mut self, name: String, reason: String) {
        self.problems.push(Problem { name, reason });
    }

    /// Records a problem of one setting, under the name that the operator used.
    pub(crate) fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        let name = self.found.get(key).map_or_else(|| display_name(key), |found| found.name.clone());
        self.problem(name, reason.into());
    }

    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.found.contains_key(key)
    }

    fn value<T>(&mut self, key: &'static str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.asked.insert(key);
        let found = self.found.get(key)?;
        let value = read(&found.value);
        if value.is_none() {
            let kind = SETTINGS.iter().find(|setting| setting.key == key).map_or(Kind::Text, |it| it.kind);
            let got = match (kind, &found.value) {
                (Kind::Secret, _) => "another kind of value".to_owned(),
                (_, value) => value.to_string(),
            };
            self.refuse(key, format!("expected {}, got {got}", kind.expected()));
        }
        value
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        self.value(key, |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn secret(&mut self, key: &'static str) -> Option<Secret<String>> {
        self.value(key, |value| value.as_str().map(Secret::from))
    }

    pub(crate) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        self.value(key, Value::as_bool).unwrap_or(default)
    }

    /// A whole number within `range`.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let value = self.value(key, Value::as_u64).unwrap_or(default);
        if range.contains(&value) {
            return value;
        }
        self.refuse(key, format!("must lie between {} and {}", range.start(), range.end()));
        default
    }

    pub(crate) fn seconds(&mut self, key: &'static str, default: u64) -> u64 {
        let read = |value: &Value| match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => parse_span(text),
            _ => None,
        };
        self.value(key, read).unwrap_or(default).min(MAX_SECONDS)
    }

    pub(crate) fn duration(&mut self, key: &'static str, default: u64) -> Duration {
        Duration::from_secs(self.seconds(key, default))
    }

    pub(crate) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        let read = |value: &Value| match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        self.value(key, read)
    }

    /// One of the setting's words, parsed into a type.
    pub(crate) fn choice<T: std::str::FromStr>(&mut self, key: &'static str, default: T) -> T {
        self.value(key, |value| value.as_str()?.parse().ok()).unwrap_or(default)
    }

    /// Every problem found, in the order of the settings' reading.
    pub(crate) fn finish(self) -> Vec<Problem> {
        debug_assert!(
            SETTINGS.iter().all(|setting| self.asked.contains(setting.key)),
            "a setting is listed that nothing reads: {:?}",
            SETTINGS.iter().find(|setting| !self.asked.contains(setting.key))
        );
        self.problems
    }
}

/// A hundred years: longer spans are cut, so that adding them to a date cannot overflow.
const MAX_SECONDS: u64 = 100 * 365 * 86_400;

/// The name to show for a setting that was not given: its variable, else its key.
fn display_name(key: &str) -> String {
    let setting = SETTINGS.iter().find(|setting| setting.key == key);
    setting.and_then(|setting| setting.env).unwrap_or(key).to_owned()
}

fn from_text(kind: Kind, text: String) -> Value {
    match kind {
        Kind::Boolean => text.parse().map_or(Value::String(text), Value::Bool),
        Kind::Integer => text.parse::<u64>().map_or(Value::String(text), Value::from),
        Kind::List => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
        Kind::Text | Kind::Secret | Kind::Seconds | Kind::Choice(_) => Value::String(text),
    }
}

/// Reads `900`, `15m`, `15 minutes`, `1h`, `7d`, `2w`, `1y`.
fn parse_span(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(digits)?;
    let seconds = match unit.trim() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        "y" | "year" | "years" => 31_557_600,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(seconds)
}

/// The known key that differs least from `key`, if it is close.
fn nearest(key: &str) -> Option<&'static str> {
    let lower = key.to_lowercase();
    SETTINGS
        .iter()
        .map(|setting| (distance(&lower, &setting.key.to_lowercase()), setting.key))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, key)| key)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            let value = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = value;
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spans_of_time() {
        assert_eq!(parse_span("900"), Some(900));
        assert_eq!(parse_span("15m"), Some(900));
        assert_eq!(parse_span("2 hours"), Some(7200));
        assert_eq!(parse_span("7d"), Some(604_800));
        for bad in ["", "m", "-5", "1.5h", "5 parsecs", "99999999999999999999s"] {
            assert_eq!(parse_span(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn suggests_the_nearest_setting() {
        assert_eq!(nearest("trustedOrigin"), Some("trustedOrigins"));
        assert_eq!(nearest("session.expiresin"), Some("session.expiresIn"));
        assert_eq!(nearest("somethingElse"), None);
    }
}
