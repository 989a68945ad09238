//! What this crate encrypts, signs, hashes and draws at random, in the formats that a Better Auth
//! server on Node shares with it.

pub mod random;
pub mod signed;
