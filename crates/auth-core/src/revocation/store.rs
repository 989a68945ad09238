//! Queries on the tables `auth_revocation` and `auth_revocation_head`.

use auth_jose::Timestamp;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::Revoked;
use crate::store::schema::{revocation, revocation_head};
use crate::store::{Db, Result, StoreError, on};

/// The row of `auth_revocation_head` with the last number.
const HEAD: i32 = 1;

/// The row of `auth_revocation_head` whose number is no last number, but a name for this list.
const IDENTITY: i32 = 2;

/// The kinds of entries that there are. A later version may write others.
const KINDS: [&str; 4] = ["kid", "sid", "sub", "jti"];

/// How many rows are removed by one statement.
const REMOVED_AT_ONCE: i64 = 1000;

#[derive(Insertable)]
#[diesel(table_name = revocation)]
struct NewRow<'a> {
    number: i64,
    kind: &'static str,
    name: &'a str,
    issued_before: i64,
    expires_at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = revocation)]
struct Row {
    number: i64,
    kind: String,
    name: String,
    issued_before: i64,
    expires_at: i64,
}

/// A stored withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: i64,
    pub(crate) what: Revoked,
    /// When it may be forgotten, in seconds since 1970.
    pub(crate) expires_at: i64,
}

impl Revoked {
    fn columns(&self) -> (&'static str, &str, i64) {
        match self {
            Self::Key(kid) => ("kid", kid, 0),
            Self::Session(sid) => ("sid", sid, 0),
            Self::Subject { sub, issued_before } => ("sub", sub, *issued_before),
            Self::Token(jti) => ("jti", jti, 0),
        }
    }
}

impl Entry {
    /// When it was written, or a little later: numbers begin with the time.
    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.number / 1000)
    }
}

impl Row {
    /// Nothing for a kind that a later version has written.
    fn into_entry(self) -> Option<Entry> {
        let what = match self.kind.as_str() {
            "kid" => Revoked::Key(self.name),
            "sid" => Revoked::Session(self.name),
            "sub" => Revoked::Subject { sub: self.name, issued_before: self.issued_before },
            "jti" => Revoked::Token(self.name),
            _ => return None,
        };
        Some(Entry { number: self.number, what, expires_at: self.expires_at })
    }
}

impl Db {
    /// Inside a transaction, as its last statements: whoever numbers entries makes all others wait until it has
    /// committed, so that numbers become visible in their order. A number is the time in microseconds, or the
    /// next free one: a restored or new database gives no number twice.
    pub(crate) async fn insert_revocations(
        &mut self,
        what: &[Revoked],
        until: i64,
        now: Timestamp,
    ) -> Result<()> {
        let count = i64::try_from(what.len()).unwrap_or(i64::MAX);
        let by_time = now.millis().saturating_mul(1000).saturating_add(count);
        let by_count = || revocation_head::last + count;
        let last = case_when::<_, _, BigInt>(by_count().lt(by_time), by_time).otherwise(by_count());
        let head = revocation_head::table.find(HEAD);
        let set = revocation_head::last.eq(last);
        let found = on!(self, |conn| diesel::update(head).set(set).execute(conn).await?);
        if found == 0 {
            let row = (revocation_head::id.eq(HEAD), revocation_head::last.eq(by_time));
            on!(self, |conn| diesel::insert_into(revocation_head::table).values(row).execute(conn).await?);
        }
        let last: i64 = on!(self, |conn| head.select(revocation_head::last).first(conn).await?);
        for (number, revoked) in (last - count + 1..).zip(what) {
            let (kind, name, issued_before) = revoked.columns();
            let row = NewRow { number, kind, name, issued_before, expires_at: until };
            on!(self, |conn| diesel::insert_into(revocation::table).values(row).execute(conn).await?);
        }
        Ok(())
    }

    /// The number of the last entry.
    pub(super) async fn last_revocation(&mut self) -> Result<i64> {
        let head = revocation_head::table.find(HEAD).select(revocation_head::last);
        let last: Option<i64> = on!(self, |conn| head.first(conn).await.optional()?);
        Ok(last.unwrap_or_default())
    }

    /// The number by which this list is told from those of other databases: `fresh` if it has none yet.
    pub(super) async fn name_revocations(&mut self, fresh: i64) -> Result<i64> {
        let named = revocation_head::table.find(IDENTITY).select(revocation_head::last);
        let known: Option<i64> = on!(self, |conn| named.first(conn).await.optional()?);
        if let Some(known) = known {
            return Ok(known);
        }
        let row = (revocation_head::id.eq(IDENTITY), revocation_head::last.eq(fresh));
        let given: Result<usize> = async {
            Ok(on!(self, |conn| diesel::insert_into(revocation_head::table)
                .values(row)
                .execute(conn)
                .await?))
        }
        .await;
        match given {
            // Another server was faster.
            Err(StoreError::Duplicate(_)) => Ok(on!(self, |conn| named.first(conn).await?)),
            Err(error) => Err(error),
            Ok(_) => Ok(fresh),
        }
    }

    /// The entries after a number that still matter, in their order, so many at most.
    pub(super) async fn list_revocations(&mut self, after: i64, now: i64, limit: i64) -> Result<Vec<Entry>> {
        // By kind here, so that a page is as long as its limit unless it is the last one.
        let rows = revocation::table
            .filter(revocation::number.gt(after).and(revocation::expires_at.gt(now)))
            .filter(revocation::kind.eq_any(KINDS))
            .order(revocation::number.asc())
            .limit(limit);
        let rows: Vec<Row> = on!(self, |conn| rows.select(Row::as_select()).load(conn).await?);
        Ok(rows.into_iter().filter_map(Row::into_entry).collect())
    }

    /// The entries, of whatever kind, with one of these names.
    pub(super) async fn list_revocations_of(&mut self, names: &[&str]) -> Result<Vec<Entry>> {
        let rows = revocation::table.filter(revocation::name.eq_any(names)).order(revocation::number.asc());
        let rows: Vec<Row> = on!(self, |conn| rows.select(Row::as_select()).load(conn).await?);
        Ok(rows.into_iter().filter_map(Row::into_entry).collect())
    }

    /// Removes entries that no token is left of. By their numbers, so that no range is locked against those who
    /// write at the same time.
    pub(super) async fn delete_old_revocations(&mut self, now: i64) -> Result<()> {
        loop {
            let old = revocation::table
                .filter(revocation::expires_at.le(now))
                .order(revocation::expires_at.asc())
                .select(revocation::number)
                .limit(REMOVED_AT_ONCE);
            let old: Vec<i64> = on!(self, |conn| old.load(conn).await?);
            if old.is_empty() {
                return Ok(());
            }
            let rows = revocation::table.filter(revocation::number.eq_any(&old));
            on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        }
    }
}
