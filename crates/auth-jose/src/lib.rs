//! JWK, JWS, claims, clock, entropy and secret types.
//!
//! No I/O, no async, no framework: what `auth-core`, `auth-verify` and `auth-s2s` share.

pub mod alg;
pub mod base64url;
pub mod bearer;
pub mod clock;
pub mod entropy;
pub mod json;
#[cfg(feature = "jwe")]
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod secret;
#[cfg(feature = "sign")]
pub mod sign;
pub mod verify;

pub use alg::Algorithm;
pub use clock::{Clock, SystemClock, Timestamp};
pub use entropy::{Entropy, OsEntropy};
pub use json::JsonError;
#[cfg(feature = "jwe")]
pub use jwe::{JweError, JweKey};
pub use jwk::{JwkError, JwkSet, JwkSetError, PublicKey};
pub use secret::Secret;
#[cfg(feature = "sign")]
pub use sign::{KeyAlgorithm, KeyError, SigningKey};
pub use verify::{Policy, PolicyError, Verified, VerifyError, verify};
