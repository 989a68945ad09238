//! A mail server that does what a test tells it, one line of script for each connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What the peer does with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Takes the mail.
    Accept,
    /// Takes the mail and never answers QUIT.
    AcceptAndHang,
    /// Answers this when it has heard a line that begins so.
    Answer(&'static str, &'static str),
    /// Says nothing at all.
    Hang,
    /// Says nothing once it has heard a line that begins so.
    HangAt(&'static str),
    /// Ends the connection once it has heard a line that begins so.
    EndAt(&'static str),
    /// Greets in another protocol.
    Babble,
}

/// What the peer heard in one connection.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) commands: Vec<String>,
    /// The mail as it came over the wire, without the dots of transparency.
    pub(crate) mail: Option<String>,
}

pub(crate) struct Peer {
    pub(crate) port: u16,
    heard: Receiver<Heard>,
}

impl Peer {
    /// A peer whose connections go as `script` says, the last line for all that follow.
    pub(crate) fn new(script: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heard) = channel();
        let script = script.to_vec();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let act = script[number.min(script.len() - 1)];
                let (sender, stream) = (sender.clone(), stream.unwrap());
                std::thread::spawn(move || {
                    // The test may be over.
                    let _ = sender.send(talk(stream, act));
                });
            }
        });
        Self { port, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// What the next connection that came to an end said.
    pub(crate) fn next(&self) -> Heard {
        self.heard.recv_timeout(Duration::from_secs(20)).expect("a connection")
    }
}

fn talk(mut stream: TcpStream, act: Act) -> Heard {
    let mut heard = Heard::default();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    match act {
        Act::Hang => {
            lines.next();
            return heard;
        }
        Act::Babble => {
            let _ = stream.write_all(b"HTTP/1.1 400 https://peer.example/secret\r\n\r\n");
            return heard;
        }
        _ => say(&mut stream, "220 peer"),
    }
    while let Some(Ok(line)) = lines.next() {
        heard.commands.push(line.clone());
        let begins = |start: &str| line.starts_with(start);
        match act {
            Act::Answer(start, answer) if begins(start) => {
                say(&mut stream, answer);
                continue;
            }
            Act::HangAt(start) if begins(start) => {
                lines.next();
                return heard;
            }
            Act::EndAt(start) if begins(start) => return heard,
            _ => {}
        }
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => say(&mut stream, "250-peer\r\n250-AUTH PLAIN\r\n250 8BITMIME"),
            "DATA" => {
                say(&mut stream, "354 go on");
                let mut mail = String::new();
                for line in lines.by_ref() {
                    let Ok(line) = line else { return heard };
                    if line == "." {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push_str("\r\n");
                }
                if let Act::EndAt("END") = act {
                    return heard;
                }
                if let Act::Answer("END", answer) = act {
                    say(&mut stream, answer);
                    continue;
                }
                heard.mail = Some(mail);
                say(&mut stream, "250 taken");
            }
            "QUIT" if matches!(act, Act::AcceptAndHang) => {
                return heard;
            }
            "QUIT" => {
                say(&mut stream, "221 bye");
                return heard;
            }
            _ => say(&mut stream, "250 ok"),
        }
    }
    heard
}

fn say(stream: &mut TcpStream, line: &str) {
    // The other side may be gone.
    let _ = stream.write_all(format!("{line}\r\n").as_bytes());
}
