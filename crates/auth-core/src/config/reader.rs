//! Reads settings from the file and the environment, and collects every problem instead of the first.
//!
//! Maps and lists whose entries the operator makes are read entry by entry:
//!
//! ```text
//! for name in r.names("user.additionalFields.<name>") {
//!     let required = r.boolean(("user.additionalFields.<name>.required", &*name), true);
//!     r.refuse(("user.additionalFields.<name>", &*name), "must not be a column of its own");
//! }
//! ```
//!
//! The settings list holds `user.additionalFields.<name>.required` as any other key. An entry that is a plain
//! value or a section (`rateLimit.customRules.<path>`: `false`, or `window` and `max`) is listed as both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use auth_jose::Secret;
use serde_json::Value;

use super::settings::{Kind, SETTINGS, Setting};
use crate::features::social::providers;

/// Stands in the name of a variable that each provider has.
pub(super) const PROVIDER: &str = "<PROVIDER>";

mod place;
#[cfg(test)]
mod tests;

pub(crate) use place::Key;
use place::{Step, meaning, nearest, show};

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
    settings: &'static [Setting],
    found: BTreeMap<Key, Found>,
    /// The entries of maps and lists, in the order of the file.
    entries: Vec<Key>,
    problems: Vec<Problem>,
    asked: BTreeSet<&'static str>,
}

impl Reader {
    pub(crate) fn new(sources: &Sources<'_>) -> Self {
        Self::of(SETTINGS, sources)
    }

