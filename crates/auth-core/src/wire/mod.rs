//! What arrives and leaves over HTTP, without any web framework: cookies, queries, addresses and
//! the rules that judge where a request comes from and where it may be sent.

pub mod client_ip;
pub mod cookie;
pub mod cookie_parts;
pub mod cors;
pub mod email;
pub mod host;
pub mod names;
pub mod origin;
pub mod query;
pub(crate) mod wildcard;
