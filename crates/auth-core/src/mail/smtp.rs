//! Delivery over SMTP: one connection for each mail, plain and HTML part, TLS with the system's roots.

mod url;

use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use auth_jose::{Entropy, Timestamp};
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Code;
use lettre::transport::smtp::{Error as SmtpError, authentication::Credentials};
use lettre::{Address, Message as Mail};

use super::template::Letter;
use crate::wire::email::EmailAddress;

pub use url::{SmtpTls, SmtpUrl};

/// How long a mail server may take to say good-bye once it has the mail.
const GOODBYE: Duration = Duration::from_secs(5);

/// Whom mail is from: `Example <no-reply@example.com>`, or the address alone.
#[derive(Clone, PartialEq, Eq)]
pub struct MailFrom(Mailbox);

impl FromStr for MailFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected an address such as Example <no-reply@example.com>";
        let (name, address) = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"'), address),
            None => ("", text.trim()),
        };
        let address = Address::from_str(address).map_err(|_error| EXPECTED.to_owned())?;
        if name.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), address)))
    }
}

impl fmt::Debug for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A mail server and how to talk to it.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Where it is.
    pub server: SmtpUrl,
    /// Whom mail is from.
    pub from: MailFrom,
    /// How we introduce ourselves, unless the URL says it.
    pub hello_name: Option<String>,
    /// How long one delivery may take.
    pub timeout: Duration,
}

/// A mail as it goes over the wire. Another try sends the same bytes, so its receiver knows it again.
pub(super) struct Prepared {
    envelope: Envelope,
    bytes: Vec<u8>,
}

/// Why a delivery failed. Never holds what the mail server said in words: it may quote the mail.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another try may succeed.
    Transient(String),
    /// No other try will.
    Permanent(String),
}

/// Writes a mail down.
pub(super) fn prepare(
    config: &SmtpConfig,
    to: &EmailAddress,
    letter: Letter,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Prepared, Failure> {
    let unfit = |what: &str| Failure::Permanent(format!("{what} cannot be written in a mail"));
    let to = Address::from_str(to.as_str()).map_err(|_error| unfit("the receiver's address"))?;
    let mut id = [0_u8; 16];
    entropy.fill("mail-id", &mut id);
    let from = &config.from.0;
    let id = format!("<{:032x}@{}>", u128::from_be_bytes(id), from.email.domain());
    // RFC 3834: no out-of-office answers to us, please.
    let automatic =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let part = |kind, text| SinglePart::builder().header(kind).body(body(text));
    let mail = Mail::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(letter.subject)
        .message_id(Some(id))
        .date(now.to_offset().into())
        .raw_header(automatic)
        .multipart(
            MultiPart::alternative()
                .singlepart(part(ContentType::TEXT_PLAIN, letter.text))
                .singlepart(part(ContentType::TEXT_HTML, letter.html)),
        )
        .map_err(|_error| unfit("it"))?;
    Ok(Prepared { envelope: mail.envelope().clone(), bytes: mail.formatted() })
}

/// Plain ASCII as it is, as far as RFC 5322 allows (lines of 998 characters). Quoted-printable would break the
/// address into pieces, which programs that read mail carelessly do not put together again.
fn body(text: String) -> Body {
    let is_plain = text.is_ascii() && !text.contains('\r') && text.lines().all(|line| line.len() <= 998);
    if is_plain {
        let bytes = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(bytes, ContentTransferEncoding::SevenBit);
    }
    Body::new(text)
}

/// Hands a mail to the mail server.
pub(super) async fn deliver(config: &SmtpConfig, mail: &Prepared) -> Result<(), Failure> {
    match tokio::time::timeout(config.timeout, hand_over(config, mail)).await {
        Ok(result) => result.map_err(|error| failure(&error)),
        Err(_elapsed) => Err(Failure::Transient(no_answer(config))),
    }
}

/// Delivers a mail of no importance and says what the mail server answers, in its own words.
pub(super) async fn try_out(
    config: &SmtpConfig,
    to: &EmailAddress,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), String> {
    let words = "This is a test: this server can send mail.";
    let letter =
        Letter { subject: "Test".to_owned(), text: words.to_owned(), html: format!("<p>{words}</p>") };
    let mail = match prepare(config, to, letter, now, entropy) {
        Ok(mail) => mail,
        Err(Failure::Transient(reason) | Failure::Permanent(reason)) => return Err(reason),
    };
    match tokio::time::timeout(config.timeout, hand_over(config, &mail)).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_elapsed) => Err(no_answer(config)),
    }
}

