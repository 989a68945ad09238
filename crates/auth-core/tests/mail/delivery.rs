use std::time::Duration;

use serde_json::json;

use super::peer::{Act, Peer};
use super::{Sender, counts};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_mail_that_is_taken_is_sent_once() {
    let peer = Peer::new(&[Act::Accept]);
    let sender = Sender::to(&peer);
    sender.send();
    let heard = peer.next();
    assert_eq!(heard.commands[0], "EHLO auth.example.com");
    assert_eq!(heard.commands[1], "MAIL FROM:<no-reply@auth.example.com>");
    assert_eq!(heard.commands[2], "RCPT TO:<ada@example.test>");
    assert!(heard.mail.is_some());
    sender.reaches(counts(1, 0, 0, 0));
}

#[test]
fn whatever_fails_for_a_while_is_tried_again_when_the_time_has_come() {
    for act in [
        Act::Answer("EHLO", "421 not now"),
        Act::Answer("MAIL", "451 4.7.1 greylisted, see https://peer.example/?token=t0k3n"),
        Act::Answer("RCPT", "450 busy"),
        Act::Answer("DATA", "452 no space"),
        Act::Answer("END", "451 later"),
        Act::EndAt("EHLO"),
        Act::EndAt("RCPT"),
        Act::EndAt("END"),
        Act::Babble,
    ] {
        let peer = Peer::new(&[act, act, Act::Accept]);
        let sender = Sender::to(&peer);
        sender.send();
        peer.next();
        sender.reaches(counts(0, 1, 0, 0));
        sender.clock.advance(5);
        peer.next();
        sender.reaches(counts(0, 2, 0, 0));
        sender.clock.advance(20);
        assert!(peer.next().mail.is_some(), "{act:?}");
        sender.reaches(counts(1, 2, 0, 0));
    }
}

#[test]
fn every_try_sends_the_same_mail() {
    let peer = Peer::new(&[Act::Accept]);
    let sender = Sender::to(&peer);
    sender.send();
    let first = peer.next().mail.unwrap();
    assert!(first.contains("\r\nMessage-ID: <"), "{first}");
    let again = Peer::new(&[Act::Answer("RCPT", "450 busy"), Act::Accept]);
    let sender = Sender::to(&again);
    sender.send();
    again.next();
    sender.reaches(counts(0, 1, 0, 0));
    sender.clock.advance(3600);
    let late = again.next().mail.unwrap();
    let header =
        |mail: &str, name: &str| mail.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    // The same seed: what the first try drew is what the second one sends.
    for name in ["Message-ID: ", "Date: "] {
        assert_eq!(header(&first, name), header(&late, name));
    }
}

#[test]
fn what_is_refused_for_good_is_not_tried_again() {
    for act in [
        Act::Answer("MAIL", "550 no"),
        Act::Answer("RCPT", "550 5.1.1 no such user"),
        Act::Answer("END", "554 5.7.1 spam"),
    ] {
        let peer = Peer::new(&[act]);
        let sender = Sender::to(&peer);
        sender.send();
        peer.next();
        sender.reaches(counts(0, 0, 0, 1));
        assert_eq!(sender.drain(LONG), 0, "nothing waits any more");
    }
}

#[test]
fn after_the_last_attempt_a_mail_is_given_up() {
    let peer = Peer::new(&[Act::Answer("RCPT", "450 busy")]);
    let sender = Sender::with(json!({ "smtpURL": peer.url(), "attempts": 2 }));
    sender.send();
    peer.next();
    sender.reaches(counts(0, 1, 0, 0));
    sender.clock.advance(5);
    peer.next();
    sender.reaches(counts(0, 1, 0, 1));
    assert_eq!(sender.drain(LONG), 0);
}

#[test]
fn a_server_that_is_away_or_silent_is_tried_again() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let sender = Sender::with(json!({ "smtpURL": format!("smtp://127.0.0.1:{port}") }));
    sender.send();
    sender.reaches(counts(0, 1, 0, 0));
    for act in [Act::Hang, Act::HangAt("EHLO"), Act::HangAt("RCPT")] {
        let peer = Peer::new(&[act, Act::Accept]);
        let sender = Sender::with(json!({ "smtpURL": peer.url(), "timeout": 1 }));
        sender.send();
        peer.next();
        sender.reaches(counts(0, 1, 0, 0));
        sender.clock.advance(5);
        assert!(peer.next().mail.is_some());
        sender.reaches(counts(1, 1, 0, 0));
    }
}

