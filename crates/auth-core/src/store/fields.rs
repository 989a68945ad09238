//! Declared fields in statements. Their columns are known at start, not when this is compiled, so these few
//! parts of queries are written here by hand. Names are [`Identifier`](crate::fields::Identifier)s and quoted
//! by the database's own rules; values are bound.
//!
//! All of a row's declared columns are read as one JSON list, and each value is bound as JSON and turned into
//! its column's own type by the database: the types of adopted columns need not be known here.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Bool, Nullable, Text};

use super::types::{Instant, RowId};
use crate::features::session::Session;
use crate::features::user::User;
#[cfg(feature = "mysql")]
use crate::fields::FieldType;
use crate::fields::{DeclaredFields, Field, FieldValues};
use crate::id::Id;

/// The tables that have declared fields.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Table {
    User,
    Session,
}

impl Table {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Session => "session",
        }
    }
}

/// Selects the declared columns of a row as the text of one JSON list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldsJson<'a>(pub(crate) Table, pub(crate) &'a DeclaredFields);

impl Expression for FieldsJson<'_> {
    type SqlType = Text;
}

impl<QS> AppearsOnTable<QS> for FieldsJson<'_> {}

impl<QS> SelectableExpression<QS> for FieldsJson<'_> {}

impl<G> ValidGrouping<G> for FieldsJson<'_> {
    type IsAggregate = is_aggregate::Never;
}

/// Statements are kept by their text.
impl QueryId for FieldsJson<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl FieldsJson<'_> {
    fn columns<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        for (at, field) in self.1.iter().enumerate() {
            if at > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(self.0.name())?;
            out.push_sql(".");
            out.push_identifier(field.column.as_str())?;
        }
        Ok(())
    }
}

/// A value on its way into its column.
struct Bound<'a> {
    field: &'a Field,
    json: String,
    /// As MySQL takes it for a column of any type.
    #[cfg(feature = "mysql")]
    text: Option<String>,
}

fn bound(values: &FieldValues) -> Vec<Bound<'_>> {
    let mut bound = Vec::new();
    for (field, value) in values.iter() {
        bound.push(Bound {
            field,
            json: value.to_string(),
            #[cfg(feature = "mysql")]
            text: mysql_text(field, value),
        });
    }
    bound
}

/// A new row with declared fields.
pub(crate) struct InsertWithFields<'a, R> {
    row: &'a R,
    fields: Vec<Bound<'a>>,
}

impl<'a> InsertWithFields<'a, User> {
    pub(crate) fn user(row: &'a User) -> Self {
        Self { row, fields: bound(&row.extra) }
    }
}

impl<'a> InsertWithFields<'a, Session> {
    pub(crate) fn session(row: &'a Session) -> Self {
        Self { row, fields: bound(&row.extra) }
    }
}

impl<R> QueryId for InsertWithFields<'_, R> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// On PostgreSQL it answers the id, if the database makes it.
impl<R> Query for InsertWithFields<'_, R> {
    type SqlType = RowId;
}

/// New values of declared fields in the row of an id.
pub(crate) struct UpdateFields<'a, K> {
    table: Table,
    id: &'a Id<K>,
    fields: Vec<Bound<'a>>,
}

impl<'a, K> UpdateFields<'a, K> {
    pub(crate) fn new(table: Table, id: &'a Id<K>, values: &'a FieldValues) -> Self {
        Self { table, id, fields: bound(values) }
    }
}

impl<K> QueryId for UpdateFields<'_, K> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// The statements of one database, whose ways with JSON are the two functions.
macro_rules! statements {
    ($db:ty, select $open:literal .. $close:literal, bind $bind:ident, returning $returning:literal) => {
        impl QueryFragment<$db> for FieldsJson<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $db>) -> QueryResult<()> {
                out.push_sql($open);
                self.columns(&mut out)?;
                out.push_sql($close);
                Ok(())
            }
        }

        insert!($db, $bind, $returning, User, "user", [
            "name": Text = name,
            "email": Text = email,
            "emailVerified": Bool = email_verified,
            "image": Nullable<Text> = image,
            "createdAt": Instant = created_at,
            "updatedAt": Instant = updated_at,
        ]);

        insert!($db, $bind, $returning, Session, "session", [
            "expiresAt": Instant = expires_at,
            "token": Text = token,
            "createdAt": Instant = created_at,
            "updatedAt": Instant = updated_at,
            "ipAddress": Nullable<Text> = ip_address,
            "userAgent": Nullable<Text> = user_agent,
            "userId": RowId = user_id,
        ]);

        impl<K> QueryFragment<$db> for UpdateFields<'_, K> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $db>) -> QueryResult<()> {
                out.push_sql("UPDATE ");
                out.push_identifier(self.table.name())?;
                for (at, field) in self.fields.iter().enumerate() {
                    out.push_sql(if at == 0 { " SET " } else { ", " });
                    out.push_identifier(field.field.column.as_str())?;
                    out.push_sql(" = ");
                    $bind(self.table, field, &mut out)?;
                }
                out.push_sql(" WHERE ");
                out.push_identifier("id")?;
                out.push_sql(" = ");
                out.push_bind_param::<RowId, Id<K>>(self.id)
            }
        }
    };
}

