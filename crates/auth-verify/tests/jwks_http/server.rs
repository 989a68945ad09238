//! A key endpoint that misbehaves in every way that the wire allows, under one path each. Written by hand on
//! threads: no server library can be made to do these things.
//!
//! `GET /NAME` behaves as [`behave`] says; `GET /switch` as the last `POST /__mode?name=NAME` said;
//! `GET /__hits` answers what was asked: `{"hits":{NAME:count},"lines":[..],"bytesOut":{NAME:count}}`. The
//! next port answers every connection with one byte per second.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use auth_jose::SigningKey;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// What the endpoint publishes.
#[derive(Clone)]
pub(crate) struct Sets {
    pub(crate) good: String,
    pub(crate) rotated: String,
    /// Another key under the kid of the good one.
    pub(crate) reused: String,
}

pub(crate) fn jwks(keys: &[&SigningKey]) -> String {
    let jwk = |key: &&SigningKey| {
        let mut jwk = key.public_jwk();
        jwk.insert("kid".to_owned(), json!(key.kid()));
        jwk.insert("alg".to_owned(), json!(key.algorithm().as_str()));
        jwk
    };
    json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() }).to_string()
}

struct Shared {
    sets: Sets,
    mode: Mutex<String>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    hits: BTreeMap<String, u64>,
    lines: Vec<Value>,
    bytes_out: BTreeMap<String, u64>,
}

/// Starts the endpoint and gives its port.
pub(crate) fn start(sets: Sets) -> u16 {
    let (listener, slow) = two_ports();
    let port = listener.local_addr().unwrap().port();
    let shared = Arc::new(Shared { sets, mode: Mutex::new("ok-json".to_owned()), log: Mutex::default() });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            // Write errors are the client's good right: it may hang up.
            thread::spawn(move || drop(serve(stream, &shared)));
        }
    });
    thread::spawn(move || {
        for stream in slow.incoming().flatten() {
            thread::spawn(move || {
                drop(drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", 1_000));
            });
        }
    });
    port
}

