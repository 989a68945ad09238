//! `/link-social`: one more account for the caller, and the rules for that.

use serde::Serialize;
use serde_json::Value;

use super::codes;
use super::person;
use super::provider::{Profile, Tokens};
use super::registry::Live;
use super::sign_in::identify;
use super::start::{Destination, SentIdToken, Start};
use super::state::LinkTo;
use super::store::TokenPatch;
use super::tokens::{merged_scope, patch};
use crate::access::SignedIn;
use crate::call::Call;
use crate::error::{ErrorCode, Result, Status};
use crate::features::user::User;
use crate::id::Id;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::store::types::At;

/// What `/link-social` takes.
pub(super) struct LinkSocial(Start);

impl Input for LinkSocial {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Start::of_link(&mut fields.object()?).map(Self)
    }

    fn sample() -> Value {
        serde_json::json!({ "provider": "google", "callbackURL": "/settings" })
    }
}

/// Where to go, or that it is done.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Linked {
    /// To the provider.
    Destination(Destination),
    /// An id token was enough.
    Done { url: &'static str, status: bool, redirect: bool },
}

impl From<Destination> for Linked {
    fn from(destination: Destination) -> Self {
        Self::Destination(destination)
    }
}

/// Adds an account at a provider to the caller's ways to sign in.
pub(super) async fn link_social(cx: SignedIn, input: LinkSocial) -> Result<Reply<Linked>> {
    let LinkSocial(start) = input;
    let live = cx.app.social.registry.find(&cx.app, &start.provider).await;
    let live = live.ok_or_else(|| codes::PROVIDER_NOT_FOUND.with(Status::NotFound))?;
    match &start.id_token {
        Some(sent) => with_id_token(&cx, &live, sent).await,
        None => {
            let user_id = cx.user.id.as_str().to_owned();
            let link = LinkTo { user_id, email: cx.user.email.clone() };
            Ok(start.begin(&cx, &live, Some(link)).await?.reply())
        }
    }
}

async fn with_id_token(cx: &SignedIn, live: &Live, sent: &SentIdToken) -> Result<Reply<Linked>> {
    let (tokens, profile, subject) = identify(cx, live, sent).await?;
    let request = Request {
        live,
        tokens: &tokens,
        profile: &profile,
        subject: &subject,
        scopes: None,
        linked_first: true,
    };
    match link(cx, &cx.user.id, &cx.user.email, &request).await? {
        Ok(()) => Ok(Reply::ok(Linked::Done { url: "", status: true, redirect: false })),
        Err(Refusal::OtherUsers) => Err(codes::SOCIAL_ACCOUNT_ALREADY_LINKED.with(Status::Conflict)),
        Err(Refusal::OtherAddress) => Err(codes::LINKING_DIFFERENT_EMAILS_NOT_ALLOWED.unauthorized()),
        Err(Refusal::NotAllowed) => Err(codes::LINKING_NOT_ALLOWED.unauthorized()),
    }
}

/// An account that a user wants to have.
pub(super) struct Request<'a> {
    pub(super) live: &'a Live,
    pub(super) tokens: &'a Tokens,
    pub(super) profile: &'a Profile,
    pub(super) subject: &'a str,
    /// What was granted, if the provider was asked.
    pub(super) scopes: Option<&'a [String]>,
    /// An account that the user has already needs no rules: upstream's order with id tokens.
    pub(super) linked_first: bool,
}

/// Why an account does not become a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Linking is off, or nobody has proven the address.
    NotAllowed,
    /// It has another address than the user.
    OtherAddress,
    /// It is another user's.
    OtherUsers,
}

impl Refusal {
    /// The code in a redirect.
    pub(super) fn code(self) -> ErrorCode {
        match self {
            Self::NotAllowed => codes::UNABLE_TO_LINK_ACCOUNT,
            Self::OtherAddress => codes::EMAIL_DOES_NOT_MATCH,
            Self::OtherUsers => codes::ACCOUNT_ALREADY_LINKED,
        }
    }
}

/// Makes the account the user's, or renews it if it is already. `address`: the user's when they asked for it.
pub(super) async fn link(
    call: &Call,
    owner: &Id<User>,
    address: &str,
    request: &Request<'_>,
) -> Result<std::result::Result<(), Refusal>> {
    let (live, fields, now) = (request.live, &call.app.config.fields.user, At(call.now));
    let mut tx = call.app.store.begin().await?;
    // Of two links at once, one finds the account of the other.
    let locked = tx.lock_user(owner).await?;
    let found = if locked { tx.find_user(owner, fields).await? } else { None };
    let existing = tx.find_account_owner(live.id(), request.subject, fields).await?;
    let mut refusal = allowed(call, found.as_ref(), address, request).err();
    if let Some((account, _)) = &existing {
        if account.user_id != *owner {
            let is_first = request.linked_first || refusal.is_none();
            refusal = if is_first { Some(Refusal::OtherUsers) } else { refusal };
        } else if request.linked_first {
            refusal = None;
        }
    }
    let (Some(mut user), None) = (found, refusal) else {
        tx.rollback().await?;
        tracing::info!(user = %owner, provider = live.id(), "account not linked");
        return Ok(Err(refusal.unwrap_or(Refusal::NotAllowed)));
    };
    match existing {
        Some((account, _)) => {
            let scope = request.scopes.map(|granted| merged_scope(account.scope.as_deref(), granted));
            let changes = patch(&call.app, request.tokens);
            let changes = TokenPatch { scope: scope.filter(|scope| !scope.is_empty()), ..changes };
            tx.update_tokens(owner, &account.id, &changes, now).await?;
        }
        None => {
            let mut account =
                person::new_account(call, live, request.subject, request.tokens, request.scopes, owner);
            tx.insert_provider_account(&mut account, &person::issuer(live), call.app.shape).await?;
        }
    }
    if call.app.config.account.linking.update_user_info {
        person::take_over(&mut tx, request.profile, &mut user, now).await?;
    }
    tx.commit().await?;
    tracing::info!(user = %owner, provider = live.id(), "account linked");
    Ok(Ok(()))
}

/// The rules. Stricter than upstream's in one point: an account that nobody has proven does not join an address that
/// nobody has proven, or whoever registers somebody else's address could leave a way in behind.
fn allowed(
    call: &Call,
    user: Option<&User>,
    address: &str,
    request: &Request<'_>,
) -> std::result::Result<(), Refusal> {
    let rules = &call.app.config.account.linking;
    let profile = request.profile;
    let is_vouched_for = profile.email_verified || rules.trusts(request.live.id());
    let Some(user) = user.filter(|_| rules.enabled && is_vouched_for) else {
        return Err(Refusal::NotAllowed);
    };
    let has = |address: &str| profile.email.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(address));
    let is_proof = profile.email_verified && has(&user.email);
    let is_strict = rules.require_local_email_verified && !call.app.config.upstream_exact;
    if is_strict && !user.email_verified && !is_proof {
        return Err(Refusal::NotAllowed);
    }
    if has(address) || rules.allow_different_emails { Ok(()) } else { Err(Refusal::OtherAddress) }
}
