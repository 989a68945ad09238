//! The columns of declared fields: added where a table lacks them, never dropped and never retyped.
#![expect(clippy::disallowed_methods, reason = "the catalogues of the databases have no typed tables")]

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};

use super::fields::Table;
use super::migrate::{MigrateError, Mode, Pending};
use crate::config::DatabaseUrl;
use crate::fields::{AdditionalFields, DeclaredFields, Field, FieldType};

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    found: i64,
}

/// How one database writes what differs.
struct Words {
    columns: &'static str,
    quote: char,
    types: fn(FieldType) -> &'static str,
    optional: &'static str,
    text: fn(&str) -> String,
    /// Truth values in a default.
    booleans: [&'static str; 2],
}

#[cfg(feature = "sqlite")]
const SQLITE: Words = Words {
    columns: "SELECT name FROM pragma_table_info('TABLE')",
    quote: '"',
    optional: "",
    text: standard_text,
    types: |kind| match kind {
        FieldType::Text | FieldType::Texts | FieldType::Numbers => "text",
        FieldType::Number | FieldType::Boolean => "integer",
        FieldType::Date => "date",
    },
    booleans: ["0", "1"],
};

#[cfg(feature = "postgres")]
const POSTGRES: Words = Words {
    columns: "SELECT CAST(column_name AS TEXT) AS name FROM information_schema.columns \
              WHERE table_schema = current_schema() AND table_name = 'TABLE'",
    quote: '"',
    optional: "",
    text: standard_text,
    types: |kind| match kind {
        FieldType::Text => "text",
        FieldType::Number => "integer",
        FieldType::Boolean => "boolean",
        FieldType::Date => "timestamptz",
        FieldType::Texts | FieldType::Numbers => "jsonb",
    },
    booleans: ["false", "true"],
};

#[cfg(feature = "mysql")]
const MYSQL: Words = Words {
    columns: "SELECT CAST(column_name AS CHAR) AS name FROM information_schema.columns \
              WHERE table_schema = DATABASE() AND table_name = 'TABLE'",
    quote: '`',
    // An old server makes a timestamp NOT NULL unless it is told otherwise.
    optional: " NULL",
    // A text column takes only an expression as its default.
    text: |text| format!("({})", standard_text(&text.replace('\\', "\\\\"))),
    types: |kind| match kind {
        FieldType::Text => "text",
        FieldType::Number => "integer",
        FieldType::Boolean => "boolean",
        FieldType::Date => "timestamp(3)",
        FieldType::Texts | FieldType::Numbers => "json",
    },
    booleans: ["false", "true"],
};

fn standard_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The steps on a server's connection.
#[cfg(any(feature = "postgres", feature = "mysql"))]
macro_rules! on_server {
    ($conn:ident, $words:ident, $tables:ident, $mode:ident) => {{
        let mut pending = Vec::new();
        for (table, fields) in $tables {
            let columns = sql_query($words.columns.replace("TABLE", table.name()));
            let columns: Vec<Column> = diesel_async::RunQueryDsl::load(columns, &mut $conn).await?;
            for field in missing(fields, &columns) {
                let step = step(&$words, table, field);
                if $mode == Mode::Apply {
                    if needs_empty_table(&$words, field) {
                        let rows = sql_query(count(&$words, table));
                        let rows: Vec<Found> = diesel_async::RunQueryDsl::load(rows, &mut $conn).await?;
                        refuse_rows(table, field, &rows)?;
                    }
                    $conn.batch_execute(&step.sql).await?;
                }
                pending.push(step);
            }
        }
        pending
    }};
}

/// Adds the columns that declared fields need and the tables lack, or lists them. The tables are there.
///
/// # Errors
/// [`MigrateError::Connect`] when the database does not answer; [`MigrateError::Failed`] when it refuses, or
/// when a table has rows and a required field has no default for them.
pub async fn add_columns(
    url: &DatabaseUrl,
    fields: &AdditionalFields,
    mode: Mode,
) -> Result<Vec<Pending>, MigrateError> {
    let tables = [(Table::User, &fields.user), (Table::Session, &fields.session)];
    let tables: Vec<_> = tables.into_iter().filter(|(_, fields)| !fields.is_empty()).collect();
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let connect = |error: &dyn std::fmt::Display| MigrateError::Connect(error.to_string());
    match url {
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(path) => {
            use diesel::connection::{Connection, SimpleConnection};
            use diesel::{RunQueryDsl, SqliteConnection};
            let target = if path.exists() { path.to_string_lossy() } else { ":memory:".into() };
            let mut conn = SqliteConnection::establish(&target).map_err(|error| connect(&error))?;
            conn.batch_execute(super::dialect::SQLITE_SETUP).map_err(|error| connect(&error))?;
            conn.immediate_transaction(|conn| {
                let mut pending = Vec::new();
                for (table, fields) in tables {
                    let columns = sql_query(SQLITE.columns.replace("TABLE", table.name())).load(conn)?;
                    for field in missing(fields, &columns) {
                        let step = step(&SQLITE, table, field);
                        if mode == Mode::Apply {
                            if needs_empty_table(&SQLITE, field) {
                                refuse_rows(table, field, &sql_query(count(&SQLITE, table)).load(conn)?)?;
                            }
                            conn.batch_execute(&step.sql)?;
                        }
                        pending.push(step);
                    }
                }
                Ok(pending)
            })
        }
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(server) => {
            use diesel_async::SimpleAsyncConnection;
            let mut conn = super::connect::postgres(server, None).await.map_err(|error| connect(&error))?;
            // The lock and an unfinished transaction end with the connection.
            conn.batch_execute(&format!("SELECT pg_advisory_lock({}); BEGIN", super::migrate::LOCK)).await?;
            let pending = on_server!(conn, POSTGRES, tables, mode);
            conn.batch_execute("COMMIT").await?;
            Ok(pending)
        }
        #[cfg(feature = "mysql")]
        DatabaseUrl::Mysql(server) => {
            use diesel_async::SimpleAsyncConnection;
            let mut conn = super::connect::mysql(server, None).await.map_err(|error| connect(&error))?;
            // Ends with the connection. Every change of a table is final here.
            conn.batch_execute("DO GET_LOCK(CONCAT('auth-server migrate ', LEFT(DATABASE(), 40)), 60)")
                .await?;
            Ok(on_server!(conn, MYSQL, tables, mode))
        }
    }
}

fn missing<'a>(fields: &'a DeclaredFields, columns: &[Column]) -> Vec<&'a Field> {
    let has = |field: &Field| columns.iter().any(|column| column.name == field.column.as_str());
    fields.iter().map(|field| &**field).filter(|field| !has(field)).collect()
}