fn two_ports() -> (TcpListener, TcpListener) {
    loop {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let next = first.local_addr().unwrap().port().checked_add(1);
        let second = next.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
        if let Some(Ok(second)) = second {
            return (first, second);
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: BTreeMap<_, _> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let path = target.split('?').next().unwrap_or_default();
    let asked = path.trim_start_matches('/').to_owned();
    match &*asked {
        "__hits" => {
            let log = shared.log.lock().unwrap();
            let body = json!({"hits": log.hits, "lines": log.lines, "bytesOut": log.bytes_out}).to_string();
            return plain(&mut stream, 200, "", body.as_bytes());
        }
        "__mode" => {
            target.split_once("name=").unwrap_or_default().1.clone_into(&mut shared.mode.lock().unwrap());
            return plain(&mut stream, 200, "", b"{}");
        }
        _ => {}
    }
    let name = if asked == "switch" { shared.mode.lock().unwrap().clone() } else { asked.clone() };
    {
        let mut log = shared.log.lock().unwrap();
        *log.hits.entry(asked).or_default() += 1;
        let (cookie, authorization) = (headers.get("cookie"), headers.get("authorization"));
        log.lines.push(json!({"url": target, "cookie": cookie, "authorization": authorization}));
    }
    behave(&mut stream, shared, &name, headers.get("if-none-match").map(String::as_str))
}

fn behave(stream: &mut TcpStream, shared: &Shared, name: &str, etag: Option<&str>) -> io::Result<()> {
    let Sets { good, rotated, reused } = &shared.sets;
    let body = good.as_bytes();
    match name {
        "ok-json" | "canary" => plain(stream, 200, "content-type: application/json\r\n", body),
        "ok-jwk-set-json" => plain(stream, 200, "content-type: application/jwk-set+json\r\n", body),
        "ok-charset" => plain(stream, 200, "content-type: application/json; charset=utf-8\r\n", body),
        "ok-set-cookie" => plain(stream, 200, "set-cookie: track=1; Path=/\r\n", body),
        "ok-rotated" => plain(stream, 200, "", rotated.as_bytes()),
        "ok-reused" => plain(stream, 200, "", reused.as_bytes()),
        "ok-late" => {
            thread::sleep(Duration::from_millis(200));
            plain(stream, 200, "", body)
        }
        "ok-chunked" => chunked(stream, body),
        "ok-etag" if etag == Some("\"v1\"") => plain(stream, 304, "", b""),
        "ok-etag" => plain(stream, 200, "etag: \"v1\"\r\n", body),
        "html-200" => {
            plain(stream, 200, "content-type: text/html\r\n", b"<!doctype html><html>Sign in</html>")
        }
        "html-typed-json" => plain(stream, 200, "content-type: application/json\r\n", b"<!doctype html>"),
        "status-204" => write!(stream, "HTTP/1.1 204 X\r\nconnection: close\r\n\r\n"),
        "status-206" => plain(stream, 206, "", body.get(..60).unwrap_or_default()),
        "status-500-good-body" => plain(stream, 500, "", body),
        "redirect-301-good" => plain(stream, 301, "location: /ok-json\r\n", b""),
        "redirect-302-canary" => plain(stream, 302, "location: /canary\r\n", b""),
        "redirect-307-loop" => plain(stream, 307, "location: /redirect-307-loop\r\n", b""),
        "redirect-308-good-body" => plain(stream, 308, "location: /canary\r\n", body),
        "redirect-file" => plain(stream, 302, "location: file:///etc/hostname\r\n", b""),
        "redirect-metadata" => plain(stream, 302, "location: http://169.254.169.254/\r\n", b""),
        "huge-10mb" => padded(stream, good, 10 << 20),
        "huge-just-over" => plain(stream, 200, "", format!("{good}{}", " ".repeat(64 << 10)).as_bytes()),
        "huge-50k-keys" => many_keys(stream, good),
        "endless" => endless(stream, shared),
        "slow-body" => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            drip(stream.try_clone()?, body, 500)
        }
        "silent" => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        "reset-mid-body" => {
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")?;
            stream.write_all(body.get(..80).unwrap_or_default())
        }
        "short-content-length" => {
            let length = body.len() - 30;
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{good}")
        }
        "gzip-bomb" => {
            // One member after the other: 256 MiB of spaces in 256 KB.
            let member = gzip(&vec![b' '; 1 << 20]);
            plain(stream, 200, "content-encoding: gzip\r\n", &member.repeat(256))
        }
        "gzip-unasked" => plain(stream, 200, "content-encoding: gzip\r\n", &gzip(body)),
        "empty" => plain(stream, 200, "", b""),
        "empty-object" => plain(stream, 200, "", b"{}"),
        "empty-keys" => plain(stream, 200, "", br#"{"keys":[]}"#),
        "no-usable-key" => plain(stream, 200, "", br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#),
        "array" => plain(stream, 200, "", b"[]"),
        "deep" => plain(stream, 200, "", format!("{{\"keys\":{}", "[".repeat(60_000)).as_bytes()),
        "utf16" => {
            let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
            plain(stream, 200, "", &utf16)
        }
        "truncated" => plain(stream, 200, "", body.get(..body.len() - 5).unwrap_or_default()),
        "two-documents" => plain(stream, 200, "", format!("{good}{good}").as_bytes()),
        "max-age-0" => plain(stream, 200, "cache-control: max-age=0, no-store\r\n", body),
        "max-age-huge" => plain(stream, 200, "cache-control: max-age=99999999999999999999\r\n", body),
        "max-age-negative" => plain(stream, 200, "cache-control: max-age=-1\r\n", body),
        "header-flood" => {
            let flood: String = (0..20_000).map(|n| format!("x-{n}: {}\r\n", "a".repeat(50))).collect();
            write!(stream, "HTTP/1.1 200 OK\r\n{flood}\r\n{good}")
        }
        "not-http" => write!(stream, "SSH-2.0-OpenSSH_9.2\r\n"),
        _ => {
            let status = name.strip_prefix("status-").and_then(|status| status.parse().ok()).unwrap_or(404);
            plain(stream, status, "", br#"{"error":"x"}"#)
        }
    }
}

fn plain(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(body)
}

fn chunked(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")?;
    for chunk in body.chunks(50) {
        write!(stream, "{:x}\r\n", chunk.len())?;
        stream.write_all(chunk)?;
        write!(stream, "\r\n")?;
    }
    write!(stream, "0\r\n\r\n")
}

/// A good set with a member of `size` bytes.
fn padded(stream: &mut TcpStream, good: &str, size: usize) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{},\"pad\":\"", good.trim_end_matches('}'))?;
    (0..size / 1024).try_for_each(|_| stream.write_all(&[b'a'; 1024]))?;
    write!(stream, "\"}}")
}

fn many_keys(stream: &mut TcpStream, good: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"keys\":[")?;
    for number in 0..50_000 {
        write!(stream, r#"{{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"k{number}"}},"#)?;
    }
    write!(stream, "{}", good.trim_start_matches("{\"keys\":["))
}

fn endless(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"keys\":[")?;
    loop {
        stream.write_all(&[b' '; 4096])?;
        *shared.log.lock().unwrap().bytes_out.entry("endless".to_owned()).or_default() += 4096;
    }
}

fn drip(mut stream: TcpStream, bytes: &[u8], pause_millis: u64) -> io::Result<()> {
    for byte in bytes {
        thread::sleep(Duration::from_millis(pause_millis));
        stream.write_all(&[*byte])?;
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
