//! What goes back: the typed [`Reply`] of an endpoint, and the [`Response`] that an adapter writes out.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use crate::wire::cookie::SetCookie;

/// An HTTP response, free of any framework.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers in order; names are ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// No body and no content type.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A JSON body. Upstream sends the media type without a charset.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(status: u16, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(text) => Self::empty(status).header("Content-Type", JSON).body(text),
            Err(error) => {
                tracing::error!(%error, "a reply could not be written as JSON");
                Self::empty(500)
            }
        }
    }

    /// 302 to `location`. Upstream sends its media type with the empty body too.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::empty(302).header("Content-Type", JSON).header("Location", location)
    }

    /// This response with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// This response with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The value of a header that was set.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

const JSON: &str = "application/json";

/// What an endpoint answers when it succeeds.
#[derive(Debug)]
pub struct Reply<T> {
    kind: Kind<T>,
    headers: Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Kind<T> {
    Json(T),
    Ready(Response),
}

impl<T: Serialize> Reply<T> {
    /// 200 with a JSON body.
    #[must_use]
    pub fn ok(body: T) -> Self {
        Self { kind: Kind::Json(body), headers: Vec::new() }
    }

    /// A response made by hand: a page, a redirect, a precomputed body.
    #[must_use]
    pub fn ready(response: Response) -> Self {
        Self { kind: Kind::Ready(response), headers: Vec::new() }
    }

    /// This reply with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = match self.kind {
            Kind::Json(body) => Response::json(200, &body),
            Kind::Ready(response) => response,
        };
        response.headers.extend(self.headers);
        response
    }
}

/// Cookies and headers that leave with the response whatever the endpoint answers: upstream keeps the
/// cookies that were set before an error.
#[derive(Debug, Clone, Default)]
pub struct Outgoing(Arc<Mutex<Pending>>);

#[derive(Debug, Default)]
struct Pending {
    cookies: Vec<SetCookie>,
    headers: Vec<(&'static str, String)>,
    exposed: Vec<&'static str>,
}

impl Outgoing {
    /// Sets a cookie; a later one of the same name replaces it.
    pub fn cookie(&self, cookie: SetCookie) {
        let mut pending = self.lock();
        pending.cookies.retain(|it| it.name != cookie.name);
        pending.cookies.push(cookie);
    }

    /// Takes cookies back that were set before.
    pub fn take_back(&self, is_meant: impl Fn(&str) -> bool) {
        self.lock().cookies.retain(|cookie| !is_meant(&cookie.name));
    }

    /// Whether a cookie is set or deleted.
    #[must_use]
    pub fn has_cookie(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.lock().cookies.iter().any(|cookie| is_meant(&cookie.name))
    }

    /// Sets a header; a later one of the same name replaces it.
    pub fn header(&self, name: &'static str, value: impl Into<String>) {
        let mut pending = self.lock();
        pending.headers.retain(|(it, _)| *it != name);
        pending.headers.push((name, value.into()));
    }

    /// Sets a header that scripts of other origins may read.
    pub fn exposed_header(&self, name: &'static str, value: impl Into<String>) {
        let mut pending = self.lock();
        pending.headers.push((name, value.into()));
        pending.exposed.push(name);
    }

    /// The value of a cookie that is set and not deleted.
    #[must_use]
    pub fn cookie_value(&self, name: &str) -> Option<String> {
        let pending = self.lock();
        let found = pending.cookies.iter().find(|it| it.name == name && !it.value.is_empty());
        found.map(|it| it.value.clone())
    }

    /// Moves everything into `response`.
    pub(crate) fn write_to(&self, response: &mut Response) {
        let pending = std::mem::take(&mut *self.lock());
        response.headers.extend(pending.headers);
        if !pending.exposed.is_empty() {
            response.headers.push(("Access-Control-Expose-Headers", pending.exposed.join(", ")));
        }
        response
            .headers
            .extend(pending.cookies.iter().map(|cookie| ("Set-Cookie", cookie.to_header_value())));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
