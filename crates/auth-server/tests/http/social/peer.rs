//! What a provider of the tests hears and how it is heard: one request a connection, on threads, whatever the test's runtime does.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A request that was sent to a provider.
pub(super) struct Heard {
    pub(super) method: String,
    /// The path, with the query if there is one.
    pub(super) target: String,
    /// The header `Authorization`, empty without one.
    pub(super) authorization: String,
    pub(super) body: Vec<u8>,
}

/// Listens on a free port, and has each connection answered by `serve`.
pub(super) fn listen<S>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream, SocketAddr) -> std::io::Result<()> + Clone + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            // A client that hangs up ends its own connection and nothing else.
            thread::spawn(move || drop(serve(stream, address)));
        }
    });
    address
}

/// Reads the one request of a connection.
pub(super) fn hear(stream: &TcpStream) -> std::io::Result<Heard> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut authorization) = (0_usize, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => value.trim().clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    Ok(Heard { method, target, authorization, body })
}
