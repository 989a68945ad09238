//! The server behind actix: in this thread, or on a socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::{App, test};
use auth_core::mail::Message;
use auth_core::testing::{TestApp, TestDatabase, TestRequest, TestResponse, get};
use auth_server::listener::{Bounds, serve};
use auth_server::mount::routes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use url::Url;

type Send = dyn Fn(TestRequest) -> LocalBoxFuture<'static, TestResponse>;

/// A server whose actix application runs in the test's thread.
pub(crate) struct Server {
    test: TestApp,
    send: Box<Send>,
}

impl Deref for Server {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.test
    }
}

impl Server {
    /// A server with the tests' default settings.
    pub(crate) async fn on(database: TestDatabase) -> Self {
        Self::with(database, json!({})).await
    }

    pub(crate) async fn with(database: TestDatabase, settings: Value) -> Self {
        Self::around(TestApp::new(database, settings).await).await
    }

    /// Another server on the same database.
    pub(crate) async fn beside(&self, settings: Value) -> Self {
        Self::around(self.test.beside(settings).await).await
    }

    async fn around(test: TestApp) -> Self {
        let service = Rc::new(test::init_service(App::new().configure(routes(test.app.clone()))).await);
        let base_path = test.app.config.base_path.clone();
        let send = move |request: TestRequest| {
            let (service, target) = (service.clone(), request.target(&base_path));
            async move {
                let response = test::call_service(&*service, into_actix(request, &target).to_request()).await;
                let status = response.status().as_u16();
                let headers = response.headers().iter();
                let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
                let headers =
                    headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
                let body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("a broken body"));
                TestResponse { status, headers, body }
            }
            .boxed_local()
        };
        Self { test, send: Box::new(send) }
    }

    pub(crate) async fn call(&self, request: TestRequest) -> TestResponse {
        (self.send)(request).await
    }

    /// What `/get-session` answers to these cookies.
    pub(crate) async fn session(&self, cookies: &str) -> TestResponse {
        self.call(get("/get-session").header("cookie", cookies)).await
    }

    /// Listens on a free port of the loopback interface until the test ends.
    pub(crate) fn listen(&self) -> SocketAddr {
        let app = self.test.app.clone();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let listening = serve(socket, Bounds::default(), move || app.clone()).unwrap();
        actix_web::rt::spawn(listening.server);
        listening.address
    }
}

fn into_actix(request: TestRequest, target: &str) -> test::TestRequest {
    let mut built = test::TestRequest::with_uri(target)
        .method(request.method.parse().unwrap())
        .peer_addr(SocketAddr::from(([127, 0, 0, 1], 50_000)));
    for header in &request.headers {
        built = built.append_header((header.0.as_str(), header.1.as_str()));
    }
    built.set_payload(request.body)
}

/// Sends bytes to a server and reads what it answers until it closes the connection, or says nothing for a while.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The server may answer and hang up before it has read everything.
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    actix_web::rt::task::spawn_blocking(talk).await.unwrap()
}

/// A database on the server that `TEST_POSTGRES_URL` names.
#[cfg(feature = "test-postgres")]
pub(crate) fn postgres() -> TestDatabase {
    TestDatabase::postgres(&server_url("TEST_POSTGRES_URL"))
}

/// A database on the server that `TEST_MYSQL_URL` names.
#[cfg(feature = "test-mysql")]
pub(crate) fn mysql() -> TestDatabase {
    TestDatabase::mysql(&server_url("TEST_MYSQL_URL"))
}

/// A Valkey or Redis that all tests share.
#[cfg(feature = "test-redis")]
pub(crate) fn redis_url() -> String {
    server_url("TEST_REDIS_URL")
}

#[cfg(any(feature = "test-postgres", feature = "test-mysql", feature = "test-redis"))]
#[expect(clippy::disallowed_methods, reason = "tests find their servers through the environment")]
fn server_url(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run the tests by `make test`, or below scripts/with-pg.sh, with-mysql.sh and with-redis.sh"
        )
    })
}

/// Checks status, code, message and error id of a refusal.
#[track_caller]
pub(crate) fn assert_refused(response: &TestResponse, status: u16, code: &str, message: &str, id: &str) {
    let body = if code.is_empty() {
        json!({ "message": message })
    } else {
        json!({ "message": message, "code": code })
    };
    assert_eq!((response.status, response.text()), (status, body.to_string().as_str()));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-error-id"), Some(id));
}

/// Checks a refusal of the input: what its message says.
#[track_caller]
pub(crate) fn assert_invalid(response: &TestResponse, message: &str) {
    assert_refused(response, 400, "VALIDATION_ERROR", message, "AUTH-0002");
}

/// Opens a mail's link, as a browser without cookies.
#[track_caller]
pub(crate) fn open(mail: &Message) -> TestRequest {
    let path = mail.link.url().strip_prefix("http://localhost:3000");
    TestRequest::exactly("GET", path.unwrap_or_else(|| panic!("{} leads elsewhere", mail.link.url())))
}

/// A member of the query of an absolute or relative URL; empty when it is not there.
pub(crate) fn member(url: &str, name: &str) -> String {
    let url = Url::parse("http://relative.invalid").unwrap().join(url).unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The token in a mail's link: in the query, or as the last segment of the path.
pub(crate) fn token(mail: &Message) -> String {
    let (url, token) = (mail.link.url(), member(mail.link.url(), "token"));
    let last = url.split('?').next().and_then(|path| path.rsplit('/').next());
    if token.is_empty() { last.unwrap().to_owned() } else { token }
}

/// Checks a redirect.
#[track_caller]
pub(crate) fn assert_redirected(response: &TestResponse, location: &str) {
    assert_eq!((response.status, response.header("location")), (302, Some(location)), "{}", response.text());
    assert_eq!((response.header("content-type"), response.text()), (Some("application/json"), ""));
}