fn no_answer(config: &SmtpConfig) -> String {
    format!("no answer within {} s", config.timeout.as_secs_f32())
}

async fn hand_over(config: &SmtpConfig, mail: &Prepared) -> Result<(), SmtpError> {
    let server = &config.server;
    let hello = server.hello_name.as_ref().or(config.hello_name.as_ref());
    let hello = hello.map_or_else(ClientId::default, |name| ClientId::Domain(name.clone()));
    let tls = || TlsParameters::new(server.host.clone());
    let wrapped = if server.tls == SmtpTls::Wrapped { Some(tls()?) } else { None };
    let address = (server.host.as_str(), server.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, Some(config.timeout), &hello, wrapped, None).await?;
    let upgrade = match server.tls {
        SmtpTls::Required => true,
        SmtpTls::Opportunistic => connection.can_starttls(),
        SmtpTls::None | SmtpTls::Wrapped => false,
    };
    if upgrade {
        connection.starttls(tls()?, &hello).await?;
    }
    if let Some((user, password)) = &server.credentials {
        let credentials = Credentials::new(user.clone(), password.expose().clone());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
    }
    connection.send(&mail.envelope, &mail.bytes).await?;
    // The mail is the server's now: nothing that happens from here on may send it a second time.
    tokio::spawn(async move {
        let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
    });
    Ok(())
}

fn failure(error: &SmtpError) -> Failure {
    match error.status() {
        Some(status) => {
            let detail = error.source().and_then(|source| enhanced_status(&source.to_string()));
            let answer = format!("the mail server answered {status}{}", detail.unwrap_or_default());
            let is_final = error.is_permanent() && !is_about_us(status);
            if is_final { Failure::Permanent(answer) } else { Failure::Transient(answer) }
        }
        None if error.is_response() => Failure::Transient("the mail server does not speak SMTP".to_owned()),
        // What is left is ours or the system's words.
        None => Failure::Transient(error.to_string()),
    }
}

/// Whether a refusal is of our name and password (RFC 4954, section 6), not of this mail: the operator can mend it,
/// and no mail has to be lost until then.
fn is_about_us(status: Code) -> bool {
    matches!(u16::from(status), 530 | 534 | 535 | 538)
}

/// The enhanced status code (RFC 3463) at the beginning of an answer: ` 5.1.1`.
fn enhanced_status(answer: &str) -> Option<String> {
    let word = answer.split_whitespace().next()?;
    let numbers: Vec<&str> = word.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (numbers.len() == 3 && numbers.iter().all(is_number)).then(|| format!(" {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_senders() {
        for (text, shown) in [
            ("no-reply@example.com", "no-reply@example.com"),
            ("Example <no-reply@example.com>", "Example <no-reply@example.com>"),
            ("\"Ex, Ltd\" <a@example.com>", "\"Ex, Ltd\" <a@example.com>"),
        ] {
            assert_eq!(format!("{:?}", text.parse::<MailFrom>().unwrap()), shown);
        }
        for bad in
            ["", "Example", "a@b@c", "a@example.com, b@example.com", "A\r\nBcc: x <a@example.com>", "<>"]
        {
            assert!(bad.parse::<MailFrom>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn of_an_answer_only_the_codes_are_kept() {
        assert_eq!(enhanced_status("5.1.1 <ada@example.test> unknown").as_deref(), Some(" 5.1.1"));
        for words in ["", "no", "5.1 x", "https://a.b.c", "5.1.1.1", "5..1", "a.b.c", "5.1.1234"] {
            assert_eq!(enhanced_status(words), None, "{words}");
        }
    }
}
