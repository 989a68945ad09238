//! Server processes on one PostgreSQL, and people who sign up and out.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::verifier::ISSUER;

/// The URL of a new database on the PostgreSQL of the environment.
pub(crate) fn database() -> String {
    let name = format!("drill_{}", std::process::id());
    run_psql(&server_url(), &format!("CREATE DATABASE {name}"));
    with_database(&name)
}

/// Runs statements in the drill's database.
pub(crate) fn psql(sql: &str) {
    run_psql(&with_database(&format!("drill_{}", std::process::id())), sql);
}

#[expect(clippy::disallowed_methods, reason = "drills find their PostgreSQL through the environment")]
fn server_url() -> String {
    std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| panic!("run it below scripts/with-pg.sh"))
}

fn with_database(name: &str) -> String {
    let mut url = url::Url::parse(&server_url()).unwrap();
    url.set_path(name);
    url.into()
}

fn run_psql(url: &str, sql: &str) {
    let status = Command::new("psql").args(["-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql]).status();
    assert!(status.unwrap().success(), "psql refused: {sql:.80}");
}

/// A server process, which ends with this.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    client: Client,
}

/// Somebody who has signed up.
pub(crate) struct User {
    pub(crate) cookie: String,
    pub(crate) token: String,
}

impl Server {
    pub(crate) async fn start(binary: &str, database: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(binary, database, port).await
    }

    pub(crate) async fn start_on(binary: &str, database: &str, port: u16) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = json!({
            "baseURL": ISSUER,
            "secret": "a-secret-of-the-drill-0123456789-abcdef",
            "server": { "port": port, "workers": 2 },
            "database": { "url": database, "poolSize": 8 },
            "revocation": { "feed": "public" },
            "emailAndPassword": { "password": { "memoryKiB": 1024, "iterations": 1, "parallelism": 1 } },
        });
        let config = folder.path().join("auth.json");
        std::fs::write(&config, settings.to_string()).unwrap();
        let child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(&config)
            .current_dir(folder.path())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        let server = Self { child, port, folder, client };
        for _ in 0..300 {
            if server.client.get(server.url("/ok")).send().await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server does not listen on {port}");
    }

    /// Kills the process.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/auth{path}", self.port)
    }

    pub(crate) fn jwks(&self) -> String {
        self.url("/jwks")
    }

    pub(crate) fn feed(&self) -> String {
        self.url("/revocations")
    }

    async fn post(&self, path: &str, cookie: &str, body: Value) -> reqwest::Response {
        let request = self.client.post(self.url(path)).header(ORIGIN, ISSUER).header(COOKIE, cookie);
        let response = request.header(CONTENT_TYPE, "application/json").body(body.to_string()).send().await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response
    }

    pub(crate) async fn sign_up(&self, name: &str) -> User {
        let body =
            json!({ "name": name, "email": format!("{name}@example.test"), "password": "a good password" });
        let response = self.post("/sign-up/email", "", body).await;
        let cookie = response.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let token = self.token(&cookie).await;
        User { cookie, token }
    }

    /// Another token of a session.
    pub(crate) async fn token(&self, cookie: &str) -> String {
        let answer = self.client.get(self.url("/token")).header(COOKIE, cookie).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer.get("token").and_then(Value::as_str).unwrap().to_owned()
    }

    pub(crate) async fn sign_out(&self, user: &User) {
        self.post("/sign-out", &user.cookie, json!({})).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
