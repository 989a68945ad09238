//! Sessions: the row, how a request's session is found and extended, and the endpoints.

mod cache;
pub mod codes;
pub(crate) mod cookies;
mod endpoints;
mod resolve;
mod store;

pub use cache::SessionCache;
pub(crate) use cache::{
    AUDIENCE as CACHE_AUDIENCE, INFO as CACHE_INFO, SALT as CACHE_SALT, open_compact_copy,
};
pub(crate) use resolve::{Resolved, Source, Writes, resolve};

use auth_jose::Timestamp;
use diesel::prelude::*;
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::call::Call;
use crate::crypto::random;
use crate::feature::Feature;
use crate::features::user::User;
use crate::fields::{DeclaredFields, FieldValues};
use crate::id::{Id, Ids};
use crate::store::schema::session;
use crate::store::types::At;

/// A session of rememberMe: false ends after a day, whatever `session.expiresIn` says.
const FORGOTTEN_EXPIRES_IN: i64 = 86_400;

/// A row of the `session` table.
///
/// The token is stored as upstream stores it, so that a Node server can share the database.
#[derive(Clone, PartialEq, Insertable)]
#[diesel(table_name = session)]
pub struct Session {
    /// The id.
    #[diesel(skip_insertion)]
    pub id: Id<Session>,
    pub(crate) expires_at: At,
    pub(crate) token: String,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
    pub(crate) ip_address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) user_id: Id<User>,
    /// The values of declared fields; none where they were not read.
    #[diesel(skip_insertion)]
    pub(crate) extra: FieldValues,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// Whether a session outlives the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    /// It does.
    Yes,
    /// It ends with the browser, and after a day at the latest.
    No,
    /// As the request's cookies say.
    AsBefore,
}

impl Remember {
    /// The meaning of the body's `rememberMe`.
    pub(crate) fn from_body(flag: Option<bool>) -> Self {
        if flag == Some(false) { Self::No } else { Self::Yes }
    }
}

impl Session {
    /// A new session for `user`, made by this request. Not stored yet.
    pub(crate) fn new(call: &Call, user: &User, remember: Remember) -> Self {
        let entropy = &*call.app.entropy;
        let lifetime = match remember {
            Remember::No => FORGOTTEN_EXPIRES_IN,
            Remember::Yes | Remember::AsBefore => call.app.config.session.expires_in,
        };
        let agent = call.request.header("user-agent").map(std::borrow::Cow::into_owned);
        Self {
            id: call.app.new_id(),
            expires_at: At(call.now.plus_seconds(lifetime)),
            token: random::alphanumeric(entropy, "session-token", 32),
            created_at: At(call.now),
            updated_at: At(call.now),
            ip_address: Some(call.client_ip().unwrap_or_default()),
            user_agent: Some(agent.unwrap_or_default()),
            user_id: user.id.clone(),
            extra: call.app.config.fields.session.defaults(),
        }
    }

    /// A session from its wire form, which we have signed.
    pub(crate) fn from_view(view: &Value, fields: &DeclaredFields, ids: Ids) -> Option<Self> {
        let text = |name: &str| view.get(name)?.as_str();
        let at = |name: &str| Timestamp::parse_iso(text(name)?).map(At);
        Some(Self {
            id: ids.parse(text("id")?)?,
            expires_at: at("expiresAt")?,
            token: text("token")?.to_owned(),
            created_at: at("createdAt")?,
            updated_at: at("updatedAt")?,
            ip_address: text("ipAddress").map(str::to_owned),
            user_agent: text("userAgent").map(str::to_owned),
            user_id: ids.parse(text("userId")?)?,
            extra: fields.read_view(view),
        })
    }

    /// The token that clients send.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether it is young enough for what a stolen session must not do (`session.freshAge`).
    pub(crate) fn is_fresh(&self, call: &Call) -> bool {
        let fresh_age = call.app.config.session.fresh_age;
        let age = call.now.millis() - self.created_at.0.millis();
        fresh_age == 0 || age < fresh_age.saturating_mul(1000)
    }

    /// When the session was made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at.0
    }
}

impl Serialize for Session {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("expiresAt", &self.expires_at.0)?;
        out.serialize_entry("token", &self.token)?;
        out.serialize_entry("createdAt", &self.created_at.0)?;
        out.serialize_entry("updatedAt", &self.updated_at.0)?;
        out.serialize_entry("ipAddress", self.ip_address.as_deref().unwrap_or_default())?;
        out.serialize_entry("userAgent", self.user_agent.as_deref().unwrap_or_default())?;
        out.serialize_entry("userId", &self.user_id)?;
        self.extra.write_to(&mut out)?;
        out.serialize_entry("id", &self.id)?;
        out.end()
    }
}

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    endpoints::mount(Feature::new("session")).codes(codes::ALL)
}
