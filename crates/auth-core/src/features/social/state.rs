//! A sign-in while the browser is at the provider: what it was for, kept under a name that only this browser knows.
//!
//! The name travels through the provider as `state`. In the database strategy the values stand in the
//! `verification` table and a signed cookie names them; in the cookie strategy the cookie holds them, sealed. Both
//! are Better Auth's forms, so that a sign-in may begin on one server and end on another.

use auth_jose::Timestamp;
use serde_json::{Map, Value};

use super::codes;
use crate::call::Call;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::verification::{Identifier, OneTimeToken, Purpose, Verification};
use crate::wire::origin::RedirectTarget;

/// How long somebody may take at the provider, in seconds.
const LIFETIME: i64 = 600;

/// How long the browser remembers the name, in seconds: upstream's.
const NAME_MAX_AGE: i64 = 300;

/// Members that a caller's `additionalData` cannot have.
const OWN: [&str; 11] = [
    "callbackURL",
    "codeVerifier",
    "errorURL",
    "newUserURL",
    "link",
    "serverContext",
    "expiresAt",
    "requestSignUp",
    "idTokenNonce",
    "oauthState",
    PROVIDER,
];

/// Which provider the browser was sent to: ours. Without it the answer of one provider could be passed off as
/// another's.
const PROVIDER: &str = "oauthProvider";

/// What a sign-in is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// The caller's own members.
    pub(super) additional: Map<String, Value>,
    /// Where the browser goes in the end.
    pub(super) callback_url: Option<RedirectTarget>,
    /// Where it goes when something fails.
    pub(super) error_url: Option<Target>,
    /// Where it goes with a new user.
    pub(super) new_user_url: Option<Target>,
    /// The user that gets one more account, and their address.
    pub(super) link: Option<LinkTo>,
    /// The sign-in may make a new user where that has to be asked for.
    pub(super) request_sign_up: Option<bool>,
}

/// A target that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// As nothing: remembered as upstream remembers it, and of no effect.
    Empty,
    /// As a trusted one.
    To(RedirectTarget),
}

impl Target {
    fn as_str(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::To(target) => target.as_str(),
        }
    }
}

/// The user that gets one more account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkTo {
    pub(super) user_id: String,
    pub(super) email: String,
}

/// What the authorization request needs of a new sign-in.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) state: String,
    pub(super) code_verifier: String,
    pub(super) nonce: Option<String>,
}

/// A sign-in that has come back.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) callback_url: RedirectTarget,
    pub(super) code_verifier: String,
    pub(super) error_url: Option<RedirectTarget>,
    pub(super) new_user_url: Option<RedirectTarget>,
    pub(super) link: Option<LinkTo>,
    pub(super) request_sign_up: bool,
    pub(super) nonce: Option<String>,
}

/// Why a state is refused, and where the browser goes.
#[derive(Debug)]
pub(super) struct BadState {
    pub(super) code: ErrorCode,
    pub(super) error_url: Option<RedirectTarget>,
}

impl BadState {
    fn new(code: ErrorCode, members: Option<&Map<String, Value>>) -> Self {
        Self { code, error_url: members.and_then(|members| target(members, "errorURL")) }
    }
}

/// Remembers a sign-in with `provider` and sets its cookie.
pub(super) async fn begin(call: &Call, provider: &str, wants_nonce: bool, wish: Wish) -> Result<Begun> {
    let entropy = &*call.app.entropy;
    let name = OneTimeToken::random(entropy, Purpose::AuthState);
    let begun = Begun {
        state: name.reveal().to_owned(),
        code_verifier: random::url_safe(entropy, "code-verifier", 128),
        nonce: wants_nonce.then(|| random::url_safe(entropy, "id-token-nonce", 32)),
    };
    let expires_at = call.now.plus_seconds(LIFETIME);
    let text = Value::Object(members(call, provider, wish, &begun, expires_at)).to_string();
    let cookies = call.cookies();
    if call.app.config.account.state_in_cookie {
        let sealed = call.app.social.state_sealer.seal(entropy, &text);
        let cookie = &cookies.oauth_state;
        call.out.cookie(cookie.set(sealed, cookie.max_age(Some(LIFETIME))));
    } else {
        let identifier = Identifier::new(&call.app, Purpose::AuthState, &name);
        let row = Verification::new(&call.app, identifier, &text, call.now, expires_at);
        call.app.store.db().await?.insert_verification(&row).await?;
        let cookie = &cookies.state;
        let signed = call.app.signer.sign(&begun.state);
        call.out.cookie(cookie.set(signed, cookie.max_age(Some(NAME_MAX_AGE))));
    }
    Ok(begun)
}

fn members(
    call: &Call,
    provider: &str,
    wish: Wish,
    begun: &Begun,
    expires_at: Timestamp,
) -> Map<String, Value> {
    let mut members = wish.additional;
    members.retain(|name, _| !OWN.contains(&name.as_str()));
    let own_site = call.base_url().to_string();
    let callback = wish.callback_url.map_or(own_site, |target| target.as_str().to_owned());
    members.insert("callbackURL".to_owned(), callback.into());
    members.insert("codeVerifier".to_owned(), begun.code_verifier.clone().into());
    if let Some(target) = wish.error_url {
        members.insert("errorURL".to_owned(), target.as_str().into());
    }
    if let Some(target) = wish.new_user_url {
        members.insert("newUserURL".to_owned(), target.as_str().into());
    }
    if let Some(link) = wish.link {
        members.insert("link".to_owned(), serde_json::json!({ "userId": link.user_id, "email": link.email }));
    }
    members.insert("expiresAt".to_owned(), expires_at.millis().into());
    if let Some(flag) = wish.request_sign_up {
        members.insert("requestSignUp".to_owned(), flag.into());
    }
    if let Some(nonce) = &begun.nonce {
        members.insert("idTokenNonce".to_owned(), nonce.clone().into());
    }
    members.insert("oauthState".to_owned(), begun.state.clone().into());
    if !call.app.config.upstream_exact {
        members.insert(PROVIDER.to_owned(), provider.into());
    }
    members
}

