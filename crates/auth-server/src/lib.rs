//! The auth server: Better Auth's HTTP protocol as one binary.
//!
//! Everything that decides anything is in `auth-core`; here are the command line ([`cli`], [`commands`]), the
//! one bridge to actix-web ([`mount`]) and the start and stop of the process ([`serve`]).

pub mod cli;
pub mod commands;
pub mod listener;
pub mod mount;
pub mod serve;
mod service_keys;
mod signals;
pub mod telemetry;
