use std::collections::HashMap;

use super::*;
use crate::config::BaseUrl;
use crate::mail::MailLink;
use crate::wire::email::EmailAddress;

fn message(kind: MailKind, name: &str) -> Message {
    let base = BaseUrl::parse("https://auth.example.com:8443").unwrap();
    Message {
        kind,
        to: EmailAddress::parse("o'ada@example.test").unwrap(),
        user_name: name.to_owned(),
        link: MailLink::new(&base, "/api/auth", "/verify-email")
            .query("token", "t0k")
            .query("callbackURL", "/"),
        new_email: EmailAddress::parse("new@example.test"),
    }
}

fn load(language: &str, files: &[(&str, &str)]) -> Result<Templates, Vec<String>> {
    let files: HashMap<_, _> =
        files.iter().map(|(name, text)| (PathBuf::from(format!("t/{name}")), *text)).collect();
    let read = |path: &Path| {
        let found = files.get(path).map(|text| (*text).to_owned());
        found.ok_or_else(|| std::io::Error::from(ErrorKind::NotFound))
    };
    let problems = |problems: Vec<TemplateProblem>| {
        problems.into_iter().map(|it| format!("{}: {}", it.file.display(), it.reason)).collect()
    };
    Templates::load(language, Some(Path::new("t")), &read).map_err(problems)
}

fn built_in_templates() -> Templates {
    Templates::load(BUILT_IN, None, &|_| Err(ErrorKind::NotFound.into())).unwrap()
}

const URL: &str = "https://auth.example.com:8443/api/auth/verify-email?token=t0k&callbackURL=%2F";

#[test]
fn every_built_in_mail_names_the_host_and_holds_the_address_on_a_line_of_its_own() {
    for kind in MailKind::ALL {
        let letter = built_in_templates().write(&message(kind, "Ada"));
        assert!(letter.text.lines().any(|line| line == URL), "{}", letter.text);
        assert!(letter.text.contains("Hello Ada,") && letter.text.contains("auth.example.com:8443"));
        assert!(letter.html.contains(&format!("href=\"{}\"", URL.replace('&', "&amp;"))), "{}", letter.html);
        assert!(!letter.subject.contains("Ada") && !letter.subject.is_empty());
        let names_new = letter.text.contains("new@example.test") && letter.html.contains("new@example.test");
        let is_change = matches!(kind, MailKind::ChangeEmailConfirmation | MailKind::ChangeEmailVerification);
        assert_eq!(names_new, is_change);
    }
}

#[test]
fn what_is_filled_in_is_escaped_in_html_and_never_read_as_a_template() {
    let letter = built_in_templates().write(&message(MailKind::VerifyEmail, "\"A'&B"));
    assert!(letter.html.contains("Hello &quot;A&#39;&amp;B,"), "{}", letter.html);
    assert!(letter.text.contains("Hello \"A'&B,"));
    let letter = built_in_templates().write(&message(MailKind::VerifyEmail, "{{url}}"));
    assert!(letter.html.contains("Hello o&#39;ada@example.test,"), "{}", letter.html);
    let letter = built_in_templates().write(&message(MailKind::VerifyEmail, "<b>http://evil.example</b>"));
    assert!(!letter.html.contains("evil") && !letter.text.contains("evil"));
}

#[test]
fn files_replace_the_built_in_templates_one_by_one() {
    let templates = load(
        "en",
        &[("en/verify-email.txt", "\u{feff}Subject: At {{ host }}\r\n\r\nDear {{name}}:\r\n{{url}}\r\n")],
    )
    .unwrap();
    let letter = templates.write(&message(MailKind::VerifyEmail, "Ada"));
    assert_eq!(letter.subject, "At auth.example.com:8443");
    assert_eq!(letter.text, format!("Dear Ada:\n{URL}\n"));
    assert!(letter.html.contains("Verify this address"));
    assert_eq!(templates.write(&message(MailKind::DeleteAccount, "Ada")).subject, "Delete your account");
}

#[test]
fn another_language_needs_every_file() {
    let text = "Subject: Grüße\n\n{{url}}";
    let mut files = Vec::new();
    let names: Vec<_> = MailKind::ALL
        .iter()
        .map(|kind| (format!("de/{}.txt", kind.name()), format!("de/{}.html", kind.name())))
        .collect();
    for (txt, html) in &names {
        files.push((txt.as_str(), text));
        files.push((html.as_str(), "<a href=\"{{url}}\">x</a>"));
    }
    let letter = load("de", &files).unwrap().write(&message(MailKind::ResetPassword, "Ada"));
    assert_eq!(letter.subject, "Grüße");
    files.retain(|(name, _)| *name != "de/delete-account.html");
    let problems = load("de", &files).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("t/de/delete-account.html: cannot be read"), "{problems:?}");
}

#[test]
fn broken_templates_are_refused_with_file_and_reason() {
    for (name, source, reason) in [
        ("verify-email.txt", "Hello", "its first line has to be the subject"),
        ("verify-email.txt", "Subject:\n\n{{url}}", "its first line has to be the subject"),
        ("verify-email.txt", "Subject: x\n\nHello", "has no {{url}}"),
        (
            "verify-email.txt",
            "Subject: x\n\n{{url}} {{nmae}}",
            "{{nmae}} is not a placeholder of this mail; there are url, name, email, host",
        ),
        ("verify-email.txt", "Subject: x\n\n{{url}} {{newEmail}}", "{{newEmail}} is not a placeholder"),
        ("verify-email.txt", "Subject: x\n\n{{url}} {{name", "has {{ without }}"),
        ("verify-email.txt", "Subject: {{name}}\n\n{{url}}", "the subject may hold {{host}} only"),
        (
            "verify-email.txt",
            "Subject: a\rBcc: x@example.test\n\n{{url}}",
            "the subject has control characters",
        ),
        ("verify-email.txt", "Subject: x\n\n<{{url}}>", "{{url}} needs blanks"),
        ("verify-email.txt", "Subject: x\n\n{{url}}{{name}}", "{{url}} needs blanks"),
        ("verify-email.html", "<p>Hello</p>", "has no {{url}}"),
        ("verify-email.html", "<a href={{url}}>x</a>", "inside a tag only {{url}} may stand"),
        (
            "verify-email.html",
            "<a href=\"{{url}}\" title=\"{{name}}\">x</a>",
            "inside a tag only {{url}} may stand",
        ),
        ("verify-email.html", "<a href=\"{{url}}&x\">x</a>", "inside a tag only {{url}} may stand"),
        ("verify-email.html", "{{url}}<!-- {{name}} -->", "inside a tag only {{url}} may stand"),
        (
            "verify-email.html",
            "{{url}}<SCRIPT>x = '{{name}}'</SCRIPT>",
            "a placeholder stands inside <script>",
        ),
    ] {
        let problems = load("en", &[(&format!("en/{name}"), source)]).unwrap_err();
        let expected = format!("t/en/{name}: {reason}");
        assert!(problems.len() == 1 && problems[0].starts_with(&expected), "{problems:?}, not {expected}");
    }
    let none = load("en", &[]).unwrap_err();
    assert_eq!(none, ["t: holds no template; expected files such as en/reset-password.txt"]);
}
