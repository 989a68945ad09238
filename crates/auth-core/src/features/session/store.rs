//! Queries on the `session` table.

use auth_jose::Timestamp;
use diesel::backend::Backend;
use diesel::deserialize;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Session;
use crate::features::user::User;
use crate::fields::{AdditionalFields, DeclaredFields, FieldValues};
use crate::id::Id;
use crate::revocation::Withdrawn;
use crate::store::fields::{FieldsJson, InsertWithFields, Table, UpdateFields};
use crate::store::schema::{session, user};
use crate::store::types::{At, IdIn};
use crate::store::{Db, Result, insert_row, made_id, on};

/// How many rows one statement names: every database has a limit, SQLite's is 32,766.
const DELETED_AT_ONCE: usize = 1000;

/// The columns of a row, in the order of [`schema`](crate::store::schema).
#[derive(Queryable, Selectable)]
#[diesel(table_name = session)]
pub struct Row {
    id: Id<Session>,
    expires_at: At,
    token: String,
    created_at: At,
    updated_at: At,
    ip_address: Option<String>,
    user_agent: Option<String>,
    user_id: Id<User>,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            expires_at: row.expires_at,
            token: row.token,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            user_id: row.user_id,
            extra: FieldValues::default(),
        }
    }
}

/// Read as its columns: declared fields are read beside them, where there are some.
impl<DB: Backend> Selectable<DB> for Session
where
    Row: Selectable<DB>,
{
    type SelectExpression = <Row as Selectable<DB>>::SelectExpression;

    fn construct_selection() -> Self::SelectExpression {
        Row::construct_selection()
    }
}

impl<ST, DB: Backend> Queryable<ST, DB> for Session
where
    Row: Queryable<ST, DB>,
{
    type Row = <Row as Queryable<ST, DB>>::Row;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Row::build(row).map(Self::from)
    }
}

impl Db {
    /// Adds a session, whose id may be the database's to make.
    pub(crate) async fn insert_session(&mut self, row: &mut Session) -> Result<()> {
        if row.extra.is_empty() {
            insert_row!(self, session, row);
        } else if row.id.given().is_some() {
            on!(self, |conn| InsertWithFields::session(row).execute(conn).await?);
        } else {
            let insert = || InsertWithFields::session(row);
            row.id = made_id!(self, session, insert(), insert());
        }
        Ok(())
    }

    /// The session of a token and its user, expired or not, in one read.
    pub(crate) async fn find_session(
        &mut self,
        token: &str,
        fields: &AdditionalFields,
    ) -> Result<Option<(Session, User)>> {
        // MySQL tables of others compare without regard to case.
        let is_exact = |(session, _): &(Session, User)| session.token == token;
        let found = session::table.inner_join(user::table).filter(session::token.eq(token));
        if fields.user.is_empty() && fields.session.is_empty() {
            let found: Option<(Session, User)> = on!(self, |conn| found
                .select((Session::as_select(), User::as_select()))
                .first(conn)
                .await
                .optional()?);
            return Ok(found.filter(is_exact));
        }
        let of_session = FieldsJson(Table::Session, &fields.session);
        let of_user = FieldsJson(Table::User, &fields.user);
        let row: Option<(Session, User, String, String)> = on!(self, |conn| found
            .select((Session::as_select(), User::as_select(), of_session, of_user))
            .first(conn)
            .await
            .optional()?);
        let found = row.map(|(mut session, mut user, of_session, of_user)| {
            session.extra = fields.session.read_row(&of_session);
            user.extra = fields.user.read_row(&of_user);
            (session, user)
        });
        Ok(found.filter(is_exact))
    }

