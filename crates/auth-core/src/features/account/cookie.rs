//! The account that somebody signed in with, in an encrypted cookie (`account.storeAccountCookie`), so that its tokens
//! can be had without naming it.

use auth_jose::{JweError, JweKey};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::config::Config;
use crate::crypto::random;
use crate::crypto::secrets::Secrets;
use crate::error::{Error, Result};
use crate::features::user::User;
use crate::id::Id;
use crate::wire::cookie_parts;

/// The HKDF parameters of upstream's encryption key.
const SALT: &str = "better-auth-account";
const INFO: &str = "BetterAuth.js Generated Encryption Key";

/// Longer texts are no cookie of ours.
const MAX_BYTES: usize = 400_000;

/// Seals and opens the cookie.
pub struct AccountCookie {
    key: JweKey,
    older: Vec<JweKey>,
    max_age: i64,
}

impl AccountCookie {
    /// Nothing when the configuration keeps no accounts in cookies.
    ///
    /// # Errors
    /// When the encryption key cannot be derived.
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> std::result::Result<Option<Self>, JweError> {
        if !config.account.store_cookie {
            return Ok(None);
        }
        let older = secrets.all().skip(1).map(|secret| JweKey::derive(&secret.value, SALT, INFO));
        let max_age = config.session.cookie_cache.as_ref().map_or(300, |cache| cache.max_age);
        Ok(Some(Self {
            key: JweKey::derive(secrets.current(), SALT, INFO)?,
            older: older.collect::<std::result::Result<_, _>>()?,
            max_age,
        }))
    }
}

/// Keeps an account's row in the cookie, where that is configured.
pub(crate) fn set(call: &Call, mut row: Map<String, Value>) -> Result<()> {
    let Some(sealer) = &call.app.account_cookie else { return Ok(()) };
    let cookie = &call.cookies().account_data;
    let max_age = cookie.max_age(Some(sealer.max_age)).unwrap_or(sealer.max_age);
    let iat = call.now.seconds();
    row.insert("iat".to_owned(), iat.into());
    row.insert("exp".to_owned(), iat.saturating_add(max_age).into());
    row.insert("jti".to_owned(), random::uuid(&*call.app.entropy, "jwe-id").into());
    let content = serde_json::to_vec(&row).map_err(Error::internal)?;
    let value = sealer.key.encrypt(&*call.app.entropy, &content).map_err(Error::internal)?;
    remove_parts(call);
    for part in cookie_parts::set(cookie, value, Some(max_age)) {
        call.out.cookie(part);
    }
    Ok(())
}

/// The row in the request's cookie, if it is ours and still believed.
pub(crate) fn read(call: &Call) -> Option<Map<String, Value>> {
    let sealer = call.app.account_cookie.as_ref()?;
    let header = call.request.header("cookie")?;
    let value = cookie_parts::find(&header, &call.cookies().account_data.name)?;
    if value.len() > MAX_BYTES {
        return None;
    }
    let mut keys = std::iter::once(&sealer.key).chain(&sealer.older);
    let mut row = keys.find_map(|key| key.decrypt(&value).ok())?;
    let end = row.remove("exp").and_then(|end| end.as_i64())?;
    row.remove("iat");
    row.remove("jti");
    (end > call.now.seconds()).then_some(row)
}

/// Beside a new copy of the session: keeps the account as long, if it is the same user's.
pub(crate) fn keep(call: &Call, user: &Id<User>) -> Result<()> {
    let name = &call.cookies().account_data.name;
    if call.app.account_cookie.is_none() || call.out.has_cookie(|it| cookie_parts::is_of(name, it)) {
        return Ok(());
    }
    match read(call) {
        Some(row) if row.get("userId").and_then(Value::as_str) == Some(user.as_str()) => set(call, row),
        Some(_) => {
            delete(call);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Removes the cookie, where it is configured.
pub(crate) fn delete(call: &Call) {
    if call.app.account_cookie.is_some() {
        remove_parts(call);
        call.out.cookie(call.cookies().account_data.delete());
    }
}

fn remove_parts(call: &Call) {
    let cookie = &call.cookies().account_data;
    call.out.take_back(|name| cookie_parts::is_of(&cookie.name, name));
    let Some(header) = call.request.header("cookie") else { return };
    for deletion in cookie_parts::delete(&header, cookie) {
        call.out.cookie(deletion);
    }
}
