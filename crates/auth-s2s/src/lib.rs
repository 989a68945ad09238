//! Service tokens: how one of your services proves to another who it is, for 60 seconds, without asking
//! the auth server.
//!
//! A caller signs with its own Ed25519 key; a receiver knows the public keys of the services that may
//! call it.
//!
#![cfg_attr(feature = "mint", doc = "```")]
#![cfg_attr(not(feature = "mint"), doc = "```text")]
//! use auth_s2s::{Minter, Receiver};
//!
//! let worker = Minter::generate("worker".parse()?)?;
//! let receiver = Receiver::new("api".parse()?, [("worker".parse()?, worker.public_jwk())])?;
//!
//! let token = worker.token(&"api".parse()?)?;
//! # let check = async move {
//! assert_eq!(receiver.verify(&token).await?.service().as_str(), "worker");
//! # Ok::<(), auth_s2s::Refused>(())
//! # };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `Minter` needs the feature `mint`, keys from the auth server `published`, its help `client`, used tokens in Valkey
//! `valkey`, tokens by a secret, with types of their own, `shared-secret`; `actix`, `axum`, `tower`, `tonic` and
//! `reqwest` are adapters. Without any, there are rules and no I/O. A user's token is never a service token, nor the
//! other way round: the header's `typ` tells them apart.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "mint")]
mod ask;
#[cfg(feature = "axum")]
pub mod axum;
mod caller;
mod claims;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "mint")]
mod credentials;
mod key;
#[cfg(feature = "mint")]
mod minter;
mod proof;
#[cfg(feature = "published")]
mod published;
mod receiver;
mod refused;
mod replay;
mod rules;
mod service_name;
#[cfg(feature = "shared-secret")]
mod shared;
#[cfg(feature = "mint")]
mod stored;
#[cfg(feature = "tonic")]
pub mod tonic;
#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "mint")]
pub use auth_jose::KeyError;
pub use auth_jose::VerifyError;
pub use auth_jose::bearer::Refusal;
#[cfg(feature = "published")]
pub use auth_verify::{ConfigError, RevocationFeed, VerifierBuilder};

#[cfg(feature = "mint")]
pub use self::ask::{Ask, InvalidScope};
pub use self::caller::{Rejection, ServiceCaller};
pub use self::claims::{actors, is_scope};
#[cfg(feature = "client")]
pub use self::client::{AuthServer, ClientError, Successor};
#[cfg(feature = "mint")]
pub use self::credentials::Credentials;
#[cfg(all(feature = "mint", feature = "tower"))]
pub use self::credentials::WithCredentials;
pub use self::key::ServiceKey;
#[cfg(feature = "mint")]
pub use self::minter::Minter;
pub use self::proof::{PROOF_TYPE, check_proof};
pub use self::receiver::{Receiver, ReceiverError};
pub use self::refused::Refused;
#[cfg(feature = "valkey")]
pub use self::replay::{InvalidStoreUrl, ValkeyStore};
pub use self::rules::{Callers, Rules, VerifiedService};
pub use self::service_name::{InvalidServiceName, ServiceName};
#[cfg(feature = "shared-secret")]
pub use self::shared::{
    SHARED_TOKEN_TYPE, SharedCaller, SharedMinter, SharedReceiver, SharedSecret, SharedSecretError,
};
#[cfg(feature = "mint")]
pub use self::stored::StoredKeyError;

/// `typ` of a service token's header.
pub const TOKEN_TYPE: &str = "s2s+jwt";

/// How long a service token lives, and the most that a receiver accepts.
pub const LIFETIME_SECONDS: u32 = 60;

/// How many services may stand in a token's `act`, one inside the other.
pub const MAX_CHAIN: usize = 4;

/// Compiles the guide's snippets.
#[cfg(all(doctest, feature = "actix", feature = "mint", feature = "published", feature = "shared-secret"))]
#[doc = include_str!("../../../docs/services.md")]
struct Guide;
