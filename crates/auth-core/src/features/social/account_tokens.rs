//! `/get-access-token`, `/refresh-token` and `/account-info`: the caller's own accounts at providers.

use auth_jose::{Secret, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::codes;
use super::exchange::{self, Checked};
use super::provider::{Profile, Tokens};
use super::registry::Live;
use super::store::ProviderAccount;
use super::tokens::{opened, patch, row_json, row_of_json, scopes};
use crate::access::SensitiveSilent;
use crate::call::Call;
use crate::error::Result;
use crate::features::account;
use crate::features::account::Account;
use crate::id::Id;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::store::types::At;

/// An access token that ends sooner is renewed, in milliseconds.
const SOON: i64 = 5000;

/// Which account is meant: one of them, named or held in the account cookie.
pub(super) enum Selection {
    Id(String),
    Cookie,
}

impl Selection {
    /// Exactly one selector, and at most a `userId`, which is the session's anyway. The error: what upstream's union of
    /// two strict objects says.
    fn read(
        id: Option<String>,
        is_cookie: bool,
        has_good_user: bool,
        names: &[&str],
    ) -> std::result::Result<Self, String> {
        let unknown = |own: &str| -> Vec<&str> {
            names.iter().copied().filter(|name| *name != own && *name != "userId").collect()
        };
        let by_id = id.filter(|_| has_good_user).map(|id| (Self::Id(id), unknown("accountId")));
        let by_cookie = (is_cookie && has_good_user).then(|| (Self::Cookie, unknown("useAccountCookie")));
        match (by_id, by_cookie) {
            (Some((selection, unknown)), None) | (None, Some((selection, unknown))) => {
                let quoted: Vec<String> = unknown.iter().map(|name| format!("{name:?}")).collect();
                match quoted.as_slice() {
                    [] => Ok(selection),
                    [one] => Err(format!("Unrecognized key: {one}")),
                    several => Err(format!("Unrecognized keys: {}", several.join(", "))),
                }
            }
            _ => Err("Invalid input".to_owned()),
        }
    }
}

/// The selection in a body.
pub(super) struct BodySelection(Selection);

impl Input for BodySelection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let Some(members) = fields.any_object() else {
            fields.refuse_body("Invalid input");
            return None;
        };
        let id = members.get("accountId").and_then(Value::as_str).map(str::to_owned);
        let is_cookie = members.get("useAccountCookie") == Some(&Value::Bool(true));
        let has_good_user = members.get("userId").is_none_or(Value::is_string);
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        match Selection::read(id, is_cookie, has_good_user, &names) {
            Ok(selection) => Some(Self(selection)),
            Err(problem) => {
                fields.refuse_body(&problem);
                None
            }
        }
    }

    fn sample() -> Value {
        serde_json::json!({ "accountId": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// The selection in a query, where nothing but an id can be written.
pub(super) struct QuerySelection(Selection);

impl Input for QuerySelection {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let names: Vec<String> = fields.query_names().map(str::to_owned).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        let has_good_user = names.iter().filter(|name| **name == "userId").count() <= 1;
        let id = fields.query_lenient("accountId");
        names.sort_unstable();
        names.dedup();
        match Selection::read(id, false, has_good_user, &names) {
            Ok(selection) => Some(Self(selection)),
            Err(problem) => {
                fields.refuse_query(&problem);
                None
            }
        }
    }

    fn sample() -> Value {
        serde_json::json!({ "accountId": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// The account that is meant. Another user's is not found.
async fn selected(cx: &SensitiveSilent, selection: &Selection) -> Result<(ProviderAccount, bool)> {
    let found = match selection {
        Selection::Id(id) => {
            let accounts = cx.app.store.db().await?.list_provider_accounts(&cx.user.id).await?;
            accounts.into_iter().find(|account| account.id.as_str() == id).map(|account| (account, false))
        }
        Selection::Cookie => {
            let row = account::cookie::read(cx).and_then(|row| row_of_json(&row, cx.app.shape.ids));
            row.filter(|row| row.user_id == cx.user.id).map(|row| (row, true))
        }
    };
    found.ok_or_else(|| account::codes::ACCOUNT_NOT_FOUND.bad_request())
}

/// What `/get-access-token` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccessToken {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_at: Option<Timestamp>,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// An access token that is good for a while, renewed if need be.
pub(super) async fn get_access_token(
    cx: SensitiveSilent,
    input: BodySelection,
) -> Result<Reply<AccessToken>> {
    let (account, _) = selected(&cx, &input.0).await?;
    let live = supported(&cx, &account).await?;
    let token = valid_token(&cx, &live, account).await?;
    cx.app.mark_credentials(&cx.out);
    Ok(Reply::ok(token))
}

async fn supported(cx: &Call, account: &ProviderAccount) -> Result<std::sync::Arc<Live>> {
    let live = cx.app.social.registry.find(&cx.app, &account.provider_id).await;
    live.ok_or_else(|| {
        let message = format!("Provider {} is not supported.", account.provider_id);
        codes::PROVIDER_NOT_SUPPORTED.bad_request().saying(message)
    })
}

async fn valid_token(cx: &SensitiveSilent, live: &Live, mut account: ProviderAccount) -> Result<AccessToken> {
    let refused = || codes::FAILED_TO_GET_ACCESS_TOKEN.bad_request();
    let ends_soon = account.access_token_expires_at.is_some_and(|at| at.0.millis() - cx.now.millis() < SOON);
    let stored = account.refresh_token.clone().filter(|token| !token.is_empty());
    let mut renewed = None;
    if let Some(stored) = stored.filter(|_| ends_soon && live.can_refresh()) {
        let token = opened(&cx.app, &stored).ok().ok_or_else(refused)?;
        let tokens = exchange::refresh(&cx.app, live, &token, cx.now).await.ok_or_else(refused)?;
        store(cx, &mut account, &tokens).await?;
        account::cookie::set(cx, row_json(&account))?;
        renewed = tokens.access_token.map(|token| token.expose().clone());
    }
    let access_token = match renewed {
        Some(token) => token,
        None => {
            opened(&cx.app, account.access_token.as_deref().unwrap_or_default()).ok().ok_or_else(refused)?
        }
    };
    Ok(AccessToken {
        access_token,
        access_token_expires_at: account.access_token_expires_at.map(|at| at.0),
        scopes: scopes(&account),
        id_token: account.id_token,
    })
}

/// Keeps new tokens; what did not come stays. The scope stays too: a refresh may narrow it.
async fn store(cx: &SensitiveSilent, account: &mut ProviderAccount, tokens: &Tokens) -> Result<()> {
    let (changes, now) = (patch(&cx.app, tokens), At(cx.now));
    cx.app.store.db().await?.update_tokens(&cx.user.id, &account.id, &changes, now).await?;
    changes.apply(account, now);
    Ok(())
}

/// What `/refresh-token` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refreshed {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    refresh_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_at: Option<Timestamp>,
    refresh_token_expires_at: Option<Timestamp>,
    scope: Option<String>,
    id_token: Option<String>,
    provider_id: String,
    account_id: Id<Account>,
}

/// Renews an account's tokens.
pub(super) async fn refresh_token(cx: SensitiveSilent, input: BodySelection) -> Result<Reply<Refreshed>> {
    let (mut account, is_of_cookie) = selected(&cx, &input.0).await?;
    let live = supported(&cx, &account).await?;
    if !live.can_refresh() {
        let message = format!("Provider {} does not support token refreshing.", account.provider_id);
        return Err(codes::TOKEN_REFRESH_NOT_SUPPORTED.bad_request().saying(message));
    }
    let stored = account.refresh_token.clone().filter(|token| !token.is_empty());
    let stored = stored.ok_or_else(|| codes::REFRESH_TOKEN_NOT_FOUND.bad_request())?;
    let refused = || codes::FAILED_TO_REFRESH_ACCESS_TOKEN.bad_request();
    let token = opened(&cx.app, &stored).ok().ok_or_else(refused)?;
    let tokens = exchange::refresh(&cx.app, &live, &token, cx.now).await.ok_or_else(refused)?;
    store(&cx, &mut account, &tokens).await?;
    if is_of_cookie {
        account::cookie::set(&cx, row_json(&account))?;
    }
    cx.app.mark_credentials(&cx.out);
    let text = |secret: Option<Secret<String>>| secret.map(|secret| secret.expose().clone());
    Ok(Reply::ok(Refreshed {
        access_token: text(tokens.access_token),
        refresh_token: text(tokens.refresh_token).unwrap_or(token),
        access_token_expires_at: tokens.access_expires_at,
        refresh_token_expires_at: account.refresh_token_expires_at.map(|at| at.0),
        scope: account.scope,
        id_token: account.id_token,
        provider_id: account.provider_id,
        account_id: account.id,
    }))
}

/// What `/account-info` answers.
#[derive(Debug, Serialize)]
pub(super) struct AccountInfo {
    user: Value,
    data: Value,
    account: Value,
}

/// Who the caller is at the provider.
pub(super) async fn account_info(cx: SensitiveSilent, input: QuerySelection) -> Result<Reply<AccountInfo>> {
    let (account, _) = selected(&cx, &input.0).await?;
    let live = cx.app.social.registry.find(&cx.app, &account.provider_id).await;
    let live = live.ok_or_else(|| codes::PROVIDER_NOT_CONFIGURED.bad_request())?;
    let shown = serde_json::json!({
        "id": account.id,
        "providerId": account.provider_id,
        "accountId": account.account_id,
    });
    let token = valid_token(&cx, &live, account).await?;
    if token.access_token.is_empty() {
        return Err(codes::ACCESS_TOKEN_NOT_FOUND.bad_request());
    }
    let tokens = Tokens {
        access_token: Some(Secret::new(token.access_token)),
        id_token: token.id_token.map(Secret::new),
        ..Tokens::default()
    };
    // A stored id token of a built-in provider may have expired long ago.
    let checked = if live.own.is_some() { Checked::With(None) } else { Checked::Before };
    let profile = exchange::profile(&cx.app, &live, &tokens, checked, None).await;
    let profile = profile.ok_or_else(|| codes::FAILED_TO_GET_USER_INFO.unauthorized())?;
    Ok(Reply::ok(AccountInfo { user: user_view(&profile), data: profile.data, account: shown }))
}

/// The user as the provider describes them.
fn user_view(profile: &Profile) -> Value {
    let mut user = Map::new();
    if !profile.name.is_empty() {
        user.insert("name".to_owned(), profile.name.clone().into());
    }
    for (name, text) in [("email", &profile.email), ("image", &profile.image)] {
        if let Some(text) = text {
            user.insert(name.to_owned(), text.clone().into());
        }
    }
    user.insert("emailVerified".to_owned(), profile.email_verified.into());
    user.extend(profile.more.clone());
    Value::Object(user)
}
