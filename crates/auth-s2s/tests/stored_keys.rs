//! Keys from files and from the environment.
#![cfg(all(feature = "mint", unix))]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "helpers of tests")]

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use auth_s2s::{Minter, ServiceName};

struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("auth-s2s-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn worker() -> ServiceName {
    "worker".parse().unwrap()
}

#[test]
fn a_key_that_its_owner_alone_can_read_is_used() {
    let directory = Directory::new("good");
    let made = Minter::generate(worker()).unwrap();
    for (name, mode, text) in [
        ("usual", 0o600, made.private_jwk().expose().clone()),
        ("fixed", 0o400, format!("{}\n", made.private_jwk().expose())),
    ] {
        let minter = Minter::from_file(worker(), directory.file(name, &text, mode)).unwrap();
        assert_eq!(minter.public_jwk(), made.public_jwk(), "{name}");
    }
}

#[test]
fn a_key_that_others_can_reach_is_refused_and_the_way_out_is_named() {
    let directory = Directory::new("open");
    let made = Minter::generate(worker()).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o777] {
        let path = directory.file(&format!("{mode:o}"), made.private_jwk().expose(), mode);
        let told = Minter::from_file(worker(), &path).unwrap_err().to_string();
        let path = path.display();
        assert_eq!(told, format!("{path}: group or others have access (mode {mode:03o}): chmod 600 {path}"));
    }
}

#[test]
fn errors_name_the_file_and_never_show_what_is_in_it() {
    let directory = Directory::new("bad");
    let made = Minter::generate(worker()).unwrap();
    let public = serde_json::Value::Object(made.public_jwk()).to_string();
    let long = format!("{}{}", made.private_jwk().expose(), " ".repeat(20_000));
    for (name, text) in [
        ("empty", ""),
        ("public", &*public),
        ("words", "correct horse"),
        ("oct", r#"{"kty":"oct","k":"c2VjcmV0"}"#),
    ] {
        let path = directory.file(name, text, 0o600);
        let told = Minter::from_file(worker(), &path).unwrap_err().to_string();
        assert!(told.starts_with(&format!("{}: ", path.display())), "{told}");
        assert!(!told.contains("horse") && !told.contains("c2VjcmV0"), "{told}");
    }
    assert!(
        Minter::from_file(worker(), directory.file("padded", &long, 0o600)).is_ok(),
        "only the beginning is read"
    );
    let missing = Minter::from_file(worker(), directory.0.join("nothing")).unwrap_err().to_string();
    assert!(missing.contains("nothing: ") && missing.contains("No such file"), "{missing}");
    assert!(Minter::from_file(worker(), &directory.0).is_err(), "a directory");
}

#[test]
fn a_key_comes_from_the_environment_that_the_process_was_started_with() {
    const VARIABLE: &str = "AUTH_S2S_TEST_KEY";
    // Variables are set at the start of a process alone: this test starts itself.
    if std::env::var("AUTH_S2S_TEST_CHILD").is_ok() {
        match Minter::from_env(worker(), VARIABLE) {
            Ok(minter) => println!("{}", serde_json::Value::Object(minter.public_jwk())),
            Err(error) => println!("{error}"),
        }
        return;
    }
    let said = |value: Option<&str>| {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "a_key_comes_from_the_environment_that_the_process_was_started_with",
            "--nocapture",
        ]);
        child.env("AUTH_S2S_TEST_CHILD", "1").env_remove(VARIABLE);
        child.envs(value.map(|value| (VARIABLE, value)));
        String::from_utf8(child.output().unwrap().stdout).unwrap()
    };
    let made = Minter::generate(worker()).unwrap();
    let public = serde_json::Value::Object(made.public_jwk()).to_string();
    assert!(said(Some(made.private_jwk().expose())).contains(&public));
    for missing in [None, Some(""), Some("  ")] {
        assert!(said(missing).contains("AUTH_S2S_TEST_KEY is not set"), "{missing:?}");
    }
    let told = said(Some(r#"{"kty":"oct","k":"c2VjcmV0"}"#));
    assert!(told.contains("AUTH_S2S_TEST_KEY: ") && !told.contains("c2VjcmV0"), "{told}");
}
