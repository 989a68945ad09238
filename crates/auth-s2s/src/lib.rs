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
//! assert_eq!(receiver.verify(&token)?.service().as_str(), "worker");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `Minter` needs the feature `mint`, the extractor for actix-web the feature `actix`. A user's token is
//! never a service token, nor the other way round: the header's `typ` tells them apart.

#[cfg(feature = "actix")]
pub mod actix;
mod claims;
mod key;
#[cfg(feature = "mint")]
mod minter;
mod proof;
mod receiver;
mod refused;
mod rules;
mod service_name;

#[cfg(feature = "mint")]
pub use auth_jose::KeyError;
pub use auth_jose::VerifyError;
pub use auth_jose::bearer::Refusal;

pub use self::claims::{actors, is_scope};
pub use self::key::ServiceKey;
#[cfg(feature = "mint")]
pub use self::minter::Minter;
pub use self::proof::{PROOF_TYPE, check_proof};
pub use self::receiver::{Receiver, ReceiverError};
pub use self::refused::Refused;
pub use self::rules::{Callers, Rules, VerifiedService};
pub use self::service_name::{InvalidServiceName, ServiceName};

/// `typ` of a service token's header.
pub const TOKEN_TYPE: &str = "s2s+jwt";

/// How long a service token lives, and the most that a receiver accepts.
pub const LIFETIME_SECONDS: u32 = 60;

/// How many services may stand in a token's `act`, one inside the other.
pub const MAX_CHAIN: usize = 4;

/// Compiles the guide's snippets.
#[cfg(all(doctest, feature = "actix", feature = "mint"))]
#[doc = include_str!("../../../docs/service-tokens.md")]
struct Guide;
