//! How often clients may ask, and pages of other origins.

use super::Kind::{Boolean, Choice, Integer, List, Seconds};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "rateLimit.enabled",
        None,
        Boolean,
        "true in production",
        "Limit how often a client may ask: 429 beyond it.",
    ),
    setting("rateLimit.window", None, Seconds, "10", "The window in which requests to a path are counted."),
    setting("rateLimit.max", None, Integer, "100", "Requests of one client to one path in a window."),
    setting(
        "rateLimit.customRules.<path>",
        None,
        Boolean,
        "none",
        "A limit for a path below the base path (`*` and `**` as in `trustedOrigins`): `false` for none, or a section with `window` and `max`. The first that fits counts; they go before the built-in rules: 3 in 10 seconds for `/sign-in…`, `/sign-up…`, `/change-password`, `/change-email`, 3 in a minute for `/request-password-reset`, `/send-verification-email`.",
    ),
    setting(
        "rateLimit.customRules.<path>.window",
        None,
        Seconds,
        "rateLimit.window",
        "The window of such a path.",
    ),
    setting("rateLimit.customRules.<path>.max", None, Integer, "rateLimit.max", "Requests in such a window."),
    setting(
        "rateLimit.storage",
        None,
        Choice(&["memory", "database"]),
        "memory",
        "Where requests are counted: in this process, or in the table `rateLimit` that all servers share.",
    ),
    setting(
        "rateLimit.perAccount.enabled",
        None,
        Boolean,
        "as rateLimit.enabled",
        "Limit wrong passwords for one account, wherever they come from. (Upstream has no such limit.)",
    ),
    setting(
        "rateLimit.perAccount.window",
        None,
        Seconds,
        "15m",
        "The window in which wrong passwords are counted.",
    ),
    setting(
        "rateLimit.perAccount.max",
        None,
        Integer,
        "50",
        "Wrong passwords for one account in a window, from all clients together; clients on a network where the account is signed in are exempt.",
    ),
    setting(
        "rateLimit.perAccount.maxPerClient",
        None,
        Integer,
        "10",
        "Wrong passwords for one account in a window from one client.",
    ),
    setting(
        "cors.origins",
        Some("CORS_ORIGINS"),
        List,
        "none: no CORS headers",
        "Pages of other origins that may call this server from a browser; patterns as in `trustedOrigins`, where they have to stand too. Not needed when the page is on the base URL's origin.",
    ),
    setting(
        "cors.allowHeaders",
        None,
        List,
        "Content-Type, Authorization",
        "Headers that such pages may send.",
    ),
    setting("cors.allowMethods", None, List, "GET, POST, OPTIONS", "Methods that such pages may use."),
    setting(
        "cors.exposeHeaders",
        None,
        List,
        "set-auth-token, set-auth-jwt, X-Retry-After",
        "Headers that such pages may read.",
    ),
    setting("cors.maxAge", None, Seconds, "10m", "How long browsers remember that they may."),
    setting(
        "cors.credentials",
        None,
        Boolean,
        "true",
        "Browsers send cookies, as the official client needs it. Never together with the origin `*`.",
    ),
];
