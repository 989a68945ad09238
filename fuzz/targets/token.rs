//! Any text as a token: no panic, and nothing is accepted that the key has not signed.
#![no_main]

use std::sync::LazyLock;

use auth_fuzz::Bench;
use libfuzzer_sys::fuzz_target;

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

fuzz_target!(|token: &str| {
    let verdict = BENCH.verify(token);
    let kid = auth_jose::verify::claimed_kid(token);
    if let Ok(verified) = verdict {
        assert!(BENCH.made(token));
        assert_eq!(kid, Ok(verified.kid().map(str::to_owned)));
    }
});
