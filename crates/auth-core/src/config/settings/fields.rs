//! Fields of users and sessions that the operator declares.

use super::Kind::{Any, Boolean, Choice, Text};
use super::{Setting, setting};
use crate::fields::FieldType;

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "user.additionalFields.<name>.type",
        None,
        Choice(FieldType::WORDS),
        "none",
        "A field of users of your own: what it holds. It is a column of the table `user`, which is added if it is not there and never removed.",
    ),
    setting("user.additionalFields.<name>.required", None, Boolean, "true", "New users need a value."),
    setting(
        "user.additionalFields.<name>.defaultValue",
        None,
        Any,
        "none",
        "The value of new users that are given none.",
    ),
    setting("user.additionalFields.<name>.input", None, Boolean, "true", "Clients may set it."),
    setting("user.additionalFields.<name>.returned", None, Boolean, "true", "Clients may see it."),
    setting("user.additionalFields.<name>.fieldName", None, Text, "the field's name", "The column."),
    setting(
        "session.additionalFields.<name>.type",
        None,
        Choice(FieldType::WORDS),
        "none",
        "A field of sessions of your own: what it holds. It is a column of the table `session`, which is added if it is not there and never removed.",
    ),
    setting("session.additionalFields.<name>.required", None, Boolean, "true", "New sessions need a value."),
    setting(
        "session.additionalFields.<name>.defaultValue",
        None,
        Any,
        "none",
        "The value of new sessions that are given none.",
    ),
    setting("session.additionalFields.<name>.input", None, Boolean, "true", "Clients may set it."),
    setting("session.additionalFields.<name>.returned", None, Boolean, "true", "Clients may see it."),
    setting("session.additionalFields.<name>.fieldName", None, Text, "the field's name", "The column."),
];
