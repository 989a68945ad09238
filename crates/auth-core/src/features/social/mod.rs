//! Sign-in with other providers, and the accounts that people have there.

pub mod provider;
pub mod providers;
