//! Any bytes as a key set: bad keys are skipped and counted, and none that is left is a secret.
#![no_main]

use auth_jose::{Algorithm, JwkSet};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(set) = JwkSet::parse(bytes) else { return };
    let document: Value = serde_json::from_slice(bytes).expect("accepted sets are JSON");
    let jwks = document["keys"].as_array().expect("`keys` is an array");
    assert_eq!(set.keys().len() + set.skipped(), jwks.len());
    let is_public = |jwk: &&Value| jwk["kty"] != "oct" && jwk.get("d").is_none() && jwk.get("k").is_none();
    assert!(set.keys().len() <= jwks.iter().filter(is_public).count());
    for key in set.keys() {
        assert!(Algorithm::ALL.into_iter().any(|alg| key.fits(alg)));
    }
});
