//! TLS to database servers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{auth_server, stderr};

fn script(name: &str, arguments: &[&str], flags: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
    let output = Command::new(path).args(arguments).env("MYSQL_FLAGS", flags).output().unwrap();
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A private server whose certificate is for `localhost`, stopped at the end.
struct TlsServer {
    script: &'static str,
    folder: TempDir,
    url: String,
}

impl TlsServer {
    fn start(script_name: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        #[cfg(unix)]
        {
            // PostgreSQL runs as another user than root.
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        script("certificates.sh", &[&path("tls")], "");
        let (cert, key) = (path("tls/server.pem"), path("tls/server.key"));
        let flags = format!("--ssl-cert={cert} --ssl-key={key}");
        let data = path("data");
        let url = match script_name {
            "pg.sh" => script(script_name, &["start", "--tls", &cert, &key, &data], ""),
            _ => script(script_name, &["start", &data], &flags),
        };
        Self { script: script_name, folder, url }
    }

    fn pem(&self, name: &str) -> PathBuf {
        self.folder.path().join("tls").join(name)
    }

    /// Asks for the pending migrations with this URL.
    fn connect(&self, url: &str) -> Output {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("auth.toml"), "[database]\nstartTimeout = 0").unwrap();
        let mut command = auth_server(folder.path());
        command.env("DATABASE_URL", url).args(["migrate", "--dry-run"]).output().unwrap()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        script(self.script, &["stop", &self.folder.path().join("data").display().to_string()], "");
    }
}

/// What each mode accepts. `url` has a password and the address 127.0.0.1; `modes` are the words of the database's own
/// programs, `names` those of the parameters.
fn each_mode_checks_what_it_says(server: &TlsServer, url: &str, names: [&str; 2], modes: [&str; 2]) {
    let [required, verify_full] = modes;
    let cases = [
        ("localhost", required, "", ""),
        ("127.0.0.1", required, "", ""),
        ("localhost", verify_full, "ca.pem", ""),
        ("127.0.0.1", verify_full, "ca.pem", "invalid peer certificate"),
        ("localhost", verify_full, "other.pem", "invalid peer certificate"),
        ("localhost", verify_full, "", "certificate"),
        ("localhost", verify_full, "missing.pem", "missing.pem"),
    ];
    accept_or_refuse(server, url, names, &cases);
}

/// A host, a mode, a file of authorities, and what the refusal says; nothing: it is accepted.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

fn accept_or_refuse(server: &TlsServer, url: &str, names: [&str; 2], cases: &[Case<'_>]) {
    let parsed = url::Url::parse(url).unwrap();
    let password = parsed.password().unwrap();
    for &(host, mode, authority, refusal) in cases {
        let roots = match authority {
            "" => String::new(),
            name => format!("&{}={}", names[1], server.pem(name).display()),
        };
        let url = format!("{}?{}={mode}{roots}", url.replace("127.0.0.1", host), names[0]);
        let output = server.connect(&url);
        let text = stderr(&output);
        let what = format!("{host} {mode} {authority}: {text}");
        assert_eq!(output.status.code(), Some(i32::from(!refusal.is_empty())), "{what}");
        assert!(text.contains(refusal) && !text.contains(password), "{what}");
        let shown = format!("{}:***@{host}", parsed.username());
        assert!(refusal.is_empty() || text.contains(&shown), "the URL is named without its password: {what}");
    }
}

#[test]
#[cfg(feature = "test-postgres")]
fn postgres_is_checked_as_the_url_says() {
    let server = TlsServer::start("pg.sh");
    // The server asks nobody for a password: it is there to be hidden.
    let url = server.url.replace("postgres@", "postgres:hunter2@");
    let names = ["sslmode", "sslrootcert"];
    each_mode_checks_what_it_says(&server, &url, names, ["require", "verify-full"]);
    let cases = [
        ("127.0.0.1", "verify-ca", "ca.pem", ""),
        ("127.0.0.1", "require", "ca.pem", ""),
        ("localhost", "verify-ca", "other.pem", "invalid peer certificate"),
        ("localhost", "require", "other.pem", "invalid peer certificate"),
    ];
    accept_or_refuse(&server, &url, names, &cases);
    let plain = server.connect(&format!("{url}?sslmode=disable"));
    assert_eq!(plain.status.code(), Some(1), "the server takes encrypted connections only");
    assert!(server.connect(&url).status.success(), "TLS is used where the server offers it");
}

#[test]
#[cfg(feature = "test-mysql")]
fn mysql_is_checked_as_the_url_says() {
    let server = TlsServer::start("mysql.sh");
    let database = auth_core::testing::TestDatabase::mysql(&server.url);
    let modes = ["REQUIRED", "VERIFY_IDENTITY"];
    each_mode_checks_what_it_says(&server, &database.url(), ["ssl-mode", "ssl-ca"], modes);
    let require = |what: &str| {
        let user = database.url().split(['/', ':']).nth(3).unwrap().to_owned();
        format!("ALTER USER {user}@'%' REQUIRE {what}")
    };
    auth_core::testing::TestDatabase::on_mysql_server(&server.url, require("SSL"));
    let plain = server.connect(&format!("{}?ssl-mode=DISABLED", database.url()));
    assert_eq!(plain.status.code(), Some(1), "the user is let in by encrypted connections only");
    assert!(server.connect(&database.url()).status.success(), "TLS is used where the server offers it");
}
