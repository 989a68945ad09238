//! `service`: what an operator sees, and what a running server shows then.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Running, auth_server, stderr, stdout};

/// Published vectors: the public key of RFC 8037, appendix A, and one more.
const PUBLIC_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const PRIVATE_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn services_are_added_listed_and_disabled_while_the_server_runs() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    let service = |arguments: &[&str]| {
        let output = auth_server(folder.path()).arg("service").args(arguments).output().unwrap();
        (output.status.success(), format!("{}{}", stdout(&output), stderr(&output)))
    };
    std::fs::write(folder.path().join("worker.json"), PUBLIC_JWK).unwrap();
    std::fs::write(folder.path().join("private.json"), PRIVATE_JWK).unwrap();
    let (added, told) = service(&["add", "worker", "--jwk", "private.json"]);
    assert!(!added && told.contains("private members"), "{told}");
    let (added, told) = service(&["add", "worker", "--jwk", "worker.json"]);
    assert!(added, "{told}");
    let (added, told) = service(&["add", "billing", "--jwk", "worker.json"]);
    assert!(!added && told.contains("belongs to another service"), "{told}");
    let (added, code) = service(&["add", "billing", "--enrol"]);
    assert!(added && code.lines().any(|line| line.len() == 32), "{code}");
    for wrong in
        [&["add", "Worker!", "--enrol"][..], &["add", "x"], &["add", "x", "--enrol", "--jwk", "worker.json"]]
    {
        assert!(!service(wrong).0, "{wrong:?}");
    }
    let kid = "worker.kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    let (_, table) = service(&["list"]);
    assert!(table.contains(kid) && table.contains("no key yet"), "{table}");

    let shows = |is_shown: bool| {
        let give_up = Instant::now() + Duration::from_secs(10);
        while server.get("/s2s/jwks", "").contains(kid) != is_shown {
            assert!(Instant::now() < give_up, "the running server does not follow");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    shows(true);
    let (printed, yaml) = service(&["istio", "api", "--namespace", "shop"]);
    assert!(printed, "{yaml}");
    for line in [
        "metadata: { name: service-tokens-api, namespace: \"shop\" }",
        "    - issuer: \"service:worker\"",
        "      audiences: [\"service:api\"]",
        "requestPrincipals: [\"service:billing/service:billing\", \"service:worker/service:worker\"]",
    ] {
        assert!(yaml.contains(line), "{line}: {yaml}");
    }
    assert!(yaml.contains("/api/auth/s2s/jwks\""), "{yaml}");
    let (disabled, told) = service(&["disable", "worker"]);
    assert!(disabled && told.contains("within 30 seconds") && told.contains("revocation.feed"), "{told}");
    shows(false);
    let (_, yaml) = service(&["istio", "api"]);
    assert!(yaml.contains("billing") && !yaml.contains("worker"), "{yaml}");
    let (printed, told) = service(&["istio", "billing"]);
    assert!(!printed && told.contains("no enabled service but billing itself"), "{told}");
    assert!(service(&["enable", "worker"]).0);
    shows(true);
    assert!(service(&["remove", "worker"]).0);
    shows(false);
    assert!(!service(&["disable", "worker"]).0);
}
