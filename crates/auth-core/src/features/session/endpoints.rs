//! The session endpoints.

use serde::Serialize;
use serde_json::Value;

use super::{Remember, Resolved, Session, Source, Writes, codes, cookies, resolve};
use crate::access::{Fresh, Public, Sensitive, SignedIn};
use crate::error::{Result, Status};
use crate::feature::Feature;
use crate::features::user::{Done, User};
use crate::fields::SentFields;
use crate::hooks::LogoutWish;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::revocation::Revoked;
use crate::store::types::At;
use crate::wire::origin::RedirectTarget;

pub(super) fn mount(feature: Feature) -> Feature {
    feature
        .get("/get-session", get_session)
        .get("/session", get_session) // an alias that upstream does not have
        .post("/get-session", post_get_session)
        .get("/list-sessions", list_sessions)
        .post("/revoke-session", revoke_session)
        .post("/revoke-sessions", revoke_sessions)
        .post("/revoke-other-sessions", revoke_other_sessions)
        .post("/update-session", update_session)
        .post("/sign-out", sign_out)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionAndUser {
    session: Session,
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_refresh: Option<bool>,
}

/// The caller's session and user, or `null`.
async fn get_session(cx: Public, _input: ()) -> Result<Reply<Option<SessionAndUser>>> {
    read_session(&cx, Writes::Usual).await
}

/// The same, and extends the session: where `session.deferSessionRefresh` leaves that to POST.
async fn post_get_session(cx: Public, _input: ()) -> Result<Reply<Option<SessionAndUser>>> {
    if !cx.app.config.session.defer_refresh {
        no_store(&cx);
        return Err(codes::METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED.with(Status::MethodNotAllowed));
    }
    read_session(&cx, Writes::Deferred).await
}

async fn read_session(cx: &Public, writes: Writes) -> Result<Reply<Option<SessionAndUser>>> {
    no_store(cx);
    if cx.app.session_cache.is_none() {
        cookies::delete_cache(cx);
    }
    let found = resolve(cx, Source::Cache, writes).await?;
    if let Some(found) = &found {
        cx.app.hooks.after_get_session(cx, &found.session, &found.user);
    }
    let answer = |Resolved { session, user, needs_refresh }| SessionAndUser { session, user, needs_refresh };
    Ok(Reply::ok(found.map(answer)))
}

fn no_store(cx: &Public) {
    cx.out.header("Cache-Control", "no-store");
    cx.out.header("Pragma", "no-cache");
}

/// The caller's live sessions, with their tokens.
async fn list_sessions(cx: Fresh, _input: ()) -> Result<Reply<Vec<Session>>> {
    let sessions =
        cx.app.store.db().await?.list_sessions(&cx.user.id, cx.now, &cx.app.config.fields.session).await?;
    cx.app.mark_credentials(&cx.out);
    Ok(Reply::ok(sessions))
}

/// What `/revoke-session` takes.
struct RevokeSession {
    token: String,
}

impl Input for RevokeSession {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        Some(Self { token: body.string("token")?.to_owned() })
    }

    fn sample() -> Value {
        serde_json::json!({ "token": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// Ends one of the caller's sessions. The answer does not tell whether the token was one.
async fn revoke_session(cx: Sensitive, input: RevokeSession) -> Result<Reply<Done>> {
    let mut tx = cx.app.store.begin().await?;
    let ended = tx.delete_own_session(&cx.user.id, &input.token).await?;
    cx.app.commit_withdrawn(tx, ended, cx.now).await?;
    Ok(Reply::ok(Done { status: true }))
}

/// Ends all of the caller's sessions, this one too.
async fn revoke_sessions(cx: Sensitive, _input: ()) -> Result<Reply<Done>> {
    let mut tx = cx.app.store.begin().await?;
    let ended = tx.delete_sessions(&cx.user.id).await?;
    let ended = ended.and([Revoked::tokens_of(&cx.app.config, &cx.user, cx.now)]);
    cx.app.commit_withdrawn(tx, ended, cx.now).await?;
    Ok(Reply::ok(Done { status: true }))
}

/// Ends all of the caller's sessions but this one.
async fn revoke_other_sessions(cx: Sensitive, _input: ()) -> Result<Reply<Done>> {
    let since = cx.now.plus_seconds(-cx.app.config.longest_token());
    let mut tx = cx.app.store.begin().await?;
    let ended = tx.delete_other_sessions(&cx.user.id, &cx.session.id, cx.now, since).await?;
    cx.app.commit_withdrawn(tx, ended, cx.now).await?;
    Ok(Reply::ok(Done { status: true }))
}

/// What `/update-session` takes: a record of declared session fields.
struct UpdateSession {
    fields: SentFields,
}

impl Input for UpdateSession {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let members = fields.record()?;
        Some(Self { fields: fields.session_fields(members) })
    }

    fn sample() -> Value {
        serde_json::json!({})
    }
}

#[derive(Debug, Serialize)]
struct SessionUpdated {
    session: Session,
}

/// Changes declared fields of the caller's session.
async fn update_session(cx: SignedIn, input: UpdateSession) -> Result<Reply<SessionUpdated>> {
    let changes = cx.app.config.fields.session.for_change(&input.fields)?;
    if changes.is_empty() {
        return Err(codes::NO_FIELDS_TO_UPDATE.bad_request());
    }
    let mut tx = cx.app.store.begin().await?;
    match tx.update_session_fields(&cx.session.id, &changes, cx.now).await {
        Ok(true) => tx.commit().await?,
        Ok(false) => {
            // Revoked between the read and the write.
            tx.rollback().await?;
            cookies::delete_all(&cx);
            return Err(codes::FAILED_TO_GET_SESSION.unauthorized());
        }
        Err(error) => {
            tx.rollback().await?;
            return Err(error.into());
        }
    }
    let mut session = cx.session.clone();
    session.updated_at = At(cx.now);
    session.extra.change(&changes);
    cookies::set(&cx, &session, &cx.user, Remember::AsBefore)?;
    Ok(Reply::ok(SessionUpdated { session }))
}

/// What `/sign-out` takes: what is to happen where a provider has a logout page.
struct SignOut {
    target: Option<RedirectTarget>,
    stays: bool,
    state: Option<String>,
}

impl Input for SignOut {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let Some(mut body) = fields.optional_object()? else {
            return Some(Self { target: None, stays: false, state: None });
        };
        let (target, stays) = (body.optional_redirect("callbackURL"), body.optional_bool("disableRedirect"));
        let state = body.optional_string("state");
        Some(Self {
            target: target?,
            stays: stays?.unwrap_or_default(),
            state: state?.filter(|state| !state.is_empty()).map(str::to_owned),
        })
    }

    fn sample() -> Value {
        Value::Null
    }
}

#[derive(Debug, Serialize)]
struct SignedOut {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<bool>,
}

/// Ends the request's session and removes its cookies. Works without a session too. Where the user has signed in with
/// a provider that has a logout page, the answer leads there.
async fn sign_out(cx: Public, input: SignOut) -> Result<Reply<SignedOut>> {
    let mut user = None;
    if let Some(token) = &cx.session_token {
        let mut tx = cx.app.store.begin().await?;
        if cx.app.config.social.may_log_out() {
            user = tx.find_session(token, &cx.app.config.fields).await?.map(|(_, user)| user);
        }
        let ended = tx.delete_session(token).await?;
        cx.app.commit_withdrawn(tx, ended, cx.now).await?;
    }
    cookies::delete_all(&cx);
    let url = match (user, cx.app.hooks.provider_logout()) {
        (Some(user), Some(logout)) => {
            let wish = LogoutWish { target: input.target.as_ref(), state: input.state.as_deref() };
            logout(&cx, &user, wish).await?
        }
        _ => None,
    };
    let redirect = url.is_some().then_some(!input.stays);
    let location = url.clone().filter(|_| !input.stays);
    let reply = Reply::ok(SignedOut { success: true, url, redirect });
    Ok(match location {
        Some(location) => reply.header("Location", location),
        None => reply,
    })
}
