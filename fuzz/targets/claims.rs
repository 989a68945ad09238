//! Any bytes as the claims of a token with a good signature.
#![no_main]

use std::sync::LazyLock;

use auth_fuzz::{AUDIENCE, Bench, ISSUER, NOW};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

fuzz_target!(|bytes: &[u8]| {
    let token = BENCH.sign(br#"{"alg":"EdDSA","kid":"k1"}"#, bytes);
    if let Ok(verified) = BENCH.verify(&token) {
        // A second parser has to read the same, or two services would disagree about one token.
        let claims: Map<String, Value> = serde_json::from_slice(bytes).expect("accepted claims are JSON");
        assert_eq!(verified.raw_claims().len(), claims.len());
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["sub"], verified.subject());
        let audiences = claims["aud"].as_array().cloned().unwrap_or_else(|| vec![claims["aud"].clone()]);
        assert!(audiences.iter().any(|audience| audience == AUDIENCE));
        assert!(claims["exp"].as_f64().is_some_and(|exp| exp + 5.0 > NOW as f64));
    }
});
