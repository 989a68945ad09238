//! `/callback/<provider>`: where a provider sends the browser back to. Whatever happens, the answer is a redirect.

use serde_json::Value;
use url::form_urlencoded;

use super::exchange::{self, Checked};
use super::link::{self, Request};
use super::person::{self, Arrival};
use super::provider::{CodeAsk, NamedUser, Profile, Tokens};
use super::registry::Live;
use super::start::{Ask, callback_address};
use super::state::{self, Returned, Wish};
use super::{codes, state::internal};
use crate::access::Public;
use crate::error::{Error, ErrorCode, Result};
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};
use crate::wire::cookie::encode_uri_component;
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// What a provider may send, in upstream's order.
const MEMBERS: [&str; 7] = ["code", "error", "device_id", "error_description", "state", "user", "iss"];

/// What `GET /callback/<provider>` takes.
pub(super) struct Callback {
    provider: String,
    code: Option<String>,
    error: Option<String>,
    device_id: Option<String>,
    error_description: Option<String>,
    state: Option<String>,
    user: Option<String>,
    iss: Option<String>,
}

impl Input for Callback {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let provider = fields.path_parameter().to_owned();
        let [code, error, device_id, error_description, state, user, iss] =
            MEMBERS.map(|name| fields.query_text(name));
        let full = |text: Option<String>| text.filter(|text| !text.is_empty());
        Some(Self {
            provider,
            code: full(code?),
            error: full(error?),
            device_id: full(device_id?),
            error_description: full(error_description?),
            state: state?,
            user: full(user?),
            iss: full(iss?),
        })
    }

    fn sample() -> Value {
        serde_json::json!({ "code": "SplxlOBeZQQYbYS6WxSbIA", "state": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// What a provider posts (OAuth 2.0 Form Post Response Mode).
pub(super) struct CallbackForm {
    provider: String,
    members: Vec<(&'static str, String)>,
}

impl Input for CallbackForm {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let provider = fields.path_parameter().to_owned();
        let posted = match fields.optional_object()? {
            Some(mut body) => {
                MEMBERS.map(|name| body.optional_string(name).map(|text| text.map(str::to_owned)))
            }
            None => MEMBERS.map(|_| Some(None)),
        };
        let queried = MEMBERS.map(|name| fields.query_text(name));
        let mut members = Vec::new();
        for ((name, posted), queried) in MEMBERS.into_iter().zip(posted).zip(queried) {
            let value = queried?.or(posted?);
            members.extend(value.map(|value| (name, value)));
        }
        Some(Self { provider, members })
    }

    fn sample() -> Value {
        serde_json::json!({ "code": "SplxlOBeZQQYbYS6WxSbIA", "state": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// Turns the form into a GET: a browser sends the cookies that such a form has to come without.
pub(super) async fn callback_form(cx: Public, input: CallbackForm) -> Result<Reply<()>> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(input.members).finish();
    let address = callback_address(&cx, &encode_uri_component(&input.provider));
    Ok(Reply::ready(Response::redirect(format!("{address}?{query}"))))
}

/// Where the browser goes when a sign-in fails, and with what.
struct Failure {
    to: Option<RedirectTarget>,
    id: &'static str,
    code: String,
    description: Option<String>,
}

impl Failure {
    fn new(to: Option<RedirectTarget>, code: ErrorCode) -> Self {
        Self { to, id: code.id, code: code.code.to_owned(), description: None }
    }
}

/// Ends a sign-in or a link.
pub(super) async fn callback(cx: Public, input: Callback) -> Result<Reply<()>> {
    let failure = match end(&cx, &input).await {
        Ok(Ok(location)) => {
            return Ok(Reply::ready(no_referrer(Response::redirect(location))));
        }
        Ok(Err(failure)) => failure,
        Err(error @ Error::Busy { .. }) => return Err(error),
        Err(error) => Failure::new(None, internal(&error)),
    };
    tracing::info!(provider = input.provider, code = failure.code, "sign-in with a provider refused");
    let (code, description) = (failure.code.as_str(), failure.description.as_deref());
    let location = match (&failure.to, &cx.app.config.error_url) {
        (Some(target), _) => target.to_location_with_error(code, description),
        (None, Some(page)) => page.with_error(code, description),
        (None, None) => RedirectTarget::kept(&cx.url_of("/error")).to_location_with_error(code, description),
    };
    Ok(Reply::ready(no_referrer(Response::redirect(location)).header("X-Error-Id", failure.id)))
}

/// The address of this request holds a code, which is no other site's business.
fn no_referrer(response: Response) -> Response {
    response.header("Referrer-Policy", "no-referrer")
}

async fn end(cx: &Public, input: &Callback) -> Result<std::result::Result<String, Failure>> {
    let fail = |code: ErrorCode| Ok(Err(Failure::new(None, code)));
    if input.state.is_none() && input.code.is_some() {
        let live = cx.app.social.registry.find(&cx.app, &input.provider).await;
        if let Some(live) = live.filter(|live| live.allows_idp_initiated()) {
            return Ok(Ok(Ask::default().begin(cx, &live, Wish::default()).await?));
        }
    }
    let Some(sent) = input.state.as_deref().filter(|state| !state.is_empty()) else {
        return fail(codes::STATE_NOT_FOUND);
    };
    let returned = match state::finish(cx, &input.provider, sent).await? {
        Ok(returned) => returned,
        Err(bad) => return Ok(Err(Failure::new(bad.error_url, bad.code))),
    };
    let to = returned.error_url.clone();
    let ended = returned_home(cx, input, &returned).await;
    match ended {
        Ok(Ok(location)) => Ok(Ok(location)),
        Ok(Err(failure)) => Ok(Err(Failure { to, ..failure })),
        // Such as a declared field that is required and that no provider knows.
        Err(Error::Api { code, message, .. }) => Ok(Err(Failure {
            to,
            id: code.id,
            code: code.code.to_owned(),
            description: Some(message.unwrap_or_else(|| code.message.to_owned())),
        })),
        Err(error @ Error::Busy { .. }) => Err(error),
        Err(error) => Ok(Err(Failure::new(to, internal(&error)))),
    }
}

async fn returned_home(
    cx: &Public,
    input: &Callback,
    returned: &Returned,
) -> Result<std::result::Result<String, Failure>> {
    let fail = |code: ErrorCode| Ok(Err(Failure::new(None, code)));
    if let Some(error) = &input.error {
        let description = input.error_description.clone();
        let id = codes::REFUSED_BY_PROVIDER.id;
        return Ok(Err(Failure { to: None, id, code: error.clone(), description }));
    }
    let Some(code) = &input.code else { return fail(codes::NO_CODE) };
    let Some(live) = cx.app.social.registry.find(&cx.app, &input.provider).await else {
        return fail(codes::OAUTH_PROVIDER_NOT_FOUND);
    };
    if input.iss.as_ref().is_some_and(|iss| !accepts_issuer(cx, &live, iss)) {
        return fail(codes::ISSUER_MISMATCH);
    }
    if live.wants_nonce() && returned.nonce.is_none() {
        return fail(codes::NONCE_BINDING_MISSING);
    }
    let ask = CodeAsk {
        code,
        code_verifier: &returned.code_verifier,
        redirect_uri: &callback_address(cx, live.id()),
        device_id: input.device_id.as_deref(),
    };
    let Some(tokens) = exchange::code(&cx.app, &live, &ask, cx.now).await else {
        return fail(codes::INVALID_CODE);
    };
    let named: Option<NamedUser> = input.user.as_ref().and_then(|user| serde_json::from_str(user).ok());
    let checked = Checked::With(returned.nonce.as_deref());
    let profile = exchange::profile(&cx.app, &live, &tokens, checked, named.as_ref()).await;
    let subject = profile.as_ref().and_then(|profile| profile.subject.clone());
    let subject = subject.filter(|subject| !subject.trim().is_empty() && !subject.contains('\0'));
    let (Some(profile), Some(subject)) = (profile, subject) else {
        return fail(codes::UNABLE_TO_GET_USER_INFO);
    };
    arrive(cx, &live, returned, &tokens, &profile, &subject).await
}

/// RFC 9207. A provider without one issuer is not asked; upstream does not ask its built-in ones.
fn accepts_issuer(cx: &Public, live: &Live, iss: &str) -> bool {
    let is_asked = live.own.is_some() || !cx.app.config.upstream_exact;
    !is_asked || live.issuers.is_empty() || live.issuers.iter().any(|issuer| issuer == iss)
}

async fn arrive(
    cx: &Public,
    live: &Live,
    returned: &Returned,
    tokens: &Tokens,
    profile: &Profile,
    subject: &str,
) -> Result<std::result::Result<String, Failure>> {
    let fail = |code: ErrorCode| Ok(Err(Failure::new(None, code)));
    if let Some(to) = &returned.link {
        let request =
            Request { live, tokens, profile, subject, scopes: Some(&tokens.scopes), linked_first: false };
        let Some(owner) = cx.app.parse_id(&to.user_id) else { return fail(codes::UNABLE_TO_LINK_ACCOUNT) };
        return match link::link(cx, &owner, &to.email, &request).await? {
            Ok(()) => Ok(Ok(returned.callback_url.to_location())),
            Err(refusal) => fail(refusal.code()),
        };
    }
    let Some(email) = profile.email.as_deref().and_then(EmailAddress::parse) else {
        return fail(codes::EMAIL_NOT_FOUND);
    };
    let rules = live.provider.rules;
    let arrival = Arrival {
        live,
        tokens,
        profile,
        subject,
        email: &email,
        scopes: Some(&tokens.scopes),
        target: Some(&returned.callback_url),
        may_sign_up: !rules.disable_sign_up && (!rules.disable_implicit_sign_up || returned.request_sign_up),
        overwrites: rules.override_user_info,
    };
    match person::sign_in(cx, &arrival).await? {
        Ok(arrived) => {
            let new_user = returned.new_user_url.as_ref().filter(|_| arrived.is_new);
            Ok(Ok(new_user.unwrap_or(&returned.callback_url).to_location()))
        }
        Err(code) => fail(code),
    }
}
