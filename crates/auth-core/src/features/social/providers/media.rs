//! Music, video, games, meetings and files.

use super::{AUTHORIZE, CALL, CLAIMS, PROFILE, PROVIDER, TEXT, TOKEN, option};
use crate::features::social::provider::{
    AuthorizeRow, CallRow, Email, Image, Mapping, Name, OptionKind, Param, Pkce, ProfileRow, Row, ScopeOrder,
    Send, Source, TokenRow, Verified,
};

pub(super) const DROPBOX: Row = Row {
    id: "dropbox",
    name: "Dropbox",
    options: &[option("accessType", TEXT, "`offline` asks for a refresh token; also `online` and `legacy`.")],
    authorize: AuthorizeRow {
        endpoint: "https://www.dropbox.com/oauth2/authorize",
        scopes: &["account_info.read"],
        params: &[Param::Option("token_access_type", "accessType")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.dropboxapi.com/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow {
            endpoint: "https://api.dropboxapi.com/2/users/get_current_account",
            send: Send::Post,
            ..CALL
        }],
        mapping: Mapping {
            subject: &["/account_id"],
            name: Name::First(&["/name/display_name"]),
            image: Image::First(&["/profile_photo_url"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const KICK: Row = Row {
    id: "kick",
    name: "Kick",
    authorize: AuthorizeRow {
        endpoint: "https://id.kick.com/oauth/authorize",
        scopes: &["user:read"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://id.kick.com/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.kick.com/public/v1/users", ..CALL }],
        root: "/data/0",
        mapping: Mapping { subject: &["/user_id"], image: Image::First(&["/profile_picture"]), ..CLAIMS },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const ROBLOX: Row = Row {
    id: "roblox",
    name: "Roblox",
    authorize: AuthorizeRow {
        endpoint: "https://apis.roblox.com/oauth/v1/authorize",
        scopes: &["openid", "profile"],
        pkce: Pkce::Added,
        params: &[Param::Default("prompt", "select_account consent")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://apis.roblox.com/oauth/v1/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://apis.roblox.com/oauth/v1/userinfo", ..CALL }],
        mapping: Mapping {
            name: Name::First(&["/nickname", "/preferred_username"]),
            email: Email::Placeholder("roblox"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const SPOTIFY: Row = Row {
    id: "spotify",
    name: "Spotify",
    authorize: AuthorizeRow {
        endpoint: "https://accounts.spotify.com/authorize",
        scopes: &["user-read-email"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://accounts.spotify.com/api/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.spotify.com/v1/me", ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/display_name"]),
            image: Image::First(&["/images/0/url"]),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const TWITCH: Row = Row {
    id: "twitch",
    name: "Twitch",
    options: &[option("claims", OptionKind::List, "What the id token is asked to hold.")],
    authorize: AuthorizeRow {
        endpoint: "https://id.twitch.tv/oauth2/authorize",
        scopes: &["user:read:email", "openid"],
        pkce: Pkce::Added,
        params: &[Param::Claims("claims", &["email", "email_verified", "preferred_username", "picture"])],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://id.twitch.tv/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        source: Source::IdToken,
        mapping: Mapping {
            name: Name::First(&["/preferred_username"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const ZOOM: Row = Row {
    id: "zoom",
    name: "Zoom",
    authorize: AuthorizeRow {
        endpoint: "https://zoom.us/oauth/authorize",
        scope_order: ScopeOrder::None,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://zoom.us/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://api.zoom.us/v2/users/me", ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/display_name"]),
            image: Image::First(&["/pic_url"]),
            verified: Verified::Number("/verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};
