//! Clients that are slow on purpose: what they hold is taken from them, and others do not notice.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use auth_core::testing::TestDatabase;
use auth_server::listener::{Bounds, serve};
use serde_json::json;

use crate::support::Server;

on_every_database!(
    the_first_head_has_to_arrive_in_time,
    the_second_head_has_to_arrive_in_time,
    a_second_head_that_trickles_in_has_no_more_time,
    an_unread_body_that_trickles_in_is_not_waited_for,
    an_idle_connection_is_closed,
    a_connection_in_use_is_kept,
    a_slow_body_ends_with_an_answer,
    connections_are_limited,
);

const OK: &str = "GET /api/auth/ok HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn quick() -> Bounds {
    Bounds {
        head: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        between: Duration::from_secs(2),
        ..Bounds::default()
    }
}

fn listen(server: &Server, bounds: Bounds) -> SocketAddr {
    let app = server.app.clone();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let listening = serve(socket, bounds, move || app.clone()).unwrap();
    actix_web::rt::spawn(listening.server);
    listening.address
}

/// A connection on which tests talk by hand. Whatever the server does not do within ten seconds it does not do.
struct Talk(TcpStream);

impl Talk {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(stream)
    }

    fn say(&mut self, text: &str) -> bool {
        self.0.write_all(text.as_bytes()).is_ok()
    }

    /// Reads one answer whose body ends with `end`.
    fn hear(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        while !heard.ends_with(end.as_bytes()) {
            match self.0.read(&mut buffer).unwrap() {
                0 => panic!("closed after {:?}", String::from_utf8_lossy(&heard)),
                count => heard.extend_from_slice(&buffer[..count]),
            }
        }
        String::from_utf8(heard).unwrap()
    }

    /// Whatever comes until the server closes the connection.
    fn hear_the_end(&mut self) -> String {
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("still open: {error}, after {:?}", String::from_utf8_lossy(&heard)),
            }
        }
        String::from_utf8(heard).unwrap()
    }

    /// Says a letter every tenth of a second until the server has closed; false after ten seconds.
    fn trickle(&mut self, letter: &str) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut buffer = [0; 4096];
        for _ in 0..100 {
            if !self.say(letter) {
                return true;
            }
            match self.0.read(&mut buffer) {
                Ok(0) => return true,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return true,
                Ok(_) | Err(_) => {}
            }
        }
        false
    }
}

/// Talks on a thread of its own, so that the server in this thread can answer.
async fn talk<T: Send + 'static>(address: SocketAddr, work: impl FnOnce(Talk) -> T + Send + 'static) -> T {
    actix_web::rt::task::spawn_blocking(move || work(Talk::to(address))).await.unwrap()
}

async fn the_first_head_has_to_arrive_in_time(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = listen(&server, quick());
    for begin in ["", "GET /api/auth/ok HTTP/1.1\r\nHost: local"] {
        let heard = talk(address, move |mut talk| {
            talk.say(begin);
            talk.hear_the_end()
        })
        .await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 408 "), "{heard}");
    }
}

async fn the_second_head_has_to_arrive_in_time(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = listen(&server, quick());
    let heard = talk(address, |mut talk| {
        talk.say(OK);
        talk.hear(r#"{"ok":true}"#);
        talk.say("GET /api/auth/ok HTTP/1.1\r\nHost: local");
        talk.hear_the_end()
    })
    .await;
    assert_eq!(heard, "");
}

async fn a_second_head_that_trickles_in_has_no_more_time(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = listen(&server, quick());
    let closed = talk(address, |mut talk| {
        talk.say(OK);
        talk.hear(r#"{"ok":true}"#);
        talk.say("GET /api/auth/ok HTTP/1.1\r\nX-Slow: ");
        talk.trickle("a")
    })
    .await;
    assert!(closed);
}

async fn an_unread_body_that_trickles_in_is_not_waited_for(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = listen(&server, quick());
    // Nothing reads the body of a path that does not exist.
    let closed = talk(address, |mut talk| {
        talk.say("POST /api/auth/nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        talk.trickle("1\r\na\r\n")
    })
    .await;
    assert!(closed);
}

async fn an_idle_connection_is_closed(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = listen(&server, quick());
    let heard = talk(address, |mut talk| {
        talk.say(OK);
        talk.hear(r#"{"ok":true}"#);
        talk.hear_the_end()
    })
    .await;
    assert_eq!(heard, "");
}

async fn a_connection_in_use_is_kept(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = listen(&server, quick());
    talk(address, |mut talk| {
        // For longer than any of the limits.
        for _ in 0..10 {
            talk.say(OK);
            let heard = talk.hear(r#"{"ok":true}"#);
            assert!(heard.starts_with("HTTP/1.1 200 OK\r\n"), "{heard}");
            std::thread::sleep(Duration::from_millis(400));
        }
    })
    .await;
}

async fn a_slow_body_ends_with_an_answer(database: TestDatabase) {
    let server = Server::with(database, json!({ "server": { "requestTimeout": 1 } })).await;
    let address = listen(&server, quick());
    let heard = talk(address, |mut talk| {
        talk.say("POST /api/auth/sign-out HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
        talk.hear_the_end()
    })
    .await;
    assert!(heard.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{heard}");
}

async fn connections_are_limited(database: TestDatabase) {
    let server = Server::on(database).await;
    let bounds = Bounds { connections: 4, ..quick() };
    let address = listen(&server, bounds);
    let held: Vec<_> = (0..8).map(|_| Talk::to(address)).collect();
    // Whoever waits is served when those who do nothing have lost their places.
    let heard = talk(address, |mut talk| {
        talk.say(OK);
        talk.hear(r#"{"ok":true}"#)
    })
    .await;
    assert!(heard.starts_with("HTTP/1.1 200 OK\r\n"), "{heard}");
    drop(held);
}