    /// Changes declared fields of a session. False: the session is gone.
    pub(crate) async fn update_session_fields(
        &mut self,
        id: &Id<Session>,
        values: &FieldValues,
        now: Timestamp,
    ) -> Result<bool> {
        let set = session::updated_at.eq(At(now));
        let changed =
            on!(self, |conn| diesel::update(session::table.find(id)).set(set).execute(conn).await?);
        let update = UpdateFields::new(Table::Session, id, values);
        on!(self, |conn| update.execute(conn).await?);
        Ok(changed == 1)
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
    pub(crate) async fn list_sessions(
        &mut self,
        owner: &Id<User>,
        now: Timestamp,
        fields: &DeclaredFields,
    ) -> Result<Vec<Session>> {
        let rows = session::table.filter(session::user_id.eq(owner));
        let mut rows: Vec<Session> = if fields.is_empty() {
            on!(self, |conn| rows.select(Session::as_select()).load(conn).await?)
        } else {
            let json = FieldsJson(Table::Session, fields);
            let rows: Vec<(Session, String)> =
                on!(self, |conn| rows.select((Session::as_select(), json)).load(conn).await?);
            let read = |(row, json): (Session, String)| Session { extra: fields.read_row(&json), ..row };
            rows.into_iter().map(read).collect()
        };
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
        let rows = session::table
            .filter(session::user_id.eq(owner).and(session::ip_address.eq(address)))
            .select(session::expires_at);
        let ends: Vec<At> = on!(self, |conn| rows.load(conn).await?);
        // Dates are compared here: SQLite would compare texts, and other programs write other forms.
        Ok(ends.iter().any(|end| end.0 > now))
    }

    /// Removes the session of a token that has expired: its tokens end by themselves.
    pub(super) async fn delete_expired_session(&mut self, token: &str) -> Result<()> {
        let row = session::table.filter(session::token.eq(token));
        on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(())
    }

    /// Inside a transaction: ends the session of a token.
    pub(crate) async fn delete_session(&mut self, token: &str) -> Result<Withdrawn> {
        let row = session::table.filter(session::token.eq(token));
        let gone = on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(Withdrawn::sessions((gone > 0).then_some(token)))
    }

    /// Inside a transaction: ends the session of a token if it is the owner's.
    pub(super) async fn delete_own_session(&mut self, owner: &Id<User>, token: &str) -> Result<Withdrawn> {
        let row = session::table.filter(session::token.eq(token).and(session::user_id.eq(owner)));
        let gone = on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(Withdrawn::sessions((gone > 0).then_some(token)))
    }

    /// Inside a transaction: ends every session of a user.
    pub(crate) async fn delete_sessions(&mut self, owner: &Id<User>) -> Result<Withdrawn> {
        let mut ended: Vec<String> = Vec::new();
        loop {
            let rows = session::table
                .filter(session::user_id.eq(owner))
                .select((session::id, session::token))
                .limit(DELETED_AT_ONCE as i64);
            let rows: Vec<(Id<Session>, String)> = on!(self, |conn| rows.load(conn).await?);
            if rows.is_empty() {
                return Ok(Withdrawn::sessions(ended.iter().map(String::as_str)));
            }
            // By their ids, so that no session ends whose tokens are not withdrawn.
            self.delete_sessions_of(owner, rows.iter().map(|(id, _)| id)).await?;
            ended.extend(rows.into_iter().map(|(_, token)| token));
        }
    }

    /// Inside a transaction: ends every session of a user that has not expired, except one. Expired rows stay, as
    /// upstream's do; the tokens of those that expired after `since` are withdrawn all the same.
    pub(super) async fn delete_other_sessions(
        &mut self,
        owner: &Id<User>,
        keep: &Id<Session>,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<Withdrawn> {
        let rows = session::table.filter(session::user_id.eq(owner).and(session::id.ne(keep))).select((
            session::id,
            session::token,
            session::expires_at,
        ));
        let mut rows: Vec<(Id<Session>, String, At)> = on!(self, |conn| rows.load(conn).await?);
        rows.retain(|(_, _, expires_at)| expires_at.0 > since);
        let ended = Withdrawn::sessions(rows.iter().map(|(_, token, _)| token.as_str()));
        rows.retain(|(_, _, expires_at)| expires_at.0 > now);
        for part in rows.chunks(DELETED_AT_ONCE) {
            self.delete_sessions_of(owner, part.iter().map(|(id, _, _)| id)).await?;
        }
        Ok(ended)
    }

    async fn delete_sessions_of<'i>(
        &mut self,
        owner: &Id<User>,
        ids: impl Iterator<Item = &'i Id<Session>>,
    ) -> Result<()> {
        let ids = IdIn(session::id, ids.cloned().collect());
        let rows = session::table.filter(session::user_id.eq(owner).and(ids));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }
}
