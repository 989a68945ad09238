//! What this server knows about a provider, as data: a [`Row`] says how a provider speaks, a [`Provider`] is a row with an
//! operator's settings. Nothing here sends anything: requests are built and answers are read, the caller carries them.
//!
//! The facts were recorded from the real upstream library (`compat/providers/`), and a test compares every row with them.

mod build;
mod docs;
mod id_token;
mod mapping;
mod profile;
#[cfg(test)]
mod recorded;
mod request;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;

use auth_jose::Secret;
use url::Url;

pub use build::{COMMON_OPTIONS, Refusal};
pub use docs::page;
pub use id_token::{Audience, ClaimRule, Nonce, RemoteCheck, VerifyIdToken};
pub use mapping::{Email, Image, Mapping, Name, Verified};
pub use profile::{Answer, Call, CallRow, Gate, NamedUser, Profile, ProfileRow, Role, Send, Source};
pub use request::{AuthorizeAsk, CodeAsk, Method, Request};
pub use tokens::Tokens;

/// A JSON Pointer (RFC 6901) into a provider's document.
pub type Pointer = &'static str;

/// How one provider speaks. `{option}` in an endpoint stands for that option's value.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The provider's id: in paths, in the `account` table and, in capitals, in the names of its variables.
    pub id: &'static str,
    /// The name to show.
    pub name: &'static str,
    /// Options beside [`COMMON_OPTIONS`].
    pub options: &'static [OptionRow],
    /// Whether a client secret has to be given.
    pub secret: SecretNeed,
    /// Where a browser is sent.
    pub authorize: AuthorizeRow,
    /// The token endpoint.
    pub token: TokenRow,
    /// How an access token is renewed.
    pub refresh: Refresh,
    /// Where the profile comes from and how it is read.
    pub profile: ProfileRow,
    /// How an id token is verified; `None`: this provider's id tokens are not accepted from a client.
    pub id_token: Option<IdTokenRow>,
}

/// An option that one provider has beside the common ones.
#[derive(Debug, Clone, Copy)]
pub struct OptionRow {
    /// Upstream's name.
    pub name: &'static str,
    /// What its value may be.
    pub kind: OptionKind,
    /// What it does.
    pub about: &'static str,
}

/// What the value of an option may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// Text; without a default the option may be absent.
    Text {
        /// The value of an option that is not given.
        default: Option<&'static str>,
    },
    /// Text that must be given.
    Needed,
    /// A host name; `https://` before it is dropped.
    Host {
        /// The option whose word stands for the host that is not given.
        default_of: Option<&'static str>,
    },
    /// A URL; slashes at its end are dropped.
    Base {
        /// The URL that is not given.
        default: &'static str,
    },
    /// One of these words, each with what it stands for in endpoints. The first is the default.
    Word(&'static [(&'static str, &'static str)]),
    /// A list of texts, or one text.
    List,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag {
        /// The value of a flag that is not given.
        default: bool,
    },
}

/// Whether a client secret has to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretNeed {
    /// Upstream refuses to start a sign-in without one, or the provider's token endpoint cannot be used.
    Needed,
    /// Public clients exist.
    Optional,
}

/// The authorization request.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizeRow {
    /// The endpoint.
    pub endpoint: &'static str,
    /// The parameter that carries the client's id.
    pub client_field: &'static str,
    /// Scopes that are asked for unless `disableDefaultScope` is set.
    pub scopes: &'static [&'static str],
    /// What stands between scopes.
    pub separator: &'static str,
    /// The order of scopes of settings and of the call.
    pub scope_order: ScopeOrder,
    /// Whether a code challenge is sent.
    pub pkce: Pkce,
    /// Whether a sign-in's `loginHint` is passed on.
    pub login_hint: bool,
    /// The response type.
    pub response_type: &'static str,
    /// More parameters.
    pub params: &'static [Param],
    /// The order of the parameters in the URL; others follow.
    pub order: &'static [&'static str],
    /// The URL's fragment.
    pub fragment: Option<&'static str>,
    /// Put `scope` last and write its spaces as `%20`: Cognito does not take `+` for a space.
    pub scope_last: bool,
}

/// The order of scopes: the defaults come first always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeOrder {
    /// Settings, then the call.
    ConfiguredFirst,
    /// The call, then settings.
    RequestedFirst,
    /// Settings, then the call, each scope once.
    Once,
    /// The provider has no scopes.
    None,
}

/// Proof key for code exchange (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pkce {
    /// Upstream sends it too.
    Sent,
    /// Upstream does not send it; the provider takes it or ignores it.
    Added,
    /// The provider refuses it, or refuses it from clients that have a secret.
    Refused,
}

