//! Accounts: how a user can sign in. The credential account holds the password's hash.

mod store;

use auth_jose::Timestamp;
use diesel::prelude::*;
use serde::Serialize;

use crate::access::SignedIn;
use crate::error::Result;
use crate::feature::Feature;
use crate::features::user::User;
use crate::id::Id;
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
    pub(crate) id: Id<Account>,
    pub(crate) account_id: String,
    pub(crate) provider_id: &'static str,
    pub(crate) user_id: Id<User>,
    pub(crate) password: Option<String>,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
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

/// The feature's endpoints.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("account").get("/list-accounts", list_accounts)
}

/// The caller's accounts.
async fn list_accounts(cx: SignedIn, _input: ()) -> Result<Reply<Vec<AccountView>>> {
    let rows = cx.app.store.db().await?.list_accounts(&cx.user.id).await?;
    Ok(Reply::ok(rows.into_iter().map(AccountView::from).collect()))
}
