//! Queries on the `user` table.

use diesel::backend::Backend;
use diesel::deserialize;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::User;
use crate::fields::{DeclaredFields, FieldValues};
use crate::id::Id;
use crate::store::fields::{FieldsJson, InsertWithFields, Table, UpdateFields};
use crate::store::schema::user;
use crate::store::types::At;
use crate::store::{Db, Result, insert_row, made_id, on};
use crate::wire::email::EmailAddress;

/// The columns of a row, in the order of [`schema`](crate::store::schema).
#[derive(Queryable, Selectable)]
#[diesel(table_name = user)]
pub struct Row {
    id: Id<User>,
    name: String,
    email: String,
    email_verified: bool,
    image: Option<String>,
    created_at: At,
    updated_at: At,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            image: row.image,
            created_at: row.created_at,
            updated_at: row.updated_at,
            extra: FieldValues::default(),
        }
    }
}

/// Read as its columns: declared fields are read beside them, where there are some.
impl<DB: Backend> Selectable<DB> for User
where
    Row: Selectable<DB>,
{
    type SelectExpression = <Row as Selectable<DB>>::SelectExpression;

    fn construct_selection() -> Self::SelectExpression {
        Row::construct_selection()
    }
}

impl<ST, DB: Backend> Queryable<ST, DB> for User
where
    Row: Queryable<ST, DB>,
{
    type Row = <Row as Queryable<ST, DB>>::Row;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Row::build(row).map(Self::from)
    }
}

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
    /// Adds a user, whose id may be the database's to make; a taken address is
    /// [`crate::store::StoreError::Duplicate`].
    pub(crate) async fn insert_user(&mut self, row: &mut User) -> Result<()> {
        if row.extra.is_empty() {
            insert_row!(self, user, row);
        } else if row.id.given().is_some() {
            on!(self, |conn| InsertWithFields::user(row).execute(conn).await?);
        } else {
            let insert = || InsertWithFields::user(row);
            row.id = made_id!(self, user, insert(), insert());
        }
        Ok(())
    }

    /// Whether the address is taken.
    pub(crate) async fn is_email_taken(&mut self, email: &EmailAddress) -> Result<bool> {
        let query = user::table.filter(user::email.eq(email.as_str())).select(user::id);
        let found: Option<Id<User>> = on!(self, |conn| query.first(conn).await.optional()?);
        Ok(found.is_some())
    }

    /// The user of an address.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_user_by_email(
        &mut self,
        email: &EmailAddress,
        fields: &DeclaredFields,
    ) -> Result<Option<User>> {
        let row = user::table.filter(user::email.eq(email.as_str()));
        let mut found: Option<User> =
            on!(self, |conn| row.select(User::as_select()).first(conn).await.optional()?);
        if let Some(user) = &mut found {
            self.read_user_fields(user, fields).await?;
        }
        Ok(found)
    }

    /// The user of an id.
    pub(crate) async fn find_user(&mut self, id: &Id<User>, fields: &DeclaredFields) -> Result<Option<User>> {
        let mut found: Option<User> =
            on!(self, |conn| user::table.find(id).select(User::as_select()).first(conn).await.optional()?);
        if let Some(user) = &mut found {
            self.read_user_fields(user, fields).await?;
        }
        Ok(found)
    }

    /// Inside a transaction: until its end nobody else changes this user or locks it. False: the user is
    /// gone. A write that changes nothing, because that locks a row on every database; what is read after it
    /// is what the holder before has committed.
    pub(crate) async fn lock_user(&mut self, id: &Id<User>) -> Result<bool> {
        let row = diesel::update(user::table.find(id)).set(user::email.eq(user::email));
        let locked = on!(self, |conn| row.execute(conn).await?);
        Ok(locked == 1)
    }

    /// Gives a user another address; a taken one is [`crate::store::StoreError::Duplicate`]. False: the
    /// user is gone or has not the address `old` any more.
    pub(crate) async fn replace_email(
        &mut self,
        id: &Id<User>,
        old: &str,
        new: &EmailAddress,
        verified: bool,
        now: At,
    ) -> Result<bool> {
        let row = user::table.filter(user::id.eq(id).and(user::email.eq(old)));
        let set = (user::email.eq(new.as_str()), user::email_verified.eq(verified), user::updated_at.eq(now));
        let changed = on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(changed == 1)
    }

    /// Marks a user's address as proven. False: the user is gone, has another address, or is proven already.
    pub(crate) async fn verify_email(&mut self, id: &Id<User>, email: &str, now: At) -> Result<bool> {
        let row = user::table
            .filter(user::id.eq(id).and(user::email.eq(email)).and(user::email_verified.eq(false)));
        let set = (user::email_verified.eq(true), user::updated_at.eq(now));
        let changed = on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(changed == 1)
    }

    /// Removes a user. Sessions and accounts refer to the row: they go first. False: the user is gone.
    pub(crate) async fn delete_user(&mut self, id: &Id<User>) -> Result<bool> {
        let gone = on!(self, |conn| diesel::delete(user::table.find(id)).execute(conn).await?);
        Ok(gone == 1)
    }

    /// Changes a user's row. False: the user is gone.
    pub(crate) async fn update_user(&mut self, id: &Id<User>, patch: &UserPatch) -> Result<bool> {
        let changed = on!(self, |conn| diesel::update(user::table.find(id)).set(patch).execute(conn).await?);
        Ok(changed == 1)
    }

    /// Changes declared fields of a user.
    pub(crate) async fn update_user_fields(&mut self, id: &Id<User>, values: &FieldValues) -> Result<()> {
        let update = UpdateFields::new(Table::User, id, values);
        on!(self, |conn| update.execute(conn).await?);
        Ok(())
    }

    /// Reads a user's declared fields, where there are some and the user was read without them.
    pub(crate) async fn read_user_fields(&mut self, user: &mut User, fields: &DeclaredFields) -> Result<()> {
        if fields.is_empty() {
            return Ok(());
        }
        let query = user::table.find(&user.id).select(FieldsJson(Table::User, fields));
        let json: Option<String> = on!(self, |conn| query.first(conn).await.optional()?);
        user.extra = json.map(|json| fields.read_row(&json)).unwrap_or_default();
        Ok(())
    }
}
