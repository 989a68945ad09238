//! Providers of the operator's own: any OAuth 2.0 or OpenID Connect server, by settings and discovery.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::Parts;
use super::discovery::{Discovery, Document};
use super::id_token::{Accepted, IdTokens, claims};
use super::outbound::{NamedBy, is_public_host};
use super::provider::{
    AuthorizeRow, Client, Email, Endpoints, Given, Image, Mapping, Name, Param, Pkce, Profile, ProfileRow,
    Provider, Refresh, Row, ScopeOrder, SecretNeed, SignInRules, Source, TokenAuth, TokenRow, TokenSend,
    Tokens, Verified,
};
use super::registry::{Live, OwnRules};
use crate::app::App;
use crate::config::GenericProvider;

/// How such providers speak.
static ROW: Row = Row {
    id: "generic",
    name: "generic",
    options: &[],
    secret: SecretNeed::Optional,
    authorize: AuthorizeRow {
        endpoint: "",
        client_field: "client_id",
        scopes: &[],
        separator: " ",
        scope_order: ScopeOrder::RequestedFirst,
        pkce: Pkce::Sent,
        login_hint: true,
        response_type: "code",
        params: &[Param::Option("access_type", "accessType"), Param::Option("response_mode", "responseMode")],
        order: &[],
        fragment: None,
        scope_last: false,
    },
    token: TokenRow {
        endpoint: "",
        auth: TokenAuth::Post,
        send: TokenSend::Form,
        headers: &[],
        error_member: None,
        comma_scopes: false,
        device_id: false,
    },
    refresh: Refresh::AsToken,
    profile: ProfileRow {
        source: Source::Calls,
        calls: &[],
        gates: &[],
        root: "",
        mapping: Mapping {
            subject: &[],
            name: Name::First(&["/name"]),
            email: Email::At("/email"),
            image: Image::First(&["/picture"]),
            verified: Verified::At("/email_verified"),
        },
    },
    id_token: None,
};

/// One such provider, discovered when it is first used.
pub(super) struct Generic {
    settings: GenericProvider,
    parts: Parts,
    discovery: Option<Discovery<Live>>,
    /// The provider, where there is nothing to discover.
    known: Option<Arc<Live>>,
}

impl Generic {
    pub(super) fn new(settings: GenericProvider, parts: Parts) -> Self {
        let discovery = settings.discovery_url.clone().map(Discovery::new);
        let known = match &discovery {
            Some(_) => None,
            None => live(&settings, &parts, Document::default()).map(Arc::new),
        };
        Self { settings, parts, discovery, known }
    }

    pub(super) fn id(&self) -> &str {
        &self.settings.id
    }

    /// The provider as it is now.
    pub(super) async fn live(&self, app: &App) -> Option<Arc<Live>> {
        let Some(discovery) = &self.discovery else { return self.known.clone() };
        let make = |document| live(&self.settings, &self.parts, document);
        discovery.current(&app.social.outbound, app.clock.now(), make).await
    }
}

/// The provider that settings and a document describe; settings win.
fn live(settings: &GenericProvider, parts: &Parts, document: Document) -> Option<Live> {
    let authorize = settings.authorization_url.clone().or(document.authorization_endpoint)?;
    let learned = document.token_endpoint.filter(|_| settings.token_url.is_none());
    let named_by = learned.as_ref().map_or(NamedBy::Operator, |url| named_by(settings, url));
    let token = settings.token_url.clone().or(learned)?;
    let user_info = match (&settings.user_info_url, document.userinfo_endpoint) {
        (Some(url), _) => Some((url.clone(), NamedBy::Operator)),
        (None, Some(url)) => Some((url.clone(), self::named_by(settings, &url))),
        (None, None) => None,
    };
    let algorithms = document.id_token_signing_alg_values_supported;
    let is_oidc = !algorithms.is_empty();
    let issuer = document.issuer.filter(|issuer| !issuer.is_empty());
    let id_tokens = match (&issuer, &document.jwks_uri) {
        (Some(issuer), Some(jwks)) => {
            let discovery = settings.discovery_url.as_ref()?;
            let jwks = discovery.join(jwks).ok()?;
            if self::named_by(settings, &jwks) == NamedBy::Provider
                && !parts.allow_private
                && !is_public_host(&jwks)
            {
                tracing::error!(provider = settings.id, "the keys of this provider lie in a private network");
                return None;
            }
            let names = algorithms.iter().map(String::as_str);
            let usual = ["RS256", "ES256", "EdDSA"];
            let accepted = Accepted {
                jwks: &jwks,
                issuers: std::slice::from_ref(issuer),
                audiences: std::slice::from_ref(&settings.client_id),
                algorithms: if is_oidc { names.collect() } else { usual.to_vec() },
                max_age: None,
            };
            // A provider whose tokens cannot be checked is not used without the check.
            Some(IdTokens::discovered(&settings.id, &accepted, parts)?)
        }
        _ if settings.require_id_token => return None,
        _ => None,
    };
    let own = OwnRules {
        wants_nonce: id_tokens.is_some() && !settings.disable_nonce,
        is_oidc,
        user_info,
        end_session: settings.end_session_url.clone().or(document.end_session_endpoint),
        settings: settings.clone(),
    };
    let provider = provider(settings, authorize, token);
    Some(Live {
        provider,
        issuers: issuer.into_iter().collect(),
        signs_id_tokens: id_tokens.is_some(),
        id_tokens,
        own: Some(own),
        named_by,
    })
}

