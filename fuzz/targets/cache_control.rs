//! Any bytes as one or two `Cache-Control` headers: the lifetime stays within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The crate keeps it private; the file stands alone.
#[path = "../../crates/auth-verify/src/cache_control.rs"]
mod cache_control;

fuzz_target!(|bytes: &[u8]| {
    let (one, other) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    for values in [vec![bytes], vec![one, other]] {
        assert!((30..=3600).contains(&cache_control::ttl_seconds(values)));
    }
});
