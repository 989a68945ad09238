//! Which user somebody is who comes from a provider: the owner of the account, else the owner of the address, else a
//! new user.
//!
//! An account is joined to a user that is found by address only if both sides have proven it: the provider says that it
//! has, or is trusted, and the user's own address is proven. Who registered an address without proving it has no claim
//! on it: where an unproven user may be joined at all (`requireLocalEmailVerified = false`), what was there before, the
//! password, other accounts and sessions, ends.

use super::codes;
use super::provider::{Profile, Tokens};
use super::registry::Live;
use super::store::ProviderAccount;
use super::tokens::{patch, row_json, stored_scope};
use crate::call::Call;
use crate::error::{ErrorCode, Result};
use crate::features::account;
use crate::features::session::{Remember, Session, cookies};
use crate::features::user::{User, UserPatch};
use crate::id::Id;
use crate::store::types::At;
use crate::store::{Db, StoreError};
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// Somebody who comes from a provider.
pub(super) struct Arrival<'a> {
    pub(super) live: &'a Live,
    /// What is stored of their tokens.
    pub(super) tokens: &'a Tokens,
    pub(super) profile: &'a Profile,
    /// The provider's id of them.
    pub(super) subject: &'a str,
    pub(super) email: &'a EmailAddress,
    /// What was granted, if the provider was asked.
    pub(super) scopes: Option<&'a [String]>,
    /// Where a mail's link leads, if one is sent.
    pub(super) target: Option<&'a RedirectTarget>,
    /// They may become a new user.
    pub(super) may_sign_up: bool,
    /// Their profile overwrites the user.
    pub(super) overwrites: bool,
}

/// Somebody who is signed in now.
pub(super) struct Arrived {
    pub(super) session: Session,
    pub(super) user: User,
    pub(super) is_new: bool,
}

/// Who the arrival turned out to be.
struct Known {
    user: User,
    account: ProviderAccount,
    is_new: bool,
}

/// Finds or makes the user, and signs them in. The inner error: a refusal.
pub(super) async fn sign_in(
    call: &Call,
    arrival: &Arrival<'_>,
) -> Result<std::result::Result<Arrived, ErrorCode>> {
    let known = match find_or_make(call, arrival).await? {
        // Somebody took the address between our look and our insert: perhaps this very person, in another tab.
        Err(code) if code == codes::UNABLE_TO_CREATE_USER => find_or_make(call, arrival).await?,
        known => known,
    };
    let Known { user, account, is_new } = match known {
        Ok(known) => known,
        Err(code) => return Ok(Err(code)),
    };
    account::cookie::set(call, row_json(&account))?;

    let wants_proof = arrival.live.provider.rules.require_email_verification;
    if is_new
        && !user.email_verified
        && let Some(target) = arrival.target
    {
        call.app.hooks.after_provider_sign_up(call, &user, target, wants_proof);
    }
    if wants_proof && !user.email_verified {
        if !is_new {
            call.app.hooks.after_unverified_sign_in(call, &user, arrival.target);
        }
        return Ok(Err(codes::EMAIL_NOT_VERIFIED_YET));
    }
    let mut session = Session::new(call, &user, Remember::AsBefore);
    call.app.store.db().await?.insert_session(&mut session).await?;
    tracing::info!(user = %user.id, provider = arrival.live.id(), is_new, "signed in with a provider");
    cookies::set(call, &session, &user, Remember::AsBefore)?;
    Ok(Ok(Arrived { session, user, is_new }))
}

/// The user of the account, else of the address, else a new one.
async fn find_or_make(call: &Call, arrival: &Arrival<'_>) -> Result<std::result::Result<Known, ErrorCode>> {
    let fields = &call.app.config.fields.user;
    let mut db = call.app.store.db().await?;
    let owner = db.find_account_owner(arrival.live.id(), arrival.subject, fields).await?;
    match owner {
        Some((account, Some(user))) => {
            drop(db);
            returning(call, arrival, account, user).await
        }
        Some((_, None)) => Ok(Err(codes::UNABLE_TO_LINK_ACCOUNT)),
        None => {
            let found = db.find_user_by_email(arrival.email, fields).await?;
            // MySQL tables of others compare without regard to case and accents: another address is another person.
            match found.filter(|user| user.email == arrival.email.as_str()) {
                Some(user) => {
                    drop(db);
                    joined(call, arrival, user).await
                }
                None if arrival.may_sign_up => {
                    drop(db);
                    new_user(call, arrival).await
                }
                None => Ok(Err(codes::SIGNUP_DISABLED)),
            }
        }
    }
}

