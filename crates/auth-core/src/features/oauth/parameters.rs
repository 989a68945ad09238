//! The parameters of a request (RFC 6749 §3.2): none twice, and an empty one is none.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Refusal, codes};

pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    pub(super) fn new(members: Option<&Map<String, Value>>) -> Self {
        Self(members.cloned().unwrap_or_default())
    }

    /// Refuses a form that names a parameter twice: two readers could choose different ones.
    pub(super) fn check_form(content_type: Option<&str>, body: &Bytes) -> Result<(), Refusal> {
        let is_form =
            content_type.is_some_and(|it| it.trim_start().starts_with("application/x-www-form-urlencoded"));
        let mut seen = HashSet::new();
        if is_form && !form_urlencoded::parse(body).all(|(name, _)| seen.insert(name.into_owned())) {
            return Err(Refusal::because(codes::INVALID_REQUEST, "A parameter is repeated"));
        }
        Ok(())
    }

    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => Err(malformed(name)),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(malformed(name)),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::because(codes::INVALID_REQUEST, format!("{name} is missing"));
        self.optional(name)?.ok_or_else(missing)
    }
}

fn malformed(name: &str) -> Refusal {
    Refusal::because(codes::INVALID_REQUEST, format!("{name} is malformed"))
}
