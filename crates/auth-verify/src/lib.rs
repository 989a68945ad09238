//! Verifies the access tokens of an auth server inside an API, without a call to it for each request.
//!
//! ```no_run
//! use auth_verify::{Verified, Verifier, VerifyError};
//!
//! # async fn check(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(
//!     "http://localhost:3000",
//!     "http://localhost:3000",
//!     "http://localhost:3000/api/auth/jwks",
//! )?;
//! let user: Verified = verifier.verify(token).await?;
//! println!("{} <{:?}>", user.subject(), user.claims().email);
//! # Ok(())
//! # }
//! ```
//!
//! Keys are fetched with the first token and kept; see [`VerifierBuilder`] for what can be set. Runs on
//! tokio. The features `actix`, `axum`, `tower` and `tonic` add adapters, which let requests in through a
//! [`Gate`]; `client` keeps tokens for programs that call APIs; `testing` adds an issuer for tests.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
mod cache_control;
mod claims;
#[cfg(feature = "client")]
pub mod client;
mod config;
mod feed;
mod fetch;
mod flight;
mod gate;
mod metrics;
mod refresh;
mod requirement;
mod resource;
mod revocation;
mod snapshot;
mod source;
mod stripe;
#[cfg(feature = "testing")]
pub mod testing;
mod timeline;
mod token_cache;
#[cfg(feature = "tonic")]
pub mod tonic;
#[cfg(feature = "tower")]
pub mod tower;
mod unknown;
mod verifier;

pub use auth_jose::bearer::Refusal;
pub use auth_jose::{Algorithm, Clock, Entropy, Timestamp, VerifyError};

pub use self::claims::{Claims, Grants, UserClaims};
pub use self::config::{ConfigError, VerifierBuilder};
pub use self::feed::RevocationFeed;
pub use self::gate::{Authenticated, Authorized, Gate, Rejection};
pub use self::metrics::{Metrics, Refusals};
pub use self::requirement::{Permission, Requirement};
pub use self::resource::{ProtectedResource, ResourceError};
pub use self::revocation::Revocation;
pub use self::verifier::Verifier;

/// A token's claims after every check. Only [`Verifier::verify`] makes one.
pub type Verified<C = UserClaims> = auth_jose::Verified<C>;

/// Compiles the guide's snippets.
#[cfg(all(
    doctest,
    feature = "actix",
    feature = "axum",
    feature = "client",
    feature = "testing",
    feature = "tonic"
))]
#[doc = include_str!("../../../docs/verify.md")]
struct Guide;
