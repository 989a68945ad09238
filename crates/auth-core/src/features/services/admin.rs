//! What operators and services change: services, their keys, one-time codes.

use auth_jose::{Secret, Timestamp};
use auth_s2s::{ServiceKey, ServiceName};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::store::{CodeRow, ServiceKeyRow, ServiceRow};
use crate::app::App;
use crate::crypto::{random, to_hex};
use crate::revocation::Withdrawn;
use crate::store::types::At;
use crate::store::{Db, StoreError};

/// How long an enrolment code can be used, in seconds.
pub const CODE_SECONDS: i64 = 3_600;

/// How long a replaced key stays accepted, in seconds: all receivers know its successor long before.
pub const OVERLAP_SECONDS: i64 = 3_600;

/// Where the keys of a new service come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// From whoever adds it.
    Key(Box<ServiceKey>),
    /// From the service itself, at this address.
    Url(String),
    /// From the service itself, once, with a code.
    Code,
}

/// Why a service or a key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The code is unknown, used up or too old.
    #[error("the code is unknown, used or expired")]
    CodeInvalid,
    /// There is a service of that name.
    #[error("there is a service {0} already")]
    Exists(ServiceName),
    /// Another service has registered the key.
    #[error("the key belongs to another service")]
    KeyOwned,
    /// The service had the key once and has replaced it.
    #[error("the key was withdrawn and cannot be used again")]
    KeyWithdrawn,
    /// Its keys are read from its own address.
    #[error("the keys of {0} are read from its own address")]
    KeysElsewhere(ServiceName),
    /// The name of this server.
    #[error("{0} is this server's own name (services.name)")]
    NameReserved(ServiceName),
    /// There is no service of that name.
    #[error("there is no service {0}")]
    Unknown(ServiceName),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, ServiceError>;

/// Adds a service. The answer is its enrolment code, if it is to enrol itself.
///
/// # Errors
/// When name or key are taken.
pub async fn add(app: &App, name: &ServiceName, source: KeySource) -> Result<Option<Secret<String>>> {
    if name == app.services.name() {
        return Err(ServiceError::NameReserved(name.clone()));
    }
    let now = app.clock.now();
    let jwks_url = if let KeySource::Url(url) = &source { Some(url.clone()) } else { None };
    let row = ServiceRow { name: name.as_str().to_owned(), jwks_url, created_at: At(now), disabled_at: None };
    let mut tx = app.store.begin().await?;
    let done = async {
        if !tx.insert_service(&row).await? {
            return Err(ServiceError::Exists(name.clone()));
        }
        match source {
            KeySource::Key(key) => add_key(&mut tx, &key, now).await.map(|()| None),
            KeySource::Url(_) => Ok(None),
            KeySource::Code => new_code(app, &mut tx, name, now).await.map(Some),
        }
    }
    .await;
    end(app, tx, done).await
}

/// Gives a service a new key; its others end after `overlap` seconds.
///
/// # Errors
/// When there is no such service or the key is not its own.
pub async fn rotate(app: &App, key: &ServiceKey, overlap: i64) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let done = async {
        own_keys(&mut tx, key.service()).await?;
        replace_key(&mut tx, key, app.clock.now(), overlap).await
    }
    .await;
    end_withdrawing(app, tx, done).await
}

/// A new enrolment code for a service, in place of any earlier one.
///
/// # Errors
/// When there is no such service or its keys are elsewhere.
pub async fn enrolment_code(app: &App, name: &ServiceName) -> Result<Secret<String>> {
    let mut tx = app.store.begin().await?;
    let done = async {
        own_keys(&mut tx, name).await?;
        new_code(app, &mut tx, name, app.clock.now()).await
    }
    .await;
    end(app, tx, done).await
}

