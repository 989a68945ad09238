//! Any bytes as an `Authorization` header, and as the header of a token with a good signature.
#![no_main]

use std::sync::LazyLock;

use auth_fuzz::{Bench, good_claims};
use auth_jose::bearer;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(token) = bearer::token([bytes]) {
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(bearer::token([bytes, bytes]).is_err());
    }
    if BENCH.verify(&BENCH.sign(bytes, good_claims().as_bytes())).is_ok() {
        // A second parser has to read the same, or two services would disagree about one token.
        let header: Map<String, Value> = serde_json::from_slice(bytes).expect("accepted headers are JSON");
        let alg = header.get("alg").and_then(Value::as_str);
        assert!(matches!(alg, Some("EdDSA" | "Ed25519")));
        assert!(header.get("kid").is_none_or(|kid| kid == "k1"));
        assert!(!header.contains_key("crit"));
        assert!(header.get("b64").is_none_or(|b64| b64 == true));
    }
});
