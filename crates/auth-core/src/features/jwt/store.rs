//! Queries on the `jwks` table. They run at start and in the background, never for a request.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::store::schema::jwks;
use crate::store::types::At;
use crate::store::{Db, Result, on};

/// A row of the `jwks` table.
#[derive(Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = jwks)]
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) public_key: String,
    pub(super) private_key: String,
    pub(super) created_at: At,
    pub(super) expires_at: Option<At>,
    pub(super) alg: Option<String>,
    pub(super) crv: Option<String>,
}

impl Db {
    /// Every key, newest first.
    pub(super) async fn list_keys(&mut self) -> Result<Vec<KeyRow>> {
        let rows = jwks::table.order(jwks::id.asc());
        let mut rows: Vec<KeyRow> = on!(self, |conn| rows.select(KeyRow::as_select()).load(conn).await?);
        // Not by SQL, which would sort SQLite's dates as text.
        rows.sort_by_key(|row| std::cmp::Reverse(row.created_at.0));
        Ok(rows)
    }

    /// The private parts of all keys, in tables of every version.
    pub(super) async fn list_private_keys(&mut self) -> Result<Vec<String>> {
        Ok(on!(self, |conn| jwks::table.select(jwks::private_key).load(conn).await?))
    }

    /// Adds a key.
    pub(super) async fn insert_key(&mut self, row: &KeyRow) -> Result<()> {
        on!(self, |conn| diesel::insert_into(jwks::table).values(row).execute(conn).await?);
        Ok(())
    }
}
