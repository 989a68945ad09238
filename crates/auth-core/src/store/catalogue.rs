//! The tables as the database itself describes them.
#![expect(clippy::disallowed_methods, reason = "the catalogues of the databases have no typed tables")]

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;

use super::schema::account;
use super::{Db, Result, on};

/// One column of one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
pub struct Column {
    /// The table's name.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The column's name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its type, as the database writes it, in small letters.
    #[diesel(sql_type = Text)]
    pub data_type: String,
    /// `needed`: null is refused and there is no default; else `optional`.
    #[diesel(sql_type = Text)]
    demand: String,
}

impl Column {
    /// A column as text describes it: `table.name type`, with `!` behind the type when every row needs a value.
    /// For tests and messages.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (path, kind) = text.split_once(' ')?;
        let (table, name) = path.split_once('.')?;
        let demand = if kind.ends_with('!') { "needed" } else { "optional" };
        let data_type = kind.trim_end_matches('!').to_owned();
        Some(Self { table: table.to_owned(), name: name.to_owned(), data_type, demand: demand.to_owned() })
    }

    /// Whether every row needs a value that the database does not make itself.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.demand == "needed"
    }
}

#[cfg(feature = "sqlite")]
pub(super) const SQLITE: &str = r#"SELECT m.name AS "table", c.name AS name, lower(c.type) AS data_type,
      CASE WHEN c."notnull" = 1 AND c.dflt_value IS NULL AND NOT (c.pk = 1 AND lower(c.type) = 'integer')
           THEN 'needed' ELSE 'optional' END AS demand
    FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"#;

#[cfg(feature = "postgres")]
pub(super) const POSTGRES: &str = r#"SELECT table_name::text AS "table", column_name::text AS name, data_type::text AS data_type,
      CASE WHEN is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
           THEN 'needed' ELSE 'optional' END AS demand
    FROM information_schema.columns WHERE table_schema = current_schema()"#;

#[cfg(feature = "mysql")]
pub(super) const MYSQL: &str =
    "SELECT CAST(table_name AS CHAR) AS `table`, CAST(column_name AS CHAR) AS name,
      LOWER(CAST(column_type AS CHAR)) AS data_type,
      CASE WHEN is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%auto_increment%'
           THEN 'needed' ELSE 'optional' END AS demand
    FROM information_schema.columns WHERE table_schema = DATABASE()";

/// The query for every column of every table, in one database's words.
pub(super) fn columns(text: &'static str) -> SqlQuery {
    sql_query(text)
}

impl Db {
    /// Every column of every table, in no order.
    pub(crate) async fn list_columns(&mut self) -> Result<Vec<Column>> {
        let text = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => SQLITE,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => POSTGRES,
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => MYSQL,
        };
        Ok(on!(self, |conn| columns(text).load::<Column>(conn).await?))
    }

    /// How many passwords are hashed in a way that is neither Better Auth's (32 hex digits, a colon, 128 hex digits)
    /// nor ours.
    pub(crate) async fn count_unknown_hashes(&mut self) -> Result<i64> {
        let not_scrypt = sql::<Bool>("NOT (LENGTH(password) = 161 AND SUBSTR(password, 33, 1) = ':')");
        let rows = account::table
            .filter(account::password.is_not_null())
            .filter(account::password.not_like("$argon2id$%"))
            .filter(not_scrypt)
            .count();
        Ok(on!(self, |conn| rows.get_result::<i64>(conn).await?))
    }

    /// Adds a column that may be null and holds text.
    pub(crate) async fn add_text_column(&mut self, table: &'static str, name: &'static str) -> Result<()> {
        let text = match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => add_text_column('`', table, name),
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            _ => add_text_column('"', table, name),
        };
        on!(self, |conn| sql_query(text).execute(conn).await?);
        Ok(())
    }
}

/// The statement that adds a column for text; `quote` is what the database has around names.
pub(crate) fn add_text_column(quote: char, table: &'static str, name: &'static str) -> String {
    format!("ALTER TABLE {quote}{table}{quote} ADD COLUMN {quote}{name}{quote} text")
}
