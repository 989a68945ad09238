//! The listener and the database.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::reader::Reader;
use super::{DatabaseUrl, size};
use crate::id::GenerateId;

/// The listener.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// Worker threads; 0 is one for each core.
    pub workers: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// The largest request body in bytes.
    pub body_limit: usize,
    /// A request that takes longer answers 503.
    pub request_timeout: Duration,
    /// How long SIGTERM waits for running requests.
    pub shutdown_timeout: Duration,
}

/// The database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Connections in all.
    pub pool_size: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub query_timeout: Duration,
    /// How long the start waits for a database that does not answer.
    pub start_timeout: Duration,
    /// Bring the tables up to date at start.
    pub migrate: bool,
    /// Who makes the ids of new rows.
    pub generate_id: GenerateId,
}

pub(super) fn server(r: &mut Reader) -> ServerConfig {
    let default_host = IpAddr::from([127, 0, 0, 1]);
    let host = match r.text("server.host").as_deref() {
        None => default_host,
        Some("localhost") => default_host,
        Some(text) => text.parse().unwrap_or_else(|_| {
            r.refuse("server.host", "expected an IP address such as 127.0.0.1, 0.0.0.0 or ::");
            default_host
        }),
    };
    ServerConfig {
        host,
        port: u16::try_from(r.integer("server.port", 3000, 0..=65_535)).unwrap_or_default(),
        workers: size(r.integer("server.workers", 0, 0..=1024)),
        max_connections: size(r.integer("server.maxConnections", 10_000, 1..=1_000_000)),
        body_limit: size(r.integer("server.bodyLimit", 65_536, 1024..=16 << 20)),
        request_timeout: r.duration("server.requestTimeout", 15).max(Duration::from_secs(1)),
        shutdown_timeout: r.duration("server.shutdownTimeout", 10),
    }
}

pub(super) fn database(r: &mut Reader) -> DatabaseConfig {
    let url = match r.secret("database.url") {
        None => DatabaseUrl::default(),
        Some(text) => DatabaseUrl::parse(text.expose()).unwrap_or_else(|reason| {
            r.refuse("database.url", reason);
            DatabaseUrl::default()
        }),
    };
    DatabaseConfig {
        url,
        pool_size: u32::try_from(r.integer("database.poolSize", 16, 1..=10_000)).unwrap_or(16),
        acquire_timeout: r.duration("database.acquireTimeout", 2),
        query_timeout: r.duration("database.queryTimeout", 5),
        start_timeout: r.duration("database.startTimeout", 30),
        migrate: r.boolean("database.migrate", true),
        generate_id: generate_id(r),
    }
}

fn generate_id(r: &mut Reader) -> GenerateId {
    const KEY: &str = "advanced.database.generateId";
    match r.any(KEY) {
        None => GenerateId::Random,
        Some(Value::Bool(false)) => GenerateId::Database,
        Some(Value::String(text)) if text == "uuid" => GenerateId::Uuid,
        Some(Value::String(text)) if text == "serial" => GenerateId::Serial,
        Some(other) => {
            r.refuse(KEY, format!("expected \"uuid\", \"serial\" or false, got {other}"));
            GenerateId::Random
        }
    }
}
