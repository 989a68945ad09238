//! `secret` and `secrets`.

use auth_jose::Secret;

use super::reader::{Key, Reader};
use crate::crypto::secrets::{NumberedSecret, Secrets};

/// Secrets that stand in documentation and examples; anybody can look them up.
const KNOWN_SECRETS: [&str; 3] = [
    "better-auth-secret-12345678901234567890",
    "better-auth-secret-123456789",
    "your-secret-key-at-least-32-characters",
];

const HOW: &str = "make one with: auth-server gen-secret";

/// Reads the secrets: `secrets` from the environment, else from the file, and `secret`, which is the one from
/// before there were numbers if there are any. `None`: development makes one.
pub(super) fn read(r: &mut Reader, production: bool) -> Option<Secrets> {
    let plain = r.secret("secret");
    if let Some(secret) = &plain {
        check(r, "secret", secret, production);
    }
    let entries = r.names("secrets[]");
    let numbered = match r.secret("secrets") {
        Some(text) => from_text(r, text.expose(), production),
        None => from_list(r, &entries, production),
    };
    for (at, secret) in numbered.iter().enumerate() {
        if numbered.iter().take(at).any(|other| other.version == secret.version) {
            let version = secret.version.unwrap_or_default();
            r.refuse("secrets", format!("has version {version} twice"));
        }
    }
    let legacy = plain.map(|value| NumberedSecret { version: None, value });
    let mut all = numbered.into_iter().chain(legacy);
    let Some(current) = all.next() else {
        if production && !r.is_set("secret") && !r.is_set("secrets") {
            r.refuse("secret", format!("is required in production; {HOW}"));
        }
        return None;
    };
    Some(Secrets::new(current, all.collect()))
}

fn from_list(r: &mut Reader, entries: &[String], production: bool) -> Vec<NumberedSecret> {
    let mut found = Vec::new();
    for entry in entries {
        let version_key = ("secrets[].version", entry.as_str());
        let value_key = ("secrets[].value", entry.as_str());
        let version = r.integer(version_key, 0, 0..=u64::from(u32::MAX));
        if !r.is_set(version_key) {
            r.refuse(version_key, "is required: the number of this secret");
        }
        match r.secret(value_key) {
            Some(value) => {
                check(r, value_key, &value, production);
                found.push(NumberedSecret { version: u32::try_from(version).ok(), value });
            }
            None if r.is_set(value_key) => {}
            None => r.refuse(value_key, format!("is required; {HOW}")),
        }
    }
    found
}

/// `2:newest,1:older`
fn from_text(r: &mut Reader, text: &str, production: bool) -> Vec<NumberedSecret> {
    let mut found = Vec::new();
    for entry in text.split(',') {
        let parts = entry.trim().split_once(':');
        let version = parts.and_then(|(version, _)| version.parse::<u32>().ok());
        let (Some((_, value)), Some(version)) = (parts, version) else {
            r.refuse("secrets", "expected VERSION:SECRET,VERSION:SECRET, the current one first");
            continue;
        };
        let value = Secret::from(value.trim());
        check(r, "secrets", &value, production);
        found.push(NumberedSecret { version: Some(version), value });
    }
    found
}

fn check(r: &mut Reader, key: impl Into<Key>, secret: &Secret<String>, production: bool) {
    let text = secret.expose();
    let distinct = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    if text.chars().count() < 32 {
        r.refuse(key, format!("is too short, expected 32 characters or more; {HOW}"));
    } else if production && KNOWN_SECRETS.contains(&text.as_str()) {
        r.refuse(key, format!("is a well-known example; {HOW}"));
    } else if production && distinct < 10 {
        r.refuse(key, format!("is easy to guess, it has only {distinct} different characters; {HOW}"));
    }
}
