//! Queries on the tables of the registry. None runs for a request that only checks a token.

use auth_jose::Timestamp;
use auth_s2s::ServiceName;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};

use crate::crypto::to_hex;
use crate::store::schema::{auth_service, auth_service_assertion, auth_service_code, auth_service_key};
use crate::store::types::At;
use crate::store::{Db, Result, StoreError, on};

/// A row of `authService`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = auth_service)]
pub(super) struct ServiceRow {
    pub(super) name: String,
    pub(super) jwks_url: Option<String>,
    pub(super) created_at: At,
    pub(super) disabled_at: Option<At>,
}

/// A row of `authServiceKey`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = auth_service_key)]
pub(super) struct ServiceKeyRow {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) public_key: String,
    pub(super) created_at: At,
    pub(super) expires_at: Option<At>,
}

impl ServiceKeyRow {
    /// The `kid` of its tokens.
    pub(super) fn kid(&self) -> String {
        format!("{}.{}", self.service, self.id)
    }

    /// Whether it is accepted at `now`, as far as that is known.
    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at.0 > now)
    }
}

/// A row of `authServiceCode`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = auth_service_code)]
pub(super) struct CodeRow {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) created_at: At,
    pub(super) expires_at: At,
}

impl Db {
    /// Every service, by name.
    pub(super) async fn list_services(&mut self) -> Result<Vec<ServiceRow>> {
        let rows = auth_service::table.order(auth_service::name.asc());
        Ok(on!(self, |conn| rows.select(ServiceRow::as_select()).load(conn).await?))
    }

    /// Every key of every service, oldest first.
    pub(super) async fn list_service_keys(&mut self) -> Result<Vec<ServiceKeyRow>> {
        let rows = auth_service_key::table.order(auth_service_key::id.asc());
        let mut rows: Vec<ServiceKeyRow> =
            on!(self, |conn| rows.select(ServiceKeyRow::as_select()).load(conn).await?);
        // Not by SQL, which would sort SQLite's dates as text.
        rows.sort_by_key(|row| row.created_at.0);
        Ok(rows)
    }

    pub(super) async fn find_service(&mut self, name: &str) -> Result<Option<ServiceRow>> {
        let row = auth_service::table.find(name);
        Ok(on!(self, |conn| row.select(ServiceRow::as_select()).first(conn).await.optional()?))
    }

    /// Adds a service. False: there is one of that name.
    pub(super) async fn insert_service(&mut self, row: &ServiceRow) -> Result<bool> {
        let done: Result<usize> = async {
            Ok(on!(self, |conn| diesel::insert_into(auth_service::table).values(row).execute(conn).await?))
        }
        .await;
        is_new(done)
    }

    /// Disables a service from `at` on, or enables it. False: there is none of that name.
    pub(super) async fn update_service(&mut self, name: &str, disabled_at: Option<At>) -> Result<bool> {
        let row = auth_service::table.find(name);
        let set = auth_service::disabled_at.eq(disabled_at);
        on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        // MySQL counts the rows that differ now, not those it found.
        Ok(self.find_service(name).await?.is_some())
    }

    /// Removes a service with its keys and codes. False: there was none.
    pub(super) async fn delete_service(&mut self, name: &str) -> Result<bool> {
        let row = auth_service::table.find(name);
        Ok(on!(self, |conn| diesel::delete(row).execute(conn).await?) > 0)
    }

    pub(super) async fn find_service_key(&mut self, thumbprint: &str) -> Result<Option<ServiceKeyRow>> {
        let row = auth_service_key::table.find(thumbprint);
        Ok(on!(self, |conn| row.select(ServiceKeyRow::as_select()).first(conn).await.optional()?))
    }

    /// Adds a key. False: somebody has registered it.
    pub(super) async fn insert_service_key(&mut self, row: &ServiceKeyRow) -> Result<bool> {
        let done: Result<usize> = async {
            Ok(on!(self, |conn| diesel::insert_into(auth_service_key::table)
                .values(row)
                .execute(conn)
                .await?))
        }
        .await;
        is_new(done)
    }

    /// Sets the end of keys of a service.
    pub(super) async fn update_service_keys(
        &mut self,
        service: &str,
        thumbprints: &[String],
        expires_at: Timestamp,
    ) -> Result<()> {
        let rows = auth_service_key::table
            .filter(auth_service_key::service.eq(service))
            .filter(auth_service_key::id.eq_any(thumbprints));
        let set = auth_service_key::expires_at.eq(Some(At(expires_at)));
        on!(self, |conn| diesel::update(rows).set(set).execute(conn).await?);
        Ok(())
    }

    /// Uses up an assertion that a client made, by its `jti`. Of all racers one gets true.
    pub(crate) async fn claim_assertion(
        &mut self,
        client: &ServiceName,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let text = format!("{client} {id}");
        let id = to_hex(&Sha256::digest(text.as_bytes()));
        let row = (auth_service_assertion::id.eq(id), auth_service_assertion::expires_at.eq(At(expires_at)));
        let done: Result<usize> = async {
            Ok(on!(self, |conn| diesel::insert_into(auth_service_assertion::table)
                .values(row)
                .execute(conn)
                .await?))
        }
        .await;
        is_new(done)
    }

    /// Removes assertions that would be refused anyway.
    pub(super) async fn delete_expired_assertions(&mut self, now: Timestamp) -> Result<()> {
        // Our own rows alone: SQLite's dates are texts of one form, which compare as the dates do.
        let rows = auth_service_assertion::table.filter(auth_service_assertion::expires_at.lt(At(now)));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }

    pub(super) async fn insert_service_code(&mut self, row: &CodeRow) -> Result<()> {
        on!(self, |conn| diesel::insert_into(auth_service_code::table).values(row).execute(conn).await?);
        Ok(())
    }

    pub(super) async fn find_service_code(&mut self, id: &str) -> Result<Option<CodeRow>> {
        let row = auth_service_code::table.find(id);
        Ok(on!(self, |conn| row.select(CodeRow::as_select()).first(conn).await.optional()?))
    }

    /// Uses a code up. Of all racers one gets true.
    pub(super) async fn consume_service_code(&mut self, id: &str) -> Result<bool> {
        let row = auth_service_code::table.find(id);
        Ok(on!(self, |conn| diesel::delete(row).execute(conn).await?) > 0)
    }

    /// Removes the codes of a service: a new one replaces them, and nobody enrols for one that is switched off.
    pub(super) async fn delete_service_codes(&mut self, service: &str) -> Result<()> {
        let rows = auth_service_code::table.filter(auth_service_code::service.eq(service));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }
}

fn is_new(done: Result<usize>) -> Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(StoreError::Duplicate(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
