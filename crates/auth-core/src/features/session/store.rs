//! Queries on the `session` table.

use auth_jose::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Session;
use crate::features::user::User;
use crate::id::Id;
use crate::store::schema::{session, user};
use crate::store::types::At;
use crate::store::{Db, Result, on};

/// How many rows one statement names: every database has a limit, SQLite's is 32,766.
const DELETED_AT_ONCE: usize = 1000;

impl Db {
    /// Adds a session.
    pub(crate) async fn insert_session(&mut self, row: &Session) -> Result<()> {
        on!(self, |conn| diesel::insert_into(session::table).values(row).execute(conn).await?);
        Ok(())
    }

    /// The session of a token and its user, expired or not, in one read.
    pub(crate) async fn find_session(&mut self, token: &str) -> Result<Option<(Session, User)>> {
        let found: Option<(Session, User)> = on!(self, |conn| session::table
            .inner_join(user::table)
            .filter(session::token.eq(token))
            .select((Session::as_select(), User::as_select()))
            .first(conn)
            .await
            .optional()?);
        // MySQL tables of others compare without regard to case.
        Ok(found.filter(|(session, _)| session.token == token))
    }

    /// Moves the end of a session. False: the session is gone.
    pub(crate) async fn extend_session(
        &mut self,
        id: &Id<Session>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let set = (session::expires_at.eq(At(expires_at)), session::updated_at.eq(At(now)));
        let changed =
            on!(self, |conn| diesel::update(session::table.find(id)).set(set).execute(conn).await?);
        Ok(changed == 1)
    }

    /// The sessions of a user that have not expired, oldest first.
    pub(crate) async fn list_sessions(&mut self, owner: &Id<User>, now: Timestamp) -> Result<Vec<Session>> {
        let rows = session::table.filter(session::user_id.eq(owner));
        let mut rows: Vec<Session> = on!(self, |conn| rows.select(Session::as_select()).load(conn).await?);
        // Dates are compared here: SQLite would compare texts, and other programs write other forms.
        rows.retain(|row| row.expires_at.0 > now);
        rows.sort_by_key(|row| row.created_at.0);
        Ok(rows)
    }

    /// Whether a user has a live session that was made from this address.
    pub(crate) async fn has_session_from(
        &mut self,
        owner: &Id<User>,
        address: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let found = diesel::select(diesel::dsl::exists(
            session::table.filter(
                session::user_id
                    .eq(owner)
                    .and(session::expires_at.gt(At(now)))
                    .and(session::ip_address.eq(address)),
            ),
        ));
        Ok(on!(self, |conn| found.get_result(conn).await?))
    }

    /// Ends the session of a token.
    pub(crate) async fn delete_session(&mut self, token: &str) -> Result<()> {
        let row = session::table.filter(session::token.eq(token));
        on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(())
    }

    /// Ends the session of a token if it is the owner's.
    pub(crate) async fn delete_own_session(&mut self, owner: &Id<User>, token: &str) -> Result<()> {
        let row = session::table.filter(session::token.eq(token).and(session::user_id.eq(owner)));
        on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(())
    }

    /// Ends every session of a user.
    pub(crate) async fn delete_sessions(&mut self, owner: &Id<User>) -> Result<()> {
        let rows = session::table.filter(session::user_id.eq(owner));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }

    /// Ends every session of a user that has not expired, except one. Expired rows stay, as upstream's do.
    pub(crate) async fn delete_other_sessions(
        &mut self,
        owner: &Id<User>,
        keep: &Id<Session>,
        now: Timestamp,
    ) -> Result<()> {
        let rows = session::table
            .filter(session::user_id.eq(owner).and(session::id.ne(keep)))
            .select((session::id, session::expires_at));
        let mut rows: Vec<(Id<Session>, At)> = on!(self, |conn| rows.load(conn).await?);
        rows.retain(|(_, expires_at)| expires_at.0 > now);
        for part in rows.chunks(DELETED_AT_ONCE) {
            let ids = part.iter().map(|(id, _)| id);
            let rows = session::table.filter(session::user_id.eq(owner).and(session::id.eq_any(ids)));
            on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        }
        Ok(())
    }
}