fn count(words: &Words, table: Table) -> String {
    let (q, name) = (words.quote, table.name());
    format!("SELECT COUNT(*) AS found FROM {q}{name}{q}")
}

/// Whether rows that are there already would have no value.
fn needs_empty_table(words: &Words, field: &Field) -> bool {
    field.required && default_of(words, field).is_none()
}

fn refuse_rows(table: Table, field: &Field, found: &[Found]) -> Result<(), MigrateError> {
    if found.iter().all(|row| row.found == 0) {
        return Ok(());
    }
    let (table, field) = (table.name(), field.name.as_str());
    Err(MigrateError::Failed(format!(
        "cannot add the required field {table}.additionalFields.{field}: the table has rows, and they would have no \
         value; give it a defaultValue, or set required = false and fill the column first"
    )))
}

fn step(words: &Words, table: Table, field: &Field) -> Pending {
    let (column, kind) = (field.column.as_str(), (words.types)(field.kind));
    // Names are identifiers: quoting them needs no escapes.
    let q = words.quote;
    let mut sql = format!("ALTER TABLE {q}{}{q} ADD COLUMN {q}{column}{q} {kind}", table.name());
    sql += if field.required { " NOT NULL" } else { words.optional };
    if let Some(default) = default_of(words, field) {
        sql += &format!(" DEFAULT {default}");
    }
    Pending { name: format!("{}.{column}", table.name()), sql }
}

/// The default as the column has it, for rows that are there already and for other programs.
fn default_of(words: &Words, field: &Field) -> Option<String> {
    let [no, yes] = words.booleans;
    match (field.kind, field.default.as_ref()?) {
        (FieldType::Text, serde_json::Value::String(text)) => Some((words.text)(text)),
        (FieldType::Number, serde_json::Value::Number(number)) => Some(number.to_string()),
        (FieldType::Boolean, serde_json::Value::Bool(flag)) => Some(if *flag { yes } else { no }.to_owned()),
        _ => None,
    }
}