/// Disables a service or enables it again. Its codes end too.
///
/// # Errors
/// When there is no such service.
pub async fn set_enabled(app: &App, name: &ServiceName, is_enabled: bool) -> Result<()> {
    let disabled_at = (!is_enabled).then(|| At(app.clock.now()));
    let mut tx = app.store.begin().await?;
    let done = async {
        if !tx.update_service(name.as_str(), disabled_at).await? {
            return Err(ServiceError::Unknown(name.clone()));
        }
        tx.delete_service_codes(name.as_str()).await?;
        if is_enabled { Ok(Withdrawn::default()) } else { all_of(app, &mut tx, name).await }
    }
    .await;
    end_withdrawing(app, tx, done).await
}

/// Forgets a service and its keys.
///
/// # Errors
/// When there is no such service.
pub async fn remove(app: &App, name: &ServiceName) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let done = async {
        let withdrawn = all_of(app, &mut tx, name).await?;
        if tx.delete_service(name.as_str()).await? {
            Ok(withdrawn)
        } else {
            Err(ServiceError::Unknown(name.clone()))
        }
    }
    .await;
    end_withdrawing(app, tx, done).await
}

/// How long receivers that read the list of what is withdrawn are told of keys that end at once, in seconds. By then
/// their key set says the same, even if their clock is a minute ahead.
const TELL_SECONDS: i64 = 120;

/// Whatever a service could call others with.
async fn all_of(app: &App, tx: &mut Db, name: &ServiceName) -> Result<Withdrawn> {
    let now = app.clock.now();
    let rows = tx.list_service_keys().await?;
    let kids =
        rows.iter().filter(|row| row.service == name.as_str() && row.is_alive(now)).map(ServiceKeyRow::kid);
    Ok(Withdrawn::service(name.subject(), kids, now))
}

/// Makes the keys of a service those that its own address shows now.
///
/// # Errors
/// When there is no such service or one of the keys is not its own; nothing is changed then.
pub async fn synchronize(app: &App, name: &ServiceName, keys: &[ServiceKey]) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let done = async {
        if tx.find_service(name.as_str()).await?.is_none() {
            return Err(ServiceError::Unknown(name.clone()));
        }
        for key in keys {
            add_key(&mut tx, key, now).await?;
        }
        let is_kept = |id: &str| keys.iter().any(|key| key.thumbprint() == id);
        end_keys(&mut tx, name, now, 0, is_kept).await
    }
    .await;
    end_withdrawing(app, tx, done).await
}

impl App {
    /// Removes used client assertions that would be refused anyway.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_old_assertions(&self) -> std::result::Result<(), StoreError> {
        self.store.db().await?.delete_expired_assertions(self.clock.now()).await
    }
}

/// The service that may enrol with `code`. It may be used up a moment later.
pub(super) async fn service_of_code(app: &App, code: &str) -> Result<ServiceName> {
    let mut db = app.store.db().await?;
    let row = db.find_service_code(&digest(code)).await?;
    let row = row.filter(|row| row.expires_at.0 > app.clock.now()).ok_or(ServiceError::CodeInvalid)?;
    row.service.parse().or(Err(ServiceError::CodeInvalid))
}

/// Uses `code` up for `key`, whose possession is proven. The service's other keys end after the usual overlap.
pub(super) async fn enrol(app: &App, code: &str, key: &ServiceKey) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let done = async {
        if !tx.consume_service_code(&digest(code)).await? {
            return Err(ServiceError::CodeInvalid);
        }
        replace_key(&mut tx, key, app.clock.now(), OVERLAP_SECONDS).await
    }
    .await;
    end_withdrawing(app, tx, done).await
}

