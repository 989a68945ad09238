//! Queries on upstream's `jwks` table and on `signingKey`, our own. They run at start and in the background, never
//! for a request.

use auth_jose::{Algorithm, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::lifecycle::{Life, Phase};
use crate::id::Id;
use crate::store::schema::{jwks, signing_key};
use crate::store::types::At;
use crate::store::{Db, Result, insert_row, on};

/// A row of the `jwks` table.
#[derive(Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = jwks)]
pub(super) struct KeyRow {
    #[diesel(skip_insertion)]
    pub(super) id: Id<KeyRow>,
    pub(super) public_key: String,
    pub(super) private_key: String,
    pub(super) created_at: At,
    pub(super) expires_at: Option<At>,
    pub(super) alg: Option<String>,
    pub(super) crv: Option<String>,
}

/// A row of the `signingKey` table. `signing` holds the algorithm while the key signs; it is unique.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = signing_key, primary_key(kid), treat_none_as_null = true)]
struct LifeRow {
    kid: String,
    alg: String,
    generation: i32,
    state: String,
    signing: Option<String>,
    published_at: At,
    signs_from: At,
    retires_at: Option<At>,
    gone_at: Option<At>,
    revoked_at: Option<At>,
}

impl From<&Life> for LifeRow {
    fn from(life: &Life) -> Self {
        Self {
            kid: life.kid.clone(),
            alg: life.alg.as_str().to_owned(),
            generation: life.generation,
            state: life.phase.as_str().to_owned(),
            signing: (life.phase == Phase::Signing).then(|| life.alg.as_str().to_owned()),
            published_at: At(life.published_at),
            signs_from: At(life.signs_from),
            retires_at: life.retires_at.map(At),
            gone_at: life.gone_at.map(At),
            revoked_at: life.revoked_at.map(At),
        }
    }
}

impl LifeRow {
    fn into_life(self) -> Option<Life> {
        let (Ok(alg), Ok(phase)) = (self.alg.parse::<Algorithm>(), self.state.parse()) else {
            tracing::warn!(
                kid = self.kid,
                alg = self.alg,
                state = self.state,
                "a stored key has a state that this version does not know"
            );
            return None;
        };
        Some(Life {
            kid: self.kid,
            alg,
            generation: self.generation,
            phase,
            published_at: self.published_at.0,
            signs_from: self.signs_from.0,
            retires_at: self.retires_at.map(|at| at.0),
            gone_at: self.gone_at.map(|at| at.0),
            revoked_at: self.revoked_at.map(|at| at.0),
        })
    }
}

impl Db {
    /// Every key.
    pub(super) async fn list_keys(&mut self) -> Result<Vec<KeyRow>> {
        let rows = jwks::table.order(jwks::id.asc());
        Ok(on!(self, |conn| rows.select(KeyRow::as_select()).load(conn).await?))
    }

    /// What is known of the keys' lives, also of keys that are gone.
    pub(super) async fn list_lives(&mut self) -> Result<Vec<Life>> {
        let rows = signing_key::table.order((signing_key::alg.asc(), signing_key::generation.asc()));
        let rows: Vec<LifeRow> = on!(self, |conn| rows.select(LifeRow::as_select()).load(conn).await?);
        Ok(rows.into_iter().filter_map(LifeRow::into_life).collect())
    }

    /// The private parts of all keys, in tables of every version.
    pub(super) async fn list_private_keys(&mut self) -> Result<Vec<String>> {
        Ok(on!(self, |conn| jwks::table.select(jwks::private_key).load(conn).await?))
    }

    /// Adds a key, whose id may be the database's to make.
    pub(super) async fn insert_key(&mut self, row: &mut KeyRow) -> Result<()> {
        insert_row!(self, jwks, row);
        Ok(())
    }

    /// Writes when a key was made, which decides for a Better Auth server whether it is the newest one.
    pub(super) async fn update_key_start(&mut self, id: &Id<KeyRow>, at: Timestamp) -> Result<()> {
        let row = jwks::table.filter(jwks::id.eq(id));
        let set = jwks::created_at.eq(At(at));
        on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(())
    }

    /// Writes when a key ends, from when on a Better Auth server does not sign with it. An end that is there stays.
    pub(super) async fn update_key_end(&mut self, id: &Id<KeyRow>, at: Timestamp) -> Result<()> {
        let row = jwks::table.filter(jwks::id.eq(id).and(jwks::expires_at.is_null()));
        let set = jwks::expires_at.eq(At(at));
        on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(())
    }

    /// Replaces a key's sealed private part, if it is still the one that was read.
    pub(super) async fn update_private_key(&mut self, id: &Id<KeyRow>, old: &str, new: &str) -> Result<bool> {
        let row = jwks::table.filter(jwks::id.eq(id).and(jwks::private_key.eq(old)));
        let set = jwks::private_key.eq(new);
        let changed = on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(changed > 0)
    }

    /// Removes a key, its private part included.
    pub(super) async fn delete_key(&mut self, id: &Id<KeyRow>) -> Result<()> {
        let row = jwks::table.filter(jwks::id.eq(id));
        on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(())
    }

    /// Adds what is known of a key.
    pub(super) async fn insert_life(&mut self, life: &Life) -> Result<()> {
        let row = LifeRow::from(life);
        on!(self, |conn| diesel::insert_into(signing_key::table).values(&row).execute(conn).await?);
        Ok(())
    }

    /// Writes what is known of a key.
    pub(super) async fn update_life(&mut self, life: &Life) -> Result<()> {
        let row = LifeRow::from(life);
        let found = signing_key::table.filter(signing_key::kid.eq(&life.kid));
        on!(self, |conn| diesel::update(found).set(&row).execute(conn).await?);
        Ok(())
    }
}
