//! Row ids that cannot be mixed up.

use std::fmt;
use std::marker::PhantomData;

use auth_jose::Entropy;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Serialize, Serializer};

use crate::crypto::random;

/// The id of a row of kind `K`: an `Id<User>` is never taken for an `Id<Session>`.
#[derive(AsExpression, FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct Id<K>(String, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// A new random id: 32 characters of `a-zA-Z0-9`.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(random::alphanumeric(entropy, "row-id", 32), PhantomData)
    }

    /// An id as a row holds it. Rows made by other programs may use other forms.
    pub(crate) fn from_row(text: String) -> Self {
        Self(text, PhantomData)
    }

    /// An id out of a text that we have signed.
    pub(crate) fn from_signed(text: &str) -> Self {
        Self(text.to_owned(), PhantomData)
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
