//! What an API has to build: no web framework it does not use, no database, no second TLS library.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

/// The names of the packages that a dependent builds with these features.
fn packages(features: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--package", "auth-verify", "--features", features])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    text.lines().map(name).filter(|name| !name.is_empty()).collect()
}

fn has(packages: &[String], name: &str) -> bool {
    packages.iter().any(|package| package == name)
}

#[test]
fn builds_neither_a_framework_nor_a_database_nor_openssl_by_default() {
    let packages = packages("");
    assert!(has(&packages, "auth-jose") && has(&packages, "reqwest"));
    for unwanted in
        ["actix-web", "axum", "axum-core", "tonic", "diesel", "josekit", "openssl-sys", "native-tls"]
    {
        assert!(!has(&packages, unwanted), "{unwanted}");
    }
}

#[test]
fn builds_with_each_feature_what_it_is_for_and_nothing_else() {
    for (feature, wanted) in [
        ("actix", "actix-web"),
        ("client", "reqwest"),
        ("axum", "axum-core"),
        ("tonic", "tonic"),
        ("tower", "tower-layer"),
    ] {
        let packages = packages(feature);
        assert!(has(&packages, wanted), "{feature}");
        for other in ["actix-web", "axum", "axum-core", "tonic", "diesel", "josekit", "openssl-sys"] {
            assert!(other == wanted || !has(&packages, other), "{feature} builds {other}");
        }
    }
    assert!(has(&packages("testing"), "josekit"));
}
