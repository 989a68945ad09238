//! Better Auth's protocol as a library, without a web framework.
//!
//! Where things are: [`features`] is the product (one folder for each feature, upstream's names);
//! [`endpoint`], [`access`] and [`input`] are how a call arrives; [`store`] is the only code that names a
//! database; [`config`] reads settings; [`wire`] holds the protocol's quirks; [`crypto`] hashes and seals.
//!
//! The path of one request: an adapter finds the endpoint with [`router::Router::find`] and hands the request
//! to [`pipeline::run`]: body, origin, session token, input, access, the endpoint's function, reply.

pub mod access;
pub mod app;
pub mod call;
pub mod config;
pub mod crypto;
pub mod endpoint;
pub mod error;
pub mod feature;
pub mod features;
pub mod fields;
pub mod hooks;
pub mod id;
pub mod input;
pub mod inspect;
pub mod limits;
pub mod mail;
pub mod pipeline;
pub mod redis;
pub mod reply;
pub mod revocation;
pub mod router;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verification;
pub mod wire;
