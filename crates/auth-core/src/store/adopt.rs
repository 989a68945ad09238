//! Taking over the database of a Better Auth server: what is there, what the server would add, what it leaves
//! alone, and what it cannot serve.
//!
//! Nothing is dropped or retyped. A Better Auth server of the version found goes on working on the same database.

mod ids;

use std::collections::BTreeSet;
use std::fmt;

use super::catalogue::{Column, add_text_column};
use super::{Result, Store, StoreError};
use crate::config::DatabaseUrl;
use crate::id::{GenerateId, Ids};
pub(super) use ids::id_column;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Date,
    /// The id of a row, its own or a user's.
    RowId,
}

use Kind::{Boolean, Date, RowId, Text};

/// A column that the server reads or writes: its name, what it holds, and whether every row has a value.
type Needed = (&'static str, Kind, bool);

/// What the server reads and writes.
const TABLES: &[(&str, &[Needed])] = &[
    (
        "user",
        &[
            ("id", RowId, true),
            ("name", Text, true),
            ("email", Text, true),
            ("emailVerified", Boolean, true),
            ("image", Text, false),
            ("createdAt", Date, true),
            ("updatedAt", Date, true),
        ],
    ),
    (
        "session",
        &[
            ("id", RowId, true),
            ("expiresAt", Date, true),
            ("token", Text, true),
            ("createdAt", Date, true),
            ("updatedAt", Date, true),
            ("ipAddress", Text, false),
            ("userAgent", Text, false),
            ("userId", RowId, true),
        ],
    ),
    (
        "account",
        &[
            ("id", RowId, true),
            ("accountId", Text, true),
            ("providerId", Text, true),
            ("userId", RowId, true),
            ("accessToken", Text, false),
            ("refreshToken", Text, false),
            ("idToken", Text, false),
            ("accessTokenExpiresAt", Date, false),
            ("refreshTokenExpiresAt", Date, false),
            ("scope", Text, false),
            ("password", Text, false),
            ("createdAt", Date, true),
            ("updatedAt", Date, true),
        ],
    ),
    (
        "verification",
        &[
            ("id", RowId, true),
            ("identifier", Text, true),
            ("value", Text, true),
            ("expiresAt", Date, true),
            ("createdAt", Date, false),
            ("updatedAt", Date, false),
        ],
    ),
    (
        "jwks",
        &[
            ("id", RowId, true),
            ("publicKey", Text, true),
            ("privateKey", Text, true),
            ("createdAt", Date, true),
            ("expiresAt", Date, false),
            ("alg", Text, false),
            ("crv", Text, false),
        ],
    ),
];

/// What made the tables, as far as they show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// There is no table of Better Auth's.
    Nothing,
    /// `jwks` has no `alg`.
    From1_4To1_6,
    /// `account` has an `issuer`.
    From1_7_0To1_7_2,
    /// The present tables: 1.7.3 and later, or this server.
    Since1_7_3,
    /// The tables fit, and without `jwks` they do not tell the version.
    WithoutJwks,
    /// Names as Drizzle's generator writes them (`email_verified`, `users`).
    Drizzle,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "no tables of a Better Auth server",
            Self::From1_4To1_6 => "tables of Better Auth 1.4 to 1.6 (jwks has no alg)",
            Self::From1_7_0To1_7_2 => "tables of Better Auth 1.7.0 to 1.7.2 (account has an issuer)",
            Self::Since1_7_3 => "tables of Better Auth 1.7.3 or later, or of this server",
            Self::WithoutJwks => {
                "tables of Better Auth without the jwt plugin (they do not tell the version)"
            }
            Self::Drizzle => "tables named as Drizzle's generator names them",
        })
    }
}

/// How the rows have to be written to be valid in the tables at hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// What ids are, and who makes new ones.
    pub ids: Ids,
    /// `account` has the column `issuer`, which Better Auth 1.7.0 to 1.7.2 wants in every row.
    pub account_issuer: bool,
}

