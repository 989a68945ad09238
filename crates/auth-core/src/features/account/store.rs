//! Queries on the `account` table.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Account, CREDENTIAL, CREDENTIAL_ISSUER, NewAccount};
use crate::features::user::User;
use crate::fields::DeclaredFields;
use crate::id::Id;
use crate::store::adopt::Shape;
use crate::store::schema::{account, user};
use crate::store::types::At;
use crate::store::{Db, Result, on};
use crate::wire::email::EmailAddress;

impl Db {
    /// Adds a credential account.
    pub(crate) async fn insert_account(&mut self, row: &NewAccount, shape: Shape) -> Result<()> {
        let insert = diesel::insert_into(account::table);
        let id = row.id.given().map(|id| account::id.eq(id));
        if shape.account_issuer {
            let issued = (id, row, account::issuer.eq(CREDENTIAL_ISSUER));
            on!(self, |conn| insert.values(issued).execute(conn).await?);
        } else {
            on!(self, |conn| insert.values((id, row)).execute(conn).await?);
        }
        Ok(())
    }

    /// The accounts of a user, oldest first.
    pub(crate) async fn list_accounts(&mut self, owner: &Id<User>) -> Result<Vec<Account>> {
        let rows = account::table.filter(account::user_id.eq(owner));
        let mut rows: Vec<Account> = on!(self, |conn| rows.select(Account::as_select()).load(conn).await?);
        // Not by SQL, which would sort SQLite's dates as text.
        rows.sort_by_key(|row| row.created_at.0);
        Ok(rows)
    }

    /// The user of an address together with the hash of its credential account, in one read.
    pub(crate) async fn find_credential(
        &mut self,
        email: &EmailAddress,
        fields: &DeclaredFields,
    ) -> Result<Option<(User, Option<String>)>> {
        type Row = (User, Option<String>, Option<String>);
        let rows: Vec<Row> = on!(self, |conn| user::table
            .left_join(
                account::table.on(account::user_id.eq(user::id).and(account::provider_id.eq(CREDENTIAL)))
            )
            .filter(user::email.eq(email.as_str()))
            .select((User::as_select(), account::account_id.nullable(), account::password.nullable()))
            .load(conn)
            .await?);
        let mut found = None;
        for (user, account_id, password) in rows {
            // MySQL tables of others compare without regard to case and accents: another address is another person.
            if user.email != email.as_str() {
                continue;
            }
            // Upstream's condition: the credential account is the one that names the user as its account id. Not in
            // SQL, where the two may be of different types.
            let is_credential = account_id.as_deref() == Some(user.id.as_str());
            if is_credential || found.is_none() {
                found = Some((user, password.filter(|_| is_credential)));
            }
            if is_credential {
                break;
            }
        }
        if let Some((user, _)) = &mut found {
            self.read_user_fields(user, fields).await?;
        }
        Ok(found)
    }

    /// The hash of a user's credential account. The outer `None`: there is no such account.
    pub(crate) async fn find_password(&mut self, owner: &Id<User>) -> Result<Option<Option<String>>> {
        let query = account::table
            .filter(account::user_id.eq(owner).and(account::provider_id.eq(CREDENTIAL)))
            .select(account::password);
        Ok(on!(self, |conn| query.first::<Option<String>>(conn).await.optional()?))
    }

    /// A password hash that is not of the kind that is written now.
    pub(crate) async fn find_other_hash(&mut self, is_argon2id: bool) -> Result<Option<String>> {
        let rows = account::table.filter(account::provider_id.eq(CREDENTIAL)).select(account::password);
        // argon2's hashes begin with their name, scrypt's with hexadecimal.
        let found: Option<Option<String>> = if is_argon2id {
            let rows = rows.filter(account::password.not_like("$argon2id$%"));
            on!(self, |conn| rows.first(conn).await.optional()?)
        } else {
            let rows = rows.filter(account::password.like("$%"));
            on!(self, |conn| rows.first(conn).await.optional()?)
        };
        Ok(found.flatten())
    }

    /// Replaces the hash `old` of a user's credential account. False: somebody else changed it meanwhile.
    pub(crate) async fn replace_password(
        &mut self,
        owner: &Id<User>,
        old: &str,
        new: &str,
        now: At,
    ) -> Result<bool> {
        let row = account::table.filter(
            account::user_id
                .eq(owner)
                .and(account::provider_id.eq(CREDENTIAL))
                .and(account::password.eq(old)),
        );
        let set = (account::password.eq(new), account::updated_at.eq(now));
        let changed = on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(changed > 0)
    }

    /// Replaces the hash of a user's credential account, whatever it was. False: there is no such account.
    pub(crate) async fn update_password(&mut self, owner: &Id<User>, new: &str, now: At) -> Result<bool> {
        let row = account::table.filter(account::user_id.eq(owner).and(account::provider_id.eq(CREDENTIAL)));
        let set = (account::password.eq(new), account::updated_at.eq(now));
        let changed = on!(self, |conn| diesel::update(row).set(set).execute(conn).await?);
        Ok(changed > 0)
    }

    /// Removes one account of a user.
    pub(crate) async fn delete_account(&mut self, owner: &Id<User>, id: &Id<Account>) -> Result<()> {
        let row = account::table.filter(account::id.eq(id).and(account::user_id.eq(owner)));
        on!(self, |conn| diesel::delete(row).execute(conn).await?);
        Ok(())
    }

    /// Removes every account of a user but the one with the password.
    pub(crate) async fn delete_provider_accounts(&mut self, owner: &Id<User>) -> Result<()> {
        let rows = account::table.filter(account::user_id.eq(owner).and(account::provider_id.ne(CREDENTIAL)));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }

    /// Removes every account of a user.
    pub(crate) async fn delete_accounts(&mut self, owner: &Id<User>) -> Result<()> {
        let rows = account::table.filter(account::user_id.eq(owner));
        on!(self, |conn| diesel::delete(rows).execute(conn).await?);
        Ok(())
    }
}
