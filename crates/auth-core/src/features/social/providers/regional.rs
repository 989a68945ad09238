//! Providers of East Asia and Russia.

use super::{AUTHORIZE, CALL, CLAIMS, PROFILE, PROVIDER, TOKEN, option};
use crate::features::social::provider::{
    AuthorizeRow, CallRow, Email, Gate, IdTokenRow, Image, Mapping, Name, OptionKind, Param, Pkce,
    ProfileRow, Refresh, Row, SecretNeed, Send, Source, TokenAuth, TokenRow, TokenSend, Verified,
};

pub(super) const KAKAO: Row = Row {
    id: "kakao",
    name: "Kakao",
    authorize: AuthorizeRow {
        endpoint: "https://kauth.kakao.com/oauth/authorize",
        scopes: &["account_email", "profile_image", "profile_nickname"],
        pkce: Pkce::Added,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://kauth.kakao.com/oauth/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://kapi.kakao.com/v2/user/me", ..CALL }],
        mapping: Mapping {
            subject: &["/id"],
            name: Name::First(&["/kakao_account/profile/nickname", "/kakao_account/name"]),
            email: Email::At("/kakao_account/email"),
            image: Image::First(&[
                "/kakao_account/profile/profile_image_url",
                "/kakao_account/profile/thumbnail_image_url",
            ]),
            verified: Verified::All(&["/kakao_account/is_email_valid", "/kakao_account/is_email_verified"]),
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const LINE: Row = Row {
    id: "line",
    name: "LINE",
    authorize: AuthorizeRow {
        endpoint: "https://access.line.me/oauth2/v2.1/authorize",
        scopes: &["openid", "profile", "email"],
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://api.line.me/oauth2/v2.1/token", ..TOKEN },
    profile: ProfileRow {
        source: Source::IdTokenElseCalls(&[]),
        calls: &[CallRow { endpoint: "https://api.line.me/oauth2/v2.1/userinfo", ..CALL }],
        ..PROFILE
    },
    id_token: Some(IdTokenRow::Remote("https://api.line.me/oauth2/v2.1/verify")),
    ..PROVIDER
};

pub(super) const NAVER: Row = Row {
    id: "naver",
    name: "Naver",
    authorize: AuthorizeRow {
        endpoint: "https://nid.naver.com/oauth2.0/authorize",
        scopes: &["profile", "email"],
        pkce: Pkce::Added,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://nid.naver.com/oauth2.0/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://openapi.naver.com/v1/nid/me", ..CALL }],
        gates: &[Gate::Is("/resultcode", "00")],
        mapping: Mapping {
            subject: &["/response/id"],
            name: Name::First(&["/response/name", "/response/nickname"]),
            email: Email::At("/response/email"),
            image: Image::First(&["/response/profile_image"]),
            verified: Verified::Never,
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const VK: Row = Row {
    id: "vk",
    name: "VK",
    authorize: AuthorizeRow {
        endpoint: "https://id.vk.com/authorize",
        scopes: &["email", "phone"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://id.vk.com/oauth2/auth", device_id: true, ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://id.vk.com/oauth2/user_info", send: Send::PostForm, ..CALL }],
        gates: &[Gate::Set("/user/email")],
        mapping: Mapping {
            subject: &["/user/user_id"],
            name: Name::Joined(&["/user/first_name", "/user/last_name"], "/user/email"),
            email: Email::At("/user/email"),
            image: Image::First(&["/user/avatar"]),
            verified: Verified::Never,
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const WECHAT: Row = Row {
    id: "wechat",
    name: "WeChat",
    options: &[option("lang", OptionKind::Word(&[("cn", ""), ("en", "")]), "The language of the page.")],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://open.weixin.qq.com/connect/qrconnect",
        client_field: "appid",
        scopes: &["snsapi_login"],
        separator: ",",
        pkce: Pkce::Refused,
        params: &[Param::Default("lang", "cn"), Param::Option("lang", "lang")],
        order: &["scope", "response_type", "appid", "redirect_uri", "state", "lang"],
        fragment: Some("wechat_redirect"),
        ..AUTHORIZE
    },
    token: TokenRow {
        endpoint: "https://api.weixin.qq.com/sns/oauth2/access_token",
        auth: TokenAuth::Named("appid", "secret"),
        send: TokenSend::Query,
        error_member: Some("errcode"),
        comma_scopes: true,
        ..TOKEN
    },
    refresh: Refresh::Query("https://api.weixin.qq.com/sns/oauth2/refresh_token"),
    profile: ProfileRow {
        source: Source::Calls,
        calls: &[CallRow {
            endpoint: "https://api.weixin.qq.com/sns/userinfo",
            send: Send::OpenIdQuery,
            ..CALL
        }],
        gates: &[Gate::Not("/errcode")],
        mapping: Mapping {
            subject: &["/unionid", "/openid"],
            name: Name::First(&["/nickname"]),
            email: Email::AtOrPlaceholder("/email", "wechat"),
            image: Image::First(&["/headimgurl"]),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};