#[test]
fn a_server_that_takes_the_mail_and_then_hangs_gets_it_once() {
    let peer = Peer::new(&[Act::AcceptAndHang]);
    let sender = Sender::to(&peer);
    sender.send();
    assert!(peer.next().mail.is_some());
    sender.reaches(counts(1, 0, 0, 0));
}

#[test]
fn one_mail_that_hangs_does_not_hold_up_the_others() {
    let peer = Peer::new(&[Act::HangAt("RCPT"), Act::Accept]);
    let sender = Sender::to(&peer);
    sender.send();
    sender.send();
    sender.send();
    assert!(peer.next().mail.is_some() && peer.next().mail.is_some());
    sender.reaches(counts(2, 0, 0, 0));
}

#[test]
fn a_full_queue_drops_mail_and_never_waits() {
    let peer = Peer::new(&[Act::Answer("RCPT", "450 busy"), Act::Answer("RCPT", "450 busy"), Act::Accept]);
    let sender = Sender::with(json!({ "smtpURL": peer.url(), "queue": 2 }));
    for _ in 0..5 {
        sender.send();
    }
    // Mail that waits for another try still takes its place.
    sender.reaches(counts(0, 2, 3, 0));
    sender.send();
    sender.reaches(counts(0, 2, 4, 0));
    sender.clock.advance(5);
    sender.reaches(counts(2, 2, 4, 0));
    sender.send();
    sender.reaches(counts(3, 2, 4, 0));
}

#[test]
fn stopping_tries_what_waits_once_more_and_then_gives_up() {
    let peer = Peer::new(&[Act::Answer("RCPT", "450 busy"), Act::Accept]);
    let sender = Sender::to(&peer);
    sender.send();
    sender.reaches(counts(0, 1, 0, 0));
    assert_eq!(sender.drain(LONG), 0);
    assert_eq!(sender.mailer.counts(), counts(1, 1, 0, 0));

    let peer = Peer::new(&[Act::Answer("RCPT", "450 busy")]);
    let sender = Sender::to(&peer);
    sender.send();
    sender.reaches(counts(0, 1, 0, 0));
    assert_eq!(sender.drain(LONG), 0);
    assert_eq!(sender.mailer.counts(), counts(0, 1, 0, 1));
}

#[test]
fn stopping_does_not_wait_longer_than_its_limit() {
    let peer = Peer::new(&[Act::Hang]);
    let sender = Sender::to(&peer);
    sender.send();
    sender.send();
    assert_eq!(sender.drain(Duration::from_millis(50)), 2);
}

#[test]
fn a_server_without_starttls_gets_nothing_when_tls_is_required() {
    let peer = Peer::new(&[Act::Accept]);
    let sender = Sender::with(json!({ "smtpURL": format!("smtp+starttls://127.0.0.1:{}", peer.port) }));
    sender.send();
    let heard = peer.next();
    assert!(heard.mail.is_none() && heard.commands.len() == 1, "{heard:?}");
    sender.reaches(counts(0, 1, 0, 0));
}

#[test]
fn a_server_with_a_certificate_that_is_none_gets_nothing() {
    let peer = Peer::new(&[Act::Accept]);
    let sender = Sender::with(json!({ "smtpURL": format!("smtps://127.0.0.1:{}", peer.port) }));
    sender.send();
    assert!(peer.next().mail.is_none());
    sender.reaches(counts(0, 1, 0, 0));
}

#[test]
fn signs_in_before_it_hands_mail_over() {
    let peer = Peer::new(&[Act::Accept]);
    let url = format!("smtp://user%40example.com:p%3Aw@localhost:{}", peer.port);
    let sender = Sender::with(json!({ "smtpURL": url }));
    sender.send();
    let heard = peer.next();
    assert_eq!(heard.commands[1], "AUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AcDp3");
    sender.reaches(counts(1, 0, 0, 0));
}

#[test]
fn a_wrong_password_of_ours_loses_no_mail_until_it_is_mended() {
    for answer in ["530 5.7.0 sign in first", "534 too weak", "535 5.7.8 wrong", "538 encrypt first"] {
        let refuses = Act::Answer("AUTH", answer);
        let peer = Peer::new(&[refuses, refuses, Act::Accept]);
        let sender = Sender::with(json!({ "smtpURL": format!("smtp://user:wrong@localhost:{}", peer.port) }));
        sender.send();
        assert!(peer.next().mail.is_none(), "{answer}");
        sender.reaches(counts(0, 1, 0, 0));
        sender.clock.advance(5);
        peer.next();
        sender.reaches(counts(0, 2, 0, 0));
        sender.clock.advance(20);
        assert!(peer.next().mail.is_some(), "{answer}");
        sender.reaches(counts(1, 2, 0, 0));
    }
}
