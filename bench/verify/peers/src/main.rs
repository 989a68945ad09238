//! jsonwebtoken on the tokens that `speed` wrote, in turns with the signature check alone and with auth-verify: prints
//! `{"library","alg","nanoseconds","process"}` for each.

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use auth_jose::base64url;
use auth_verify::{UserClaims, Verifier};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Token {
    alg: String,
    token: String,
    jwks: String,
    issuer: String,
    audience: String,
}

/// What our verifier reads as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Claims {
    sub: String,
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
}

/// Calls between two looks at the clock.
const BATCH: u32 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let backend = if cfg!(feature = "rust_crypto") { "rust_crypto" } else { "aws_lc_rs" };
    let library = format!("jsonwebtoken, {backend}");
    let path = std::env::args().nth(1).ok_or("usage: verify-peers FILE")?;
    for item in serde_json::from_slice::<Vec<Token>>(&std::fs::read(path)?)? {
        let keys: JwkSet = serde_json::from_str(&item.jwks)?;
        let key = DecodingKey::from_jwk(keys.keys.first().ok_or("no key")?)?;
        let mut validation = Validation::new(item.alg.parse::<Algorithm>()?);
        validation.set_issuer(&[&item.issuer]);
        validation.set_audience(&[&item.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;

        let raw = raw_key(&item.jwks)?;
        let (message, signature) = item.token.rsplit_once('.').ok_or("no token")?;
        let signature = base64url::decode(signature).ok_or("no signature")?;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let jwks_url = serve(item.jwks)?;
        let ours = Verifier::builder(&item.issuer, &item.audience, &jwks_url).cached_tokens(0).build()?;
        let [alone, ours, theirs] = fastest([
            &mut || {
                for _ in 0..BATCH {
                    assert!(raw.verify_sig(black_box(message.as_bytes()), black_box(&signature)).is_ok());
                }
            },
            &mut || {
                runtime.block_on(async {
                    for _ in 0..BATCH {
                        assert!(black_box(ours.verify::<UserClaims>(black_box(&item.token)).await).is_ok());
                    }
                });
            },
            &mut || {
                for _ in 0..BATCH {
                    assert!(black_box(decode::<Claims>(black_box(&item.token), &key, &validation)).is_ok());
                }
            },
        ]);
        for (name, nanoseconds) in
            [("aws-lc-rs, the signature alone", alone), ("auth-verify", ours), (&*library, theirs)]
        {
            let line = json!({"library": name, "alg": item.alg, "nanoseconds": nanoseconds, "process": library});
            println!("{line}");
        }
    }
    Ok(())
}

/// As in `speed`: the fastest of many runs of each, which take turns.
fn fastest<const N: usize>(mut calls: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        for (call, best) in calls.iter_mut().zip(&mut best) {
            let began = Instant::now();
            call();
            *best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
        }
    }
    best
}

/// A port that answers everything with these keys.
fn serve(jwks: String) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/jwks", listener.local_addr()?);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut connection = connection;
            let _ = connection.read(&mut [0; 4096]);
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{jwks}",
                jwks.len()
            );
        }
    });
    Ok(url)
}

fn raw_key(jwks: &str) -> Result<ParsedPublicKey, Box<dyn Error>> {
    let jwks: Value = serde_json::from_str(jwks)?;
    let jwk = &jwks["keys"][0];
    let octets = |name: &str| jwk[name].as_str().and_then(base64url::decode).unwrap_or_default();
    Ok(match jwk["kty"].as_str() {
        Some("OKP") => UnparsedPublicKey::new(&ED25519, octets("x")).parse()?,
        Some("EC") => {
            let point = [vec![4], octets("x"), octets("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).parse()?
        }
        _ => {
            let parts = RsaPublicKeyComponents { n: octets("n"), e: octets("e") };
            parts.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?
        }
    })
}
