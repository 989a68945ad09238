//! Row ids that cannot be mixed up, and where new ones come from.

use std::fmt;
use std::marker::PhantomData;

use auth_jose::Entropy;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Serialize, Serializer};

use crate::crypto::random;
use crate::store::types::RowId;

/// The id of a row of kind `K`: an `Id<User>` is never taken for an `Id<Session>`.
///
/// It is text everywhere but in the database, whose columns may hold something else ([`IdForm`]). Where the database
/// makes the ids, that of a new row is empty until the row is inserted.
#[derive(AsExpression, FromSqlRow)]
#[diesel(sql_type = RowId)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct Id<K> {
    text: String,
    form: IdForm,
    kind: PhantomData<fn() -> K>,
}

/// What the columns that hold ids are to the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdForm {
    /// Text of any kind.
    #[default]
    Text,
    /// PostgreSQL's `uuid`, and MariaDB's.
    Uuid,
    /// PostgreSQL's `smallint`.
    Int2,
    /// PostgreSQL's `integer`.
    Int4,
    /// PostgreSQL's `bigint`; every whole number of the other databases.
    Int8,
}

impl IdForm {
    /// Whether ids are whole numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    /// `text` as the database would show it, if a column of this form can hold it.
    fn canonical(self, text: &str) -> Option<String> {
        let is_plain = |number: String| (number == text).then_some(number);
        match self {
            Self::Text => Some(text.to_owned()),
            Self::Uuid => {
                let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
                let fits = |(at, byte): (usize, u8)| match is_dash(at) {
                    true => byte == b'-',
                    false => byte.is_ascii_hexdigit(),
                };
                let is_uuid = text.len() == 36 && text.bytes().enumerate().all(fits);
                is_uuid.then(|| text.to_ascii_lowercase())
            }
            Self::Int2 => is_plain(text.parse::<i16>().ok()?.to_string()),
            Self::Int4 => is_plain(text.parse::<i32>().ok()?.to_string()),
            Self::Int8 => is_plain(text.parse::<i64>().ok()?.to_string()),
        }
    }
}

/// Who makes the ids of new rows: `advanced.database.generateId`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GenerateId {
    /// We do: 32 characters of `a-zA-Z0-9`.
    #[default]
    Random,
    /// We do: UUIDs of version 4.
    Uuid,
    /// The database counts.
    Serial,
    /// The database, in its own way.
    Database,
}

/// The ids of the tables at hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ids {
    /// What the columns hold.
    pub form: IdForm,
    /// Who makes new ones.
    pub generate: GenerateId,
}

impl Ids {
    /// The id of a new row; empty where the database makes it.
    #[must_use]
    pub fn fresh<K>(self, entropy: &dyn Entropy) -> Id<K> {
        let text = match self.generate {
            GenerateId::Random => random::alphanumeric(entropy, "row-id", 32),
            GenerateId::Uuid => random::uuid(entropy, "row-id"),
            GenerateId::Serial | GenerateId::Database => String::new(),
        };
        Id::of(text, self.form)
    }

    /// An id that was written down as text: in what we have signed, or in another column. None: no row can have it.
    #[must_use]
    pub fn parse<K>(self, text: &str) -> Option<Id<K>> {
        let text = self.form.canonical(text).filter(|text| !text.is_empty())?;
        Some(Id::of(text, self.form))
    }
}

impl<K> Id<K> {
    /// An id as a column of this form holds it.
    pub(crate) fn of(text: String, form: IdForm) -> Self {
        Self { text, form, kind: PhantomData }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn form(&self) -> IdForm {
        self.form
    }

    /// The id, unless the database has yet to make it.
    pub(crate) fn given(&self) -> Option<&Self> {
        (!self.text.is_empty()).then_some(self)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self::of(self.text.clone(), self.form)
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use auth_jose::entropy::SeededEntropy;

    use super::*;

    struct Row;

    fn ids(form: IdForm, generate: GenerateId) -> Ids {
        Ids { form, generate }
    }

    #[test]
    fn new_ids_are_as_configured() {
        let entropy = SeededEntropy::new(1);
        let fresh = |generate| ids(IdForm::Text, generate).fresh::<Row>(&entropy);
        let random = fresh(GenerateId::Random);
        assert_eq!(random.as_str().len(), 32);
        assert!(random.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let uuid = fresh(GenerateId::Uuid);
        assert!(ids(IdForm::Uuid, GenerateId::Uuid).parse::<Row>(uuid.as_str()) == Some(uuid.clone()));
        assert!(uuid.given().is_some());
        for generate in [GenerateId::Serial, GenerateId::Database] {
            assert!(fresh(generate).given().is_none());
        }
    }

    #[test]
    fn only_what_a_column_can_hold_is_an_id() {
        let parse = |form, text: &str| {
            let id = ids(form, GenerateId::Random).parse::<Row>(text);
            id.map(|id| id.as_str().to_owned())
        };
        let uuid = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9";
        for (form, text) in [
            (IdForm::Text, "any thing"),
            (IdForm::Uuid, uuid),
            (IdForm::Int2, "32767"),
            (IdForm::Int4, "2147483647"),
            (IdForm::Int8, "9223372036854775807"),
            (IdForm::Int8, "-1"),
        ] {
            assert_eq!(parse(form, text).as_deref(), Some(text));
        }
        assert_eq!(parse(IdForm::Uuid, &uuid.to_uppercase()).as_deref(), Some(uuid));
        let braced = format!("{{{uuid}}}");
        for (form, texts) in [
            (IdForm::Text, &[""] as &[&str]),
            (
                IdForm::Uuid,
                &["", "1", uuid.split_at(1).1, &braced, "0a1b2c3d04e5f04071082930a4b5c6d7e8f9", "g a"],
            ),
            (IdForm::Int2, &["", "32768"]),
            (IdForm::Int4, &["", "2147483648", "1x", " 1", "01", "+1", "1.0", "0x1", "\u{661}"]),
            (IdForm::Int8, &["", "9223372036854775808", "1 OR 1=1", "-0"]),
        ] {
            for text in texts {
                assert_eq!(parse(form, text), None, "{form:?} {text:?}");
            }
        }
    }
}
