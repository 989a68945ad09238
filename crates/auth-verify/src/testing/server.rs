//! HTTP/1.1 by hand, on threads: it must misbehave in ways that no server allows, and must not depend on
//! the runtime of the test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use auth_jose::SigningKey;
use serde_json::{Map, Value, json};

use super::Fault;
use super::feed::{self, FeedState};

/// What the issuer shows and counts.
#[derive(Default)]
pub(super) struct Published {
    /// The newest last.
    pub(super) keys: Vec<SigningKey>,
    pub(super) keys_made: usize,
    pub(super) tokens: usize,
    /// The keys of services, as they were given.
    pub(super) services: Vec<Map<String, Value>>,
    pub(super) fault: Option<Fault>,
    pub(super) max_age_seconds: Option<u32>,
    pub(super) requests: usize,
    /// What is withdrawn, in order, and how its list fails.
    pub(super) feed: FeedState,
    is_closed: bool,
}

pub(super) struct Server {
    port: u16,
    published: Arc<Mutex<Published>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let published = Arc::<Mutex<Published>>::default();
        let shared = Arc::clone(&published);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if locked(&shared, |published| published.is_closed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that hangs up ends its own connection and nothing else.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { port, published }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Published) -> T) -> T {
        locked(&self.published, change)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.with(|published| published.is_closed = true);
        // The listener waits for a connection to notice.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        drop(TcpStream::connect_timeout(&address, Duration::from_secs(1)));
    }
}

fn locked<T>(published: &Mutex<Published>, change: impl FnOnce(&mut Published) -> T) -> T {
    change(&mut published.lock().unwrap_or_else(PoisonError::into_inner))
}

fn serve(mut stream: TcpStream, published: &Mutex<Published>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut known, mut target) = (None, None);
    // More than any client of keys sends.
    for line in BufReader::new(stream.try_clone()?.take(16 * 1024)).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        target = target.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        known = known.or_else(|| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("if-none-match").then(|| value.trim().to_owned())
        });
    }
    if let Some(question) = target.as_deref().and_then(feed::question) {
        return feed::serve(&mut stream, &question, |change| locked(published, change));
    }
    let (fault, head, body) = locked(published, |published| {
        published.requests += 1;
        let is_of_services = target.as_deref().is_some_and(|target| target.ends_with("/s2s/jwks"));
        let body = if is_of_services { published.body_of_services() } else { published.body() };
        (published.fault, published.head(), body)
    });
    let etag = format!("\"{}\"", auth_jose::base64url::encode(fingerprint(body.as_bytes()).to_be_bytes()));
    let answer = |stream: &mut TcpStream| {
        if known.as_deref() == Some(&*etag) {
            return write!(
                stream,
                "HTTP/1.1 304 Not Modified\r\n{head}etag: {etag}\r\nconnection: close\r\n\r\n"
            );
        }
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\n{head}etag: {etag}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    match fault {
        None => answer(&mut stream),
        Some(Fault::Slow(delay)) => {
            thread::sleep(delay);
            answer(&mut stream)
        }
        Some(Fault::Garbage) => {
            let body = "<html>Welcome to the captive portal</html>";
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        }
        Some(Fault::Huge) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"keys\":[],\"padding\":\"")?;
            // Ends when the client hangs up; bounded for one that does not.
            (0..64 * 1024).try_for_each(|_| stream.write_all(&[b'x'; 1024]))
        }
        Some(Fault::Outage) => Ok(()),
        Some(Fault::Status(status)) => {
            write!(stream, "HTTP/1.1 {status} Fault\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
    }
}

impl Published {
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn head(&self) -> String {
        let directive = |seconds| format!("cache-control: public, max-age={seconds}\r\n");
        self.max_age_seconds.map(directive).unwrap_or_default()
    }

    fn body_of_services(&self) -> String {
        json!({ "keys": self.services }).to_string()
    }

    pub(super) fn body(&self) -> String {
        let jwk = |key: &SigningKey| {
            let mut jwk = key.public_jwk();
            jwk.insert("kid".to_owned(), json!(key.kid()));
            jwk.insert("alg".to_owned(), json!(key.algorithm().as_str()));
            jwk.insert("use".to_owned(), json!("sig"));
            jwk
        };
        json!({ "keys": self.keys.iter().map(jwk).collect::<Vec<_>>() }).to_string()
    }
}

/// FNV-1a: tells one key set from another, which is all that an ETag has to do.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
