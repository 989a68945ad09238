//! From a request to its session.

use super::{Session, cookies};
use crate::call::Call;
use crate::error::Result;
use crate::features::user::User;
use crate::store::types::At;

/// What a session has to be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A copy in a cookie will do.
    Cache,
    /// The database decides; a good copy stays as it is.
    Checked,
    /// The database, whatever copy there is; a new copy is made.
    Database,
}

/// Whether reading a session may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// As the configuration says: where the refresh is deferred, reading writes nothing.
    Usual,
    /// This request is the one that the refresh was deferred to.
    Deferred,
}

/// A request's session.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) session: Session,
    pub(crate) user: User,
    /// Where the refresh is deferred: whether it is due.
    pub(crate) needs_refresh: Option<bool>,
}

/// The request's session and user, in one read at most. A dead session's cookies are removed and its row
/// deleted. The query may ask for the database (`disableCookieCache`) and for no refresh (`disableRefresh`).
pub(crate) async fn resolve(call: &Call, source: Source, writes: Writes) -> Result<Option<Resolved>> {
    let Some(token) = &call.session_token else { return Ok(None) };
    let may_use_copy = source != Source::Database && !call.query.flag("disableCookieCache");
    let copy = if may_use_copy { cookies::read_cache(call, token) } else { None };
    let keeps_copy = copy.is_some();
    if let (Some((session, user)), Source::Cache) = (copy, source) {
        return Ok(Some(Resolved { session, user, needs_refresh: None }));
    }

    let config = &call.app.config.session;
    let may_write = !config.defer_refresh || writes == Writes::Deferred;
    let mut db = call.app.store.db().await?;
    let Some((mut session, user)) = db.find_session(token, &call.app.config.fields).await? else {
        cookies::delete_all(call);
        return Ok(None);
    };
    if session.expires_at.0 < call.now {
        if may_write {
            db.delete_expired_session(token).await?;
        }
        cookies::delete_all(call);
        return Ok(None);
    }
    if cookies::is_forgotten(call) || call.query.flag("disableRefresh") {
        return Ok(Some(Resolved { session, user, needs_refresh: None }));
    }
    let due = session.expires_at.0.plus_seconds(config.update_age - config.expires_in) <= call.now;
    let needs_refresh = due && config.refresh;
    if needs_refresh && may_write {
        session.expires_at = At(call.now.plus_seconds(config.expires_in));
        session.updated_at = At(call.now);
        if !db.extend_session(&session.id, session.expires_at.0, call.now).await? {
            // Revoked between the read and the write.
            cookies::delete_all(call);
            return Ok(None);
        }
        cookies::set(call, &session, &user, super::Remember::Yes)?;
    } else if !keeps_copy {
        cookies::set_cache(call, &session, &user, false)?;
    }
    Ok(Some(Resolved { session, user, needs_refresh: (!may_write).then_some(needs_refresh) }))
}
