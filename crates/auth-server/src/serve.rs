//! Start, run and stop of the server.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_core::app::{App, Shared};
use auth_core::config::{Config, RateStorage};
use auth_core::crypto::secrets::Secrets;
use auth_core::features::services::Registry;
use auth_core::store::Store;
use auth_core::store::adopt::Shape;
use auth_core::store::migrate::{MigrateError, Mode, Pending, add_columns, migrate};
use auth_jose::{OsEntropy, SystemClock};

use crate::commands::adopt;
use crate::listener::{self, Bounds};
use crate::service_keys;
use crate::signals::Signals;

/// How often counts whose window is over are removed from the database.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A sentence that says why the server cannot start.
pub fn run(config: Config, secrets: &Secrets) -> Result<ExitCode, String> {
    let runtime = runtime()?;
    let shape = runtime.block_on(tables(&config))?;
    let mut shared = Shared::new(config, secrets, Arc::new(SystemClock), Arc::new(OsEntropy))
        .map_err(|error| error.to_string())?;
    shared.shape = shape;
    let shared = Arc::new(shared);
    runtime.block_on(signing_key(&shared))?;
    drop(runtime);
    actix_web::rt::System::new().block_on(listen(shared))
}

/// A runtime for what happens before and beside serving; migrations need several threads.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))
}

/// Waits for the database, brings its tables up to date, and tells how rows are written to them.
async fn tables(config: &Config) -> Result<Shape, String> {
    let mode = if config.database.migrate { Mode::Apply } else { Mode::DryRun };
    let pending = migrate_when_there(config, mode).await?;
    for migration in &pending {
        match mode {
            Mode::Apply => tracing::info!(name = migration.name, "applied a migration"),
            Mode::DryRun => tracing::warn!(
                name = migration.name,
                "a migration is pending and database.migrate is off: run `auth-server migrate`"
            ),
        }
    }
    let store = Store::open(&config.database, 1);
    let url = &config.database.url;
    let findings = adopt::examine(config, &store).await?;
    adopt::refuse(url, &findings)?;
    match mode {
        Mode::Apply => store.complete(&findings).await.map_err(|error| format!("{url}: {error}"))?,
        Mode::DryRun => {
            for addition in &findings.to_add {
                let sql = addition.sql(url);
                tracing::warn!(
                    sql,
                    "a column is missing and database.migrate is off: run `auth-server migrate`"
                );
            }
        }
    }
    Ok(findings.shape)
}

/// Has a key that signs tokens.
async fn signing_key(shared: &Arc<Shared>) -> Result<(), String> {
    let app = App::new(shared.clone(), Store::open(&shared.config.database, 1));
    if let Err(error) = app.expect_stored_hashes().await {
        tracing::warn!(%error, "which kinds of password hashes are stored is not known; they are noticed when they are used");
    }
    if let Some(keys) = &shared.keys {
        keys.load_or_create(&app)
            .await
            .map_err(|error| format!("no signing key in {}: {error}", shared.config.database.url))?;
        match keys.reseal(&app).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "private keys were encrypted with the current secret"),
            Err(error) => {
                tracing::warn!(%error, "private keys could not be encrypted with the current secret; the next start tries again");
            }
        }
    }
    if let Err(error) = app.services.reload(&app.store, app.clock.now()).await {
        tracing::warn!(%error, "the services and their keys are not known yet");
    }
    Ok(())
}

