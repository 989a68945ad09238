//! Sign-in with providers, against a provider in this process.

mod built_in;
mod failures;
mod flows;
mod idp;
mod peer;
mod takeover;
mod tokens;
