//! What services may ask about tokens.

use super::Kind::{Choice, Secret};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "revocation.feed",
        Some("REVOCATION_FEED"),
        Choice(&["off", "clients", "public"]),
        "off",
        "Who may read `/revocations`, the list of withdrawn tokens, sessions and users: nobody, services, or everybody. Services prove themselves by a secret of `introspection.clients`, or by their own token if they are registered. With `clients` there are `/introspect` and `/revoke` too.",
    ),
    setting(
        "introspection.clients.<name>",
        None,
        Secret,
        "none",
        "A service that may ask about tokens, and its secret of 32 characters or more. With one there are `/introspect` and `/revoke`.",
    ),
];
