//! Signatures that are almost right.

use auth_jose::{Algorithm, VerifyError};
use proptest::prelude::*;
use serde_json::json;

use crate::forge::{Forge, HEADER, Padding, check_with, claims, policy, resigned, set};
use crate::refuse_all;

#[test]
fn refuses_signatures_over_something_else() {
    let forge = Forge::new();
    let good = forge.sign_ed(HEADER, &claims().to_string());
    let other = forge.with_claim("sub", json!("U2"));
    let swapped = format!("{}.{}", other.rsplit_once('.').unwrap().0, good.rsplit_once('.').unwrap().1);
    let payload = claims().to_string();
    let over_payload = resigned(&good, |_| forge.ed.sign(payload.as_bytes()).as_ref().to_vec());
    let by_another = Forge::new().sign_ed(HEADER, &payload);
    let refused = VerifyError::SignatureInvalid;
    refuse_all(
        &forge,
        vec![
            ("swapped payload", swapped, refused),
            ("over the decoded payload", over_payload, refused),
            ("by another key", by_another, refused),
            ("one byte", resigned(&good, |_| vec![1]), refused),
            ("a byte more", resigned(&good, |bytes| [&bytes[..], &[0]].concat()), refused),
            ("a byte less", resigned(&good, |bytes| bytes[..63].to_vec()), refused),
            ("zeros", resigned(&good, |_| vec![0; 64]), refused),
            ("S + L", resigned(&good, plus_l), refused),
        ],
    );
}

/// The same signature with the group order added to S: equal in arithmetic, another text.
fn plus_l(mut signature: Vec<u8>) -> Vec<u8> {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    signature
}

