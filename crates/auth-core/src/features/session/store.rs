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

impl Db {
    /// Adds a session.
    pub(crate) async fn insert_session(&mut self, row: &Session) -> Result<()> {
        on!(self, |conn| diesel::insert_into(session::table).values(row).execute(conn).await?);
        Ok(())
    }

    /// The session of a token and its user, expired or not, in one read.
    pub(crate) async fn find_session(&mut self, token: &str) -> Result<Option<(Session, User)>> {
        Ok(on!(self, |conn| session::table
            .inner_join(user::table)
            .filter(session::token.eq(token))
            .select((Session::as_select(), User::as_select()))
            .first(conn)
            .await
            .optional()?))
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
        Ok(on!(self, |conn| session::table
            .filter(session::user_id.eq(owner).and(session::expires_at.gt(At(now))))
            .order(session::created_at.asc())
            .select(Session::as_select())
            .load(conn)
            .await?))
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
        let rows = session::table.filter(
            session::user_id.eq(owner).and(session::id.ne(keep)).and(session::expires_at.gt(At(now))),
        );
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }
}