/// The account is known: its user signs in.
async fn returning(
    call: &Call,
    arrival: &Arrival<'_>,
    mut account: ProviderAccount,
    mut user: User,
) -> Result<std::result::Result<Known, ErrorCode>> {
    let now = At(call.now);
    let mut tx = call.app.store.begin().await?;
    tx.lock_user(&user.id).await?;
    if call.app.config.account.update_on_sign_in {
        let patch = patch(&call.app, arrival.tokens);
        if !tx.update_tokens(&user.id, &account.id, &patch, now).await? {
            // Unlinked a moment ago.
            tx.rollback().await?;
            return Ok(Err(codes::UNABLE_TO_LINK_ACCOUNT));
        }
        patch.apply(&mut account, now);
    }
    prove(&mut tx, arrival, &mut user, now).await?;
    if arrival.overwrites {
        overwrite(&mut tx, call, arrival, &mut user).await?;
    }
    tx.commit().await?;
    Ok(Ok(Known { user, account, is_new: false }))
}

/// The address is a user's, the account is nobody's: it becomes theirs if the rules are met.
async fn joined(
    call: &Call,
    arrival: &Arrival<'_>,
    user: User,
) -> Result<std::result::Result<Known, ErrorCode>> {
    let rules = &call.app.config.account.linking;
    let is_vouched_for = arrival.profile.email_verified || rules.trusts(arrival.live.id());
    let is_local_good = user.email_verified || !rules.require_local_email_verified;
    if !rules.enabled || rules.disable_implicit || !is_vouched_for || !is_local_good {
        tracing::info!(user = %user.id, provider = arrival.live.id(), "account not linked");
        return Ok(Err(codes::ACCOUNT_NOT_LINKED));
    }
    let (mut user, now) = (user, At(call.now));
    let mut tx = call.app.store.begin().await?;
    if !tx.lock_user(&user.id).await? {
        tx.rollback().await?;
        return Ok(Err(codes::UNABLE_TO_LINK_ACCOUNT));
    }
    let fields = &call.app.config.fields.user;
    if let Some((account, owner)) = tx.find_account_owner(arrival.live.id(), arrival.subject, fields).await? {
        // Joined a moment ago, by a sign-in at the same time.
        tx.rollback().await?;
        let is_theirs = owner.is_some_and(|owner| owner.id == user.id);
        let known = Known { user, account, is_new: false };
        return Ok(if is_theirs { Ok(known) } else { Err(codes::UNABLE_TO_LINK_ACCOUNT) });
    }
    let mut account =
        new_account(call, arrival.live, arrival.subject, arrival.tokens, arrival.scopes, &user.id);
    tx.insert_provider_account(&mut account, &issuer(arrival.live), call.app.shape).await?;
    if !user.email_verified && !call.app.config.upstream_exact {
        tx.delete_unproven(&user.id, &account.id).await?;
    }
    prove(&mut tx, arrival, &mut user, now).await?;
    if rules.update_user_info {
        take_over(&mut tx, arrival.profile, &mut user, now).await?;
    }
    if arrival.overwrites {
        overwrite(&mut tx, call, arrival, &mut user).await?;
    }
    tx.commit().await?;
    tracing::info!(user = %user.id, provider = arrival.live.id(), "account linked");
    Ok(Ok(Known { user, account, is_new: false }))
}