/// Uses up the state that a callback of `provider` brings. Of several callbacks with one state one gets it.
pub(super) async fn finish(
    call: &Call,
    provider: &str,
    state: &str,
) -> Result<std::result::Result<Returned, BadState>> {
    let opened = if call.app.config.account.state_in_cookie {
        from_cookie(call, state)
    } else {
        from_database(call, provider, state).await?
    };
    Ok(opened.and_then(|members| {
        let returned = read(&members);
        let is_late =
            members.get("expiresAt").and_then(Value::as_i64).is_none_or(|end| end < call.now.millis());
        match returned {
            _ if is_late || !is_for(&members, provider) => {
                Err(BadState::new(codes::STATE_MISMATCH, Some(&members)))
            }
            Some(returned) => Ok(returned),
            None => Err(BadState::new(codes::INTERNAL_SERVER_ERROR, Some(&members))),
        }
    }))
}

/// Whether the state belongs to this provider, as far as it says: a Better Auth server's does not.
fn is_for(members: &Map<String, Value>, provider: &str) -> bool {
    members.get(PROVIDER).is_none_or(|named| named.as_str() == Some(provider))
}

fn from_cookie(call: &Call, state: &str) -> std::result::Result<Map<String, Value>, BadState> {
    let cookie = &call.cookies().oauth_state;
    let Some(sealed) = call.cookie(&cookie.name) else {
        return Err(BadState::new(codes::STATE_MISMATCH, None));
    };
    let opened = call.app.social.state_sealer.open(&sealed).ok();
    let members = opened.and_then(|text| parse(text.expose()));
    let Some(members) = members.filter(|members| read(members).is_some()) else {
        return Err(BadState::new(codes::STATE_INVALID, None));
    };
    if members.get("oauthState").and_then(Value::as_str) != Some(state) {
        return Err(BadState::new(codes::STATE_MISMATCH, Some(&members)));
    }
    call.out.cookie(cookie.delete());
    Ok(members)
}

async fn from_database(
    call: &Call,
    provider: &str,
    state: &str,
) -> Result<std::result::Result<Map<String, Value>, BadState>> {
    let unknown = || Ok(Err(BadState::new(codes::STATE_MISMATCH, None)));
    let Some(name) = OneTimeToken::parse(state) else { return unknown() };
    let identifier = Identifier::new(&call.app, Purpose::AuthState, &name);
    let mut db = call.app.store.db().await?;
    let Some(row) = db.find_verification_of_any_age(&identifier).await? else { return unknown() };
    let Some(members) = parse(&row.value) else {
        return Ok(Err(BadState::new(codes::INTERNAL_SERVER_ERROR, None)));
    };
    let named = members.get("oauthState").is_none_or(|named| named.as_str() == Some(state));
    let cookie = &call.cookies().state;
    let is_same_browser = call.app.config.account.skip_state_cookie_check
        || call.signed_cookie(cookie).is_some_and(|named| named == state);
    if !named || !is_same_browser || !is_for(&members, provider) {
        // Whoever brings it from elsewhere does not use it up.
        return Ok(Err(BadState::new(codes::STATE_MISMATCH, Some(&members))));
    }
    call.out.cookie(cookie.delete());
    let is_first = db.consume_verification(&row).await?;
    if !call.app.config.verification.keep_expired {
        db.delete_expired_verifications(call.now).await?;
    }
    if is_first { Ok(Ok(members)) } else { unknown() }
}

fn parse(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// Targets were checked when the sign-in began, and nobody but a server of ours could write them since.
fn target(members: &Map<String, Value>, name: &str) -> Option<RedirectTarget> {
    let text = members.get(name)?.as_str().filter(|text| !text.is_empty())?;
    Some(RedirectTarget::kept(text))
}

fn read(members: &Map<String, Value>) -> Option<Returned> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let link = match members.get("link") {
        None | Some(Value::Null) => None,
        Some(link) => Some(LinkTo {
            user_id: id_text(link.get("userId")?)?,
            email: link.get("email")?.as_str()?.to_owned(),
        }),
    };
    Some(Returned {
        callback_url: target(members, "callbackURL")?,
        code_verifier: text("codeVerifier")?,
        error_url: target(members, "errorURL"),
        new_user_url: target(members, "newUserURL"),
        link,
        request_sign_up: members.get("requestSignUp").and_then(Value::as_bool).unwrap_or_default(),
        nonce: text("idTokenNonce"),
    })
}

/// Better Auth may write an id that is a number in its database as one.
fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An error that the callback cannot explain to the browser.
pub(super) fn internal(error: &Error) -> ErrorCode {
    tracing::error!(%error, "sign-in with a provider failed");
    codes::INTERNAL_SERVER_ERROR
}
