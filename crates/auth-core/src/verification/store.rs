//! Queries on the `verification` table.

use auth_jose::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Identifier, Verification};
use crate::features::user::User;
use crate::id::Id;
use crate::store::schema::verification;
use crate::store::types::{At, IdIn};
use crate::store::{Db, Result, on};

/// How many expired values one look-up removes: no request pays for a full table.
const SWEPT_AT_ONCE: i64 = 1000;

impl Db {
    /// Adds a one-time value.
    pub(crate) async fn insert_verification(&mut self, row: &Verification) -> Result<()> {
        let id = row.id.given().map(|id| verification::id.eq(id));
        on!(self, |conn| diesel::insert_into(verification::table).values((id, row)).execute(conn).await?);
        Ok(())
    }

    /// Removes values that have expired, some of them if there are many.
    pub(crate) async fn delete_expired_verifications(&mut self, now: Timestamp) -> Result<()> {
        let rows = verification::table
            .filter(verification::expires_at.lt(At(now)))
            .select((verification::id, verification::expires_at))
            .limit(SWEPT_AT_ONCE);
        let mut rows: Vec<(Id<Verification>, At)> = on!(self, |conn| rows.load(conn).await?);
        // Once more, here: to SQLite a date that another program wrote as a number comes before every text.
        rows.retain(|(_, expires_at)| expires_at.0 < now);
        if rows.is_empty() {
            return Ok(());
        }
        let rows =
            verification::table.filter(IdIn(verification::id, rows.into_iter().map(|(id, _)| id).collect()));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }

    /// The newest live value of a name. It may be gone a moment later: who acts on it has to consume it.
    pub(crate) async fn find_verification(
        &mut self,
        name: &Identifier,
        now: Timestamp,
    ) -> Result<Option<Verification>> {
        let rows = self.list_verifications(name).await?;
        let live = rows.into_iter().filter(|row| row.expires_at.0 >= now);
        Ok(live.max_by_key(|row| row.created_at.0))
    }

    /// The newest value of a name, expired or not: for values that say themselves when they end.
    pub(crate) async fn find_verification_of_any_age(
        &mut self,
        name: &Identifier,
    ) -> Result<Option<Verification>> {
        Ok(self.list_verifications(name).await?.into_iter().max_by_key(|row| row.created_at.0))
    }

    async fn list_verifications(&mut self, name: &Identifier) -> Result<Vec<Verification>> {
        let rows = verification::table
            .filter(verification::identifier.eq(&name.stored).or(verification::identifier.eq(&name.plain)));
        let rows: Vec<Verification> =
            on!(self, |conn| rows.select(Verification::as_select()).load(conn).await?);
        Ok(rows)
    }

    /// Uses up a live value that was found. Of all racers one gets true.
    ///
    /// One statement, guarded by its affected rows. What the row says never changes, so having read it before
    /// is as good as `RETURNING`, which MySQL does not have.
    pub(crate) async fn consume_verification(&mut self, found: &Verification) -> Result<bool> {
        let rows = verification::table
            .filter(verification::identifier.eq(&found.identifier))
            .filter(verification::value.eq(&found.value));
        let gone = on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(gone > 0)
    }

    /// Removes every one-time value that acts on a user.
    pub(crate) async fn delete_verifications_of(&mut self, user: &Id<User>) -> Result<()> {
        let rows = verification::table.filter(verification::value.eq(user.as_str()));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }

    /// Inside a transaction that has locked the link's user: marks a link as used. False: it was used before.
    pub(crate) async fn claim_link(&mut self, mark: &Verification) -> Result<bool> {
        let earlier = verification::table
            .filter(verification::identifier.eq(&mark.identifier))
            .select(verification::value);
        let used: Option<String> = on!(self, |conn| earlier.first(conn).await.optional()?);
        if used.is_none() {
            self.insert_verification(mark).await?;
        }
        Ok(used.is_none())
    }
}
