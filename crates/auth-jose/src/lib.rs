//! JWK, JWS, claims, clock, entropy and secret types.
//!
//! No I/O, no async, no framework: what `auth-core`, `auth-verify` and `auth-s2s` share.

pub mod clock;
pub mod entropy;
pub mod secret;

pub use clock::{Clock, SystemClock, Timestamp};
pub use entropy::{Entropy, OsEntropy};
pub use secret::Secret;
