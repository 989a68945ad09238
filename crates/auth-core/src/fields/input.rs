//! What clients may set, and what they must.

use std::sync::Arc;

use serde_json::Value;

use super::{DeclaredFields, Field, FieldValues, codes};
use crate::error::{Error, Result, codes as common};
use crate::input::{NOT_STORABLE, is_storable, type_name};
use crate::pipeline::is_truthy;

/// The members of a body that name declared fields, not checked yet.
#[derive(Default)]
pub(crate) struct SentFields(pub(super) Vec<(Arc<Field>, Value)>);

impl SentFields {
    fn get(&self, field: &Field) -> Option<&Value> {
        self.0.iter().find(|(sent, _)| sent.name == field.name).map(|(_, value)| value)
    }
}

impl DeclaredFields {
    /// Every field's value in a new row that nobody sent anything for.
    pub(crate) fn defaults(&self) -> FieldValues {
        self.each(|field| field.default.clone().unwrap_or_default())
    }

    /// Every field's value in a new row, by upstream's rules: a field that is not for clients keeps its
    /// default whatever they send, and without a default it must not be sent.
    ///
    /// # Errors
    /// `FIELD_NOT_ALLOWED`, `MISSING_FIELD`, `VALIDATION_ERROR`: the first problem in the fields' order.
    pub(crate) fn for_new_row(&self, sent: &SentFields) -> Result<FieldValues> {
        let mut values = Vec::with_capacity(self.0.len());
        for field in &self.0 {
            let value = match (sent.get(field), &field.default) {
                (Some(_), Some(default)) if !field.input => default.clone(),
                (Some(value), None) if !field.input => {
                    refuse_if_set(field, value)?;
                    Value::Null
                }
                (Some(value), _) => checked(field, value)?,
                (None, default) => default.clone().unwrap_or_default(),
            };
            if field.required && value.is_null() {
                return Err(missing(field));
            }
            values.push((field.clone(), value));
        }
        Ok(FieldValues(values))
    }

    /// The fields that a client may change, and does.
    ///
    /// # Errors
    /// As [`Self::for_new_row`].
    pub(crate) fn for_change(&self, sent: &SentFields) -> Result<FieldValues> {
        let mut values = Vec::with_capacity(sent.0.len());
        for (field, value) in &sent.0 {
            if !field.input {
                refuse_if_set(field, value)?;
                continue;
            }
            let value = checked(field, value)?;
            if field.required && value.is_null() {
                return Err(missing(field));
            }
            values.push((field.clone(), value));
        }
        Ok(FieldValues(values))
    }
}

fn refuse_if_set(field: &Field, value: &Value) -> Result<()> {
    if !is_truthy(value) {
        return Ok(());
    }
    let message = format!("{} is not allowed to be set", field.name.as_str());
    Err(codes::FIELD_NOT_ALLOWED.bad_request().saying(message))
}

fn missing(field: &Field) -> Error {
    codes::MISSING_FIELD.bad_request().saying(format!("{} is required", field.name.as_str()))
}

fn checked(field: &Field, value: &Value) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let problem = match field.kind.read(value) {
        Some(value) if is_stored_as_sent(&value) => return Ok(value),
        Some(_) => NOT_STORABLE.to_owned(),
        None => {
            let (expected, received) = (field.kind.expected(), type_name(Some(value)));
            format!("Invalid input: expected {expected}, received {received}")
        }
    };
    let message = format!("[body.{}] {problem}", field.name.as_str());
    Err(common::VALIDATION_ERROR.bad_request().saying(message))
}

fn is_stored_as_sent(value: &Value) -> bool {
    match value {
        Value::String(text) => is_storable(text),
        Value::Array(items) => items.iter().all(is_stored_as_sent),
        _ => true,
    }
}
