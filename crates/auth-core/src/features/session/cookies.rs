//! The session's cookies.

use super::{Remember, Session};
use crate::call::Call;
use crate::error::Result;
use crate::features::account;
use crate::features::user::User;
use crate::wire::cookie_parts;

/// Sends the session's cookies, with a new copy of the session if it is kept in a cookie.
pub(crate) fn set(call: &Call, session: &Session, user: &User, remember: Remember) -> Result<()> {
    let (app, names) = (&call.app, call.cookies());
    let forget = match remember {
        Remember::Yes => false,
        Remember::No => true,
        Remember::AsBefore => is_forgotten(call),
    };
    let max_age = (!forget).then_some(app.config.session.expires_in);
    call.out.cookie(names.session_token.set(app.signer.sign(&session.token), max_age));
    if forget {
        let max_age = names.dont_remember.max_age(None);
        call.out.cookie(names.dont_remember.set(app.signer.sign("true"), max_age));
    }
    set_cache(call, session, user, forget)?;
    app.mark_credentials(&call.out);
    Ok(())
}

/// Whether the request says, under our signature, that its session ends with the browser.
pub(super) fn is_forgotten(call: &Call) -> bool {
    call.signed_cookie(&call.cookies().dont_remember).is_some_and(|value| value == "true")
}

/// Removes every session cookie.
pub(crate) fn delete_all(call: &Call) {
    let names = call.cookies();
    call.out.cookie(names.session_token.delete());
    delete_cache(call);
    call.out.cookie(names.session_data.delete());
    call.out.cookie(names.dont_remember.delete());
    account::cookie::delete(call);
    if call.app.config.account.state_in_cookie {
        call.out.cookie(names.oauth_state.delete());
    }
}

/// Removes the copy of the session and its parts, as far as the request has them.
pub(super) fn delete_cache(call: &Call) {
    let cookie = &call.cookies().session_data;
    call.out.take_back(|name| cookie_parts::is_of(&cookie.name, name));
    let Some(header) = call.request.header("cookie") else { return };
    for deletion in cookie_parts::delete(&header, cookie) {
        call.out.cookie(deletion);
    }
}

/// Sends a new copy of the session, and removes what is left of the old one.
pub(super) fn set_cache(call: &Call, session: &Session, user: &User, forget: bool) -> Result<()> {
    let Some(cache) = &call.app.session_cache else { return Ok(()) };
    let cookie = &call.cookies().session_data;
    let max_age = if forget { None } else { cookie.max_age(Some(cache.max_age())) };
    let value = cache.write(call, session, user, max_age)?;
    delete_cache(call);
    let fits = value.len() <= cache.max_bytes();
    let parts = if fits { cookie_parts::set(cookie, value, max_age) } else { Vec::new() };
    if parts.is_empty() {
        tracing::warn!(user = %user.id, "the session is too large to be kept in cookies");
    }
    for part in parts {
        call.out.cookie(part);
    }
    account::cookie::keep(call, &user.id)
}

/// The copy of the session that the request carries, if it is good, of this session, and still believed.
pub(super) fn read_cache(call: &Call, token: &str) -> Option<(Session, User)> {
    let cache = call.app.session_cache.as_ref()?;
    let header = call.request.header("cookie")?;
    let value = cookie_parts::find(&header, &call.cookies().session_data.name)?;
    let found = cache.read(call, &value, token);
    if found.is_none() {
        delete_cache(call);
    }
    found
}
