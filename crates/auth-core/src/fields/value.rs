//! Values of declared fields: read from columns, from requests, and from the configuration.

use auth_jose::Timestamp;
use serde_json::{Number, Value};

use super::FieldType;

impl FieldType {
    /// The value as a request or the configuration gives it. Texts of numbers, truth values and dates count:
    /// forms send nothing else. `None`: it is none of this type.
    pub(crate) fn read(self, value: &Value) -> Option<Value> {
        Some(match (self, value) {
            (Self::Text, Value::String(_)) => value.clone(),
            // Upstream checks no types; a text column takes these in their text form.
            (Self::Text, Value::Number(number)) => number.to_string().into(),
            (Self::Text, Value::Bool(flag)) => flag.to_string().into(),
            (Self::Number, Value::Number(_)) | (Self::Boolean, Value::Bool(_)) => value.clone(),
            (Self::Number, Value::String(text)) => Value::Number(number(text)?),
            (Self::Boolean, Value::String(text)) => Value::Bool(text.parse().ok()?),
            (Self::Date, Value::String(text)) => date(text)?.to_iso().into(),
            (Self::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => value.clone(),
            (Self::Numbers, Value::Array(items)) if items.iter().all(Value::is_number) => value.clone(),
            _ => return None,
        })
    }

    /// The word for the type in messages about values.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Texts | Self::Numbers => "array",
        }
    }
}

/// The value as a column holds it, which differs between databases: truth values as numbers, lists as JSON
/// texts, dates as milliseconds. What cannot be read is `null`: a foreign row must not break an answer.
pub(super) fn from_column(kind: FieldType, value: &Value) -> Value {
    let read = match (kind, value) {
        (FieldType::Boolean, Value::Number(number)) => Some(Value::Bool(number.as_f64() != Some(0.0))),
        (FieldType::Date, Value::Number(number)) => {
            number.as_i64().map(|millis| Timestamp::from_millis(millis).to_iso().into())
        }
        (FieldType::Texts | FieldType::Numbers, Value::String(text)) => {
            serde_json::from_str(text).ok().and_then(|value| kind.read(&value))
        }
        _ => kind.read(value),
    };
    read.unwrap_or_default()
}

fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(text.parse().ok()?))
}

/// An instant with its offset; without one it is UTC, and a day begins at midnight.
fn date(text: &str) -> Option<Timestamp> {
    let instant = text.trim().replacen(' ', "T", 1);
    Timestamp::parse_iso(&instant)
        .or_else(|| Timestamp::parse_iso(&format!("{instant}Z")))
        .or_else(|| Timestamp::parse_iso(&format!("{instant}T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_values_of_each_type_and_refuses_others() {
        use FieldType::{Boolean, Date, Number, Numbers, Text, Texts};
        for (kind, sent, read) in [
            (Text, json!("a"), json!("a")),
            (Text, json!(5), json!("5")),
            (Text, json!(true), json!("true")),
            (Number, json!(5), json!(5)),
            (Number, json!("-7"), json!(-7)),
            (Number, json!("1.5"), json!(1.5)),
            (Boolean, json!(false), json!(false)),
            (Boolean, json!("true"), json!(true)),
            (Date, json!("2030-01-02T03:04:05+01:00"), json!("2030-01-02T02:04:05.000Z")),
            (Date, json!("2030-01-02 03:04:05"), json!("2030-01-02T03:04:05.000Z")),
            (Date, json!("2030-01-02"), json!("2030-01-02T00:00:00.000Z")),
            (Texts, json!(["a", ""]), json!(["a", ""])),
            (Numbers, json!([1, 2.5]), json!([1, 2.5])),
        ] {
            assert_eq!(kind.read(&sent), Some(read), "{kind:?} {sent}");
        }
        for (kind, sent) in [
            (Text, json!(["a"])),
            (Text, json!({})),
            (Number, json!("five")),
            (Number, json!("NaN")),
            (Number, json!("inf")),
            (Number, json!(true)),
            (Boolean, json!("yes")),
            (Boolean, json!(1)),
            (Date, json!("tomorrow")),
            (Date, json!(0)),
            (Texts, json!(["a", 1])),
            (Texts, json!("a")),
            (Numbers, json!(["1"])),
        ] {
            assert_eq!(kind.read(&sent), None, "{kind:?} {sent}");
        }
    }

    #[test]
    fn reads_columns_of_every_database() {
        for (kind, held, read) in [
            (FieldType::Boolean, json!(0), json!(false)),
            (FieldType::Boolean, json!(1), json!(true)),
            (FieldType::Boolean, json!(true), json!(true)),
            (FieldType::Date, json!("2030-01-01T00:00:00+00:00"), json!("2030-01-01T00:00:00.000Z")),
            (FieldType::Date, json!("2030-01-01 00:00:00.000000"), json!("2030-01-01T00:00:00.000Z")),
            (FieldType::Date, json!(1_893_456_000_000_i64), json!("2030-01-01T00:00:00.000Z")),
            (FieldType::Texts, json!(["a"]), json!(["a"])),
            (FieldType::Texts, json!("[\"a\"]"), json!(["a"])),
            (FieldType::Numbers, json!("[1]"), json!([1])),
            (FieldType::Texts, json!("broken"), json!(null)),
            (FieldType::Number, json!(null), json!(null)),
        ] {
            assert_eq!(from_column(kind, &held), read, "{kind:?} {held}");
        }
    }
}
