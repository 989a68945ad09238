//! The path of one request, the same for every endpoint:
//! body, then origin and redirect targets, then the session token, then input, access, endpoint, reply.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::app::App;
use crate::call::{Call, Method, Request};
use crate::endpoint::{BodyTypes, Endpoint};
use crate::error::{Error, ErrorCode, Result, codes};
use crate::reply::Response;
use crate::wire::cors;
use crate::wire::origin::{OriginInput, OriginRefusal, check_origin};
use crate::wire::query::{self, QueryValue};

/// Finds the endpoint of a request, whose body is not read yet.
///
/// # Errors
/// The response, if there is nothing to run: the answer to a preflight request, 429, or 404.
pub async fn admit<'a>(app: &'a App, request: &Request) -> std::result::Result<&'a Endpoint, Response> {
    let origin = request.header("origin");
    if let Some(cors) = &app.config.cors
        && cors::is_preflight(&request.method, request.header("access-control-request-method").as_deref())
        && let Some(answer) = cors.preflight(origin.as_deref())
    {
        return Err(answer);
    }
    if app.router.is_disabled(&request.path) {
        return Err(Error::Disabled.into_response());
    }
    app.limit(request, app.clock.now()).await.map_err(Error::into_response)?;
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        _ => return Err(Error::NoRoute.into_response()),
    };
    app.router.find(method, &request.path).ok_or_else(|| Error::NoRoute.into_response())
}

/// Adds what every response has, to a request from a page of `origin`.
pub fn finish(app: &App, origin: Option<&str>, response: &mut Response) {
    // Upstream says it in a header of its own; libraries know the standard one.
    if response.status == 429
        && !app.config.upstream_exact
        && let Some(seconds) = response.header_value("X-Retry-After").map(str::to_owned)
    {
        response.headers.push(("Retry-After", seconds));
    }
    if let Some(cors) = &app.config.cors {
        cors.decorate(origin, response);
    }
}

/// Runs `endpoint` on `request` and makes the response, whatever happens.
pub async fn run(app: Arc<App>, endpoint: &Endpoint, request: Request) -> Response {
    let mut call = match Call::new(app, endpoint.checks, request) {
        Ok(call) => call,
        Err(error) => return error.into_response(),
    };
    let after = call.clone();
    let answer = tokio::time::timeout(call.app.config.server.request_timeout, async {
        let body = parse_body(endpoint, &call.request)?;
        if endpoint.method == Method::Post {
            let is_json = endpoint.body == BodyTypes::Json && !call.app.config.upstream_exact;
            check_request_origin(&call, if is_json { From::Anywhere } else { From::Cookies })?;
            check_redirect_targets(&call, body.as_ref())?;
        }
        call.app.clone().hooks.before_session(&mut call);
        endpoint.run(call, body).await
    })
    .await;
    let mut response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(_elapsed) => {
            let retry_after = std::time::Duration::from_secs(1);
            Error::Busy { code: codes::TOO_SLOW, retry_after }.into_response()
        }
    };
    after.app.hooks.before_response(&after);
    after.out.write_to(&mut response);
    response
}

/// Reads the body by its media type. No body is no value, whatever the type says.
fn parse_body(endpoint: &Endpoint, request: &Request) -> Result<Option<Value>> {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    if endpoint.method == Method::Get || request.body.is_empty() {
        return Ok(None);
    }
    let allowed: &[&str] = match endpoint.body {
        BodyTypes::Json => &[JSON],
        BodyTypes::JsonAndForm | BodyTypes::JsonAndForeignForm => &[FORM, JSON],
    };
    let refuse = |said: String| {
        let status = crate::error::Status::UnsupportedMediaType;
        let message = format!("{said}. Allowed types: {}", allowed.join(", "));
        codes::UNSUPPORTED_MEDIA_TYPE.with(status).saying(message)
    };
    let Some(raw) = request.header("content-type").filter(|raw| !raw.is_empty()) else {
        return Err(refuse("Content-Type is required".to_owned()));
    };
    let media_type = raw.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        FORM if endpoint.body != BodyTypes::Json => Ok(Some(Value::Object(query::form(&request.body)))),
        JSON => match serde_json::from_slice(&request.body) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(codes::BAD_REQUEST.bad_request()),
        },
        _ => Err(refuse(format!("Content-Type \"{raw}\" is not allowed"))),
    }
}

