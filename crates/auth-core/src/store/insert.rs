//! New rows whose ids the caller needs, also where the database makes them.

/// Inserts `$row`, a `&mut` to a row of `$table` whose insertion leaves `id` out, and fills in its id if the database
/// has made it. The one place where the databases have no common words: only PostgreSQL has `RETURNING`.
macro_rules! insert_row {
    ($db:expr, $table:ident, $row:expr) => {
        if $row.id.given().is_some() {
            let values = ($table::id.eq(&$row.id), &*$row);
            $crate::store::on!($db, |conn| diesel::insert_into($table::table)
                .values(values)
                .execute(conn)
                .await?);
        } else {
            let insert = diesel::insert_into($table::table).values(&*$row);
            $row.id = $crate::store::made_id!($db, $table, insert, insert.returning($table::id));
        }
    };
}

/// Runs an insertion that leaves the id to the database, and answers the id. `$returning` is for PostgreSQL.
macro_rules! made_id {
    ($db:expr, $table:ident, $insert:expr, $returning:expr) => {
        match $db {
            #[cfg(feature = "sqlite")]
            $crate::store::Db::Sqlite(conn) => {
                $insert.execute(&mut **conn).await?;
                let last = diesel::dsl::sql::<diesel::sql_types::Bool>("rowid = last_insert_rowid()");
                $table::table.select($table::id).filter(last).first(&mut **conn).await?
            }
            #[cfg(feature = "postgres")]
            $crate::store::Db::Postgres(conn) => $returning.get_result(&mut **conn).await?,
            #[cfg(feature = "mysql")]
            $crate::store::Db::Mysql(conn) => {
                $insert.execute(&mut **conn).await?;
                let last = diesel::dsl::sql::<$crate::store::types::RowId>("LAST_INSERT_ID()");
                diesel::select(last).get_result(&mut **conn).await?
            }
        }
    };
}

pub(crate) use {insert_row, made_id};
