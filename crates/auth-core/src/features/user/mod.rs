//! Users: the row, its wire form, `/update-user`.

pub mod codes;
mod store;

use auth_jose::Timestamp;
use diesel::prelude::*;
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Map, Value};

use crate::access::SignedIn;
use crate::config::JwtConfig;
use crate::error::Result;
use crate::feature::Feature;
use crate::features::session;
use crate::fields::{DeclaredFields, FieldValues, SentFields};
use crate::id::{Id, Ids};
use crate::input::{Fields, Input};
use crate::pipeline::is_truthy;
use crate::reply::Reply;
use crate::store::schema::user;
use crate::store::types::At;
pub use store::UserPatch;

/// A row of the `user` table.
#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = user)]
pub struct User {
    /// The id: the subject of tokens.
    #[diesel(skip_insertion)]
    pub id: Id<User>,
    /// The name to show.
    pub name: String,
    /// The address, in lower case.
    pub email: String,
    /// Whether the address is proven.
    pub email_verified: bool,
    /// A picture's URL.
    pub image: Option<String>,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
    /// The values of declared fields; none where they were not read.
    #[diesel(skip_insertion)]
    pub(crate) extra: FieldValues,
}

/// A user on the wire: what clients may see.
#[derive(Debug, Clone, Copy)]
pub struct UserView<'a>(&'a User);

impl User {
    /// A user from its wire form, which we have signed.
    pub(crate) fn from_view(view: &Value, fields: &DeclaredFields, ids: Ids) -> Option<Self> {
        let text = |name: &str| view.get(name)?.as_str();
        let at = |name: &str| Timestamp::parse_iso(text(name)?).map(At);
        Some(Self {
            id: ids.parse(text("id")?)?,
            name: text("name")?.to_owned(),
            email: text("email")?.to_owned(),
            email_verified: view.get("emailVerified")?.as_bool()?,
            image: text("image").map(str::to_owned),
            created_at: at("createdAt")?,
            updated_at: at("updatedAt")?,
            extra: fields.read_view(view),
        })
    }

    /// What the user's tokens call them: `jwt.subject` of the configuration, else the id.
    pub(crate) fn subject(&self, config: &JwtConfig) -> String {
        let view =
            config.subject.as_ref().and_then(|field| serde_json::to_value(self).ok()?.get(field).cloned());
        let subject = match view {
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        if subject.is_empty() { self.id.as_str().to_owned() } else { subject }
    }

    /// The user as clients see it.
    #[must_use]
    pub fn view(&self) -> UserView<'_> {
        UserView(self)
    }
}

impl Serialize for UserView<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let user = self.0;
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("name", &user.name)?;
        out.serialize_entry("email", &user.email)?;
        out.serialize_entry("emailVerified", &user.email_verified)?;
        out.serialize_entry("image", &user.image)?;
        out.serialize_entry("createdAt", &user.created_at.0)?;
        out.serialize_entry("updatedAt", &user.updated_at.0)?;
        user.extra.write_to(&mut out)?;
        out.serialize_entry("id", &user.id)?;
        out.end()
    }
}

impl Serialize for User {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.view().serialize(serializer)
    }
}

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("user").post("/update-user", update_user).codes(codes::ALL)
}

/// `{status: true}`.
#[derive(Debug, Serialize)]
pub struct Done {
    /// Always true.
    pub status: bool,
}

/// What `/update-user` takes. Other members are ignored, as upstream ignores undeclared fields.
struct UpdateUser {
    wants_email: bool,
    name: Option<String>,
    image: Option<Option<String>>,
    fields: SentFields,
}

impl Input for UpdateUser {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let members = fields.record()?;
        let name = match members.get("name") {
            None => None,
            Some(value) => Some(fields.column_text("name", value)?),
        };
        let image = match members.get("image") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(value) => Some(Some(fields.column_text("image", value)?)),
        };
        let declared = fields.user_fields(members);
        Some(Self { wants_email: wants_email(members), name, image, fields: declared })
    }

    fn sample() -> Value {
        serde_json::json!({ "name": "Ada" })
    }
}

fn wants_email(members: &Map<String, Value>) -> bool {
    members.get("email").is_some_and(is_truthy)
}

/// Changes the caller's name, picture and declared fields.
async fn update_user(cx: SignedIn, input: UpdateUser) -> Result<Reply<Done>> {
    if input.wants_email {
        return Err(codes::EMAIL_CAN_NOT_BE_UPDATED.bad_request());
    }
    let changes = cx.app.config.fields.user.for_change(&input.fields)?;
    if input.name.is_none() && input.image.is_none() && changes.is_empty() {
        return Err(codes::NO_FIELDS_TO_UPDATE.bad_request());
    }
    let patch = UserPatch { name: input.name, image: input.image, updated_at: At(cx.now) };
    let mut db = if changes.is_empty() { cx.app.store.db().await? } else { cx.app.store.begin().await? };
    db.update_user(&cx.user.id, &patch).await?;
    if !changes.is_empty() {
        if let Err(error) = db.update_user_fields(&cx.user.id, &changes).await {
            db.rollback().await?;
            return Err(error.into());
        }
        db.commit().await?;
        db = cx.app.store.db().await?;
    }
    // Read again: the caller's own copy may be an old one, and the next copy is made from this.
    let Some(user) = db.find_user(&cx.user.id, &cx.app.config.fields.user).await? else {
        return Err(session::codes::UNAUTHORIZED.unauthorized());
    };
    session::cookies::set(&cx, &cx.session, &user, session::Remember::AsBefore)?;
    Ok(Reply::ok(Done { status: true }))
}