/// An address of a document counts as the operator's where it is the document's own site.
fn named_by(settings: &GenericProvider, url: &Url) -> NamedBy {
    let is_same_site =
        settings.discovery_url.as_ref().is_some_and(|discovery| discovery.origin() == url.origin());
    if is_same_site { NamedBy::Operator } else { NamedBy::Provider }
}

fn provider(settings: &GenericProvider, authorize: Url, token: Url) -> Provider {
    let texts = [
        ("prompt", &settings.prompt),
        ("accessType", &settings.access_type),
        ("responseMode", &settings.response_mode),
    ];
    let options: BTreeMap<&'static str, Given> =
        texts.into_iter().filter_map(|(name, text)| Some((name, Given::Text(text.clone()?)))).collect();
    Provider {
        id: settings.id.clone(),
        row: &ROW,
        endpoints: Endpoints { authorize, token, refresh: None, calls: Vec::new(), id_token: None },
        client: Client { ids: vec![settings.client_id.clone()], secret: settings.client_secret.clone() },
        scopes: settings.scopes.clone(),
        default_scopes: 0,
        pkce: settings.pkce,
        token_auth: if settings.basic { TokenAuth::Basic } else { TokenAuth::Post },
        redirect_uri: settings.redirect_uri.clone(),
        options,
        authorize_params: settings.authorization_params.clone(),
        token_params: settings.token_params.clone(),
        refresh_params: settings.refresh_params.clone(),
        issuers: Vec::new(),
        rules: SignInRules {
            disable_sign_up: settings.disable_sign_up,
            disable_implicit_sign_up: settings.disable_implicit_sign_up,
            disable_id_token_sign_in: false,
            override_user_info: settings.override_user_info,
            require_email_verification: settings.require_email_verification,
        },
        map_profile: settings.map_profile.clone(),
    }
}

/// The claims of an id token as a profile, if it says enough.
pub(super) fn profile_of_id_token(own: &OwnRules, tokens: &Tokens) -> Option<Profile> {
    let claims = claims(tokens.id_token.as_ref()?.expose())?;
    let has = |name: &str| claims.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !has("sub") || !has("email") {
        return None;
    }
    let mut data = Map::new();
    copy(&claims, "sub", &mut data, "id");
    copy(&claims, "email_verified", &mut data, "emailVerified");
    copy(&claims, "picture", &mut data, "image");
    data.extend(claims);
    Some(profile(own, data))
}

/// The answer of the profile's endpoint as a profile.
pub(super) fn profile_of_answer(own: &OwnRules, answer: Value) -> Option<Profile> {
    let Value::Object(mut data) = answer else { return None };
    let verified = data.get("email_verified").filter(|value| !value.is_null()).cloned();
    data.insert("emailVerified".to_owned(), verified.unwrap_or(Value::Bool(false)));
    let picture = data.get("picture").cloned();
    match picture {
        Some(picture) => data.insert("image".to_owned(), picture),
        None => data.remove("image"),
    };
    Some(profile(own, data))
}

fn copy(from: &Map<String, Value>, name: &str, to: &mut Map<String, Value>, new_name: &str) {
    if let Some(value) = from.get(name) {
        to.insert(new_name.to_owned(), value.clone());
    }
}

/// Only `true` and the text `true` mean that the address is verified. Upstream takes any text for that.
fn says_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == Value::Bool(true) || value.as_str() == Some("true"))
}

fn profile(own: &OwnRules, data: Map<String, Value>) -> Profile {
    let subject = match data.get(if own.is_oidc { "sub" } else { "id" }) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let data = Value::Object(data);
    let mapped = |field: &str| {
        let pointer = own.settings.map_profile.iter().find(|(name, _)| name == field).map(|(_, at)| at);
        pointer.and_then(|pointer| data.pointer(pointer)).filter(|value| !value.is_null())
    };
    let text = |field: &str| {
        let value = mapped(field).or_else(|| data.get(field))?;
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Profile {
        subject,
        name: text("name").unwrap_or_default(),
        email: text("email"),
        image: text("image"),
        email_verified: says_true(mapped("emailVerified").or_else(|| data.get("emailVerified"))),
        more: Map::new(),
        data,
    }
}
