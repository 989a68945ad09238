use super::peer::{Act, Peer};
use super::{Sender, counts, message};

/// The mail that a person with this name gets, header and body.
fn mail_for(name: &str) -> (String, String) {
    let peer = Peer::new(&[Act::Accept]);
    let sender = Sender::to(&peer);
    sender.mailer.send(message(name));
    let mail = peer.next().mail.unwrap();
    sender.reaches(counts(1, 0, 0, 0));
    let (header, body) = mail.split_once("\r\n\r\n").unwrap();
    (header.to_owned(), body.to_owned())
}

#[test]
fn has_a_plain_part_with_the_address_on_its_own_and_an_html_part() {
    let (header, body) = mail_for("Ada");
    let url = "https://auth.example.com/api/auth/reset-password/t0k3n?callbackURL=%2F";
    assert!(header.contains("Content-Type: multipart/alternative"), "{header}");
    for line in [
        "From: Example <no-reply@auth.example.com>",
        "To: ada@example.test",
        "Subject: Reset your password",
        "Date: Tue, 01 Jan 2030 00:00:00 +0000",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(header.lines().any(|found| found == line), "{line} in {header}");
    }
    let (plain, html) = body.split_once("Content-Type: text/html").unwrap();
    assert!(plain.contains(&format!("\r\n\r\n{url}\r\n\r\n")), "{plain}");
    assert!(html.contains("Set a new password"), "{html}");
}

#[test]
fn a_name_with_line_breaks_adds_no_header_and_no_part() {
    let plain = mail_for("Ada").0;
    let names = |header: &str| -> Vec<String> {
        header.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    };
    for name in [
        "Ada\r\nBcc: victim@example.test",
        "Ada\nSubject: Won",
        "Ada\r\n.\r\nMAIL FROM:<x@example.test>",
        "Ada\r\n\r\n--boundary\r\n",
        "Ada\0\u{b}\u{2028}Bcc: x",
    ] {
        let (header, body) = mail_for(name);
        assert_eq!(names(&header), names(&plain), "{name:?}");
        assert!(!header.contains("Won") && !header.contains("victim"), "{header}");
        assert!(!body.lines().any(|line| line.starts_with("Bcc") || line.starts_with("MAIL")), "{body}");
    }
}

#[test]
fn a_name_of_any_script_arrives_and_a_huge_one_stays_short() {
    let (header, body) = mail_for("Žofie 李");
    assert!(!header.contains("Subject: =?"), "{header}");
    assert!(body.contains("=C5=BDofie =E6=9D=8E") || body.contains("Žofie 李"), "{body}");
    let (_, body) = mail_for(&"a".repeat(60_000));
    assert!(body.len() < 5000, "{}", body.len());
}