/// Migrates, and waits for a database that does not answer yet.
///
/// # Errors
/// A sentence with the redacted URL and the reason.
pub async fn migrate_when_there(config: &Config, mode: Mode) -> Result<Vec<Pending>, String> {
    let url = &config.database.url;
    let give_up = Instant::now() + config.database.start_timeout;
    let mut pause = Duration::from_millis(250);
    loop {
        match migrate_all(config, mode).await {
            Ok(pending) => return Ok(pending),
            Err(MigrateError::Failed(reason)) => return Err(format!("{url}: {reason}")),
            Err(MigrateError::Connect(reason)) => {
                let left = give_up.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(format!("the database {url} does not answer: {reason}"));
                }
                let seconds = left.as_secs();
                tracing::warn!("waiting for the database {url} ({seconds} s left): {reason}");
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}

/// The tables, then the columns of declared fields.
async fn migrate_all(config: &Config, mode: Mode) -> Result<Vec<Pending>, MigrateError> {
    let url = &config.database.url;
    let mut pending = migrate(url, config.database.generate_id, mode).await?;
    pending.extend(add_columns(url, &config.fields, mode).await?);
    Ok(pending)
}

async fn listen(shared: Arc<Shared>) -> Result<ExitCode, String> {
    let signals = Signals::listen()?;
    let config = &shared.config.server;
    let address = SocketAddr::new(config.host, config.port);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = if config.workers == 0 { cores } else { config.workers };
    // Each worker has its own connections, on its own thread.
    let per_worker = shared.config.database.pool_size.div_ceil(u32::try_from(workers).unwrap_or(1));
    let for_workers = shared.clone();
    let bounds = Bounds {
        workers,
        connections: config.max_connections,
        shutdown: config.shutdown_timeout,
        ..Bounds::default()
    };
    let socket = bind(address).map_err(|error| cannot_listen(address, &error))?;
    let listening = listener::serve(socket, bounds, move || {
        let store = Store::open(&for_workers.config.database, per_worker);
        Arc::new(App::new(for_workers.clone(), store))
    })
    .map_err(|error| cannot_listen(address, &error))?;

    let bound = listening.address;
    let public = format!("{}{}", shared.config.base_url.origin(), shared.config.base_path);
    let database = shared.config.database.url.to_string();
    let without_cors = shared.config.origins_without_cors();
    if !without_cors.is_empty() {
        let origins = without_cors.join(", ");
        tracing::warn!(
            origins,
            "trusted, but not in cors.origins: browsers keep our answers from pages there, unless they ask through a proxy on \
             their own origin"
        );
    }
    tracing::info!(%bound, public, database, "serving");

    let follow = actix_web::rt::spawn(follow_keys(shared.clone()));
    let forget = actix_web::rt::spawn(forget_counts(shared.clone()));
    let services = actix_web::rt::spawn(follow_services(shared.clone()));
    let service_keys = actix_web::rt::spawn(service_keys::follow(shared.clone()));
    let prune = actix_web::rt::spawn(forget_revocations(shared.clone()));
    let touch = actix_web::rt::spawn(keep_in_touch(shared.clone()));
    let server = listening.server;
    let handle = server.handle();
    let stopping = shared.clone();
    let stop = actix_web::rt::spawn(async move {
        let is_graceful = signals.stop().await;
        // Whoever waits for what is withdrawn is answered now: the stop need not wait for them.
        stopping.feed.close();
        handle.stop(is_graceful).await;
    });
    let served = server.await;
    stop.abort();
    follow.abort();
    forget.abort();
    services.abort();
    service_keys.abort();
    prune.abort();
    touch.abort();
    // No request makes new mail any more; what waits gets as long as the requests had.
    shared.mail.drain(shared.config.server.shutdown_timeout).await;
    served.map_err(|error| format!("the server stopped: {error}"))?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Removes what the rate limit counted in the database and needs no more.
async fn forget_counts(shared: Arc<Shared>) {
    if shared.config.rate_limit.storage != RateStorage::Database {
        return;
    }
    let store = Store::open(&shared.config.database, 1);
    let app = App::new(shared, store);
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        if let Err(error) = app.forget_old_counts().await {
            tracing::warn!(%error, "old counts of the rate limit could not be removed");
        }
    }
}

/// Removes what was withdrawn and has expired since.
async fn forget_revocations(shared: Arc<Shared>) {
    if !shared.config.revocation.is_on() {
        return;
    }
    let store = Store::open(&shared.config.database, 1);
    let app = App::new(shared, store);
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        if let Err(error) = app.forget_revocations().await {
            tracing::warn!(%error, "old revocations could not be removed");
        }
    }
}

/// Tells other servers on the database what is withdrawn here, and hears it from them.
async fn keep_in_touch(shared: Arc<Shared>) {
    let store = Store::open(&shared.config.database, 1);
    App::new(shared, store).keep_in_touch().await;
}

/// Binds the address, also right after another server has left it.
fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} on {} is in use by another program. Stop that program, or choose another port with PORT.",
            address.ip()
        ),
        ErrorKind::AddrNotAvailable => {
            format!("{} is not an address of this machine. Choose one with HOST.", address.ip())
        }
        ErrorKind::PermissionDenied => {
            format!("no permission to listen on port {port}. Ports below 1024 need it; choose one with PORT.")
        }
        _ => format!("cannot listen on {address}: {error}"),
    }
}

/// Follows keys that other servers on the database make or retire, and makes a new one when it is due.
async fn follow_keys(shared: Arc<Shared>) {
    let Some(keys) = &shared.keys else { return };
    let pause = Duration::from_secs(keys.check_every().unsigned_abs());
    let app = App::new(shared.clone(), Store::open(&shared.config.database, 1));
    loop {
        tokio::time::sleep(pause).await;
        if let Err(error) = keys.load_or_create(&app).await {
            tracing::warn!(%error, "the signing keys could not be read again; those in memory stay");
        }
    }
}

/// Follows what commands and other servers on the database change about services.
async fn follow_services(shared: Arc<Shared>) {
    let store = Store::open(&shared.config.database, 1);
    let mut is_known = true;
    loop {
        tokio::time::sleep(Duration::from_secs(Registry::CHECK_EVERY)).await;
        let read = shared.services.reload(&store, shared.clock.now()).await;
        if let (Err(error), true) = (&read, is_known) {
            tracing::warn!(%error, "the services could not be read again; those in memory stay");
        }
        is_known = read.is_ok();
    }
}
