//! What makes a key unusable beyond its form.

use serde_json::{Map, Value};

use super::JwkError;

const PRIVATE_MEMBERS: [&str; 8] = ["d", "dp", "dq", "k", "oth", "p", "q", "qi"];

pub(super) fn is_public(jwk: &Map<String, Value>) -> Result<(), JwkError> {
    let has_private = PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name));
    if has_private { Err(JwkError::PrivateMember) } else { Ok(()) }
}

pub(super) fn is_for_verifying(jwk: &Map<String, Value>) -> Result<(), JwkError> {
    let is_for_signatures = jwk.get("use").is_none_or(|value| value == "sig");
    let may_verify = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(ops)) => ops.iter().any(|op| op == "verify") && ops.iter().all(Value::is_string),
        Some(_) => false,
    };
    if is_for_signatures && may_verify { Ok(()) } else { Err(JwkError::UseMismatch) }
}

pub(super) fn is_sound_modulus(n: &[u8]) -> Result<(), JwkError> {
    let bits = match n.first() {
        Some(first @ 1..) => n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(8),
        _ => 0,
    };
    let is_odd = n.last().is_some_and(|last| last % 2 == 1);
    if (2048..=8192).contains(&bits) && is_odd { Ok(()) } else { Err(JwkError::ModulusRefused) }
}

pub(super) fn is_sound_exponent(e: &[u8]) -> Result<(), JwkError> {
    if e.first() == Some(&0) || e.len() > 5 {
        return Err(JwkError::ExponentRefused);
    }
    let value = e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let is_sound = value % 2 == 1 && (65_537..1 << 33).contains(&value);
    if is_sound { Ok(()) } else { Err(JwkError::ExponentRefused) }
}

/// The y coordinates of the points of order 1, 2, 4 and 8, little-endian. Under such a key a signature
/// that anybody can compute is valid for many messages.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    y_of(0, 0),
    y_of(1, 0),
    // p - 1
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn y_of(lowest: u8, rest: u8) -> [u8; 32] {
    let mut y = [rest; 32];
    let [first, ..] = &mut y;
    *first = lowest;
    y
}

/// The field prime 2^255 - 19, little-endian.
const P: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

pub(super) fn is_sound_ed25519_point(encoded: &[u8]) -> Result<(), JwkError> {
    let Ok(mut y) = <[u8; 32]>::try_from(encoded) else { return Err(JwkError::PointRefused) };
    // The top bit is the sign of x.
    let [.., last] = &mut y;
    *last &= 0x7f;
    let is_canonical = y.iter().rev().lt(P.iter().rev());
    if is_canonical && !SMALL_ORDER_Y.contains(&y) { Ok(()) } else { Err(JwkError::PointRefused) }
}