async fn new_user(call: &Call, arrival: &Arrival<'_>) -> Result<std::result::Result<Known, ErrorCode>> {
    let declared = &call.app.config.fields.user;
    let mut more = arrival.profile.more.clone();
    more.retain(|name, _| declared.iter().any(|field| field.name.as_str() == name && field.input));
    let extra = declared.for_new_row(&declared.pick(&more))?;
    let mut user = User {
        id: call.app.new_id(),
        name: storable(&arrival.profile.name),
        email: arrival.email.as_str().to_owned(),
        email_verified: arrival.profile.email_verified,
        image: arrival.profile.image.as_deref().map(storable),
        created_at: At(call.now),
        updated_at: At(call.now),
        extra,
    };
    let mut tx = call.app.store.begin().await?;
    match tx.insert_user(&mut user).await {
        Ok(()) => {}
        Err(StoreError::Duplicate(_)) => {
            // Another request took the address between our look and our insert.
            tx.rollback().await?;
            return Ok(Err(codes::UNABLE_TO_CREATE_USER));
        }
        Err(error) => {
            tx.rollback().await?;
            return Err(error.into());
        }
    }
    let mut account =
        new_account(call, arrival.live, arrival.subject, arrival.tokens, arrival.scopes, &user.id);
    tx.insert_provider_account(&mut account, &issuer(arrival.live), call.app.shape).await?;
    tx.commit().await?;
    Ok(Ok(Known { user, account, is_new: true }))
}

/// What Better Auth 1.7.0 to 1.7.2 calls the issuer of an account.
pub(super) fn issuer(live: &Live) -> String {
    match live.issuers.as_slice() {
        [issuer] => issuer.clone(),
        _ => format!("local:oauth:{}", live.id()),
    }
}

/// The row of an account that a user does not have yet.
pub(super) fn new_account(
    call: &Call,
    live: &Live,
    subject: &str,
    tokens: &Tokens,
    scopes: Option<&[String]>,
    owner: &Id<User>,
) -> ProviderAccount {
    let tokens = patch(&call.app, tokens);
    ProviderAccount {
        id: call.app.new_id(),
        account_id: subject.to_owned(),
        provider_id: live.id().to_owned(),
        user_id: owner.clone(),
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        id_token: tokens.id_token,
        access_token_expires_at: tokens.access_token_expires_at,
        refresh_token_expires_at: tokens.refresh_token_expires_at,
        scope: scopes.map(stored_scope),
        created_at: At(call.now),
        updated_at: At(call.now),
    }
}

/// PostgreSQL cannot hold U+0000.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}

/// A provider that has proven the user's own address has done what our mail would do.
async fn prove(tx: &mut Db, arrival: &Arrival<'_>, user: &mut User, now: At) -> Result<()> {
    let is_same = arrival.email.as_str() == user.email;
    if arrival.profile.email_verified
        && is_same
        && !user.email_verified
        && tx.verify_email(&user.id, &user.email, now).await?
    {
        user.email_verified = true;
        user.updated_at = now;
    }
    Ok(())
}

/// Name and picture become the user's; what the provider does not say stays.
pub(super) async fn take_over(tx: &mut Db, profile: &Profile, user: &mut User, now: At) -> Result<()> {
    let patch = UserPatch {
        name: (!profile.name.is_empty()).then(|| storable(&profile.name)),
        image: profile.image.as_deref().map(|image| Some(storable(image))),
        updated_at: now,
    };
    tx.update_user(&user.id, &patch).await?;
    applied(user, patch);
    Ok(())
}

fn applied(user: &mut User, patch: UserPatch) {
    if let Some(name) = patch.name {
        user.name = name;
    }
    if let Some(image) = patch.image {
        user.image = image;
    }
    user.updated_at = patch.updated_at;
}

/// The profile overwrites the user, address included, unless somebody else has that.
async fn overwrite(tx: &mut Db, call: &Call, arrival: &Arrival<'_>, user: &mut User) -> Result<()> {
    let patch = UserPatch {
        name: Some(storable(&arrival.profile.name)),
        image: arrival.profile.image.as_deref().map(|image| Some(storable(image))),
        updated_at: At(call.now),
    };
    let is_same = arrival.email.as_str() == user.email;
    if !is_same && tx.is_email_taken(arrival.email).await? {
        tracing::warn!(user = %user.id, provider = arrival.live.id(), "the provider's address is another user's");
        tx.update_user(&user.id, &patch).await?;
        applied(user, patch);
        return Ok(());
    }
    let verified = arrival.profile.email_verified || is_same && user.email_verified;
    tx.overwrite_user(&user.id, &patch, arrival.email, verified).await?;
    applied(user, patch);
    arrival.email.as_str().clone_into(&mut user.email);
    user.email_verified = verified;
    Ok(())
}