/// Keeps what was done, or takes it back as a whole.
async fn end<T>(app: &App, tx: Db, done: Result<T>) -> Result<T> {
    match done {
        Ok(value) => {
            tx.commit().await?;
            app.announce_withdrawn();
            follow(app).await;
            Ok(value)
        }
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

/// The same for a change that ends keys: receivers are told by the transaction that does it.
async fn end_withdrawing(app: &App, tx: Db, done: Result<Withdrawn>) -> Result<()> {
    match done {
        Ok(withdrawn) => {
            let now = app.clock.now();
            app.commit_withdrawn_until(tx, withdrawn, now.plus_seconds(TELL_SECONDS), now).await?;
            follow(app).await;
            Ok(())
        }
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

/// The change is stored; when it cannot be read back at once, the background does it.
async fn follow(app: &App) {
    if let Err(error) = app.services.reload(&app.store, app.clock.now()).await {
        tracing::warn!(%error, "the services could not be read again");
    }
}

async fn own_keys(tx: &mut Db, name: &ServiceName) -> Result<()> {
    match tx.find_service(name.as_str()).await? {
        None => Err(ServiceError::Unknown(name.clone())),
        Some(row) if row.jwks_url.is_some() => Err(ServiceError::KeysElsewhere(name.clone())),
        Some(_) => Ok(()),
    }
}

async fn replace_key(tx: &mut Db, key: &ServiceKey, now: Timestamp, overlap: i64) -> Result<Withdrawn> {
    add_key(tx, key, now).await?;
    end_keys(tx, key.service(), now, overlap, |id| id == key.thumbprint()).await
}

/// Registers a key. One that the service has already, and has not replaced, may be registered again.
async fn add_key(tx: &mut Db, key: &ServiceKey, now: Timestamp) -> Result<()> {
    let owner = key.service().as_str();
    match tx.find_service_key(key.thumbprint()).await? {
        Some(row) if row.service != owner => return Err(ServiceError::KeyOwned),
        Some(row) if row.expires_at.is_some() => return Err(ServiceError::KeyWithdrawn),
        Some(_) => return Ok(()),
        None => {}
    }
    let row = ServiceKeyRow {
        id: key.thumbprint().to_owned(),
        service: owner.to_owned(),
        public_key: Value::Object(key.to_jwk()).to_string(),
        created_at: At(now),
        expires_at: None,
    };
    // Somebody was faster, and whoever it was has not committed when we looked.
    if tx.insert_service_key(&row).await? { Ok(()) } else { Err(ServiceError::KeyOwned) }
}

/// Ends the keys of a service that are not to be kept after `overlap` seconds, unless they end earlier. Those that end
/// at once are withdrawn.
async fn end_keys(
    tx: &mut Db,
    service: &ServiceName,
    now: Timestamp,
    overlap: i64,
    is_kept: impl Fn(&str) -> bool,
) -> Result<Withdrawn> {
    let at = now.plus_seconds(overlap);
    let rows = tx.list_service_keys().await?;
    let is_ending =
        |row: &&ServiceKeyRow| row.service == service.as_str() && !is_kept(&row.id) && row.is_alive(at);
    let ending: Vec<_> = rows.iter().filter(is_ending).collect();
    if !ending.is_empty() {
        let ids: Vec<_> = ending.iter().map(|row| row.id.clone()).collect();
        tx.update_service_keys(service.as_str(), &ids, at).await?;
    }
    let is_at_once = overlap == 0;
    Ok(Withdrawn::keys(ending.iter().filter(|_| is_at_once).map(|row| row.kid())))
}

async fn new_code(app: &App, tx: &mut Db, name: &ServiceName, now: Timestamp) -> Result<Secret<String>> {
    let code = random::alphanumeric(&*app.entropy, "service-code", 32);
    tx.delete_service_codes(name.as_str()).await?;
    let row = CodeRow {
        id: digest(&code),
        service: name.as_str().to_owned(),
        created_at: At(now),
        expires_at: At(now.plus_seconds(CODE_SECONDS)),
    };
    tx.insert_service_code(&row).await?;
    Ok(Secret::from(code.as_str()))
}

/// Codes are random enough that a plain hash cannot be turned back.
fn digest(code: &str) -> String {
    to_hex(&Sha256::digest(code.as_bytes()))
}
