//! The verifier against an issuer in this process that misbehaves as told.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::panic, reason = "helpers of tests")]

mod keys;
mod lifetime;
mod observe;
mod outage;
mod revocations;
mod rules;
mod snapshot;
mod support;
mod tokens;
mod unknown_kids;
