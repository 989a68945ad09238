//! JWK, JWS, claims, clock, entropy and secret types.
//!
//! No I/O, no async, no framework: what `auth-core`, `auth-verify` and `auth-s2s` share.

pub mod alg;
pub mod base64url;
pub mod clock;
pub mod entropy;
pub mod json;
pub mod secret;
#[cfg(feature = "sign")]
pub mod sign;

pub use alg::Algorithm;
pub use clock::{Clock, SystemClock, Timestamp};
pub use entropy::{Entropy, OsEntropy};
pub use json::JsonError;
pub use secret::Secret;
#[cfg(feature = "sign")]
pub use sign::{KeyAlgorithm, KeyError, SigningKey};
