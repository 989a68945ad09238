//! Fields that an operator declares for users and sessions beside upstream's own: each is a column of its
//! own, checked on the way in, and part of every answer unless it is not to be returned.
//!
//! Values are JSON values of the field's type. Dates are ISO 8601 texts.

pub mod codes;
mod input;
mod value;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde_json::{Map, Value};

pub(crate) use input::SentFields;

/// What a field holds, by upstream's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// `string`
    Text,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `string[]`
    Texts,
    /// `number[]`
    Numbers,
}

impl FieldType {
    /// The words, as the configuration writes them.
    pub const WORDS: &'static [&'static str] =
        &["string", "number", "boolean", "date", "string[]", "number[]"];
}

impl FromStr for FieldType {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Ok(match word {
            "string" => Self::Text,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "string[]" => Self::Texts,
            "number[]" => Self::Numbers,
            _ => return Err(()),
        })
    }
}

/// A name of the operator's that becomes part of a statement: a letter or `_`, then letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

impl Identifier {
    /// PostgreSQL cuts longer names.
    const MAX_LENGTH: usize = 63;

    /// The name, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_name = starts_well && text.len() <= Self::MAX_LENGTH && text.chars().all(is_plain);
        is_name.then(|| Self(text.to_owned()))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One declared field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The member on the wire.
    pub name: Identifier,
    /// The column.
    pub column: Identifier,
    /// What it holds.
    pub kind: FieldType,
    /// A new row needs a value.
    pub required: bool,
    /// The value of new rows that are given none.
    pub default: Option<Value>,
    /// Clients may set it.
    pub input: bool,
    /// Clients may see it.
    pub returned: bool,
}

/// The declared fields of one table, in the order of the configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeclaredFields(Vec<Arc<Field>>);

impl DeclaredFields {
    /// These fields; names and columns are already known to differ.
    #[must_use]
    pub fn new(fields: Vec<Field>) -> Self {
        Self(fields.into_iter().map(Arc::new).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Field>> {
        self.0.iter()
    }

    /// The values of a row, out of a JSON list in the fields' order.
    pub(crate) fn read_row(&self, json: &str) -> FieldValues {
        let values: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
        let mut values = values.into_iter();
        self.each(|field| value::from_column(field.kind, &values.next().unwrap_or_default()))
    }

    /// The values in an object that we wrote and signed ourselves. What was not returned is `null`.
    pub(crate) fn read_view(&self, view: &Value) -> FieldValues {
        self.each(|field| view.get(field.name.as_str()).cloned().unwrap_or_default())
    }

    /// The members of a body that name declared fields, not checked yet.
    pub(crate) fn pick(&self, members: &Map<String, Value>) -> SentFields {
        let sent = |field: &Arc<Field>| Some((field.clone(), members.get(field.name.as_str())?.clone()));
        SentFields(self.0.iter().filter_map(sent).collect())
    }

    fn each(&self, mut value: impl FnMut(&Field) -> Value) -> FieldValues {
        FieldValues(self.0.iter().map(|field| (field.clone(), value(field))).collect())
    }
}

/// The declared fields of all tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdditionalFields {
    /// Of users.
    pub user: DeclaredFields,
    /// Of sessions.
    pub session: DeclaredFields,
}

impl AdditionalFields {
    /// Their columns, as (table, column).
    #[must_use]
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        let tables = [("user", &self.user), ("session", &self.session)];
        let columns = tables
            .into_iter()
            .flat_map(|(table, fields)| fields.iter().map(move |field| (table, field.column.as_str())));
        columns.collect()
    }
}

/// Values of declared fields: all of a row's, or those that change.
#[derive(Clone, Default, PartialEq)]
pub struct FieldValues(Vec<(Arc<Field>, Value)>);

impl FieldValues {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field.name.as_str() == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Field, &Value)> {
        self.0.iter().map(|(field, value)| (&**field, value))
    }

    /// These values, with those of `changes` instead where it has some.
    pub(crate) fn change(&mut self, changes: &Self) {
        for (field, value) in &changes.0 {
            if let Some((_, old)) = self.0.iter_mut().find(|(known, _)| known.name == field.name) {
                *old = value.clone();
            }
        }
    }

    /// Writes what clients may see.
    pub(crate) fn write_to<M: SerializeMap>(&self, out: &mut M) -> Result<(), M::Error> {
        for (field, value) in self.iter().filter(|(field, _)| field.returned) {
            out.serialize_entry(field.name.as_str(), value)?;
        }
        Ok(())
    }
}

/// Values are the users' own affair: logs get the names.
impl fmt::Debug for FieldValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(field, _)| field.name.as_str())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_reach_a_statement_are_plain() {
        for good in ["a", "_a1", "camelCase", "snake_case"] {
            assert_eq!(Identifier::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(64);
        for bad in ["", "1a", "a b", "a\"b", "a;--", "ä", "a.b", "a-b", "a\0", &long] {
            assert_eq!(Identifier::parse(bad), None, "{bad:?}");
        }
    }
}
