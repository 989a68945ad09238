//! Valkey or Redis beside the database.

use super::Kind::{Integer, Secret, Text};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "redis.url",
        Some("REDIS_URL"),
        Secret,
        "none",
        "Valkey, or Redis 6.2 or newer: `redis://USER:PASSWORD@HOST:PORT/DB`, `rediss://` with TLS, `unix:///PATH`. Servers tell each other through it at once what is withdrawn, and `/introspect` asks it instead of the database. Nothing is lost with it.",
    ),
    setting(
        "redis.prefix",
        None,
        Text,
        "auth-server:",
        "The names of keys and channels there begin with this.",
    ),
    setting(
        "redis.maxWithdrawn",
        None,
        Integer,
        "1000000",
        "How many withdrawn tokens, sessions and users are kept there, about 150 bytes each. When there are more, the database alone is asked.",
    ),
];
