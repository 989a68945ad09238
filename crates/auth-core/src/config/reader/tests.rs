use super::*;

const fn setting(key: &'static str, kind: Kind) -> Setting {
    Setting { key, env: None, kind, default: "", about: "" }
}

/// A plain setting, a map of sections, a map whose entries are a value or a section, a list of sections.
const LIST: &[Setting] = &[
    setting("session.expiresIn", Kind::Seconds),
    setting("fields.<name>.type", Kind::Choice(&["string", "number"])),
    setting("fields.<name>.required", Kind::Boolean),
    setting("rules.<path>", Kind::Boolean),
    setting("rules.<path>.max", Kind::Integer),
    setting("secrets[].version", Kind::Integer),
    setting("secrets[].value", Kind::Secret),
];

fn read(text: &str) -> Reader {
    Reader::of(
        LIST,
        &Sources { env: &|_| None, read_file: &|_| Ok(text.to_owned()), file: Some(Path::new("auth.toml")) },
    )
}

fn problems(text: &str) -> Vec<String> {
    read(text).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn reads_spans_of_time() {
    assert_eq!(parse_span("900"), Some(900));
    assert_eq!(parse_span("15m"), Some(900));
    assert_eq!(parse_span("2 hours"), Some(7200));
    assert_eq!(parse_span("7d"), Some(604_800));
    for bad in ["", "m", "-5", "1.5h", "5 parsecs", "99999999999999999999s"] {
        assert_eq!(parse_span(bad), None, "{bad:?}");
    }
}

#[test]
fn reads_the_entries_of_a_map_in_the_order_of_the_file() {
    let mut r =
        read("[fields]\nzeta.type = 'number'\nalpha.required = false\nbare = {}\n'a.b'.type = 'string'");
    assert_eq!(r.names("fields.<name>"), ["zeta", "alpha", "bare", "a.b"]);
    assert_eq!(r.text(("fields.<name>.type", "zeta")).unwrap(), "number");
    assert_eq!(r.text(("fields.<name>.type", "a.b")).unwrap(), "string");
    assert_eq!(r.text(("fields.<name>.type", "bare")), None);
    assert!(!r.boolean(("fields.<name>.required", "alpha"), true));
    assert!(!r.is_set(("fields.<name>.required", "zeta")));
    assert!(r.problems.is_empty(), "{:?}", r.problems);
}

#[test]
fn an_entry_can_be_a_value_or_a_section() {
    let mut r = read("rules.'/sign-in/*'.max = 3\nrules.'/token' = false");
    assert_eq!(r.names("rules.<path>"), ["/sign-in/*", "/token"]);
    assert!(!r.boolean(("rules.<path>", "/token"), true));
    assert_eq!(r.integer(("rules.<path>.max", "/sign-in/*"), 1, 0..=9), 3);
    assert_eq!(r.integer(("rules.<path>.max", "/token"), 1, 0..=9), 1);
}

#[test]
fn reads_a_list_of_sections() {
    let mut r = read("[[secrets]]\nversion = 2\nvalue = 'two'\n[[secrets]]\nversion = 'x'\nvalue = 5");
    assert_eq!(r.names("secrets[]"), ["0", "1"]);
    assert_eq!(r.integer(("secrets[].version", "0"), 0, 0..=9), 2);
    assert_eq!(r.secret(("secrets[].value", "0")).unwrap().expose(), "two");
    r.integer(("secrets[].version", "1"), 0, 0..=9);
    r.secret(("secrets[].value", "1"));
    let problems: Vec<String> = r.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "secrets[1].version: expected a whole number, got \"x\"",
            "secrets[1].value: expected text (never shown), got another kind of value",
        ]
    );
}

#[test]
fn problems_name_the_entry() {
    let mut r = read("rules.'/a b'.max = 30");
    r.integer(("rules.<path>.max", "/a b"), 1, 0..=9);
    r.refuse(("rules.<path>", "/a b"), "is not a path");
    let problems: Vec<String> = r.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["rules.\"/a b\".max: must lie between 0 and 9", "rules.\"/a b\": is not a path"]);
}

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    for (file, expected) in [
        (
            "session.expiresin = 5",
            "session.expiresin: is not a setting of this server; did you mean session.expiresIn?",
        ),
        ("[sesion]\nexpiresIn = 5", "sesion: is not a setting of this server; did you mean session?"),
        (
            "fields.role.tpye = 5",
            "fields.role.tpye: is not a setting of this server; did you mean fields.role.type?",
        ),
        ("fields.role = 5", "fields.role: is a section, not a value; it holds type, required"),
        ("session = 5", "session: is a section, not a value; it holds expiresIn"),
        ("secrets = 5", "secrets: holds a list of sections"),
        ("secrets = ['x']", "secrets: holds a list of sections"),
        (
            "[[secrets]]\nvalu = 'x'",
            "secrets[0].valu: is not a setting of this server; did you mean secrets[0].value?",
        ),
        ("'session.expiresIn' = 5", "\"session.expiresIn\": is not a setting of this server"),
        ("somethingElse = 5", "somethingElse: is not a setting of this server"),
        ("abc.d = 5", "abc: is not a setting of this server"),
    ] {
        assert_eq!(problems(file), [expected], "{file}");
    }
}

#[test]
fn a_section_where_a_value_belongs_is_refused() {
    let mut r = read("fields.role.type.x = 5");
    r.text(("fields.<name>.type", "role"));
    let problem = r.problems[0].to_string();
    assert_eq!(problem, "fields.role.type: expected one of string, number, got {\"x\":5}");
}

#[test]
fn a_listed_setting_that_nothing_reads_is_noticed() {
    let mut r = read("");
    r.seconds("session.expiresIn", 1);
    for map in ["fields.<name>", "rules.<path>", "secrets[]"] {
        assert_eq!(r.names(map), [""; 0]);
    }
    assert_eq!(r.finish(), []);
}
