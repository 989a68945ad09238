//! What is found in the tables of others.

use super::*;
use crate::id::IdForm;

/// What is found for a server with this database and this setting.
fn examine_for(columns: &[Column], url: &str, generate_id: GenerateId) -> Findings {
    let url = DatabaseUrl::parse(url).unwrap();
    super::examine(columns, Wanted { url: &url, declared: &[], generate_id })
}

fn examine(columns: &[Column], declared: &[(&str, &str)]) -> Findings {
    let url = DatabaseUrl::parse(POSTGRES).unwrap();
    super::examine(columns, Wanted { url: &url, declared, generate_id: GenerateId::Random })
}

const POSTGRES: &str = "postgres://localhost/auth";
const MYSQL: &str = "mysql://localhost/auth";
const SQLITE: &str = "sqlite:auth.db";

/// The present tables, one column a line; `changes` are lines to leave out (`-`) and to add (`+`).
fn columns(changes: &[&str]) -> Vec<Column> {
    let mut lines: Vec<String> = TABLES
        .iter()
        .flat_map(|(table, columns)| {
            columns.iter().map(move |(name, kind, needed)| (table, name, kind, needed))
        })
        .map(|(table, name, kind, needed)| {
            let kind = match kind {
                Text | RowId => "text",
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
        findings.refused[..3],
        [
            "session.token is missing",
            "session.id has the type text, but user.id has the type integer: all ids have to be of one type",
            "session.userId has the type text, but user.id has the type integer: all ids have to be of one type",
        ]
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
    assert!(fits(RowId, "uuid") && fits(RowId, "int(10) unsigned") && !fits(RowId, "bytea"));
    assert!(!fits(RowId, "binary(16)") && !fits(RowId, "numeric"));
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

/// The present tables with ids of another type; `!` behind it where there is no default.
fn with_ids(kind: &str) -> Vec<Column> {
    let mut all = columns(&["+rateLimit.id text!"]);
    for column in all.iter_mut().filter(|column| matches!(column.name.as_str(), "id" | "userId")) {
        let kind = if column.name == "userId" { kind.trim_end_matches('!') } else { kind };
        *column = Column::parse(&format!("{}.{} {kind}", column.table, column.name)).unwrap();
    }
    all
}

#[test]
fn ids_that_the_setting_makes_are_served() {
    use GenerateId::{Database, Random, Serial, Uuid};
    for (url, kind, generate, form) in [
        (POSTGRES, "text!", Random, IdForm::Text),
        (POSTGRES, "character varying!", Uuid, IdForm::Text),
        (POSTGRES, "uuid", Uuid, IdForm::Uuid),
        (POSTGRES, "uuid!", Uuid, IdForm::Uuid),
        (POSTGRES, "smallint", Serial, IdForm::Int2),
        (POSTGRES, "integer", Serial, IdForm::Int4),
        (POSTGRES, "bigint", Serial, IdForm::Int8),
        (POSTGRES, "uuid", Database, IdForm::Uuid),
        (POSTGRES, "text", Database, IdForm::Text),
        (POSTGRES, "bigint", Database, IdForm::Int8),
        (MYSQL, "varchar(36)!", Random, IdForm::Text),
        (MYSQL, "char(36)!", Uuid, IdForm::Text),
        (MYSQL, "uuid!", Uuid, IdForm::Uuid),
        (MYSQL, "int(10) unsigned", Serial, IdForm::Int8),
        (MYSQL, "bigint(20)", Database, IdForm::Int8),
        (SQLITE, "text!", Uuid, IdForm::Text),
        (SQLITE, "integer", Serial, IdForm::Int8),
    ] {
        let findings = examine_for(&with_ids(kind), url, generate);
        assert_eq!(findings.refused, [""; 0], "{url} {kind} {generate:?}");
        assert_eq!(findings.to_set, None, "{url} {kind} {generate:?}");
        assert_eq!(findings.shape.ids, Ids { form, generate }, "{url} {kind}");
    }
}

#[test]
fn a_setting_that_makes_other_ids_is_refused_by_name() {
    use GenerateId::{Database, Serial, Uuid};
    for (url, kind, generate, reason) in [
        (POSTGRES, "text!", Serial, "user.id has no default"),
        (POSTGRES, "text", Serial, "generateId is \"serial\", but user.id has the type text"),
        (POSTGRES, "uuid", Serial, "generateId is \"serial\", but user.id has the type uuid"),
        (POSTGRES, "integer", Uuid, "generateId is \"uuid\", but user.id has the type integer"),
        (POSTGRES, "integer!", Serial, "verification.id has no default"),
        (POSTGRES, "uuid!", Database, "rateLimit.id has no default"),
        (MYSQL, "varchar(36)", Database, "generateId is false, but user.id has the type varchar(36)"),
        (SQLITE, "text", Database, "generateId is false, but user.id has the type text"),
        (POSTGRES, "bytea", Uuid, "user.id has the type bytea; text, uuid or a whole number is needed"),
    ] {
        let findings = examine_for(&with_ids(kind), url, generate);
        assert!(findings.refused.iter().any(|it| it.contains(reason)), "{reason}: {:?}", findings.refused);
    }
}

#[test]
fn ids_that_are_not_configured_yet_are_a_setting_to_make() {
    for (kind, setting) in [("uuid", "uuid"), ("integer", "serial"), ("bigint", "serial")] {
        let findings = examine_for(&with_ids(kind), POSTGRES, GenerateId::Random);
        let to_set =
            format!("advanced.database.generateId = \"{setting}\", because user.id has the type {kind}");
        assert_eq!((findings.to_set, findings.refused), (Some(to_set), Vec::new()));
    }
}

#[test]
fn ids_of_two_kinds_are_refused_by_name() {
    let mut all = with_ids("bigint");
    all.retain(|column| (column.table.as_str(), column.name.as_str()) != ("account", "userId"));
    all.push(Column::parse("account.userId integer!").unwrap());
    let findings = examine_for(&all, POSTGRES, GenerateId::Serial);
    let reason = "account.userId has the type integer, but user.id has the type bigint: all ids have to be of one type";
    assert_eq!(findings.refused, [reason]);
    // Numbers of any size are the same to MySQL.
    assert_eq!(examine_for(&all, MYSQL, GenerateId::Serial).refused, [""; 0]);
}
