//! Reads a template and refuses one that could make a broken or dangerous mail.

use super::{Field, Part};
use crate::mail::MailKind;

/// Longer subjects are cut by mail programs anyway.
const LONGEST_SUBJECT: usize = 200;

/// Reads a plain template: a line `Subject: ...`, then the text. Gives subject and text.
pub(super) fn text(source: &str, kind: MailKind) -> Result<(Vec<Part>, Vec<Part>), String> {
    let (first, rest) = source.split_once('\n').unwrap_or((source, ""));
    let Some(subject) = first.strip_prefix("Subject:").map(str::trim).filter(|text| !text.is_empty()) else {
        return Err("its first line has to be the subject: Subject: ...".to_owned());
    };
    if subject.chars().any(char::is_control) || subject.chars().count() > LONGEST_SUBJECT {
        return Err(format!("the subject has control characters or more than {LONGEST_SUBJECT} characters"));
    }
    let subject = parts(subject, kind)?;
    if subject.iter().any(|part| !matches!(part, Part::Text(_) | Part::Field(Field::Host))) {
        // Names and addresses are chosen by whoever signed up.
        return Err("the subject may hold {{host}} only".to_owned());
    }
    let body = parts(rest.trim_start_matches('\n'), kind)?;
    needs_url(&body)?;
    for (at, part) in body.iter().enumerate() {
        let stands_alone = |text: Option<&Part>, end: fn(&str) -> Option<char>| match text {
            None => true,
            Some(Part::Text(text)) => end(text).is_some_and(char::is_whitespace),
            Some(Part::Field(_)) => false,
        };
        let before = at.checked_sub(1).and_then(|at| body.get(at));
        if *part == Part::Field(Field::Url)
            && !(stands_alone(before, |text| text.chars().next_back())
                && stands_alone(body.get(at + 1), |text| text.chars().next()))
        {
            return Err("{{url}} needs blanks or line ends around it, or mail programs misread it".to_owned());
        }
    }
    Ok((subject, body))
}

/// Reads an HTML template.
pub(super) fn html(source: &str, kind: MailKind) -> Result<Vec<Part>, String> {
    let parts = parts(source, kind)?;
    needs_url(&parts)?;
    let mut before = String::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => before.push_str(&text.to_ascii_lowercase()),
            Part::Field(field) => {
                let next = match parts.get(at + 1) {
                    Some(Part::Text(text)) => text.as_str(),
                    _ => "",
                };
                place(*field, &before, next)?;
                before.push('x');
            }
        }
    }
    Ok(parts)
}

/// Escaping makes a value harmless between tags and as a whole quoted attribute, and nowhere else.
fn place(field: Field, before: &str, next: &str) -> Result<(), String> {
    for element in ["script", "style"] {
        if before.rfind(&format!("<{element}")) > before.rfind(&format!("</{element}")) {
            return Err(format!("a placeholder stands inside <{element}>"));
        }
    }
    let is_in_tag = before.rfind('<') > before.rfind('>');
    let is_attribute = before.ends_with("=\"") && next.starts_with('"');
    match (is_in_tag, field) {
        (false, _) => Ok(()),
        (true, Field::Url) if is_attribute => Ok(()),
        (true, _) => {
            Err("inside a tag only {{url}} may stand, as a whole attribute: href=\"{{url}}\"".to_owned())
        }
    }
}

fn needs_url(parts: &[Part]) -> Result<(), String> {
    let has = parts.contains(&Part::Field(Field::Url));
    if has { Ok(()) } else { Err("has no {{url}}: its reader could not go on".to_owned()) }
}

fn parts(source: &str, kind: MailKind) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((text, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            return Err("has {{ without }}".to_owned());
        };
        let known = Field::of(kind).find(|(_, known)| *known == name.trim());
        let Some((field, _)) = known else {
            let shown: String = name.trim().chars().take(40).collect();
            let known: Vec<_> = Field::of(kind).map(|(_, name)| name).collect();
            return Err(format!(
                "{{{{{shown}}}}} is not a placeholder of this mail; there are {}",
                known.join(", ")
            ));
        };
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        parts.push(Part::Field(field));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}
