//! For tests: a whole server without a listener, on a database of its own, with a clock and randomness that
//! the test controls.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod database;
mod http;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auth_jose::clock::ManualClock;
use auth_jose::entropy::SeededEntropy;
use auth_jose::{Secret, Timestamp};
use serde_json::{Value, json};

pub use database::{Kind, TestDatabase};
pub use http::{Caller, TestRequest, TestResponse, TestUser, get, post};

use crate::app::{App, Shared};
use crate::config::{Config, Problem, Sources};
use crate::crypto::secrets::Secrets;
use crate::id::GenerateId;
use crate::mail::{Message, Transport};
use crate::pipeline;
use crate::store::Store;
use crate::store::adopt::Wanted;
use crate::store::migrate::{Mode, add_columns};

/// The secret of Better Auth's published vectors.
pub const SECRET: &str = "test-vector-secret-0123456789-abcdefghijkl";

/// What the clock of a new [`TestApp`] shows: 2030-01-01T00:00:00Z.
pub const START: i64 = 1_893_456_000;

/// The password of every [`TestUser`].
pub const PASSWORD: &str = "correct horse battery staple";

/// A server without a listener.
pub struct TestApp {
    /// The server.
    pub app: Arc<App>,
    /// Its clock, which stands still.
    pub clock: Arc<ManualClock>,
    /// Its database.
    pub database: Arc<TestDatabase>,
    /// The seed of the next server's randomness: servers on one database must not draw the same ids.
    seeds: Arc<AtomicU64>,
}

/// Reads a configuration as the server reads `auth.json`, without any environment variable.
///
/// # Errors
/// The configuration's problems.
pub fn load_config(settings: &Value) -> Result<Config, Vec<Problem>> {
    let text = settings.to_string();
    let sources =
        Sources { env: &|_| None, read_file: &|_| Ok(text.clone()), file: Some(Path::new("auth.json")) };
    Config::load(&sources)
}

impl TestApp {
    /// A server on `database`, whose tables it makes. `settings` are merged into the tests' defaults; `null`
    /// takes a default away.
    pub async fn new(database: TestDatabase, settings: Value) -> Self {
        database.migrate_for(configure(&database, settings.clone()).database.generate_id);
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        Self::build(Arc::new(database), clock, Arc::default(), settings).await
    }

    /// Another server on the same database and clock.
    pub async fn beside(&self, settings: Value) -> Self {
        Self::build(self.database.clone(), self.clock.clone(), self.seeds.clone(), settings).await
    }

    async fn build(
        database: Arc<TestDatabase>,
        clock: Arc<ManualClock>,
        seeds: Arc<AtomicU64>,
        settings: Value,
    ) -> Self {
        let mut config = configure(&database, settings);
        if matches!(config.mail.transport, Transport::Console) {
            config.mail.transport = Transport::Captured;
        }
        let secrets = config.secrets.clone().unwrap_or_else(|| Secrets::one(Secret::from(SECRET)));
        add_columns(&config.database.url, &config.fields, Mode::Apply)
            .await
            .expect("columns of declared fields");
        let store = Store::open(&config.database, config.database.pool_size);
        let entropy = Arc::new(SeededEntropy::new(seeds.fetch_add(1, Ordering::SeqCst)));
        let generate_id = config.database.generate_id;
        let mut shared = Shared::new(config, &secrets, clock.clone(), entropy).expect("parts that fit");
        if generate_id != GenerateId::Random {
            let wanted = Wanted { url: &shared.config.database.url, declared: &[], generate_id };
            shared.shape = store.examine(wanted).await.expect("tables that can be read").shape;
        }
        let app = Arc::new(App::new(Arc::new(shared), store));
        if let Some(keys) = &app.keys {
            keys.load_or_create(&app).await.expect("a signing key");
            keys.reseal(&app).await.expect("private keys under the current secret");
        }
        app.services.reload(&app.store, app.clock.now()).await.expect("the services");
        Self { app, clock, database, seeds }
    }

    /// Sends a request straight into the pipeline, past any web server.
    pub async fn call(&self, request: TestRequest) -> TestResponse {
        let target = request.target(&self.app.config.base_path);
        let request = request.into_call(&target);
        let origin = request.header("origin").map(std::borrow::Cow::into_owned);
        let mut response = match pipeline::admit(&self.app, &request).await {
            Ok(endpoint) => pipeline::run(self.app.clone(), endpoint, request).await,
            Err(response) => response,
        };
        pipeline::finish(&self.app, origin.as_deref(), &mut response);
        response.into()
    }

    /// The mails that this server sent since its start or the last call, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Message> {
        self.app.mail.captured()
    }

    /// The one mail that this server sent since the last call.
    #[must_use]
    pub fn one_mail(&self) -> Message {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails.remove(0)
    }

    /// Signs a person up, as `name@example.test` with [`PASSWORD`].
    pub async fn sign_up(&self, name: &str) -> TestUser {
        let email = format!("{}@example.test", name.to_lowercase());
        let body = json!({ "name": name, "email": email, "password": PASSWORD });
        let response = self.call(post("/sign-up/email", body)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        TestUser::new(&response, &self.app)
    }

    /// Signs a person in again, from another device.
    pub async fn sign_in(&self, user: &TestUser) -> TestUser {
        let body = json!({ "email": user.email, "password": PASSWORD });
        let response = self.call(post("/sign-in/email", body)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        TestUser::new(&response, &self.app)
    }
}

/// `settings` merged into the tests' defaults.
fn configure(database: &TestDatabase, settings: Value) -> Config {
    let mut all = json!({
        "baseURL": "http://localhost:3000",
        "secret": SECRET,
        "database": { "url": database.url() },
        "emailAndPassword": {
            // The cheapest argon2id there is: what is tested here is not the hash.
            "password": { "memoryKiB": 1024, "iterations": 1, "parallelism": 1, "threads": 1 }
        },
    });
    merge(&mut all, settings);
    load_config(&all).expect("a good configuration")
}

/// Merges `over` into `base`, member by member.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
