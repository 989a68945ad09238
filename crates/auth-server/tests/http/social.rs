//! Sign-in with providers, against a provider in this process.

mod failures;
mod flows;
mod idp;
mod takeover;
mod tokens;