macro_rules! insert {
    ($db:ty, $bind:ident, $returning:literal, $row:ty, $table:literal, [$($column:literal: $sql:ty = $member:ident,)*]) => {
        impl QueryFragment<$db> for InsertWithFields<'_, $row> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $db>) -> QueryResult<()> {
                out.push_sql("INSERT INTO ");
                out.push_identifier($table)?;
                let id = self.row.id.given();
                let mut separator = " (";
                let columns = id.map(|_| "id").into_iter().chain([$($column),*]);
                for column in columns.chain(self.fields.iter().map(Bound::column)) {
                    out.push_sql(separator);
                    out.push_identifier(column)?;
                    separator = ", ";
                }
                let mut separator = ") VALUES (";
                if let Some(id) = id {
                    out.push_sql(separator);
                    out.push_bind_param::<RowId, _>(id)?;
                    separator = ", ";
                }
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<$sql, _>(&self.row.$member)?;
                    separator = ", ";
                )*
                for field in &self.fields {
                    out.push_sql(separator);
                    $bind(<$row>::TABLE, field, &mut out)?;
                }
                out.push_sql(")");
                if id.is_none() {
                    out.push_sql($returning);
                }
                Ok(())
            }
        }
    };
}

impl Bound<'_> {
    fn column(&self) -> &str {
        self.field.column.as_str()
    }
}

impl User {
    pub(crate) const TABLE: Table = Table::User;
}

impl Session {
    pub(crate) const TABLE: Table = Table::Session;
}

#[cfg(feature = "sqlite")]
statements!(diesel::sqlite::Sqlite, select "json_array(" .. ")", bind bind_sqlite, returning "");

#[cfg(feature = "postgres")]
statements!(diesel::pg::Pg, select "CAST(jsonb_build_array(" .. ") AS TEXT)", bind bind_postgres, returning " RETURNING \"id\"");

/// Lists stay JSON texts, truth values become 0 and 1.
#[cfg(feature = "sqlite")]
fn bind_sqlite<'b>(
    _table: Table,
    value: &'b Bound<'_>,
    out: &mut AstPass<'_, 'b, diesel::sqlite::Sqlite>,
) -> QueryResult<()> {
    out.push_sql("json_extract(");
    out.push_bind_param::<Text, str>(&value.json)?;
    out.push_sql(", '$')");
    Ok(())
}

/// A row of the table, filled from JSON, gives the value its column's own type.
#[cfg(feature = "postgres")]
fn bind_postgres<'b>(
    table: Table,
    value: &'b Bound<'_>,
    out: &mut AstPass<'_, 'b, diesel::pg::Pg>,
) -> QueryResult<()> {
    out.push_sql("(jsonb_populate_record(CAST(NULL AS ");
    out.push_identifier(table.name())?;
    out.push_sql("), jsonb_build_object(CAST(");
    out.push_bind_param::<Text, str>(value.field.column.as_str())?;
    out.push_sql(" AS TEXT), CAST(");
    out.push_bind_param::<Text, str>(&value.json)?;
    out.push_sql(" AS JSONB)))).");
    out.push_identifier(value.field.column.as_str())
}

#[cfg(feature = "mysql")]
statements!(diesel::mysql::Mysql, select "CAST(JSON_ARRAY(" .. ") AS CHAR)", bind bind_mysql, returning "");

/// MySQL turns texts into what their column holds.
#[cfg(feature = "mysql")]
fn bind_mysql<'b>(
    _table: Table,
    value: &'b Bound<'_>,
    out: &mut AstPass<'_, 'b, diesel::mysql::Mysql>,
) -> QueryResult<()> {
    out.push_bind_param::<Nullable<Text>, Option<String>>(&value.text)
}

#[cfg(feature = "mysql")]
fn mysql_text(field: &Field, value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        // Sessions are in UTC.
        Value::String(text) if field.kind == FieldType::Date => {
            Some(text.replacen('T', " ", 1).trim_end_matches('Z').to_owned())
        }
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}
