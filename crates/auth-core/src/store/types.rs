//! The SQL types whose form differs between databases: dates and ids.

use auth_jose::Timestamp;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::{AppearsOnTable, AsExpression, Expression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Bool, HasSqlType, SqlType, Text};
use time::OffsetDateTime;

use crate::id::{Id, IdForm};

/// `timestamptz` on PostgreSQL, ISO 8601 text on SQLite, `timestamp(3)` on MySQL.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
#[diesel(mysql_type(name = "Timestamp"))]
pub struct Instant;

/// The id of a row: text, or what the tables at hand have for ids ([`IdForm`]). PostgreSQL is not told which (type 0),
/// so it takes the type of the column that an id is compared with or written to.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 0, array_oid = 0))]
#[diesel(sqlite_type(name = "Text"))]
#[diesel(mysql_type(name = "String"))]
pub struct RowId;

/// A [`Timestamp`] as a column value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Instant)]
pub struct At(pub Timestamp);

impl From<Timestamp> for At {
    fn from(instant: Timestamp) -> Self {
        Self(instant)
    }
}

impl From<At> for Timestamp {
    fn from(at: At) -> Self {
        at.0
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use diesel::serialize::IsNull;
    use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

    use super::*;

    impl ToSql<Instant, Sqlite> for At {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.0.to_iso());
            Ok(IsNull::No)
        }
    }

    impl FromSql<Instant, Sqlite> for At {
        /// Also reads integer milliseconds, which upstream's Drizzle adapter writes.
        fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
            let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
            if let Ok(millis) = text.parse::<i64>() {
                return Ok(Self(Timestamp::from_millis(millis)));
            }
            Timestamp::parse_iso(&text).map(Self).ok_or_else(|| format!("not a date: {text:?}").into())
        }
    }

    /// Always as text, which a column of numbers turns into one.
    impl<K> ToSql<RowId, Sqlite> for Id<K> {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.as_str());
            Ok(IsNull::No)
        }
    }

    impl<K> FromSql<RowId, Sqlite> for Id<K> {
        fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
            let is_number = matches!(value.value_type(), Some(SqliteType::Integer | SqliteType::Long));
            let form = if is_number { IdForm::Int8 } else { IdForm::Text };
            Ok(Self::of(<String as FromSql<Text, Sqlite>>::from_sql(value)?, form))
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::io::Write as _;

    use diesel::pg::{Pg, PgValue};
    use diesel::serialize::IsNull;
    use diesel::sql_types::Timestamptz;

    use super::*;
    use crate::crypto::random;

    impl ToSql<Instant, Pg> for At {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            <OffsetDateTime as ToSql<Timestamptz, Pg>>::to_sql(&self.0.to_offset(), &mut out.reborrow())
        }
    }

    impl FromSql<Instant, Pg> for At {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            let instant = <OffsetDateTime as FromSql<Timestamptz, Pg>>::from_sql(value)?;
            Ok(Self(Timestamp::from(instant)))
        }
    }

    impl<K> ToSql<RowId, Pg> for Id<K> {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            let text = self.as_str();
            match self.form() {
                IdForm::Text => out.write_all(text.as_bytes())?,
                IdForm::Uuid => out.write_all(&uuid_bytes(text)?)?,
                IdForm::Int2 => out.write_all(&text.parse::<i16>()?.to_be_bytes())?,
                IdForm::Int4 => out.write_all(&text.parse::<i32>()?.to_be_bytes())?,
                IdForm::Int8 => out.write_all(&text.parse::<i64>()?.to_be_bytes())?,
            }
            Ok(IsNull::No)
        }
    }

    fn uuid_bytes(text: &str) -> Result<[u8; 16], std::num::ParseIntError> {
        Ok(u128::from_str_radix(&text.replace('-', ""), 16)?.to_be_bytes())
    }

    /// The column's type comes with the value.
    impl<K> FromSql<RowId, Pg> for Id<K> {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            const INT8: u32 = 20;
            const INT2: u32 = 21;
            const INT4: u32 = 23;
            const UUID: u32 = 2950;
            let bytes = value.as_bytes();
            Ok(match value.get_oid().get() {
                INT2 => Self::of(i16::from_be_bytes(bytes.try_into()?).to_string(), IdForm::Int2),
                INT4 => Self::of(i32::from_be_bytes(bytes.try_into()?).to_string(), IdForm::Int4),
                INT8 => Self::of(i64::from_be_bytes(bytes.try_into()?).to_string(), IdForm::Int8),
                UUID => Self::of(random::uuid_text(u128::from_be_bytes(bytes.try_into()?)), IdForm::Uuid),
                _ => Self::of(std::str::from_utf8(bytes)?.to_owned(), IdForm::Text),
            })
        }
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use std::io::Write as _;

    use diesel::mysql::{Mysql, MysqlType, MysqlValue};
    use diesel::serialize::IsNull;
    use diesel::sql_types::{BigInt, Timestamp as SqlTimestamp, Unsigned};

    use super::*;

    // The session's time zone is UTC, whatever the server's is.
    impl ToSql<Instant, Mysql> for At {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
            <OffsetDateTime as ToSql<SqlTimestamp, Mysql>>::to_sql(&self.0.to_offset(), &mut out.reborrow())
        }
    }

    impl FromSql<Instant, Mysql> for At {
        fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
            let instant = <OffsetDateTime as FromSql<SqlTimestamp, Mysql>>::from_sql(value)?;
            Ok(Self(Timestamp::from(instant)))
        }
    }

    /// Always as text, which the server turns into the column's type.
    impl<K> ToSql<RowId, Mysql> for Id<K> {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
            out.write_all(self.as_str().as_bytes())?;
            Ok(IsNull::No)
        }
    }

    impl<K> FromSql<RowId, Mysql> for Id<K> {
        fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
            use MysqlType::{Long, LongLong, Short, Tiny};
            use MysqlType::{UnsignedLong, UnsignedLongLong, UnsignedShort, UnsignedTiny};
            let number = match value.value_type() {
                Tiny | Short | Long | LongLong => {
                    <i64 as FromSql<BigInt, Mysql>>::from_sql(value)?.to_string()
                }
                UnsignedTiny | UnsignedShort | UnsignedLong | UnsignedLongLong => {
                    <u64 as FromSql<Unsigned<BigInt>, Mysql>>::from_sql(value)?.to_string()
                }
                _ => {
                    let text = <String as FromSql<Text, Mysql>>::from_sql(value)?;
                    return Ok(Self::of(text, IdForm::Text));
                }
            };
            Ok(Self::of(number, IdForm::Int8))
        }
    }
}

/// `column IN (ids)`. Not diesel's `eq_any`, which sends PostgreSQL an array, whose type would have to be known.
pub(crate) struct IdIn<C, K>(pub(crate) C, pub(crate) Vec<Id<K>>);

impl<C, K> Expression for IdIn<C, K> {
    type SqlType = Bool;
}

impl<QS, C: AppearsOnTable<QS>, K> AppearsOnTable<QS> for IdIn<C, K> {}

impl<G, C, K> ValidGrouping<G> for IdIn<C, K> {
    type IsAggregate = is_aggregate::Never;
}

/// Statements are kept by their text, and these not at all.
impl<C, K> QueryId for IdIn<C, K> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, K, DB> QueryFragment<DB> for IdIn<C, K>
where
    DB: Backend + HasSqlType<RowId>,
    C: QueryFragment<DB>,
    Id<K>: ToSql<RowId, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        self.0.walk_ast(out.reborrow())?;
        // In no row, for an empty list, which has no other form in SQL.
        out.push_sql(" IN (NULL");
        for id in &self.1 {
            out.push_sql(", ");
            out.push_bind_param::<RowId, _>(id)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<K, DB: Backend> ToSql<Text, DB> for Id<K>
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.as_str().to_sql(out)
    }
}