/// A parameter of the authorization request.
#[derive(Debug, Clone, Copy)]
pub enum Param {
    /// Always this value, whatever the caller asks for.
    Fixed(&'static str, &'static str),
    /// This value unless the caller names another.
    Default(&'static str, &'static str),
    /// An option's value, if there is one.
    Option(&'static str, &'static str),
    /// An option's value if this scope is asked for.
    WithScope(&'static str, &'static str, &'static str),
    /// `true` unless the flag is off.
    Flag(&'static str, &'static str),
    /// An OpenID Connect `claims` request for the id token: what the option lists, else these, beside e-mail.
    Claims(&'static str, &'static [&'static str]),
}

/// The token request.
#[derive(Debug, Clone, Copy)]
pub struct TokenRow {
    /// The endpoint.
    pub endpoint: &'static str,
    /// How the client proves who it is.
    pub auth: TokenAuth,
    /// How parameters travel.
    pub send: TokenSend,
    /// Headers beside content type and `accept`, which they replace.
    pub headers: &'static [(&'static str, &'static str)],
    /// The member of a successful answer that says it failed.
    pub error_member: Option<&'static str>,
    /// Scopes are separated by commas in the answer.
    pub comma_scopes: bool,
    /// The callback's `device_id` is sent.
    pub device_id: bool,
}

/// How the client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAuth {
    /// `client_id`, and `client_secret` if there is one, in the body.
    Post,
    /// HTTP Basic, each half form-encoded (RFC 6749 section 2.3.1). Without a secret: `client_id` in the body.
    Basic,
    /// Id and secret in the body under these names.
    Named(&'static str, &'static str),
}

/// How the parameters of a token request travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSend {
    /// A form in the body of a POST.
    Form,
    /// A query of a GET, without `redirect_uri` and without a proof key.
    Query,
}

/// How an access token is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// As the token request.
    AsToken,
    /// With this authentication.
    With(TokenAuth),
    /// With the scopes of the settings in it.
    Scoped,
    /// A GET of this endpoint with the client's id but not its secret.
    Query(&'static str),
    /// The provider has no refresh tokens.
    None,
}

/// How id tokens are verified.
#[derive(Debug, Clone, Copy)]
pub enum IdTokenRow {
    /// With the provider's published keys.
    Keys {
        /// Where the keys are.
        jwks: &'static str,
        /// Who may have issued them; empty: [`ClaimRule`] says.
        issuers: &'static [&'static str],
        /// Signature algorithms.
        algorithms: &'static [&'static str],
        /// The oldest accepted `iat`, in seconds.
        max_age: Option<u32>,
        /// How a nonce is compared.
        nonce: Nonce,
        /// Who they must be for.
        audience: Audience,
        /// What else the claims must say.
        claims: ClaimRule,
        /// Values that are no JWT pass here; the profile's own calls check them.
        opaque: bool,
    },
    /// The provider's endpoint says whether they are good.
    Remote(&'static str),
}

/// The values of a provider's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Text, or what a word stands for.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A flag.
    Flag(bool),
}

/// What identifies this server at the provider.
#[derive(Debug, Clone)]
pub struct Client {
    /// The client's ids. The first is ours; the others are only accepted as audiences of id tokens.
    pub ids: Vec<String>,
    /// The client's secret.
    pub secret: Option<Secret<String>>,
}

impl Client {
    /// The id that this server presents.
    #[must_use]
    pub fn id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }
}

/// Where a provider is.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Where a browser is sent.
    pub authorize: Url,
    /// Where codes become tokens.
    pub token: Url,
    /// Where tokens are renewed, if elsewhere.
    pub refresh: Option<Url>,
    /// The calls of the profile, in the order of the row.
    pub calls: Vec<Url>,
    /// The keys of id tokens, or the endpoint that checks them.
    pub id_token: Option<Url>,
}

/// What a sign-in with this provider may do: upstream's options of the same names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignInRules {
    /// Nobody becomes a user by signing in.
    pub disable_sign_up: bool,
    /// Somebody becomes a user only if the sign-in asks for it.
    pub disable_implicit_sign_up: bool,
    /// Id tokens that a client sends are refused.
    pub disable_id_token_sign_in: bool,
    /// The profile overwrites the user at each sign-in.
    pub override_user_info: bool,
    /// No session for a user whose address is not verified.
    pub require_email_verification: bool,
}

/// A provider as configured.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its id.
    pub id: String,
    /// How it speaks.
    pub row: &'static Row,
    /// Where it is.
    pub endpoints: Endpoints,
    /// Who we are there.
    pub client: Client,
    /// Scopes that are asked for at each sign-in, defaults first.
    pub scopes: Vec<String>,
    /// How many of `scopes` are the defaults.
    pub default_scopes: usize,
    /// Whether a code challenge is sent.
    pub pkce: bool,
    /// How the client proves who it is at the token endpoint.
    pub token_auth: TokenAuth,
    /// Replaces `<base URL>/callback/<id>`.
    pub redirect_uri: Option<String>,
    /// The options of the row.
    pub options: BTreeMap<&'static str, Given>,
    /// More parameters of the authorization request; the caller's win.
    pub authorize_params: Vec<(String, String)>,
    /// More parameters of the token request.
    pub token_params: Vec<(String, String)>,
    /// More parameters of the refresh request.
    pub refresh_params: Vec<(String, String)>,
    /// Issuers of id tokens.
    pub issuers: Vec<String>,
    /// What a sign-in may do.
    pub rules: SignInRules,
    /// Where fields of the user stand in the profile, instead of where the row says: name and JSON Pointer.
    pub map_profile: Vec<(String, String)>,
}

impl Provider {
    /// The text of an option.
    #[must_use]
    pub fn text(&self, option: &str) -> Option<&str> {
        match self.options.get(option)? {
            Given::Text(text) => Some(text),
            Given::List(_) | Given::Flag(_) => None,
        }
    }

    /// The texts of an option that is a list.
    #[must_use]
    pub fn list(&self, option: &str) -> &[String] {
        match self.options.get(option) {
            Some(Given::List(texts)) => texts,
            _ => &[],
        }
    }

    /// Whether a flag is on.
    #[must_use]
    pub fn flag(&self, option: &str) -> bool {
        matches!(self.options.get(option), Some(Given::Flag(true)))
    }
}

/// The names of the variables that hold a provider's client id and secret.
#[must_use]
pub fn variables(id: &str) -> [String; 2] {
    let name = id.to_ascii_uppercase().replace('-', "_");
    [format!("{name}_CLIENT_ID"), format!("{name}_CLIENT_SECRET")]
}