/// What an examination of the tables found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// What made the tables.
    pub origin: Origin,
    /// Statements that add what is missing from the tables that are there.
    pub to_add: Vec<Addition>,
    /// Tables that are not there.
    pub missing_tables: Vec<&'static str>,
    /// Tables and columns that are not the server's and stay as they are.
    pub left_alone: Vec<String>,
    /// Why the tables cannot be served, each with its table and column.
    pub refused: Vec<String>,
    /// A setting without which the ids cannot be served, and why.
    pub to_set: Option<String>,
    /// How rows have to be written.
    pub shape: Shape,
}

/// A column that the server adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    table: &'static str,
    column: &'static str,
}

impl Addition {
    /// The statement, as the database at `url` writes it.
    #[must_use]
    pub fn sql(&self, url: &DatabaseUrl) -> String {
        let quote = match url {
            #[cfg(feature = "mysql")]
            DatabaseUrl::Mysql(_) => '`',
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            _ => '"',
        };
        add_text_column(quote, self.table, self.column)
    }
}

impl fmt::Display for Addition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// What the configuration says about the tables.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The database.
    pub url: &'a DatabaseUrl,
    /// The configured additional fields, as (table, column).
    pub declared: &'a [(&'a str, &'a str)],
    /// Who makes ids.
    pub generate_id: GenerateId,
}

/// Compares the columns of a database with what the server needs.
#[must_use]
pub fn examine(columns: &[Column], wanted: Wanted<'_>) -> Findings {
    let has = |table: &str, name: &str| columns.iter().any(|it| it.table == table && it.name == name);
    let tables: BTreeSet<&str> = columns.iter().map(|column| column.table.as_str()).collect();
    let mut findings = Findings {
        origin: origin(&tables, &has),
        to_add: Vec::new(),
        missing_tables: Vec::new(),
        left_alone: Vec::new(),
        refused: Vec::new(),
        to_set: None,
        shape: Shape { account_issuer: has("account", "issuer"), ids: Ids::default() },
    };
    if findings.origin == Origin::Drizzle {
        findings.refused.push(
            "the tables have Drizzle's names (such as email_verified); this server reads Better Auth's own (emailVerified): \
             rename tables and columns (in the schema file: camelCase), nothing else has to change"
                .to_owned(),
        );
        return findings;
    }
    findings.refused = other_names(&tables, &has);
    if !findings.refused.is_empty() {
        return findings;
    }
    for (table, needed) in TABLES {
        if tables.contains(table) {
            examine_table(table, needed, columns, wanted.declared, &mut findings);
        } else {
            findings.missing_tables.push(table);
        }
    }
    ids::examine(columns, wanted, &mut findings);
    let ours = |table: &str| TABLES.iter().any(|(name, _)| *name == table) || OWN_TABLES.contains(&table);
    findings
        .left_alone
        .extend(tables.iter().filter(|table| !ours(table)).map(|table| format!("table {table}")));
    findings
}

/// Further tables that this server or upstream has.
const OWN_TABLES: &[&str] = &[
    "authService",
    "authServiceAssertion",
    "authServiceCode",
    "authServiceKey",
    "rateLimit",
    "signingKey",
    "__diesel_schema_migrations",
    "sqlite_sequence",
];

fn origin(tables: &BTreeSet<&str>, has: &dyn Fn(&str, &str) -> bool) -> Origin {
    let is_drizzle = |table: &str| has(table, "email_verified");
    if is_drizzle("user")
        || is_drizzle("users")
        || (tables.contains("users") && has("users", "emailVerified"))
    {
        Origin::Drizzle
    } else if !TABLES.iter().any(|(table, _)| tables.contains(table)) {
        Origin::Nothing
    } else if has("account", "issuer") {
        Origin::From1_7_0To1_7_2
    } else if !tables.contains("jwks") {
        Origin::WithoutJwks
    } else if has("jwks", "alg") {
        Origin::Since1_7_3
    } else {
        Origin::From1_4To1_6
    }
}

