//! Every adapter against the same requests: honest ones, clumsy ones and forged ones.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
mod grants;
mod support;
#[cfg(feature = "tonic")]
mod tonic;
