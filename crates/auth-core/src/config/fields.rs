//! `user.additionalFields` and `session.additionalFields`.

use super::reader::Reader;
use crate::fields::{AdditionalFields, DeclaredFields, Field, FieldType, Identifier};

/// Each field is an argument of a function, and PostgreSQL takes a hundred.
const MAX_FIELDS: usize = 90;

/// Where a table's fields stand in the configuration, and the names that they cannot have.
struct Place {
    entry: &'static str,
    kind: &'static str,
    required: &'static str,
    default: &'static str,
    input: &'static str,
    returned: &'static str,
    column: &'static str,
    taken: &'static [&'static str],
}

macro_rules! place {
    ($table:literal, $taken:expr) => {
        Place {
            entry: concat!($table, ".additionalFields.<name>"),
            kind: concat!($table, ".additionalFields.<name>.type"),
            required: concat!($table, ".additionalFields.<name>.required"),
            default: concat!($table, ".additionalFields.<name>.defaultValue"),
            input: concat!($table, ".additionalFields.<name>.input"),
            returned: concat!($table, ".additionalFields.<name>.returned"),
            column: concat!($table, ".additionalFields.<name>.fieldName"),
            taken: $taken,
        }
    };
}

/// A user's own columns, the other members of a sign-up, and the claims that a token has beside the user.
const USER: Place = place!(
    "user",
    &[
        "id",
        "name",
        "email",
        "emailVerified",
        "image",
        "createdAt",
        "updatedAt",
        "password",
        "callbackURL",
        "rememberMe",
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "sid",
    ]
);

const SESSION: Place = place!(
    "session",
    &["id", "expiresAt", "token", "createdAt", "updatedAt", "ipAddress", "userAgent", "userId"]
);

/// Reads the declared fields of both tables.
pub(super) fn read(r: &mut Reader) -> AdditionalFields {
    AdditionalFields { user: table(r, &USER), session: table(r, &SESSION) }
}

fn table(r: &mut Reader, place: &Place) -> DeclaredFields {
    let mut fields: Vec<Field> = Vec::new();
    for name in r.names(place.entry) {
        let Some(field) = field(r, place, &name) else { continue };
        if fields.len() == MAX_FIELDS {
            r.refuse(
                (place.entry, name.as_str()),
                format!("is one too many: {MAX_FIELDS} fields are possible"),
            );
            break;
        }
        let same = |other: &&Field| other.column.as_str().eq_ignore_ascii_case(field.column.as_str());
        if let Some(other) = fields.iter().find(same) {
            let reason = format!("has the same column as {}", other.name.as_str());
            r.refuse((place.entry, name.as_str()), reason);
        }
        fields.push(field);
    }
    DeclaredFields::new(fields)
}

fn field(r: &mut Reader, place: &Place, name: &str) -> Option<Field> {
    const PLAIN: &str = "must be a letter or _, then letters, digits and _, 63 characters at most";
    let is_taken = |text: &str| place.taken.iter().any(|taken| taken.eq_ignore_ascii_case(text));
    let entry = (place.entry, name);

    let identifier = Identifier::parse(name);
    if identifier.is_none() {
        r.refuse(entry, format!("is not a good name: it {PLAIN}"));
    } else if is_taken(name) {
        r.refuse(entry, "is a name that the server uses itself");
    }
    let column_key = (place.column, name);
    let column = match r.text(column_key) {
        None => identifier.clone(),
        Some(text) => {
            let column = Identifier::parse(&text);
            if column.is_none() {
                r.refuse(column_key, PLAIN);
            } else if is_taken(&text) {
                r.refuse(column_key, "is a column that the server uses itself");
            }
            column
        }
    };

    let kind_key = (place.kind, name);
    let kind: Option<FieldType> = r.word(kind_key);
    if kind.is_none() && !r.is_set(kind_key) {
        r.refuse(kind_key, format!("is required: one of {}", FieldType::WORDS.join(", ")));
    }
    let default_key = (place.default, name);
    let default = match (r.any(default_key), kind) {
        (Some(given), Some(kind)) => {
            let value = kind.read(&given);
            if value.is_none() {
                r.refuse(default_key, format!("is not of the field's type, got {given}"));
            }
            value
        }
        _ => None,
    };
    let required = r.boolean((place.required, name), true);
    let input = r.boolean((place.input, name), true);
    let returned = r.boolean((place.returned, name), true);
    if required && !input && default.is_none() && kind.is_some() && !r.is_set(default_key) {
        r.refuse(entry, "can never have a value: it is required, not for input, and has no defaultValue");
    }
    Some(Field { name: identifier?, column: column?, kind: kind?, required, default, input, returned })
}