/// Without a table `user`: tables that are ours under other names, as Prisma has them without `@@map` and remapped
/// models have them.
fn other_names(tables: &BTreeSet<&str>, has: &dyn Fn(&str, &str) -> bool) -> Vec<String> {
    let mut reasons = Vec::new();
    for table in tables.iter().filter(|_| !tables.contains("user")) {
        let singular = table.to_lowercase();
        let singular = singular.strip_suffix('s').unwrap_or(&singular);
        let is_ours = |name: &str| TABLES.iter().any(|(ours, _)| *ours == name);
        let is_alias = !is_ours(table) && (is_ours(singular) || is_ours(&table.to_lowercase()));
        let marks = ["userId", "user_id", "identifier", "publicKey", "public_key", "email"];
        if is_alias && has(table, "id") && marks.iter().any(|mark| has(table, mark)) {
            let name = if is_ours(singular) { singular.to_owned() } else { table.to_lowercase() };
            reasons.push(format!("the table {table} has another name; this server reads {name}: rename it"));
        } else if !is_ours(table) && has(table, "email") && has(table, "emailVerified") {
            reasons.push(format!("the table {table} holds users; this server reads user: rename it"));
        }
    }
    reasons
}

fn examine_table(
    table: &'static str,
    needed: &[Needed],
    columns: &[Column],
    declared: &[(&str, &str)],
    findings: &mut Findings,
) {
    let here: Vec<&Column> = columns.iter().filter(|column| column.table == table).collect();
    for (name, kind, is_required) in needed {
        match here.iter().find(|column| column.name == *name) {
            Some(column) if !fits(*kind, &column.data_type) => findings.refused.push(format!(
                "{table}.{name} has the type {}; {} is needed",
                column.data_type,
                match kind {
                    Text => "text",
                    RowId => "text, uuid or a whole number",
                    Boolean => "boolean",
                    Date => "a date and time",
                }
            )),
            Some(_) => {}
            None if *is_required || *kind != Text => {
                findings.refused.push(format!("{table}.{name} is missing"));
            }
            None => findings.to_add.push(Addition { table, column: name }),
        }
    }
    for column in here {
        let name = column.name.as_str();
        let is_known = needed.iter().any(|(it, ..)| *it == name) || (table, name) == ("account", "issuer");
        if is_known || declared.contains(&(table, name)) {
            continue;
        }
        if column.is_needed() {
            findings.refused.push(format!(
                "{table}.{name} takes no null and has no default, so no row could be added: give it a default, or declare \
                 it as an additional field with a defaultValue"
            ));
        } else {
            findings.left_alone.push(format!("column {table}.{name}"));
        }
    }
}

/// Whether values of `kind` can be kept in a column of this type, on any of the databases.
fn fits(kind: Kind, data_type: &str) -> bool {
    let starts = |words: &[&str]| words.iter().any(|word| data_type.starts_with(word));
    match kind {
        // SQLite takes anything in a column without a type.
        Text => {
            starts(&["text", "char", "varchar", "longtext", "mediumtext", "tinytext"]) || data_type.is_empty()
        }
        RowId => {
            fits(Text, data_type)
                || starts(&["int", "bigint", "smallint", "mediumint"])
                || data_type == "uuid"
        }
        Boolean => starts(&["bool", "tinyint", "int", "bit"]),
        Date => starts(&["date", "timestamp", "text", "int"]),
    }
}

impl Store {
    /// Looks at the tables.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn examine(&self, wanted: Wanted<'_>) -> Result<Findings> {
        let columns = self.db().await?.list_columns().await?;
        Ok(examine(&columns, wanted))
    }

    /// Looks at the rows of tables that fit: why people of theirs could not sign in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn examine_rows(&self, findings: &Findings) -> Result<Vec<String>> {
        if !findings.refused.is_empty() || findings.missing_tables.contains(&"account") {
            return Ok(Vec::new());
        }
        let unknown = self.db().await?.count_unknown_hashes().await?;
        let reason = format!(
            "{unknown} of the passwords in account.password are neither scrypt as Better Auth hashes them nor argon2id, so their \
             owners could not sign in"
        );
        Ok(if unknown == 0 { Vec::new() } else { vec![reason] })
    }

    /// Adds the columns that were found missing. Servers that start together may do it at once.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn complete(&self, findings: &Findings) -> Result<()> {
        let mut db = self.db().await?;
        for addition in &findings.to_add {
            let Err(error) = db.add_text_column(addition.table, addition.column).await else { continue };
            let is_there = |column: &Column| column.table == addition.table && column.name == addition.column;
            let by_another = matches!(error, StoreError::Query(_) | StoreError::Duplicate(_))
                && db.list_columns().await?.iter().any(is_there);
            if !by_another {
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
