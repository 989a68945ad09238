//! The built-in providers, one row of data each. How a row is read is in [`super::provider`].

mod companies;
mod developers;
mod media;
mod networks;
mod regional;

use super::provider::{
    AuthorizeRow, CallRow, Email, Image, Mapping, Name, OptionKind, OptionRow, Pkce, ProfileRow, Refresh,
    Role, Row, ScopeOrder, SecretNeed, Send, Source, TokenAuth, TokenRow, TokenSend, Verified,
};

/// Every built-in provider, by id.
pub const ROWS: &[&Row] = &[
    &companies::APPLE,
    &companies::COGNITO,
    &companies::GOOGLE,
    &companies::MICROSOFT,
    &companies::PAYBIN,
    &companies::PAYPAL,
    &companies::SALESFORCE,
    &developers::ATLASSIAN,
    &developers::CLOUDFLARE,
    &developers::FIGMA,
    &developers::GITHUB,
    &developers::GITLAB,
    &developers::HUGGINGFACE,
    &developers::LINEAR,
    &developers::NOTION,
    &developers::POLAR,
    &developers::RAILWAY,
    &developers::VERCEL,
    &media::DROPBOX,
    &media::KICK,
    &media::ROBLOX,
    &media::SPOTIFY,
    &media::TWITCH,
    &media::ZOOM,
    &networks::DISCORD,
    &networks::FACEBOOK,
    &networks::LINKEDIN,
    &networks::REDDIT,
    &networks::SLACK,
    &networks::TIKTOK,
    &networks::TWITTER,
    &regional::KAKAO,
    &regional::LINE,
    &regional::NAVER,
    &regional::VK,
    &regional::WECHAT,
];

/// The row of a provider.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    ROWS.iter().copied().find(|row| row.id == id)
}

/// How parameters follow each other in most providers' URLs.
const ORDER: &[&str] = &[
    "response_type",
    "client_id",
    "state",
    "scope",
    "redirect_uri",
    "duration",
    "display",
    "login_hint",
    "nonce",
    "prompt",
    "hd",
    "access_type",
    "response_mode",
    "code_challenge_method",
    "code_challenge",
    "claims",
];

/// An authorization request without quirks.
const AUTHORIZE: AuthorizeRow = AuthorizeRow {
    endpoint: "",
    client_field: "client_id",
    scopes: &[],
    separator: " ",
    scope_order: ScopeOrder::ConfiguredFirst,
    pkce: Pkce::Sent,
    login_hint: false,
    response_type: "code",
    params: &[],
    order: ORDER,
    fragment: None,
    scope_last: false,
};

/// A token request without quirks.
const TOKEN: TokenRow = TokenRow {
    endpoint: "",
    auth: TokenAuth::Post,
    send: TokenSend::Form,
    headers: &[],
    error_member: None,
    comma_scopes: false,
    device_id: false,
};

/// A profile call without quirks.
const CALL: CallRow = CallRow {
    role: Role::Profile,
    option: "userInfoEndpoint",
    endpoint: "",
    send: Send::Get,
    headers: &[],
    more_fields: None,
    unless: None,
};

/// OpenID Connect's claims, with an address that nobody vouches for.
const CLAIMS: Mapping = Mapping {
    subject: &["/sub"],
    name: Name::First(&["/name"]),
    email: Email::At("/email"),
    image: Image::First(&["/picture"]),
    verified: Verified::Never,
};

/// A profile that one call answers.
const PROFILE: ProfileRow =
    ProfileRow { source: Source::Calls, calls: &[], gates: &[], root: "", mapping: CLAIMS };

/// A provider without quirks.
const PROVIDER: Row = Row {
    id: "",
    name: "",
    options: &[],
    secret: SecretNeed::Optional,
    authorize: AUTHORIZE,
    token: TOKEN,
    refresh: Refresh::AsToken,
    profile: PROFILE,
    id_token: None,
};

const fn option(name: &'static str, kind: OptionKind, about: &'static str) -> OptionRow {
    OptionRow { name, kind, about }
}

const TEXT: OptionKind = OptionKind::Text { default: None };

/// The name that upstream gives where a provider insists on one.
const USER_AGENT: (&str, &str) = ("user-agent", "better-auth");
