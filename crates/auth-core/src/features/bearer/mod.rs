//! The session token in `Authorization`, for clients without cookies (RFC 6750's header form).
//!
//! A token with a dot is a signed cookie value, one without is a raw session token. A good one takes the
//! place of the cookie for this request; a bad signature leaves the cookie alone.

use crate::call::Call;
use crate::feature::Feature;
use crate::hooks::Hooks;
use crate::wire::cookie::decode_uri_component;

/// The feature's events.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("bearer").hooks(Hooks {
        before_session: Some(read_authorization),
        before_response: Some(show_new_token),
        ..Hooks::default()
    })
}

fn read_authorization(call: &mut Call) {
    let Some(header) = call.request.header("authorization") else { return };
    let Some((scheme, token)) = header.trim().split_once(' ') else { return };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return;
    }
    let token = token.trim();
    let found = if token.contains('.') {
        let decoded = if token.contains('%') { decode_uri_component(token) } else { None };
        let signed = decoded.as_deref().unwrap_or(token);
        call.app.signer.open(signed).map(str::to_owned)
    } else if call.app.config.bearer_require_signature {
        None
    } else {
        Some(token.to_owned())
    };
    if let Some(token) = found.filter(|token| !token.is_empty()) {
        call.session_token = Some(token);
    }
}

/// A response that sets the session cookie also carries the token in `set-auth-token`.
fn show_new_token(call: &Call) {
    if let Some(signed) = call.out.cookie_value(&call.cookies().session_token.name) {
        call.out.exposed_header("set-auth-token", signed);
    }
}