#[test]
fn refuses_malformed_ecdsa_signatures() {
    let forge = Forge::new();
    let good = forge.sign_p256(&json!({"alg": "ES256", "kid": "es"}));
    let n: Vec<u8> = vec![
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let refused = VerifyError::SignatureInvalid;
    let halves = |bytes: &[u8]| (bytes[..32].to_vec(), bytes[32..].to_vec());
    refuse_all(
        &forge,
        vec![
            ("r = s = 0", resigned(&good, |_| vec![0; 64]), refused),
            ("r = s = n", resigned(&good, |_| [n.clone(), n.clone()].concat()), refused),
            ("r = 0", resigned(&good, |bytes| [vec![0; 32], halves(&bytes).1].concat()), refused),
            ("s = 0", resigned(&good, |bytes| [halves(&bytes).0, vec![0; 32]].concat()), refused),
            ("halves swapped", resigned(&good, |b| [halves(&b).1, halves(&b).0].concat()), refused),
            ("63 bytes", resigned(&good, |bytes| bytes[..63].to_vec()), refused),
            ("65 bytes", resigned(&good, |bytes| [&bytes[..], &[0]].concat()), refused),
            (
                "33-byte halves",
                resigned(&good, |b| [vec![0], halves(&b).0, vec![0], halves(&b).1].concat()),
                refused,
            ),
            (
                "DER",
                resigned(&good, |b| {
                    [vec![0x30, 68, 2, 32], halves(&b).0, vec![2, 32], halves(&b).1].concat()
                }),
                refused,
            ),
        ],
    );
}

#[test]
fn refuses_malformed_signatures_on_p521() {
    let forge = Forge::new();
    let policy = policy().with_algorithms(&[Algorithm::Es512]).unwrap();
    let keys = set(&[forge.p521_jwk()]);
    let good = forge.sign_p521(&json!({"alg": "ES512", "kid": "es512"}));
    assert_eq!(check_with(&policy, &keys, &good), Ok(()));
    let halves = |bytes: &[u8]| (bytes[..66].to_vec(), bytes[66..].to_vec());
    for (name, bad) in [
        ("r = s = 0", resigned(&good, |_| vec![0; 132])),
        ("r = s = 2^528 - 1", resigned(&good, |_| vec![0xff; 132])),
        ("halves swapped", resigned(&good, |b| [halves(&b).1, halves(&b).0].concat())),
        ("131 bytes", resigned(&good, |b| b[1..].to_vec())),
        ("133 bytes", resigned(&good, |b| [&[0], &b[..]].concat())),
        ("130 bytes", resigned(&good, |b| [&b[1..66], &b[67..]].concat())),
        ("one bit", resigned(&good, |b| [&b[..131], &[b[131] ^ 1]].concat())),
    ] {
        assert_eq!(check_with(&policy, &keys, &bad), Err(VerifyError::SignatureInvalid), "{name}");
    }
    // Signed with the other curves' hash, or by a key of another curve under its name.
    let other = forge.sign_p384(&json!({"alg": "ES512", "kid": "es512"}));
    assert_eq!(check_with(&policy, &keys, &other), Err(VerifyError::SignatureInvalid));
    let p384 = set(&[forge.p384_jwk()]);
    let other = forge.sign_p384(&json!({"alg": "ES512", "kid": "es384"}));
    assert_eq!(check_with(&policy, &p384, &other), Err(VerifyError::KeyMismatch));
}

#[test]
fn keeps_the_two_rsa_paddings_apart() {
    let forge = Forge::new();
    let policy = policy().with_algorithms(&[Algorithm::Rs256, Algorithm::Ps256]).unwrap();
    let keys = set(&[forge.rsa_jwk()]);
    let refused = Err(VerifyError::SignatureInvalid);
    let pss_as_pkcs1 = forge.sign_rsa(&json!({"alg": "RS256", "kid": "rs"}), Padding::Pss);
    let pkcs1_as_pss = forge.sign_rsa(&json!({"alg": "PS256", "kid": "rs"}), Padding::Pkcs1);
    assert_eq!(check_with(&policy, &keys, &pss_as_pkcs1), refused);
    assert_eq!(check_with(&policy, &keys, &pkcs1_as_pss), refused);

    let good = forge.sign_rsa(&json!({"alg": "RS256", "kid": "rs"}), Padding::Pkcs1);
    assert_eq!(check_with(&policy, &keys, &good), Ok(()));
    let one = [vec![0; 255], vec![1]].concat();
    for bad in [
        resigned(&good, |_| one),
        resigned(&good, |bytes| bytes[..255].to_vec()),
        resigned(&good, |bytes| [&[0], &bytes[..]].concat()),
        resigned(&good, |_| vec![0xff; 256]),
    ] {
        assert_eq!(check_with(&policy, &keys, &bad), refused);
    }
}

proptest! {
    #[test]
    fn accepts_no_change_of_a_good_token(at in 0_usize..400, replacement in "[A-Za-z0-9_.-]") {
        let forge = fixed();
        let good = forge.sign_ed(HEADER, &claims().to_string());
        let at = at % good.len();
        let mut changed = good.clone();
        changed.replace_range(at..=at, &replacement);
        let outcome = check_with(&policy(), &set(&[forge.ed_jwk()]), &changed);
        prop_assert_eq!(outcome.is_ok(), changed == good);
    }

    #[test]
    fn survives_any_header_and_claims(header in any_json(), payload in any_json()) {
        let forge = fixed();
        let _ = check_with(&policy(), &set(&[forge.ed_jwk()]), &forge.sign_ed(&header, &payload));
    }
}

fn any_json() -> impl Strategy<Value = String> {
    let member = (
        "alg|kid|typ|crit|b64|iss|aud|sub|exp|nbf|iat|jwk",
        prop_oneof![
            Just("\"EdDSA\"".to_owned()),
            Just("\"ed\"".to_owned()),
            Just(format!("\"{}\"", crate::forge::ISSUER)),
            Just("[[],{}]".to_owned()),
            any::<f64>().prop_map(|number| format!("{number:e}")),
            any::<i64>().prop_map(|number| number.to_string()),
            "\\PC{0,8}",
        ],
    );
    proptest::collection::vec(member, 0..6).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// Fresh keys for each case, without the slow RSA generation.
fn fixed() -> Forge {
    use std::sync::LazyLock;
    static RSA: LazyLock<Vec<u8>> = LazyLock::new(|| {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
        let der: Pkcs8V1Der<'_> = Forge::new().rsa.as_der().unwrap();
        der.as_ref().to_vec()
    });
    Forge::with_rsa(&RSA)
}
