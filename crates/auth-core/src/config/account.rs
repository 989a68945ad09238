//! Accounts at providers: `account`, and how providers are reached.

use std::time::Duration;

use super::reader::Reader;

/// Accounts at providers.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// Provider tokens are encrypted in the database.
    pub encrypt_tokens: bool,
    /// The account of a sign-in is kept in a cookie too.
    pub store_cookie: bool,
    /// A sign-in in progress is kept in a cookie instead of the database.
    pub state_in_cookie: bool,
    /// A sign-in may end in another browser than it began in.
    pub skip_state_cookie_check: bool,
    /// A sign-in replaces the tokens of its account.
    pub update_on_sign_in: bool,
    /// How accounts are joined to users.
    pub linking: LinkingConfig,
}

/// How accounts are joined to users.
#[derive(Debug, Clone)]
pub struct LinkingConfig {
    /// They may be.
    pub enabled: bool,
    /// A sign-in does not do it.
    pub disable_implicit: bool,
    /// Providers whose addresses are believed unverified.
    pub trusted_providers: Vec<String>,
    /// The account's address may be another than the user's.
    pub allow_different_emails: bool,
    /// The last way to sign in may be removed.
    pub allow_unlinking_all: bool,
    /// The user's own address has to be proven.
    pub require_local_email_verified: bool,
    /// Name and picture are taken over.
    pub update_user_info: bool,
}

impl LinkingConfig {
    /// Whether a provider's addresses are believed unverified.
    #[must_use]
    pub fn trusts(&self, provider: &str) -> bool {
        self.trusted_providers.iter().any(|trusted| trusted == provider)
    }
}

/// How providers are reached.
#[derive(Debug, Clone)]
pub struct OutboundConfig {
    /// How long one request may take.
    pub timeout: Duration,
    /// Learned addresses may lead into private networks.
    pub allow_private: bool,
}

/// Reads `account`.
pub(super) fn account(r: &mut Reader) -> AccountConfig {
    AccountConfig {
        encrypt_tokens: r.boolean("account.encryptOAuthTokens", false),
        store_cookie: r.boolean("account.storeAccountCookie", false),
        state_in_cookie: r.word::<StateStrategy>("account.storeStateStrategy") == Some(StateStrategy::Cookie),
        skip_state_cookie_check: r.boolean("account.skipStateCookieCheck", false),
        update_on_sign_in: r.boolean("account.updateAccountOnSignIn", true),
        linking: LinkingConfig {
            enabled: r.boolean("account.accountLinking.enabled", true),
            disable_implicit: r.boolean("account.accountLinking.disableImplicitLinking", false),
            trusted_providers: r.list("account.accountLinking.trustedProviders").unwrap_or_default(),
            allow_different_emails: r.boolean("account.accountLinking.allowDifferentEmails", false),
            allow_unlinking_all: r.boolean("account.accountLinking.allowUnlinkingAll", false),
            require_local_email_verified: r.boolean("account.accountLinking.requireLocalEmailVerified", true),
            update_user_info: r.boolean("account.accountLinking.updateUserInfoOnLink", false),
        },
    }
}

#[derive(PartialEq, Eq)]
enum StateStrategy {
    Database,
    Cookie,
}

impl std::str::FromStr for StateStrategy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "database" => Ok(Self::Database),
            "cookie" => Ok(Self::Cookie),
            _ => Err(()),
        }
    }
}

/// Reads `advanced.outbound`.
pub(super) fn outbound(r: &mut Reader) -> OutboundConfig {
    OutboundConfig {
        timeout: Duration::from_secs(r.seconds("advanced.outbound.timeout", 5).clamp(1, 60)),
        allow_private: r.boolean("advanced.outbound.allowPrivateAddresses", false),
    }
}
