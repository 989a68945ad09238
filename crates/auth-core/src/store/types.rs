//! The one SQL type whose form differs between databases, and the ids.

use auth_jose::Timestamp;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{SqlType, Text};
use time::OffsetDateTime;

use crate::id::Id;

/// `timestamptz` on PostgreSQL, ISO 8601 text on SQLite, `timestamp(3)` on MySQL.
#[derive(Debug, Clone, Copy, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
#[diesel(mysql_type(name = "Timestamp"))]
pub struct Instant;

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
    use diesel::sqlite::{Sqlite, SqliteValue};

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
}

#[cfg(feature = "postgres")]
mod postgres {
    use diesel::pg::{Pg, PgValue};
    use diesel::sql_types::Timestamptz;

    use super::*;

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
}

#[cfg(feature = "mysql")]
mod mysql {
    use diesel::mysql::{Mysql, MysqlValue};
    use diesel::sql_types::Timestamp as SqlTimestamp;

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
}

impl<K, DB: Backend> FromSql<Text, DB> for Id<K>
where
    String: FromSql<Text, DB>,
{
    fn from_sql(raw: DB::RawValue<'_>) -> deserialize::Result<Self> {
        String::from_sql(raw).map(Self::from_row)
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
