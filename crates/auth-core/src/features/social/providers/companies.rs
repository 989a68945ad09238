//! Identity providers of companies and payment services.

use super::{AUTHORIZE, CALL, CLAIMS, PROFILE, PROVIDER, TEXT, TOKEN, option};
use crate::features::social::provider::{
    Audience, AuthorizeRow, CallRow, ClaimRule, Email, Gate, IdTokenRow, Image, Mapping, Name, Nonce,
    OptionKind, Param, ProfileRow, Refresh, Role, Row, ScopeOrder, SecretNeed, Source, TokenAuth, TokenRow,
    Verified,
};

pub(super) const APPLE: Row = Row {
    id: "apple",
    name: "Apple",
    options: &[
        option("audience", OptionKind::List, "Who id tokens must be for, instead of the client ids."),
        option(
            "appBundleIdentifier",
            OptionKind::List,
            "The app that id tokens must be for, if `audience` is not set.",
        ),
    ],
    // The secret is a JWT that the operator signs with Apple's key and renews within six months.
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://appleid.apple.com/auth/authorize",
        scopes: &["email", "name"],
        response_type: "code id_token",
        params: &[Param::Default("response_mode", "form_post")],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://appleid.apple.com/auth/token", ..TOKEN },
    profile: ProfileRow {
        source: Source::IdToken,
        mapping: Mapping {
            name: Name::Callback,
            image: Image::None,
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    id_token: Some(IdTokenRow::Keys {
        jwks: "https://appleid.apple.com/auth/keys",
        issuers: &["https://appleid.apple.com"],
        algorithms: &["RS256", "ES256"],
        max_age: Some(3600),
        nonce: Nonce::ExactOrSha256,
        audience: Audience::Options(&["audience", "appBundleIdentifier"]),
        claims: ClaimRule::None,
        opaque: false,
    }),
    ..PROVIDER
};

pub(super) const COGNITO: Row = Row {
    id: "cognito",
    name: "Cognito",
    options: &[
        option("domain", OptionKind::Host { default_of: None }, "The user pool's domain."),
        option("region", OptionKind::Needed, "The user pool's region, such as us-east-1."),
        option("userPoolId", OptionKind::Needed, "The user pool's id."),
        option(
            "requireClientSecret",
            OptionKind::Flag { default: false },
            "Refuse to start without a client secret.",
        ),
        option("identityProvider", TEXT, "The provider to which Cognito sends people at once."),
    ],
    authorize: AuthorizeRow {
        endpoint: "https://{domain}/oauth2/authorize",
        scopes: &["openid", "profile", "email"],
        params: &[Param::Option("identity_provider", "identityProvider")],
        scope_last: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://{domain}/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        source: Source::IdTokenElseCalls(&[]),
        calls: &[CallRow { endpoint: "https://{domain}/oauth2/userinfo", ..CALL }],
        mapping: Mapping {
            name: Name::Filled(&["/name", "/given_name", "/username"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    id_token: Some(IdTokenRow::Keys {
        jwks: "https://cognito-idp.{region}.amazonaws.com/{userPoolId}/.well-known/jwks.json",
        issuers: &["https://cognito-idp.{region}.amazonaws.com/{userPoolId}"],
        algorithms: &["RS256"],
        max_age: Some(3600),
        nonce: Nonce::Exact,
        audience: Audience::Client,
        claims: ClaimRule::None,
        opaque: false,
    }),
    ..PROVIDER
};

pub(super) const GOOGLE: Row = Row {
    id: "google",
    name: "Google",
    options: &[
        option("accessType", OptionKind::Text { default: None }, "`offline` asks for a refresh token."),
        option("display", TEXT, "How the page is shown: page, popup, touch or wap."),
        option("hd", TEXT, "Only people of this hosted domain may sign in; `*` is any hosted domain."),
        option(
            "includeGrantedScopes",
            OptionKind::Flag { default: true },
            "Ask for the scopes too that were granted before.",
        ),
    ],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://accounts.google.com/o/oauth2/v2/auth",
        scopes: &["email", "profile", "openid"],
        login_hint: true,
        params: &[
            Param::Option("display", "display"),
            Param::Option("hd", "hd"),
            Param::Option("access_type", "accessType"),
            Param::Flag("include_granted_scopes", "includeGrantedScopes"),
        ],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://oauth2.googleapis.com/token", ..TOKEN },
    profile: ProfileRow {
        source: Source::IdToken,
        gates: &[Gate::HostedDomain],
        mapping: Mapping { verified: Verified::At("/email_verified"), ..CLAIMS },
        ..PROFILE
    },
    id_token: Some(IdTokenRow::Keys {
        jwks: "https://www.googleapis.com/oauth2/v3/certs",
        issuers: &["https://accounts.google.com", "accounts.google.com"],
        algorithms: &["RS256"],
        max_age: Some(3600),
        nonce: Nonce::Exact,
        audience: Audience::Client,
        claims: ClaimRule::HostedDomain,
        opaque: false,
    }),
    ..PROVIDER
};

pub(super) const MICROSOFT: Row = Row {
    id: "microsoft",
    name: "Microsoft EntraID",
    options: &[
        option(
            "tenantId",
            OptionKind::Text { default: Some("common") },
            "A tenant, or `common`, `organizations` or `consumers`.",
        ),
        option(
            "authority",
            OptionKind::Base { default: "https://login.microsoftonline.com" },
            "The authority of a national cloud or of External ID.",
        ),
        option(
            "profilePhotoSize",
            OptionKind::Word(PHOTO_SIZES),
            "The picture's width and height in pixels.",
        ),
        option("disableProfilePhoto", OptionKind::Flag { default: false }, "Do not ask for a picture."),
    ],
    authorize: AuthorizeRow {
        endpoint: "{authority}/{tenantId}/oauth2/v2.0/authorize",
        scopes: &["openid", "profile", "email", "User.Read", "offline_access"],
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "{authority}/{tenantId}/oauth2/v2.0/token", ..TOKEN },
    refresh: Refresh::Scoped,
    profile: ProfileRow {
        source: Source::IdToken,
        calls: &[CallRow {
            role: Role::Photo,
            option: "photoEndpoint",
            endpoint: "https://graph.microsoft.com/v1.0/me/photos/{profilePhotoSize}x{profilePhotoSize}/%24value",
            unless: Some("disableProfilePhoto"),
            ..CALL
        }],
        gates: &[Gate::Text("/oid")],
        mapping: Mapping {
            subject: &["/oid"],
            image: Image::Photo("/picture"),
            verified: Verified::AtOrListed(
                "/email_verified",
                &["/verified_primary_email", "/verified_secondary_email"],
            ),
            ..CLAIMS
        },
        ..PROFILE
    },
    id_token: Some(IdTokenRow::Keys {
        jwks: "{authority}/{tenantId}/discovery/v2.0/keys",
        issuers: &["{authority}/{tenantId}/v2.0"],
        algorithms: &["RS256"],
        max_age: Some(3600),
        nonce: Nonce::Exact,
        audience: Audience::Client,
        claims: ClaimRule::MicrosoftTenant,
        opaque: false,
    }),
    ..PROVIDER
};

const PHOTO_SIZES: &[(&str, &str)] = &[
    ("48", "48"),
    ("64", "64"),
    ("96", "96"),
    ("120", "120"),
    ("240", "240"),
    ("360", "360"),
    ("432", "432"),
    ("504", "504"),
    ("648", "648"),
];

pub(super) const PAYBIN: Row = Row {
    id: "paybin",
    name: "Paybin",
    options: &[option("issuer", OptionKind::Base { default: "https://idp.paybin.io" }, "Where Paybin is.")],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "{issuer}/oauth2/authorize",
        scopes: &["openid", "email", "profile"],
        login_hint: true,
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "{issuer}/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        source: Source::IdToken,
        mapping: Mapping {
            name: Name::First(&["/name", "/preferred_username"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const PAYPAL: Row = Row {
    id: "paypal",
    name: "PayPal",
    options: &[option(
        "environment",
        OptionKind::Word(&[("sandbox", "sandbox."), ("live", "")]),
        "`sandbox` or `live`.",
    )],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://www.{environment}paypal.com/signin/authorize",
        scope_order: ScopeOrder::None,
        ..AUTHORIZE
    },
    token: TokenRow {
        endpoint: "https://api-m.{environment}paypal.com/v1/oauth2/token",
        auth: TokenAuth::Basic,
        ..TOKEN
    },
    profile: ProfileRow {
        calls: &[CallRow {
            endpoint: "https://api-m.{environment}paypal.com/v1/identity/oauth2/userinfo?schema=paypalv1.1",
            headers: &[("accept", "application/json")],
            ..CALL
        }],
        gates: &[Gate::SameSubject(&["/sub", "/user_id"])],
        mapping: Mapping { subject: &["/user_id"], verified: Verified::At("/email_verified"), ..CLAIMS },
        ..PROFILE
    },
    ..PROVIDER
};

pub(super) const SALESFORCE: Row = Row {
    id: "salesforce",
    name: "Salesforce",
    options: &[
        option(
            "environment",
            OptionKind::Word(&[("production", "login.salesforce.com"), ("sandbox", "test.salesforce.com")]),
            "`production` or `sandbox`.",
        ),
        option(
            "loginUrl",
            OptionKind::Host { default_of: Some("environment") },
            "The host of a domain of your own.",
        ),
    ],
    secret: SecretNeed::Needed,
    authorize: AuthorizeRow {
        endpoint: "https://{loginUrl}/services/oauth2/authorize",
        scopes: &["openid", "email", "profile"],
        ..AUTHORIZE
    },
    token: TokenRow { endpoint: "https://{loginUrl}/services/oauth2/token", ..TOKEN },
    profile: ProfileRow {
        calls: &[CallRow { endpoint: "https://{loginUrl}/services/oauth2/userinfo", ..CALL }],
        mapping: Mapping {
            subject: &["/user_id"],
            email: Email::At("/email"),
            image: Image::First(&["/photos/picture", "/photos/thumbnail"]),
            verified: Verified::At("/email_verified"),
            ..CLAIMS
        },
        ..PROFILE
    },
    ..PROVIDER
};
