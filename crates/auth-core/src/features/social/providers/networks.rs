//! Networks of people.

use super::{AUTHORIZE, CALL, CLAIMS, PROFILE, PROVIDER, TEXT, TOKEN, USER_AGENT, option};
use crate::features::social::provider::{
    Audience, AuthorizeRow, CallRow, ClaimRule, Email, IdTokenRow, Image, Mapping, Name, Nonce, OptionKind,
    Param, Pkce, ProfileRow, Role, Row, ScopeOrder, SecretNeed, Send, Source, TokenAuth, TokenRow, Verified,
};

pub(super) const DISCORD: Row = Row {
    id: "discord",
    name: "Discord",
    options: &[option("permissions", OptionKind::Number, "The permissions that the scope `bot` asks for.")],
    authorize: AuthorizeRow {
        endpoint: "https://discord.com/api/oauth2/authorize",
        scopes: &["identify", "email"],
        scope_order: ScopeOrder::RequestedFirst,
        pkce: Pkce::Added,
        params: &[Param::Default("prompt", "none"), Param::WithScope("permissions", "permissions", "bot")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://discord.com/api/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://discord.com/api/users/%40me", ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/global_name", "/username"]),
            image: Image::Discord,
            verified: Verified::At("/verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const FACEBOOK: Row = Row {
    id: "facebook",
    name: "Facebook",
    options: &[
        option("fields", OptionKind::List, "More fields of the profile."),
        option("configId", TEXT, "The configuration of a business login."),
    ],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://www.facebook.com/v24.0/dialog/oauth",
        scopes: &["email", "public_profile"],
        pkce: Pkce::Added,
        login_hint: true,
        params: &[Param::Option("config_id", "configId")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://graph.facebook.com/v24.0/oauth/access_token", ..TOKEN },
    profile: ProfileRow {
        // Limited Login's id token, else a token that was checked to be ours: any app's token reads a profile.
        source: Source::IdTokenElseCalls(&[]),
        calls: &[
            CallRow {
                role: Role::TokenOwner,
                option: "debugTokenEndpoint",
                endpoint: "https://graph.facebook.com/debug_token",
                send: Send::AppQuery,
                ..CALL
            },
            CallRow {
                endpoint: "https://graph.facebook.com/me?fields=id,name,email,picture",
                more_fields: Some("fields"),
                ..CALL
            },
        ],
        mapping: Mapping {
            subject: &["/sub", "/id"],
            image: Image::First(&["/picture", "/picture/data/url"]),
            verified: Verified::AtInAnswer("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    id_token: Some(IdTokenRow::Keys {
        jwks: "https://limited.facebook.com/.well-known/oauth/openid/jwks/",
        issuers: &["https://www.facebook.com"],
        algorithms: &["RS256"],
        max_age: None,
        nonce: Nonce::Exact,
        audience: Audience::Client,
        claims: ClaimRule::None,
        opaque: true,
    }),
    ..PROVIDER
};

pub(super) const LINKEDIN: Row = Row {
    id: "linkedin",
    name: "Linkedin",
    authorize: AuthorizeRow {
        endpoint: "https://www.linkedin.com/oauth/v2/authorization",
        scopes: &["profile", "email", "openid"],
        // A code_verifier beside a secret is answered with invalid_client; proof keys have endpoints of their own there.
        pkce: Pkce::Refused,
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://www.linkedin.com/oauth/v2/accessToken", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.linkedin.com/v2/userinfo", ..CALL }],
        mapping: Mapping { verified: Verified::At("/email_verified"), ..CLAIMS },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const REDDIT: Row = Row {
    id: "reddit",
    name: "Reddit",
    options: &[option("duration", TEXT, "`permanent` asks for a refresh token, `temporary` for none.")],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://www.reddit.com/api/v1/authorize",
        scopes: &["identity"],
        pkce: Pkce::Added,
        params: &[Param::Option("duration", "duration")],
        ..AUTHORIZE
    },
    token: TokenRow {
        endpoint: "https://www.reddit.com/api/v1/access_token",
        auth: TokenAuth::Basic,
        headers: &[("accept", "text/plain"), USER_AGENT],
        ..TOKEN
    },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://oauth.reddit.com/api/v1/me", headers: &[USER_AGENT], ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            email: Email::Placeholder("reddit"),
            image: Image::WithoutQuery("/icon_img"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const SLACK: Row = Row {
    id: "slack",
    name: "Slack",
    authorize: AuthorizeRow {
        endpoint: "https://slack.com/openid/connect/authorize",
        scopes: &["openid", "profile", "email"],
        scope_order: ScopeOrder::RequestedFirst,
        // A proof key makes an app a public client, whose secret the token endpoint then refuses.
        pkce: Pkce::Refused,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://slack.com/api/openid.connect.token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://slack.com/api/openid.connect.userInfo", ..CALL }],
        mapping: Mapping {
            subject: &["/https:~1~1slack.com~1user_id"],
            image: Image::First(&["/picture", "/https:~1~1slack.com~1user_image_512"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const TIKTOK: Row = Row {
    id: "tiktok",
    name: "TikTok",
    options: &[option("clientKey", TEXT, "The client's key, which TikTok has instead of an id.")],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://www.tiktok.com/v2/auth/authorize",
        client_field: "client_key",
        scopes: &["user.info.profile"],
        separator: ",",
        // Its challenges are hexadecimal, for desktop apps only.
        pkce: Pkce::Refused,
        order: &["scope", "response_type", "client_key", "redirect_uri", "state"],
        ..AUTHORIZE
    },
    token: TokenRow {
        endpoint: "https://open.tiktokapis.com/v2/oauth/token/",
        auth: TokenAuth::Named("client_key", "client_secret"),
        ..TOKEN
    },
    profile: ProfileRow {
        calls: &[CallRow {
            endpoint: "https://open.tiktokapis.com/v2/user/info/?fields=open_id,avatar_large_url,display_name,username",
            ..CALL
        }],
        mapping: Mapping {
            subject: &["/data/user/open_id"],
            name: Name::First(&["/data/user/display_name", "/data/user/username"]),
            email: Email::AtOrPlaceholder("/data/user/email", "tiktok"),
            image: Image::First(&["/data/user/avatar_large_url"]),
            verified: Verified::Never,
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const TWITTER: Row = Row {
    id: "twitter",
    name: "Twitter",
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://x.com/i/oauth2/authorize",
        scopes: &["users.read", "tweet.read", "offline.access", "users.email"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.x.com/2/oauth2/token", auth: TokenAuth::Basic, ..TOKEN },
    profile: ProfileRow {
        source: Source::Calls,
        calls: &[
            CallRow { endpoint: "https://api.x.com/2/users/me?user.fields=profile_image_url", ..CALL },
            CallRow {
                role: Role::ConfirmedAddress,
                option: "confirmedEmailEndpoint",
                endpoint: "https://api.x.com/2/users/me?user.fields=confirmed_email",
                ..CALL
            },
        ],
        mapping: Mapping {
            subject: &["/data/id"],
            name: Name::First(&["/data/name"]),
            email: Email::AtOrPlaceholder("/data/email", "twitter"),
            image: Image::First(&["/data/profile_image_url"]),
            verified: Verified::Confirmed,
        },
        ..PROFILE
    },
    ..PROVIDER
};
