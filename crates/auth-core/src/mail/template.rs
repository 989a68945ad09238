//! The words of mails: small templates, compiled in, that an operator replaces by file and language.
//!
//! A template has placeholders such as `{{url}}` and nothing else: no conditions, no code. What is filled in is
//! escaped in the HTML part, and every template is checked at start, so that no mail fails for its words.

mod check;
mod name;

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{MailKind, Message};

/// The language that is compiled in.
pub(crate) const BUILT_IN: &str = "en";

/// Every template, in one language.
#[derive(Clone, Default)]
pub struct Templates {
    language: String,
    mails: BTreeMap<MailKind, Mail>,
}

#[derive(Clone)]
struct Mail {
    subject: Vec<Part>,
    text: Vec<Part>,
    html: Vec<Part>,
}

/// The words of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateProblem {
    pub(crate) file: PathBuf,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// What can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Url,
    Name,
    Email,
    NewEmail,
    Host,
}

impl Field {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Url, "url"),
        (Self::Name, "name"),
        (Self::Email, "email"),
        (Self::NewEmail, "newEmail"),
        (Self::Host, "host"),
    ];

    /// The placeholders that a kind of mail has.
    fn of(kind: MailKind) -> impl Iterator<Item = (Self, &'static str)> {
        let has_new = matches!(kind, MailKind::ChangeEmailConfirmation | MailKind::ChangeEmailVerification);
        Self::ALL.into_iter().filter(move |(field, _)| has_new || *field != Self::NewEmail)
    }
}

/// Reads a text file.
type ReadFile<'a> = dyn Fn(&Path) -> std::io::Result<String> + 'a;

impl Templates {
    /// The templates that are compiled in, replaced one by one by the files that `folder` has for the language:
    /// `LANGUAGE/reset-password.txt` and `.html`, and so on. Another language than the built-in one needs all.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn load(
        language: &str,
        folder: Option<&Path>,
        read_file: &ReadFile<'_>,
    ) -> Result<Self, Vec<TemplateProblem>> {
        let (mut mails, mut problems, mut found) = (BTreeMap::new(), Vec::new(), false);
        for kind in MailKind::ALL {
            let (text, html) = built_in(kind);
            let mut source = |ending: &str, built_in: &str| {
                let Some(folder) = folder else { return Ok((PathBuf::new(), built_in.to_owned())) };
                let file = folder.join(language).join(format!("{}.{ending}", kind.name()));
                match read_file(&file) {
                    Ok(text) => {
                        found = true;
                        Ok((file, text.trim_start_matches('\u{feff}').replace("\r\n", "\n")))
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound && language == BUILT_IN => {
                        Ok((file, built_in.to_owned()))
                    }
                    Err(error) => Err(TemplateProblem { file, reason: format!("cannot be read: {error}") }),
                }
            };
            let text = source("txt", text).and_then(|(file, text)| {
                check::text(&text, kind).map_err(|reason| TemplateProblem { file, reason })
            });
            let html = source("html", html).and_then(|(file, html)| {
                check::html(&html, kind).map_err(|reason| TemplateProblem { file, reason })
            });
            match (text, html) {
                (Ok((subject, text)), Ok(html)) => {
                    mails.insert(kind, Mail { subject, text, html });
                }
                (text, html) => problems.extend([text.err(), html.err()].into_iter().flatten()),
            }
        }
        if let (Some(folder), false, true) = (folder, found, problems.is_empty()) {
            let reason = format!("holds no template; expected files such as {language}/reset-password.txt");
            problems.push(TemplateProblem { file: folder.to_path_buf(), reason });
        }
        if problems.is_empty() { Ok(Self { language: language.to_owned(), mails }) } else { Err(problems) }
    }

    /// The words of a message.
    pub(super) fn write(&self, message: &Message) -> Letter {
        let name = name::shown(&message.user_name).unwrap_or_else(|| message.to.to_string());
        let new_email = message.new_email.as_ref().unwrap_or(&message.to);
        let value = |field| match field {
            Field::Url => message.link.url(),
            Field::Name => name.as_str(),
            Field::Email => message.to.as_str(),
            Field::NewEmail => new_email.as_str(),
            Field::Host => message.link.host(),
        };
        let fill = |parts: &[Part], escape: fn(&str) -> String| -> String {
            let filled = parts.iter().map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(field) => escape(value(*field)),
            });
            filled.collect()
        };
        let Some(mail) = self.mails.get(&message.kind) else {
            // Unreachable: every kind was loaded. The address alone still serves its reader.
            let url = message.link.url();
            return Letter { subject: String::new(), text: url.to_owned(), html: escape_html(url) };
        };
        Letter {
            subject: fill(&mail.subject, str::to_owned),
            text: fill(&mail.text, str::to_owned),
            html: fill(&mail.html, escape_html),
        }
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("language", &self.language).finish_non_exhaustive()
    }
}

fn built_in(kind: MailKind) -> (&'static str, &'static str) {
    macro_rules! both {
        ($name:literal) => {
            (
                include_str!(concat!("templates/en/", $name, ".txt")),
                include_str!(concat!("templates/en/", $name, ".html")),
            )
        };
    }
    match kind {
        MailKind::ResetPassword => both!("reset-password"),
        MailKind::VerifyEmail => both!("verify-email"),
        MailKind::ChangeEmailConfirmation => both!("change-email-confirmation"),
        MailKind::ChangeEmailVerification => both!("change-email-verification"),
        MailKind::DeleteAccount => both!("delete-account"),
    }
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
