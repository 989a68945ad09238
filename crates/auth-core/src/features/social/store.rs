//! Queries on accounts at providers.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::features::account::Account;
use crate::features::user::{User, UserPatch};
use crate::fields::DeclaredFields;
use crate::id::Id;
use crate::store::adopt::Shape;
use crate::store::schema::{account, session, user};
use crate::store::types::At;
use crate::store::{Db, Result, insert_row, made_id, on};
use crate::wire::email::EmailAddress;

/// A row of the `account` table with its tokens, as they are stored.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = account)]
pub(super) struct ProviderAccount {
    #[diesel(skip_insertion)]
    pub(super) id: Id<Account>,
    pub(super) account_id: String,
    pub(super) provider_id: String,
    pub(super) user_id: Id<User>,
    pub(super) access_token: Option<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) id_token: Option<String>,
    pub(super) access_token_expires_at: Option<At>,
    pub(super) refresh_token_expires_at: Option<At>,
    pub(super) scope: Option<String>,
    pub(super) created_at: At,
    pub(super) updated_at: At,
}

/// Changes to an account's tokens; `None` leaves a column as it is.
#[derive(Clone, Default, PartialEq, AsChangeset)]
#[diesel(table_name = account)]
pub(super) struct TokenPatch {
    pub(super) access_token: Option<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) id_token: Option<String>,
    pub(super) access_token_expires_at: Option<At>,
    pub(super) refresh_token_expires_at: Option<At>,
    pub(super) scope: Option<String>,
}

impl TokenPatch {
    /// The row with these changes.
    pub(super) fn apply(&self, row: &mut ProviderAccount, now: At) {
        let texts = [
            (&self.access_token, &mut row.access_token),
            (&self.refresh_token, &mut row.refresh_token),
            (&self.id_token, &mut row.id_token),
            (&self.scope, &mut row.scope),
        ];
        for (new, old) in texts {
            if new.is_some() {
                old.clone_from(new);
            }
        }
        row.access_token_expires_at = self.access_token_expires_at.or(row.access_token_expires_at);
        row.refresh_token_expires_at = self.refresh_token_expires_at.or(row.refresh_token_expires_at);
        row.updated_at = now;
    }
}

impl Db {
    /// Whose account at a provider this is: the oldest row of it, with its user. The inner `None`: the user is gone.
    pub(super) async fn find_account_owner(
        &mut self,
        provider_id: &str,
        account_id: &str,
        fields: &DeclaredFields,
    ) -> Result<Option<(ProviderAccount, Option<User>)>> {
        let rows = account::table
            .left_join(user::table)
            .filter(account::provider_id.eq(provider_id).and(account::account_id.eq(account_id)));
        let rows: Vec<(ProviderAccount, Option<User>)> = on!(self, |conn| rows
            .select((ProviderAccount::as_select(), Option::<User>::as_select()))
            .load(conn)
            .await?);
        // MySQL compares without regard to case and accents: another id is another person.
        let exact = |(row, _): &(ProviderAccount, Option<User>)| {
            row.account_id == account_id && row.provider_id == provider_id
        };
        let mut found = rows.into_iter().filter(exact).min_by(|(one, _), (other, _)| {
            (one.created_at.0, one.id.as_str()).cmp(&(other.created_at.0, other.id.as_str()))
        });
        if let Some((_, Some(user))) = &mut found {
            self.read_user_fields(user, fields).await?;
        }
        Ok(found)
    }

    /// A user's accounts with their tokens, oldest first; the credential account has none.
    pub(super) async fn list_provider_accounts(&mut self, owner: &Id<User>) -> Result<Vec<ProviderAccount>> {
        let rows = account::table.filter(account::user_id.eq(owner));
        let mut rows: Vec<ProviderAccount> =
            on!(self, |conn| rows.select(ProviderAccount::as_select()).load(conn).await?);
        rows.sort_by_key(|row| row.created_at.0);
        Ok(rows)
    }

    /// Adds an account, whose id may be the database's to make. `issuer` is written where Better Auth 1.7.0 to 1.7.2 made the table.
    pub(super) async fn insert_provider_account(
        &mut self,
        row: &mut ProviderAccount,
        issuer: &str,
        shape: Shape,
    ) -> Result<()> {
        let issuer = account::issuer.eq(issuer);
        if !shape.account_issuer {
            insert_row!(self, account, row);
        } else if row.id.given().is_some() {
            let issued = (account::id.eq(&row.id), &*row, issuer);
            on!(self, |conn| diesel::insert_into(account::table).values(issued).execute(conn).await?);
        } else {
            let insert = diesel::insert_into(account::table).values((&*row, issuer));
            row.id = made_id!(self, account, insert, insert.returning(account::id));
        }
        Ok(())
    }

    /// Changes the tokens of a user's account. False: the account is gone.
    pub(super) async fn update_tokens(
        &mut self,
        owner: &Id<User>,
        id: &Id<Account>,
        patch: &TokenPatch,
        now: At,
    ) -> Result<bool> {
        let row = account::table.filter(account::id.eq(id).and(account::user_id.eq(owner)));
        let set = (patch, account::updated_at.eq(now));
        let changed = on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(changed == 1)
    }

    /// Inside a transaction that has locked the user: removes every account but one, and every session. For the moment
    /// in which an address is proven for the first time: whoever registered it before has not proven it.
    pub(super) async fn delete_unproven(&mut self, owner: &Id<User>, keep: &Id<Account>) -> Result<()> {
        let accounts = account::table.filter(account::user_id.eq(owner).and(account::id.ne(keep)));
        on!(self, |conn| diesel::delete(accounts).execute(conn).await?);
        let sessions = session::table.filter(session::user_id.eq(owner));
        on!(self, |conn| diesel::delete(sessions).execute(conn).await?);
        Ok(())
    }

    /// Overwrites a user with a profile; a taken address is [`crate::store::StoreError::Duplicate`].
    pub(super) async fn overwrite_user(
        &mut self,
        id: &Id<User>,
        patch: &UserPatch,
        email: &EmailAddress,
        verified: bool,
    ) -> Result<()> {
        let set = (patch, user::email.eq(email.as_str()), user::email_verified.eq(verified));
        on!(self, |conn| diesel::update(user::table.find(id)).set(set).execute(conn).await?);
        Ok(())
    }
}
