//! Tokens and key sets for the audiences of the configuration.

use serde_json::{Map, Value};

use super::codes;
use crate::config::{AudienceConfig, ClaimTemplate, Config};
use crate::error::{Error, Result};

/// The audience of this name.
///
/// # Errors
/// 400 with the names that there are.
pub(super) fn find<'c>(config: &'c Config, name: &str) -> Result<&'c AudienceConfig> {
    let found = config.audiences.iter().find(|audience| audience.name == name);
    found.ok_or_else(|| unknown(config))
}

fn unknown(config: &Config) -> Error {
    let names: Vec<&str> = config.audiences.iter().map(|audience| audience.name.as_str()).collect();
    let reason = if names.is_empty() {
        "This server has no audiences; ask without one".to_owned()
    } else {
        format!("No such audience; there are {}", names.join(", "))
    };
    codes::UNKNOWN_AUDIENCE.bad_request().saying(reason)
}

/// The claims that a template describes. A field that this user or session does not have is left out.
pub(super) fn fill(
    template: &[(String, ClaimTemplate)],
    user: &Map<String, Value>,
    session: &Map<String, Value>,
) -> Map<String, Value> {
    let filled =
        |(name, template): &(String, ClaimTemplate)| Some((name.clone(), value(template, user, session)?));
    template.iter().filter_map(filled).collect()
}

fn value(template: &ClaimTemplate, user: &Map<String, Value>, session: &Map<String, Value>) -> Option<Value> {
    match template {
        ClaimTemplate::Fixed(value) => Some(value.clone()),
        ClaimTemplate::User(field) => user.get(field).cloned(),
        ClaimTemplate::Session(field) => session.get(field).cloned(),
        ClaimTemplate::Object(members) => Some(Value::Object(fill(members, user, session))),
        ClaimTemplate::List(items) => {
            Some(items.iter().filter_map(|item| value(item, user, session)).collect())
        }
    }
}
