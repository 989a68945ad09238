//! Counts in the table `rateLimit`, shared by all servers on a database.

use auth_jose::Timestamp;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Decision;
use crate::app::App;
use crate::config::Rule;
use crate::id::Id;
use crate::store::schema::rate_limit;
use crate::store::{Db, Result, StoreError, on};

/// Kind of the ids of this table's rows.
pub(super) struct RateLimitRow;

#[derive(Insertable)]
#[diesel(table_name = rate_limit)]
struct NewBucket<'a> {
    key: &'a str,
    count: i32,
    last_request: i64,
}

impl Db {
    /// Counts a request unless its window is full. One statement decides, so that parallel requests cannot
    /// all pass on one old count.
    pub(super) async fn take_from_bucket(
        &mut self,
        key: &str,
        rule: Rule,
        now: Timestamp,
        app: &App,
    ) -> Result<Decision> {
        let (now, window) = (now.millis(), rule.window_millis());
        let max = i32::try_from(rule.max).unwrap_or(i32::MAX);
        // Twice at most: another server may make or remove the row between two statements.
        for _ in 0..2 {
            // A count from the future is one of a clock that was wrong.
            let is_over =
                || rate_limit::last_request.le(now - window).or(rate_limit::last_request.ge(now + window));
            let open = rate_limit::table
                .filter(rate_limit::key.eq(key).and(rate_limit::count.lt(max).or(is_over())));
            let count =
                case_when::<_, _, diesel::sql_types::Integer>(is_over(), 1).otherwise(rate_limit::count + 1);
            let set = (rate_limit::count.eq(count), rate_limit::last_request.eq(now));
            let counted = on!(self, |conn| diesel::update(open).set(set).execute(conn).await?);
            if counted > 0 {
                return Ok(Decision::Allowed);
            }
            let full = rate_limit::table.filter(rate_limit::key.eq(key)).select(rate_limit::last_request);
            let last: Option<i64> = on!(self, |conn| full.first(conn).await.optional()?);
            if let Some(last) = last {
                return Ok(Decision::Denied { retry_in: (last + window - now).clamp(0, window) });
            }
            if rule.max == 0 {
                break;
            }
            let id: Id<RateLimitRow> = app.new_id();
            let id = id.given().map(|id| rate_limit::id.eq(id));
            let inserted = on!(self, |conn| diesel::insert_into(rate_limit::table)
                .values((id, NewBucket { key, count: 1, last_request: now }))
                .execute(conn)
                .await
                .map_err(StoreError::from));
            match inserted {
                Ok(_) => return Ok(Decision::Allowed),
                Err(StoreError::Duplicate(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Decision::Denied { retry_in: window })
    }

    /// Takes one counted request back.
    pub(super) async fn give_back_to_bucket(&mut self, key: &str) -> Result<()> {
        let row = rate_limit::table.filter(rate_limit::key.eq(key).and(rate_limit::count.gt(0)));
        let set = rate_limit::count.eq(rate_limit::count - 1);
        on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(())
    }

    /// Forgets a key.
    pub(super) async fn delete_bucket(&mut self, key: &str) -> Result<()> {
        let row = rate_limit::table.filter(rate_limit::key.eq(key));
        on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(())
    }

    /// Removes counts whose last request is older than `before`, in milliseconds.
    pub(super) async fn delete_buckets(&mut self, before: i64) -> Result<()> {
        let rows = rate_limit::table.filter(rate_limit::last_request.lt(before));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }
}
