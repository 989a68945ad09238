//! The session's cookies.

use super::{Remember, Session};
use crate::call::Call;
use crate::wire::cookie;

/// Sends the session's cookies.
pub(crate) fn set(call: &Call, session: &Session, remember: Remember) {
    let (app, names) = (&call.app, &call.app.cookies);
    let forget = match remember {
        Remember::Yes => false,
        Remember::No => true,
        Remember::AsBefore => is_forgotten(call),
    };
    let max_age = (!forget).then_some(app.config.session.expires_in);
    call.out.cookie(names.set(&names.session_token, app.signer.sign(&session.token), max_age));
    if forget {
        call.out.cookie(names.set(&names.dont_remember, app.signer.sign("true"), None));
    }
}

/// Whether the request says, under our signature, that its session ends with the browser.
pub(super) fn is_forgotten(call: &Call) -> bool {
    call.signed_cookie(&call.app.cookies.dont_remember).is_some_and(|value| value == "true")
}

/// Removes every session cookie.
pub(super) fn delete_all(call: &Call) {
    let names = &call.app.cookies;
    for name in [&names.session_token, &names.session_data, &names.dont_remember] {
        call.out.cookie(names.delete(name));
    }
}

/// Removes the session cache and its chunks if the request has any: this server does not cache in cookies.
pub(super) fn delete_cache(call: &Call) {
    let names = &call.app.cookies;
    let Some(header) = call.request.header("cookie") else { return };
    let chunk = format!("{}.", names.session_data);
    for name in cookie::names(&header) {
        let is_chunk = name.strip_prefix(&chunk).is_some_and(|index| index.parse::<u8>().is_ok());
        if name == names.session_data || is_chunk {
            call.out.cookie(names.delete(name));
        }
    }
}
