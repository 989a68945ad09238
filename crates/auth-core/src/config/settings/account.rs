//! Accounts at providers, and how they are joined to users.

use super::Kind::{Boolean, Choice, List, Seconds};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "account.encryptOAuthTokens",
        None,
        Boolean,
        "false",
        "Access and refresh tokens of providers are encrypted in the database.",
    ),
    setting(
        "account.storeAccountCookie",
        None,
        Boolean,
        "false",
        "The account that somebody signed in with is also kept in an encrypted cookie (`useAccountCookie`).",
    ),
    setting(
        "account.storeStateStrategy",
        None,
        Choice(&["database", "cookie"]),
        "database",
        "Where a sign-in with a provider is remembered while the browser is away: in the database, once, or in an encrypted cookie.",
    ),
    setting(
        "account.skipStateCookieCheck",
        None,
        Boolean,
        "false",
        "Accept a sign-in that comes back in another browser than it began in. Whoever can send somebody a link can then sign them in as somebody else: leave it off.",
    ),
    setting(
        "account.updateAccountOnSignIn",
        None,
        Boolean,
        "true",
        "A sign-in replaces the stored tokens of its account.",
    ),
    setting(
        "account.accountLinking.enabled",
        None,
        Boolean,
        "true",
        "A user may have accounts at several providers.",
    ),
    setting(
        "account.accountLinking.disableImplicitLinking",
        None,
        Boolean,
        "false",
        "A sign-in never adds an account to a user that it finds by address; `/link-social` does.",
    ),
    setting(
        "account.accountLinking.trustedProviders",
        None,
        List,
        "none",
        "Providers whose addresses are believed although they do not call them verified.",
    ),
    setting(
        "account.accountLinking.allowDifferentEmails",
        None,
        Boolean,
        "false",
        "`/link-social` takes an account with another address than the user's.",
    ),
    setting(
        "account.accountLinking.allowUnlinkingAll",
        None,
        Boolean,
        "false",
        "`/unlink-account` may remove the last way to sign in.",
    ),
    setting(
        "account.accountLinking.requireLocalEmailVerified",
        None,
        Boolean,
        "true",
        "A sign-in adds an account only to a user whose address is proven.",
    ),
    setting(
        "account.accountLinking.updateUserInfoOnLink",
        None,
        Boolean,
        "false",
        "A new account's name and picture become the user's.",
    ),
    setting("advanced.outbound.timeout", None, Seconds, "5", "How long one request to a provider may take."),
    setting(
        "advanced.outbound.allowPrivateAddresses",
        None,
        Boolean,
        "false",
        "Addresses that a provider's discovery document names may lead into private networks. Addresses in the settings always may.",
    ),
];
