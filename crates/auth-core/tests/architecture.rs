//! The shape of the code: which way dependencies point, where SQL and paths may stand, how long files get.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Rust file below `folder`, by its path in the workspace, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = workspace();
    let mut found = Vec::new();
    walk(&root.join(folder), &root, &mut found);
    assert!(!found.is_empty(), "{folder} holds no Rust files");
    found
}

/// The code of a file without its unit tests and comments.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn features_meet_in_hooks_and_do_not_import_each_other() {
    const GROUND: [&str; 3] = ["account", "session", "user"];
    for (name, text) in sources("crates/auth-core/src/features") {
        let own =
            name.trim_start_matches("crates/auth-core/src/features/").split('/').next().unwrap().to_owned();
        for part in code(&text).split("crate::features::").skip(1) {
            let other: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(
                other.is_empty() || other == own || GROUND.contains(&other.as_str()),
                "{name} imports the feature {other}"
            );
        }
    }
}

#[test]
fn the_ground_features_know_each_other_only() {
    const GROUND: [&str; 3] = ["account", "session", "user"];
    for own in GROUND {
        for (name, text) in sources(&format!("crates/auth-core/src/features/{own}")) {
            for part in code(&text).split("crate::features::").skip(1) {
                assert!(GROUND.iter().any(|ground| part.starts_with(ground)), "{name} leans on a plugin");
            }
        }
    }
}

#[test]
fn nothing_is_global() {
    for krate in ["auth-jose", "auth-core", "auth-verify", "auth-s2s", "auth-server"] {
        for (name, text) in sources(&format!("crates/{krate}/src")) {
            if name.ends_with("/tests.rs") {
                continue;
            }
            let code = code(&text);
            for global in ["static mut ", "LazyLock", "thread_local!", "lazy_static"] {
                assert!(!code.contains(global), "{name} has a global: {global}");
            }
            // A part of something else may be filled later; what stands alone may not change.
            let is_static = |line: &&str| line.trim_start().trim_start_matches("pub ").starts_with("static ");
            for line in code.lines().filter(is_static) {
                for changing in ["Once", "Mutex", "RwLock", "Atomic", "Cell", "ArcSwap"] {
                    assert!(!line.contains(changing), "{name} has a global: {line}");
                }
            }
        }
    }
}

#[test]
fn the_protocol_knows_no_web_framework() {
    for (name, text) in sources("crates/auth-core/src") {
        for framework in ["actix", "axum", "hyper::"] {
            assert!(!code(&text).contains(framework), "{name} names {framework}");
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let forbidden: [(&str, &[&str]); 4] = [
        ("auth-jose", &["auth_core", "auth_server", "auth_verify", "auth_s2s", "tokio", "reqwest"]),
        ("auth-core", &["auth_server"]),
        ("auth-verify", &["auth_core", "auth_server", "diesel"]),
        ("auth-s2s", &["auth_core", "auth_server", "diesel"]),
    ];
    for (krate, others) in forbidden {
        for (name, text) in sources(&format!("crates/{krate}/src")) {
            for other in others {
                let import = [format!("{other}::"), format!("use {other}")];
                let found = import.iter().any(|import| code(&text).contains(import.as_str()));
                assert!(!found, "{name} uses {other}");
            }
        }
    }
}

#[test]
fn queries_stand_in_store_files_only() {
    for (name, text) in sources("crates/auth-core/src") {
        let may = name.contains("/store/") || name.ends_with("/store.rs") || name.contains("/testing/");
        let asks = ["RunQueryDsl", "diesel::insert_into", "diesel::update", "diesel::delete", "sql_query"];
        for query in asks {
            assert!(may || !code(&text).contains(query), "{name} runs a query: {query}");
        }
    }
}

#[test]
fn nothing_decides_by_the_text_of_a_path() {
    let routing = ["/router.rs", "/wire/", "/config/", "/testing/"];
    for (name, text) in sources("crates/auth-core/src") {
        let is_routing = routing.iter().any(|place| name.contains(place));
        let compares = code(&text).contains("starts_with(\"/") || code(&text).contains("ends_with(\"/");
        assert!(is_routing || !compares, "{name} compares a path as text");
    }
}

#[test]
fn files_stay_readable() {
    for folder in ["crates", "examples"] {
        for (name, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 500, "{name} has {lines} lines");
        }
    }
}
