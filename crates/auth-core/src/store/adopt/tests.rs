//! What is found in the tables of others.

use super::*;

/// The present tables, one column a line; `changes` are lines to leave out (`-`) and to add (`+`).
fn columns(changes: &[&str]) -> Vec<Column> {
    let mut lines: Vec<String> = TABLES
        .iter()
        .flat_map(|(table, columns)| {
            columns.iter().map(move |(name, kind, needed)| (table, name, kind, needed))
        })
        .map(|(table, name, kind, needed)| {
            let kind = match kind {
                Text => "text",
                Boolean => "boolean",
                Date => "timestamp with time zone",
            };
            format!("{table}.{name} {kind}{}", if *needed { "!" } else { "" })
        })
        .collect();
    for change in changes {
        match change.split_at(1) {
            ("-", path) => {
                let before = lines.len();
                lines.retain(|line| {
                    !line.starts_with(&format!("{path} ")) && !line.starts_with(&format!("{path}."))
                });
                assert!(lines.len() < before, "{path} is not there");
            }
            (_, line) => lines.push(line.to_owned()),
        }
    }
    lines.iter().map(|line| Column::parse(line).unwrap()).collect()
}

#[test]
fn present_tables_need_nothing() {
    let findings = examine(&columns(&[]), &[]);
    assert_eq!(findings.origin, Origin::Since1_7_3);
    assert!(findings.to_add.is_empty() && findings.refused.is_empty() && findings.left_alone.is_empty());
    assert_eq!(findings.shape, Shape::default());
}

#[test]
fn an_empty_database_is_missing_every_table_and_refused_nothing() {
    let findings = examine(&[], &[]);
    assert_eq!(findings.origin, Origin::Nothing);
    assert_eq!(findings.missing_tables, ["user", "session", "account", "verification", "jwks"]);
    assert!(findings.refused.is_empty());
}

#[test]
fn tables_before_1_7_get_the_columns_of_the_keys() {
    let findings = examine(&columns(&["-jwks.alg", "-jwks.crv"]), &[]);
    assert_eq!(findings.origin, Origin::From1_4To1_6);
    let sql: Vec<_> = findings.to_add.iter().map(|it| it.sql(&DatabaseUrl::default())).collect();
    assert_eq!(
        sql,
        [r#"ALTER TABLE "jwks" ADD COLUMN "alg" text"#, r#"ALTER TABLE "jwks" ADD COLUMN "crv" text"#]
    );
    assert!(findings.refused.is_empty());
}

#[test]
fn an_issuer_that_every_account_needs_is_written() {
    let findings = examine(&columns(&["+account.issuer text!"]), &[]);
    assert_eq!(findings.origin, Origin::From1_7_0To1_7_2);
    assert!(findings.shape.account_issuer && findings.refused.is_empty() && findings.left_alone.is_empty());
}

#[test]
fn what_is_not_ours_is_named_and_left_alone() {
    let foreign = columns(&["+user.legacy_note text", "+orders.id integer!", "+orders.total numeric!"]);
    let findings = examine(&foreign, &[]);
    assert_eq!(findings.left_alone, ["column user.legacy_note", "table orders"]);
    assert!(findings.refused.is_empty());
}

#[test]
fn a_foreign_column_that_every_row_needs_is_refused_unless_it_is_declared() {
    let foreign = columns(&["+user.tenant text!"]);
    let findings = examine(&foreign, &[]);
    assert_eq!(findings.refused.len(), 1);
    assert!(findings.refused[0].starts_with("user.tenant takes no null"), "{:?}", findings.refused);
    assert!(examine(&foreign, &[("user", "tenant")]).refused.is_empty());
}

#[test]
fn columns_that_are_missing_or_hold_something_else_are_refused_by_name() {
    let findings = examine(&columns(&["-session.token", "-user.id", "+user.id integer"]), &[]);
    assert_eq!(
        findings.refused,
        ["user.id has the type integer; text is needed", "session.token is missing"]
    );
}

#[test]
fn types_of_every_database_fit() {
    for (kind, types) in [
        (Text, &["text", "character varying", "varchar(255)", "longtext"] as &[&str]),
        (Boolean, &["boolean", "integer", "tinyint(1)"]),
        (Date, &["timestamp with time zone", "timestamp(3)", "datetime(3)", "date", "integer", "text"]),
    ] {
        for data_type in types {
            assert!(fits(kind, data_type), "{kind:?} in {data_type}");
        }
    }
    assert!(!fits(Text, "jsonb") && !fits(Text, "uuid") && !fits(Boolean, "text") && !fits(Date, "boolean"));
}

#[test]
fn tables_with_drizzles_names_are_recognised_and_refused() {
    for line in
        ["user.email_verified boolean!", "users.email_verified boolean!", "users.emailVerified boolean!"]
    {
        let findings = examine(&[Column::parse(line).unwrap()], &[]);
        assert_eq!((findings.origin, findings.refused.len()), (Origin::Drizzle, 1), "{line}");
    }
}

#[test]
fn tables_under_other_names_are_refused_by_name() {
    let renamed = |name: &dyn Fn(&str) -> String| {
        let mut all = columns(&[]);
        for column in &mut all {
            column.table = name(&column.table);
        }
        examine(&all, &[]).refused
    };
    let capital = renamed(&|name| {
        let mut letters = name.chars();
        let first = letters.next().unwrap().to_ascii_uppercase();
        format!("{first}{}", letters.as_str())
    });
    assert_eq!(capital.len(), TABLES.len(), "{capital:?}");
    let user = "the table User has another name; this server reads user: rename it";
    assert!(capital.iter().any(|reason| reason == user), "{capital:?}");
    let member = renamed(&|name| if name == "user" { "member".to_owned() } else { name.to_owned() });
    assert_eq!(member, ["the table member holds users; this server reads user: rename it"]);
    // Somebody's bank accounts are nobody's mistake.
    let own = columns(&["+accounts.id text!", "+accounts.userId text!"]);
    assert_eq!(examine(&own, &[]).refused, [""; 0]);
}
