//! The ids of the tables at hand: whether they are of one kind, and whether the configuration makes such ids.

use super::{Column, Findings, OWN_TABLES, RowId, TABLES, Wanted, fits};
use crate::config::DatabaseUrl;
use crate::id::{GenerateId, IdForm, Ids};

/// The column that tells what ids are: the user's, else another table's of ours.
pub(in crate::store) fn id_column(columns: &[Column]) -> Option<&Column> {
    let of = |table: &str| columns.iter().find(|column| column.table == table && column.name == "id");
    TABLES.iter().map(|(table, _)| *table).chain(OWN_TABLES.iter().copied()).find_map(of)
}

impl IdForm {
    /// What a column of PostgreSQL's holds.
    pub(in crate::store) fn of_postgres(data_type: &str) -> Self {
        match data_type {
            "uuid" => Self::Uuid,
            "smallint" => Self::Int2,
            "integer" => Self::Int4,
            "bigint" => Self::Int8,
            _ => Self::Text,
        }
    }

    /// What a column holds.
    fn of(data_type: &str, url: &DatabaseUrl) -> Self {
        match url {
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(_) => Self::of_postgres(data_type),
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            _ if data_type == "uuid" => Self::Uuid,
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            _ if data_type.contains("int") => Self::Int8,
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            _ => Self::Text,
        }
    }
}

/// Compares the ids with each other and with the setting.
pub(super) fn examine(columns: &[Column], wanted: Wanted<'_>, findings: &mut Findings) {
    let first = id_column(columns).filter(|column| fits(RowId, &column.data_type));
    let form = first.map_or_else(IdForm::default, |column| IdForm::of(&column.data_type, wanted.url));
    findings.shape.ids = Ids { form, generate: wanted.generate_id };
    let Some(first) = first else { return };
    let makes = matches!(wanted.generate_id, GenerateId::Serial | GenerateId::Database);
    let is_ours = |table: &str| TABLES.iter().any(|(name, _)| *name == table) || table == "rateLimit";
    let all = columns.iter().filter(|column| matches!(column.name.as_str(), "id" | "userId"));
    for column in all.filter(|column| is_ours(&column.table) && fits(RowId, &column.data_type)) {
        let (table, name) = (&column.table, &column.name);
        if IdForm::of(&column.data_type, wanted.url) != form {
            findings.refused.push(format!(
                "{table}.{name} has the type {}, but {}.id has the type {}: all ids have to be of one type",
                column.data_type, first.table, first.data_type
            ));
        } else if makes && name == "id" && column.is_needed() {
            findings.refused.push(format!(
                "{table}.id has no default, but advanced.database.generateId leaves ids to the database"
            ));
        }
    }
    let misfit = |setting: &str| {
        let (table, kind) = (&first.table, &first.data_type);
        format!("advanced.database.generateId is {setting}, but {table}.id has the type {kind}")
    };
    match (wanted.generate_id, form) {
        (GenerateId::Random, IdForm::Text)
        | (GenerateId::Uuid, IdForm::Text | IdForm::Uuid)
        | (GenerateId::Serial, IdForm::Int2 | IdForm::Int4 | IdForm::Int8) => {}
        (GenerateId::Random, other) => {
            let fitting = if other == IdForm::Uuid { "uuid" } else { "serial" };
            findings.to_set = Some(format!(
                "advanced.database.generateId = \"{fitting}\", because {}.id has the type {}",
                first.table, first.data_type
            ));
        }
        (GenerateId::Uuid, _) => findings.refused.push(misfit("\"uuid\"")),
        (GenerateId::Serial, _) => findings.refused.push(misfit("\"serial\"")),
        (GenerateId::Database, form) => {
            // PostgreSQL alone tells what it has made.
            #[cfg(feature = "postgres")]
            let tells = matches!(wanted.url, DatabaseUrl::Postgres(_));
            #[cfg(not(feature = "postgres"))]
            let tells = false;
            if !tells && !form.is_number() {
                findings
                    .refused
                    .push(format!("{}: this database counts ids or leaves them to us", misfit("false")));
            }
        }
    }
}
