//! Where developers and their teams work.

use super::{AUTHORIZE, CALL, CLAIMS, PROFILE, PROVIDER, TOKEN, USER_AGENT, option};
use crate::features::social::provider::{
    AuthorizeRow, CallRow, Email, Gate, Image, Mapping, Name, OptionKind, Param, Pkce, ProfileRow, Refresh,
    Role, Row, ScopeOrder, SecretNeed, Send, TokenAuth, TokenRow, Verified,
};

pub(super) const ATLASSIAN: Row = Row {
    id: "atlassian",
    name: "Atlassian",
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://auth.atlassian.com/authorize",
        scopes: &["read:jira-user", "offline_access"],
        params: &[Param::Fixed("audience", "api.atlassian.com")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://auth.atlassian.com/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.atlassian.com/me", ..CALL }],
        mapping: Mapping { subject: &["/account_id"], ..CLAIMS },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const CLOUDFLARE: Row = Row {
    id: "cloudflare",
    name: "Cloudflare",
    options: &[option(
        "tokenEndpointAuthMethod",
        OptionKind::Word(&[("client_secret_basic", ""), ("client_secret_post", ""), ("none", "")]),
        "How the client proves who it is; without a secret it is `none`.",
    )],
    authorize: AuthorizeRow {
        endpoint: "https://dash.cloudflare.com/oauth2/auth",
        scopes: &["user-details.read"],
        scope_order: ScopeOrder::Once,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://dash.cloudflare.com/oauth2/token", auth: TokenAuth::Basic, ..TOKEN },
    profile: ProfileRow {
        // The OpenID Connect endpoint answers the subject alone.
        calls: &[CallRow { endpoint: "https://api.cloudflare.com/client/v4/user", ..CALL }],
        gates: &[Gate::Set("/success")],
        root: "/result",
        mapping: Mapping {
            subject: &["/id"],
            name: Name::Joined(&["/first_name", "/last_name"], "/email"),
            image: Image::None,
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const FIGMA: Row = Row {
    id: "figma",
    name: "Figma",
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://www.figma.com/oauth",
        scopes: &["current_user:read"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.figma.com/v1/oauth/token", auth: TokenAuth::Basic, ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.figma.com/v1/me", ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/handle"]),
            image: Image::First(&["/img_url"]),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const GITHUB: Row = Row {
    id: "github",
    name: "GitHub",
    authorize: AuthorizeRow {
        endpoint: "https://github.com/login/oauth/authorize",
        scopes: &["read:user", "user:email"],
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow {
        endpoint: "https://github.com/login/oauth/access_token",
        // A refused code is answered with 200.
        error_member: Some("error"),
        ..TOKEN
    },
    profile: ProfileRow {
        calls: &[
            CallRow { endpoint: "https://api.github.com/user", headers: &[USER_AGENT], ..CALL },
            CallRow {
                role: Role::Addresses,
                option: "userEmailsEndpoint",
                endpoint: "https://api.github.com/user/emails",
                headers: &[USER_AGENT],
                ..CALL
            },
        ],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/name", "/login"]),
            email: Email::OrPrimary("/email"),
            image: Image::First(&["/avatar_url"]),
            verified: Verified::Addresses,
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const GITLAB: Row = Row {
    id: "gitlab",
    name: "Gitlab",
    options: &[option(
        "issuer",
        OptionKind::Base { default: "https://gitlab.com" },
        "The base URL of a GitLab of your own.",
    )],
    authorize: AuthorizeRow {
        endpoint: "{issuer}/oauth/authorize",
        scopes: &["read_user"],
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "{issuer}/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "{issuer}/api/v4/user", ..CALL }],
        gates: &[Gate::Is("/state", "active"), Gate::Not("/locked")],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/name", "/username"]),
            image: Image::First(&["/avatar_url"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const HUGGINGFACE: Row = Row {
    id: "huggingface",
    name: "Hugging Face",
    authorize: AuthorizeRow {
        endpoint: "https://huggingface.co/oauth/authorize",
        scopes: &["openid", "profile", "email"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://huggingface.co/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://huggingface.co/oauth/userinfo", ..CALL }],
        mapping: Mapping {
            name: Name::First(&["/name", "/preferred_username"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const LINEAR: Row = Row {
    id: "linear",
    name: "Linear",
    authorize: AuthorizeRow {
        endpoint: "https://linear.app/oauth/authorize",
        scopes: &["read"],
        pkce: Pkce::Added,
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.linear.app/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow {
            endpoint: "https://api.linear.app/graphql",
            send: Send::PostJson(
                r#"{"query":"query { viewer { id name email avatarUrl active createdAt updatedAt } }"}"#,
            ),
            ..CALL
        }],
        root: "/data/viewer",
        mapping: Mapping { subject: &["/id"], image: Image::First(&["/avatarUrl"]), ..CLAIMS },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const NOTION: Row = Row {
    id: "notion",
    name: "Notion",
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://api.notion.com/v1/oauth/authorize",
        pkce: Pkce::Added,
        login_hint: true,
        params: &[Param::Fixed("owner", "user")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.notion.com/v1/oauth/token", auth: TokenAuth::Basic, ..TOKEN },
    refresh: Refresh::With(TokenAuth::Post),
    profile: ProfileRow {
        calls: &[CallRow {
            endpoint: "https://api.notion.com/v1/users/me",
            headers: &[("notion-version", "2022-06-28")],
            ..CALL
        }],
        root: "/bot/owner/user",
        mapping: Mapping {
            subject: &["/id"],
            email: Email::At("/person/email"),
            image: Image::First(&["/avatar_url"]),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const POLAR: Row = Row {
    id: "polar",
    name: "Polar",
    authorize: AuthorizeRow {
        endpoint: "https://polar.sh/oauth2/authorize",
        scopes: &["openid", "profile", "email"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.polar.sh/v1/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.polar.sh/v1/oauth2/userinfo", ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/public_name", "/username"]),
            image: Image::First(&["/avatar_url"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const RAILWAY: Row = Row {
    id: "railway",
    name: "Railway",
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://backboard.railway.com/oauth/auth",
        scopes: &["openid", "email", "profile"],
        ..AUTHORIZE
    },
    token: TokenRow {
        endpoint: "https://backboard.railway.com/oauth/token",
        auth: TokenAuth::Basic,
        ..TOKEN
    },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://backboard.railway.com/oauth/me", ..CALL }],
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const VERCEL: Row = Row {
    id: "vercel",
    name: "Vercel",
    authorize: AuthorizeRow { endpoint: "https://vercel.com/oauth/authorize", ..AUTHORIZE },
    token: TokenRow { endpoint: "https://api.vercel.com/login/oauth/token", ..TOKEN },
    refresh: Refresh::None,
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.vercel.com/login/oauth/userinfo", ..CALL }],
        mapping: Mapping {
            name: Name::First(&["/name", "/preferred_username"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};
