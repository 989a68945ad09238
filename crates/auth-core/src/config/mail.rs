//! `mail`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::reader::{Reader, Sources};
use super::{BaseUrl, size};
use crate::mail::{BUILT_IN_LANGUAGE, MailFrom, SmtpConfig, SmtpUrl, Templates, Transport};

/// How mail is sent, and its words.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// How it leaves.
    pub transport: Transport,
    /// Its words.
    pub templates: Arc<Templates>,
    /// How many mails may wait.
    pub queue: usize,
    /// How often a mail is tried.
    pub attempts: u32,
}

pub(super) fn read(
    r: &mut Reader,
    sources: &Sources<'_>,
    production: bool,
    base_url: &BaseUrl,
) -> MailConfig {
    let transport = match smtp(r, base_url) {
        Some(smtp) => Transport::Smtp(smtp),
        None if production => Transport::None,
        None => Transport::Console,
    };
    let queue = size(r.integer("mail.queue", 1000, 1..=1_000_000));
    let attempts = u32::try_from(r.integer("mail.attempts", 6, 1..=20)).unwrap_or(6);
    // Without templates there is a problem, and the server does not start.
    let templates = Arc::new(templates(r, sources).unwrap_or_default());
    MailConfig { transport, templates, queue, attempts }
}

fn smtp(r: &mut Reader, base_url: &BaseUrl) -> Option<SmtpConfig> {
    let (from, url) = (r.text("mail.from"), r.secret("mail.smtpURL"));
    let timeout = r.duration("mail.timeout", 30).max(Duration::from_secs(1));
    let from = from.map(|text| text.parse::<MailFrom>());
    let server = url.map(|url| SmtpUrl::parse(url.expose()));
    match (&server, &from) {
        (_, Some(Err(reason))) => r.refuse("mail.from", reason.as_str()),
        (Some(Ok(_)), None) => {
            r.refuse("mail.from", "has to be set beside mail.smtpURL: the address that mail is from");
        }
        _ => {}
    }
    if let Some(Err(reason)) = &server {
        r.refuse("mail.smtpURL", reason.as_str());
    }
    let (server, from) = (server?.ok()?, from?.ok()?);
    Some(SmtpConfig { server, from, hello_name: base_url.domain().map(str::to_owned), timeout })
}

fn templates(r: &mut Reader, sources: &Sources<'_>) -> Option<Templates> {
    let folder = r.text("mail.templates").map(PathBuf::from);
    let language = r.text("mail.language").unwrap_or_else(|| BUILT_IN_LANGUAGE.to_owned());
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if language.is_empty() || !language.bytes().all(is_word) {
        r.refuse("mail.language", "expected a language such as en or pt-BR");
        return None;
    }
    if folder.is_none() && language != BUILT_IN_LANGUAGE {
        r.refuse("mail.language", "only en is built in; set mail.templates to a folder that has this one");
        return None;
    }
    let loaded = Templates::load(&language, folder.as_deref(), sources.read_file);
    loaded
        .map_err(|problems| {
            for problem in problems {
                r.problem(problem.file.display().to_string(), problem.reason);
            }
        })
        .ok()
}
