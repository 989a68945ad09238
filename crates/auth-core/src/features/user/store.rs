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
use crate::store::{Db, Result, on};
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
    /// Adds a user; a taken address is [`crate::store::StoreError::Duplicate`].
    pub(crate) async fn insert_user(&mut self, row: &User) -> Result<()> {
        if row.extra.is_empty() {
            on!(self, |conn| diesel::insert_into(user::table).values(row).execute(conn).await?);
        } else {
            on!(self, |conn| InsertWithFields::user(row).execute(conn).await?);
        }
        Ok(())
    }

    /// Whether the address is taken.
    pub(crate) async fn is_email_taken(&mut self, email: &EmailAddress) -> Result<bool> {
        let query = user::table.filter(user::email.eq(email.as_str())).select(user::id);
        let found: Option<String> = on!(self, |conn| query.first(conn).await.optional()?);
        Ok(found.is_some())
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