    fn of(settings: &'static [Setting], sources: &Sources<'_>) -> Self {
        let mut reader = Self {
            settings,
            found: BTreeMap::new(),
            entries: Vec::new(),
            problems: Vec::new(),
            asked: BTreeSet::new(),
        };
        if let Some(path) = sources.file {
            reader.read_file(path, sources);
        }
        for setting in settings {
            match setting.env {
                Some(name) if name.contains(PROVIDER) => reader.read_provider_env(setting, name, sources),
                Some(name) => reader.read_env(setting, setting.key.into(), name, sources),
                None => {}
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
            Ok(tree @ Value::Object(_)) => self.walk(&mut Vec::new(), tree),
            Ok(_) => self.problem(name, "must hold an object of settings".to_owned()),
            Err(error) => {
                let format = if is_json { "JSON" } else { "TOML" };
                self.problem(name, format!("is not valid {format}: {error}"));
            }
        }
    }

    /// Takes over a value of the file and everything below it.
    fn walk(&mut self, place: &mut Vec<Step>, value: Value) {
        let here = meaning(self.settings, place);
        if value.is_null() {
            return;
        }
        self.entries.extend(here.entry);
        match value {
            Value::Object(members) if !here.members.is_empty() => {
                for (name, value) in members {
                    place.push(Step::Name(name));
                    self.walk(place, value);
                    place.pop();
                }
            }
            Value::Array(items) if here.has_items && items.iter().all(Value::is_object) => {
                for (index, value) in items.into_iter().enumerate() {
                    place.push(Step::Item(index));
                    self.walk(place, value);
                    place.pop();
                }
            }
            value => {
                let name = show(place);
                let reason = if let Some(key) = here.setting {
                    self.found.insert(key, Found { value, name });
                    return;
                } else if here.has_items {
                    "holds a list of sections".to_owned()
                } else if !here.members.is_empty() {
                    format!("is a section, not a value; it holds {}", here.members.join(", "))
                } else {
                    let near = nearest(self.settings, place);
                    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                    format!("is not a setting of this server{hint}")
                };
                self.problem(name, reason);
            }
        }
    }

    /// A variable of each built-in provider: `GOOGLE_CLIENT_ID`, `GITHUB_CLIENT_ID`, ...
    fn read_provider_env(&mut self, setting: &'static Setting, name: &str, sources: &Sources<'_>) {
        for row in providers::ROWS {
            let name = name.replace(PROVIDER, &variable_part(row.id));
            let key = Key { pattern: setting.key, names: vec![row.id.to_owned()] };
            self.read_env(setting, key.clone(), &name, sources);
            let entry = Key { pattern: "socialProviders.<provider>", names: key.names.clone() };
            if self.found.contains_key(&key) && !self.entries.contains(&entry) {
                self.entries.push(entry);
            }
        }
    }

    fn read_env(&mut self, setting: &'static Setting, key: Key, name: &str, sources: &Sources<'_>) {
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
        self.found.insert(key, Found { value, name });
    }

    /// Records a problem of the whole configuration.
    pub(crate) fn problem(&mut self, name: String, reason: String) {
        self.problems.push(Problem { name, reason });
    }

    /// Records a problem of one setting or entry, under the name that the operator used.
    pub(crate) fn refuse(&mut self, key: impl Into<Key>, reason: impl Into<String>) {
        let key = key.into();
        let name = self.found.get(&key).map_or_else(|| self.display_name(&key), |found| found.name.clone());
        self.problem(name, reason.into());
    }

    /// The name to show for a setting that was not given: its variable, else its key.
    fn display_name(&self, key: &Key) -> String {
        let setting = self.settings.iter().find(|setting| setting.key == key.pattern);
        let variable = |name: &str| match key.names.first() {
            Some(provider) => name.replace(PROVIDER, &variable_part(provider)),
            None => name.to_owned(),
        };
        setting.and_then(|setting| setting.env).map_or_else(|| key.to_string(), variable)
    }

    pub(crate) fn is_set(&self, key: impl Into<Key>) -> bool {
        self.found.contains_key(&key.into())
    }

    /// The names of a map's entries, or the numbers of a list's, in the order of the file. `entry` is the
    /// part of the settings' keys that stands for one entry: `user.additionalFields.<name>`, `secrets[]`.
    pub(crate) fn names(&mut self, entry: &'static str) -> Vec<String> {
        let found = self.entries.iter().filter(|key| key.pattern == entry);
        let names: Vec<String> = found.filter_map(|key| key.names.last().cloned()).collect();
        // Without entries nothing asks for their settings.
        let inner = self.settings.iter().map(|setting| setting.key);
        self.asked.extend(inner.filter(|key| key.starts_with(entry)));
        names
    }

    /// The names of the entries of a map that stands in an entry of a map or list.
    pub(crate) fn names_in(&mut self, entry: &'static str, outer: &str) -> Vec<String> {
        self.names(entry);
        let found = self
            .entries
            .iter()
            .filter(|key| key.pattern == entry && key.names.first().is_some_and(|name| name == outer));
        found.filter_map(|key| key.names.get(1).cloned()).collect()
    }

    fn value<T>(&mut self, key: Key, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.asked.insert(key.pattern);
        let found = self.found.get(&key)?;
        let value = read(&found.value);
        if value.is_none() {
            let setting = self.settings.iter().find(|setting| setting.key == key.pattern);
            let kind = setting.map_or(Kind::Text, |setting| setting.kind);
            let got = match (kind, &found.value) {
                (Kind::Secret, _) => "another kind of value".to_owned(),
                (_, value) => value.to_string(),
            };
            self.refuse(key, format!("expected {}, got {got}", kind.expected()));
        }
        value
    }

    pub(crate) fn text(&mut self, key: impl Into<Key>) -> Option<String> {
        self.value(key.into(), |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn secret(&mut self, key: impl Into<Key>) -> Option<Secret<String>> {
        self.value(key.into(), |value| value.as_str().map(Secret::from))
    }

    pub(crate) fn boolean(&mut self, key: impl Into<Key>, default: bool) -> bool {
        self.value(key.into(), Value::as_bool).unwrap_or(default)
    }

    /// `true` or `false`, if it is given.
    pub(crate) fn flag(&mut self, key: impl Into<Key>) -> Option<bool> {
        self.value(key.into(), Value::as_bool)
    }

    /// `true`, `false` or a list of texts.
    pub(crate) fn switch(&mut self, key: impl Into<Key>) -> Switch {
        let read = |value: &Value| match value {
            Value::Bool(true) => Some(Switch::On),
            Value::Bool(false) => Some(Switch::Off),
            Value::Array(items) => {
                let items = items.iter().map(|item| item.as_str().map(str::to_owned));
                items.collect::<Option<_>>().map(Switch::For)
            }
            _ => None,
        };
        self.value(key.into(), read).unwrap_or(Switch::Off)
    }

    /// A whole number within `range`.
    pub(crate) fn integer(
        &mut self,
        key: impl Into<Key>,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let key = key.into();
        let value = self.value(key.clone(), Value::as_u64).unwrap_or(default);
        if range.contains(&value) {
            return value;
        }
        self.refuse(key, format!("must lie between {} and {}", range.start(), range.end()));
        default
    }

    /// Seconds or a span, if it is given.
    pub(crate) fn span(&mut self, key: impl Into<Key>) -> Option<i64> {
        let seconds = self.value(key.into(), read_seconds)?.min(MAX_SECONDS);
        i64::try_from(seconds).ok()
    }

    pub(crate) fn seconds(&mut self, key: impl Into<Key>, default: u64) -> u64 {
        self.value(key.into(), read_seconds).unwrap_or(default).min(MAX_SECONDS)
    }

    pub(crate) fn duration(&mut self, key: impl Into<Key>, default: u64) -> Duration {
        Duration::from_secs(self.seconds(key, default))
    }

    pub(crate) fn list(&mut self, key: impl Into<Key>) -> Option<Vec<String>> {
        let read = |value: &Value| match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        self.value(key.into(), read)
    }

    /// A value of any kind, as the file has it.
    pub(crate) fn any(&mut self, key: impl Into<Key>) -> Option<Value> {
        self.value(key.into(), |value| Some(value.clone()))
    }

    /// One of the setting's words, if it is given.
    pub(crate) fn word<T: std::str::FromStr>(&mut self, key: impl Into<Key>) -> Option<T> {
        self.value(key.into(), |value| value.as_str()?.parse().ok())
    }

    /// One of the setting's words, parsed into a type.
    pub(crate) fn choice<T: std::str::FromStr>(&mut self, key: impl Into<Key>, default: T) -> T {
        self.word(key).unwrap_or(default)
    }

    /// Every problem found, in the order of the settings' reading.
    pub(crate) fn finish(self) -> Vec<Problem> {
        debug_assert!(
            self.settings.iter().all(|setting| self.asked.contains(setting.key)),
            "a setting is listed that nothing reads: {:?}",
            self.settings.iter().find(|setting| !self.asked.contains(setting.key))
        );
        self.problems
    }
}

/// A provider's name in the names of its variables.
fn variable_part(provider: &str) -> String {
    provider.to_ascii_uppercase().replace('-', "_")
}

/// A hundred years: longer spans are cut, so that adding them to a date cannot overflow.
const MAX_SECONDS: u64 = 100 * 365 * 86_400;

fn from_text(kind: Kind, text: String) -> Value {
    match kind {
        Kind::Boolean => text.parse().map_or(Value::String(text), Value::Bool),
        Kind::Integer => text.parse::<u64>().map_or(Value::String(text), Value::from),
        Kind::List => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
        Kind::Text | Kind::Secret | Kind::Seconds | Kind::Choice(_) | Kind::Switch | Kind::Any => {
            Value::String(text)
        }
    }
}

/// A setting that is on, off, or on for some things only.
pub(crate) enum Switch {
    Off,
    On,
    For(Vec<String>),
}

fn read_seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => parse_span(text),
        _ => None,
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
