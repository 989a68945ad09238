//! What needs mail or a one-time value.

use super::Kind::{Boolean, Choice, Seconds};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "emailVerification.send",
        None,
        Boolean,
        "true",
        "Mails that prove an address are sent, if mail can be.",
    ),
    setting(
        "emailVerification.sendOnSignUp",
        None,
        Boolean,
        "as emailAndPassword.requireEmailVerification",
        "Sign-up sends one.",
    ),
    setting(
        "emailVerification.sendOnSignIn",
        None,
        Boolean,
        "false",
        "A sign-in that is refused because the address is not proven sends one.",
    ),
    setting(
        "emailVerification.autoSignInAfterVerification",
        None,
        Boolean,
        "false",
        "The link also signs in, once.",
    ),
    setting("emailVerification.expiresIn", None, Seconds, "1h", "Lifetime of the links in these mails."),
    setting("user.changeEmail.enabled", None, Boolean, "false", "People may change their address."),
    setting(
        "user.changeEmail.sendConfirmation",
        None,
        Boolean,
        "true",
        "A proven address has to agree by mail before the new one is asked. (Upstream's default is false.)",
    ),
    setting(
        "user.changeEmail.updateEmailWithoutVerification",
        None,
        Boolean,
        "false",
        "An address that is not proven is replaced at once, without a mail.",
    ),
    setting("user.deleteUser.enabled", None, Boolean, "false", "People may delete their account."),
    setting(
        "user.deleteUser.sendVerification",
        None,
        Boolean,
        "true",
        "Deletion has to be confirmed by mail, if mail can be sent. Off: a password or a fresh session is enough. (Upstream's default is false.)",
    ),
    setting(
        "user.deleteUser.deleteTokenExpiresIn",
        None,
        Seconds,
        "1d",
        "Lifetime of the link that deletes an account.",
    ),
    setting(
        "verification.storeIdentifier",
        None,
        Choice(&["plain", "hashed"]),
        "plain",
        "How the names of one-time values are stored. `plain` rows are always found.",
    ),
    setting(
        "verification.storeIdentifier.default",
        None,
        Choice(&["plain", "hashed"]),
        "plain",
        "The same, where there are exceptions.",
    ),
    setting(
        "verification.storeIdentifier.overrides.<prefix>",
        None,
        Choice(&["plain", "hashed"]),
        "none",
        "The form of names that begin with `<prefix>`, such as `reset-password:`.",
    ),
    setting(
        "verification.disableCleanup",
        None,
        Boolean,
        "false",
        "Leave expired one-time values in the table; otherwise whoever looks one up removes them.",
    ),
];
