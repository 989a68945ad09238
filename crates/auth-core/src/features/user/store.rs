//! Queries on the `user` table.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::User;
use crate::id::Id;
use crate::store::schema::user;
use crate::store::types::At;
use crate::store::{Db, Result, on};
use crate::wire::email::EmailAddress;

/// Changes to a user's row; `None` leaves a column as it is.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = user)]
pub struct UserPatch {
    /// The new name.
    pub name: Option<String>,
    /// The new picture; the inner `None` removes it.
    pub image: Option<Option<String>>,
    /// When the change happens.
    pub updated_at: At,
}

impl Db {
    /// Adds a user; a taken address is [`crate::store::StoreError::Duplicate`].
    pub(crate) async fn insert_user(&mut self, row: &User) -> Result<()> {
        on!(self, |conn| diesel::insert_into(user::table).values(row).execute(conn).await?);
        Ok(())
    }

    /// Whether the address is taken.
    pub(crate) async fn is_email_taken(&mut self, email: &EmailAddress) -> Result<bool> {
        let query = user::table.filter(user::email.eq(email.as_str())).select(user::id);
        let found: Option<String> = on!(self, |conn| query.first(conn).await.optional()?);
        Ok(found.is_some())
    }

    /// The user of an id.
    pub(crate) async fn find_user(&mut self, id: &Id<User>) -> Result<Option<User>> {
        Ok(on!(self, |conn| user::table.find(id).select(User::as_select()).first(conn).await.optional()?))
    }

    /// Changes a user's row. False: the user is gone.
    pub(crate) async fn update_user(&mut self, id: &Id<User>, patch: &UserPatch) -> Result<bool> {
        let changed = on!(self, |conn| diesel::update(user::table.find(id)).set(patch).execute(conn).await?);
        Ok(changed == 1)
    }
}
