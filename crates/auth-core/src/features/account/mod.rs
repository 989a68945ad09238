//! Accounts: how a user can sign in. The credential account holds the password's hash.

pub mod codes;
pub(crate) mod cookie;
pub mod password;
mod store;

pub use cookie::AccountCookie;

use auth_jose::Timestamp;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;

use crate::access::{Fresh, SignedIn};
use crate::app::App;
use crate::error::Result;
use crate::feature::Feature;
use crate::features::user::{Done, User};
use crate::id::Id;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::store::schema::account;
use crate::store::types::At;

/// The provider id of e-mail and password.
pub(crate) const CREDENTIAL: &str = "credential";

/// What Better Auth 1.7.0 to 1.7.2 calls the issuer of such accounts.
const CREDENTIAL_ISSUER: &str = "local:credential";

/// A row of the `account` table, as far as this server writes it.
#[derive(Debug, Insertable)]
#[diesel(table_name = account)]
pub(crate) struct NewAccount {
    #[diesel(skip_insertion)]
    pub(crate) id: Id<Account>,
    pub(crate) account_id: String,
    pub(crate) provider_id: &'static str,
    pub(crate) user_id: Id<User>,
    pub(crate) password: Option<String>,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
}

impl NewAccount {
    /// The credential account of a user: upstream finds it by the user's id as account id.
    pub(crate) fn credential(app: &App, owner: &Id<User>, hash: String, now: At) -> Self {
        Self {
            id: app.new_id(),
            account_id: owner.as_str().to_owned(),
            provider_id: CREDENTIAL,
            user_id: owner.clone(),
            password: Some(hash),
            created_at: now,
            updated_at: now,
        }
    }
}

/// A row of the `account` table without its secrets.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = account)]
pub struct Account {
    id: Id<Account>,
    provider_id: String,
    account_id: String,
    user_id: Id<User>,
    scope: Option<String>,
    created_at: At,
    updated_at: At,
}

/// An account on the wire. Tokens and password never leave.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountView {
    id: Id<Account>,
    provider_id: String,
    account_id: String,
    user_id: Id<User>,
    scopes: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Account> for AccountView {
    fn from(row: Account) -> Self {
        let scope = row.scope.unwrap_or_default();
        Self {
            id: row.id,
            provider_id: row.provider_id,
            account_id: row.account_id,
            user_id: row.user_id,
            scopes: scope.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("account")
        .get("/list-accounts", list_accounts)
        .post("/unlink-account", unlink_account)
        .codes(codes::ALL)
}

/// The caller's accounts.
async fn list_accounts(cx: SignedIn, _input: ()) -> Result<Reply<Vec<AccountView>>> {
    let rows = cx.app.store.db().await?.list_accounts(&cx.user.id).await?;
    Ok(Reply::ok(rows.into_iter().map(AccountView::from).collect()))
}

/// What `/unlink-account` takes: an account's own id, as `/list-accounts` shows it.
struct UnlinkAccount {
    account_id: String,
}

impl Input for UnlinkAccount {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        Some(Self { account_id: body.string("accountId")?.to_owned() })
    }

    fn sample() -> Value {
        serde_json::json!({ "accountId": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// Removes one of the caller's ways to sign in, but not the last.
async fn unlink_account(cx: Fresh, input: UnlinkAccount) -> Result<Reply<Done>> {
    let mut tx = cx.app.store.begin().await?;
    // Two removals at once must not both find the other account still there.
    tx.lock_user(&cx.user.id).await?;
    let accounts = tx.list_accounts(&cx.user.id).await?;
    let refusal = if accounts.len() == 1 && !cx.app.config.account.linking.allow_unlinking_all {
        codes::FAILED_TO_UNLINK_LAST_ACCOUNT
    } else if let Some(account) = accounts.iter().find(|account| account.id.as_str() == input.account_id) {
        tx.delete_account(&cx.user.id, &account.id).await?;
        tx.commit().await?;
        tracing::info!(user = %cx.user.id, provider = account.provider_id, "account unlinked");
        return Ok(Reply::ok(Done { status: true }));
    } else {
        codes::ACCOUNT_NOT_FOUND
    };
    tx.rollback().await?;
    Err(refusal.bad_request())
}
