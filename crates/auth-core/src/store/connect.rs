//! Connecting: one function for each database, with the settings that every connection has.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};

#[cfg(feature = "sqlite")]
use super::dialect::SqliteConn;
use super::tls;
use crate::config::ServerUrl;
#[cfg(feature = "mysql")]
use crate::config::{Tls, TlsMode};

#[cfg(feature = "sqlite")]
pub(super) async fn sqlite(path: &str, setup: &str) -> ConnectionResult<SqliteConn> {
    let mut conn = SqliteConn::establish(path).await?;
    conn.batch_execute(setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// An error with everything that stands behind it: drivers say the reason last.
fn bad(error: &dyn std::error::Error) -> ConnectionError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    ConnectionError::BadConnection(text)
}

#[cfg(feature = "postgres")]
pub(super) async fn postgres(
    server: &ServerUrl,
    query_timeout: Option<Duration>,
) -> ConnectionResult<diesel_async::AsyncPgConnection> {
    use diesel_async::AsyncPgConnection;
    use tokio_postgres::config::SslMode;

    let mut config: tokio_postgres::Config =
        server.expose().parse().map_err(|error: tokio_postgres::Error| bad(&error))?;
    let tls = tls::client_config(server.tls()).map_err(ConnectionError::BadConnection)?;
    let mut conn = match tls {
        None => {
            let connected = config.ssl_mode(SslMode::Disable).connect(tokio_postgres::NoTls).await;
            let (client, connection) = connected.map_err(|error| bad(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await?
        }
        Some(tls) => {
            let is_optional = server.tls().mode == TlsMode::Preferred;
            config.ssl_mode(if is_optional { SslMode::Prefer } else { SslMode::Require });
            let connected = config.connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls)).await;
            let (client, connection) = connected.map_err(|error| bad(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await?
        }
    };
    let millis = query_timeout.map_or(0, |time| time.as_millis());
    conn.batch_execute(&format!("SET statement_timeout = {millis}; SET application_name = 'auth-server'"))
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

#[cfg(feature = "mysql")]
pub(super) async fn mysql(
    server: &ServerUrl,
    query_timeout: Option<Duration>,
) -> ConnectionResult<diesel_async::AsyncMysqlConnection> {
    use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder};

    let opts = Opts::from_url(server.expose()).map_err(|error| bad(&error))?;
    let opts = OptsBuilder::from_opts(opts)
        .init(vec![mysql_setup(query_timeout)])
        // diesel has its own; and an UPDATE counts the rows that it found, as everywhere else.
        .stmt_cache_size(0)
        .prefer_socket(false)
        .client_found_rows(true);
    let ssl = mysql_tls(server.tls()).map_err(ConnectionError::BadConnection)?;
    let connected = match Conn::new(opts.clone().ssl_opts(ssl)).await {
        Err(Error::Driver(DriverError::NoClientSslFlagFromServer))
            if server.tls().mode == TlsMode::Preferred =>
        {
            Conn::new(opts).await
        }
        other => other,
    };
    diesel_async::AsyncMysqlConnection::try_from(connected.map_err(|error| bad(&error))?).await
}

/// Settings of every MySQL connection. Strict: what does not fit a column is refused, never cut. READ COMMITTED as
/// in PostgreSQL, so that a transaction sees what others have committed. MySQL can limit the time of SELECT only.
#[cfg(feature = "mysql")]
fn mysql_setup(query_timeout: Option<Duration>) -> String {
    let wait = query_timeout.map_or(60, |time| time.as_secs().max(1));
    let seconds = query_timeout.map_or(0.0, |time| time.as_secs_f64());
    let millis = query_timeout.map_or(0, |time| time.as_millis());
    format!(
        "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
         SESSION innodb_lock_wait_timeout = {wait} /*!50708 , SESSION max_execution_time = {millis} */ \
         /*M!100100 , SESSION max_statement_time = {seconds} */; \
         SET NAMES utf8mb4; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    )
}

#[cfg(feature = "mysql")]
fn mysql_tls(tls: &Tls) -> Result<Option<mysql_async::SslOpts>, String> {
    use mysql_async::SslOpts;
    // The driver asks for the process's provider. Refused: there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let trusted = || {
        let roots = tls::roots(tls.roots.as_deref())?;
        let roots = roots.into_iter().map(|root| root.to_vec().into()).collect();
        Ok::<_, String>(SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true))
    };
    Ok(match tls.mode {
        TlsMode::Off => None,
        TlsMode::Preferred | TlsMode::Required => {
            Some(SslOpts::default().with_danger_accept_invalid_certs(true))
        }
        TlsMode::VerifyCa | TlsMode::VerifyFull => Some(trusted()?),
    })
}