/// Which requests the check of the origin looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// Those with cookies: an endpoint with forms asks again, as [`Form`](Self::Form).
    Cookies,
    /// Those with cookies, and those that say where they come from: a strange site must not make us send mail.
    /// Upstream lets the latter pass.
    Anywhere,
    /// A form of another site's page too: fetch metadata is checked even without cookies.
    Form,
}

pub(crate) fn check_request_origin(call: &Call, from: From) -> Result<()> {
    let header = |name: &str| call.request.header(name);
    let (origin, referer) = (header("origin"), header("referer"));
    let (site, mode, dest) = (header("sec-fetch-site"), header("sec-fetch-mode"), header("sec-fetch-dest"));
    let input = OriginInput {
        has_cookie: header("cookie").is_some_and(|cookies| !cookies.is_empty()),
        origin: origin.as_deref(),
        referer: referer.as_deref(),
        sec_fetch_site: site.as_deref(),
        sec_fetch_mode: mode.as_deref(),
        sec_fetch_dest: dest.as_deref(),
        own_origin: Some(call.base_url().origin()),
        // A token is sent by programs only: no page of another site makes a browser send it.
        without_cookie: from == From::Anywhere && header("authorization").is_none(),
        form_csrf: from == From::Form,
    };
    let Err(refusal) = check_origin(&call.app.config.origins, &input) else { return Ok(()) };
    let (code, is_checked) = match refusal {
        OriginRefusal::MissingOrNullOrigin => (codes::MISSING_OR_NULL_ORIGIN, call.checks.origin),
        OriginRefusal::InvalidOrigin => (codes::INVALID_ORIGIN, call.checks.origin),
        OriginRefusal::CrossSiteNavigationLoginBlocked => {
            (codes::CROSS_SITE_NAVIGATION_LOGIN_BLOCKED, call.checks.forms)
        }
    };
    if is_checked { Err(code.forbidden()) } else { Ok(()) }
}

/// The members that upstream checks on every POST, used by the endpoint or not.
const REDIRECT_MEMBERS: [(&str, &str, ErrorCode); 4] = [
    ("callbackURL", "callbackURL", codes::INVALID_CALLBACK_URL),
    ("redirectTo", "redirectURL", codes::INVALID_REDIRECT_URL),
    ("errorCallbackURL", "errorCallbackURL", codes::INVALID_ERROR_CALLBACK_URL),
    ("newUserCallbackURL", "newUserCallbackURL", codes::INVALID_NEW_USER_CALLBACK_URL),
];

fn check_redirect_targets(call: &Call, body: Option<&Value>) -> Result<()> {
    if !call.checks.redirects {
        return Ok(());
    }
    for (member, label, code) in REDIRECT_MEMBERS {
        let value = body.and_then(|body| body.get(member)).filter(|value| is_truthy(value));
        let text = match value {
            Some(Value::String(text)) => Some(Cow::Borrowed(text.as_str())),
            Some(_) => {
                let message = format!("Invalid {label}: expected a string");
                return Err(codes::REDIRECT_NOT_TEXT.bad_request().saying(message));
            }
            None if member == "callbackURL" => match call.query.one(member) {
                QueryValue::One(text) if !text.is_empty() => Some(Cow::Owned(text.to_owned())),
                QueryValue::Many => {
                    let message = format!("Invalid {label}: expected a string");
                    return Err(codes::REDIRECT_NOT_TEXT.bad_request().saying(message));
                }
                _ => None,
            },
            None => None,
        };
        if text.is_some_and(|text| call.app.config.origins.redirect(&text).is_none()) {
            return Err(code.forbidden());
        }
    }
    Ok(())
}

/// JavaScript's truthiness.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
