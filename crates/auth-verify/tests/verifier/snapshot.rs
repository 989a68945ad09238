//! Point 6: the last good set on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use auth_verify::{Verifier, VerifyError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Issuer, NOW, check, eventually, jwks, key, token};

/// What somebody does to the file.
type Attack = Box<dyn Fn(&mut Value)>;

struct Setting {
    issuer: Issuer,
    good: auth_jose::SigningKey,
    folder: TempDir,
}

impl Setting {
    /// An issuer that was asked once and is away now, and the snapshot of that time.
    async fn after_a_first_process() -> Self {
        let good = key("good");
        let issuer = Issuer::answering(Answer::keys(&[&good]));
        let setting = Self { issuer, good, folder: tempfile::tempdir().unwrap() };
        let verifier = setting.verifier();
        assert_eq!(check(&verifier, &token(&setting.good)).await, Ok(()));
        let file = setting.file();
        eventually(&verifier, |_| file.exists()).await;
        setting.issuer.answer(Answer::status(503, "{}"));
        setting
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn verifier(&self) -> Verifier {
        self.issuer.builder().snapshot_file(self.file()).build().unwrap()
    }

    /// What the next process says about a good token.
    async fn outcome(&self) -> Result<(), VerifyError> {
        check(&self.verifier(), &token(&self.good)).await
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut document = read(&self.file());
        change(&mut document);
        fs::write(self.file(), document.to_string()).unwrap();
    }
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[tokio::test]
async fn point_6_a_process_that_starts_during_an_outage_verifies() {
    let setting = Setting::after_a_first_process().await;
    setting.issuer.clock.advance(20 * 3_600);
    let verifier = setting.verifier();
    assert_eq!(check(&verifier, &token(&setting.good)).await, Ok(()));
    assert_eq!(verifier.stale_age().as_secs(), 20 * 3_600 - 600);
    // It asks at once whether there is something newer.
    eventually(&verifier, |metrics| metrics.fetch_failures == 1).await;
    let new = key("new");
    setting.issuer.answer(Answer::keys(&[&new]));
    setting.issuer.clock.advance(10);
    assert_eq!(check(&verifier, &token(&setting.good)).await, Ok(()));
    eventually(&verifier, |metrics| metrics.stale_seconds == 0).await;
    assert_eq!(check(&verifier, &token(&setting.good)).await, Err(VerifyError::KeyUnknown));
    assert_eq!(check(&verifier, &token(&new)).await, Ok(()));
    let file = setting.file();
    eventually(&verifier, |_| read(&file)["keys"][0]["kid"] == "new").await;
}

#[tokio::test]
async fn point_6_the_age_counts_from_when_the_set_was_fetched() {
    let setting = Setting::after_a_first_process().await;
    setting.issuer.clock.advance(600 + 24 * 3_600);
    assert_eq!(setting.outcome().await, Err(VerifyError::KeysUnavailable));
    let setting = Setting::after_a_first_process().await;
    setting.issuer.clock.advance(600 + 24 * 3_600 - 1);
    assert_eq!(setting.outcome().await, Ok(()));
}

#[tokio::test]
async fn point_6_the_file_is_private_and_holds_public_keys_only() {
    let good = key("good");
    let leaked: Value = serde_json::from_str(key("leaked").private_jwk().expose()).unwrap();
    let mut document: Value = serde_json::from_str(&jwks(&[&good])).unwrap();
    document["keys"].as_array_mut().unwrap().push(leaked);
    document["keys"].as_array_mut().unwrap().push(json!({"kty": "oct", "k": "c2VjcmV0"}));
    let issuer = Issuer::answering(Answer::body(&document.to_string()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let verifier = issuer.builder().snapshot_file(&file).build().unwrap();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    eventually(&verifier, |_| file.exists()).await;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let written = read(&file);
    assert_eq!(written["keys"].as_array().unwrap().len(), 1);
    assert!(written["keys"][0].get("d").is_none());
    // Written whole under another name first; nothing of that is left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn point_6_a_file_that_breaks_a_rule_is_not_used() {
    let stranger = |kid: &str| {
        let mut jwk = key(kid).public_jwk();
        jwk.insert("kid".to_owned(), json!(kid));
        Value::from(jwk)
    };
    let private: Value = serde_json::from_str(key("p").private_jwk().expose()).unwrap();
    let attacks: Vec<(&str, Attack)> = vec![
        ("private key", Box::new(move |doc| doc["keys"].as_array_mut().unwrap().push(private.clone()))),
        (
            "secret",
            Box::new(|doc| doc["keys"].as_array_mut().unwrap().push(json!({"kty": "oct", "k": "AAAA"}))),
        ),
        ("no key", Box::new(|doc| doc["keys"] = json!([]))),
        ("no keys", Box::new(|doc| doc["keys"] = json!({}))),
        ("other address", Box::new(|doc| doc["address"] = json!("https://evil.example.test/jwks"))),
        ("no address", Box::new(|doc| drop(doc.as_object_mut().unwrap().remove("address")))),
        ("other format", Box::new(|doc| doc["format"] = json!(2))),
        ("future", Box::new(|doc| doc["fetchedAt"] = json!("2031-01-01T00:00:00.000Z"))),
        ("no time", Box::new(|doc| doc["fetchedAt"] = json!(NOW))),
        ("endless lifetime", Box::new(|doc| doc["ttlSeconds"] = json!(4_000_000))),
        ("too long", Box::new(|doc| doc["pad"] = json!(" ".repeat(70_000)))),
    ];
    for (name, attack) in attacks {
        let setting = Setting::after_a_first_process().await;
        setting.change(|document| attack(document));
        assert_eq!(setting.outcome().await, Err(VerifyError::KeysUnavailable), "{name}");
        assert_eq!(setting.verifier().metrics().snapshot_failures, 1, "{name}");
    }
    for text in ["", "{", "[]", "{\"keys\":[]}", "\u{0}"] {
        let setting = Setting::after_a_first_process().await;
        fs::write(setting.file(), text).unwrap();
        assert_eq!(setting.outcome().await, Err(VerifyError::KeysUnavailable), "{text}");
    }
    // The control: a change that breaks no rule.
    let setting = Setting::after_a_first_process().await;
    setting.change(|document| document["keys"].as_array_mut().unwrap().push(stranger("other")));
    assert_eq!(setting.outcome().await, Ok(()));
}

#[tokio::test]
async fn point_6_a_file_that_others_may_write_to_is_not_used() {
    for (mode, expected) in [(0o600, true), (0o644, true), (0o400, true), (0o620, false), (0o602, false)] {
        let setting = Setting::after_a_first_process().await;
        fs::set_permissions(setting.file(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(setting.outcome().await.is_ok(), expected, "{mode:o}");
    }
}

#[tokio::test]
async fn point_6_a_folder_that_is_missing_is_counted_and_hurts_nobody() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.builder().snapshot_file("/nonexistent/keys.json").build().unwrap();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    eventually(&verifier, |metrics| metrics.snapshot_failures == 1).await;
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
}
