//! Providers to sign in with: `socialProviders` and `providers.generic`, as the operator wrote them.

use auth_jose::Secret;
use serde_json::{Map, Value};
use url::Url;

use super::reader::Reader;
use crate::features::social::provider::Provider;
use crate::features::social::providers;

const PROVIDER: &str = "socialProviders.<provider>";
const OPTION: &str = "socialProviders.<provider>.<option>";
const CLIENT_ID: &str = "socialProviders.<provider>.clientId";
const CLIENT_SECRET: &str = "socialProviders.<provider>.clientSecret";
const GENERIC: &str = "providers.generic[]";

/// Providers to sign in with.
#[derive(Debug, Clone, Default)]
pub struct SocialConfig {
    /// The built-in ones that are switched on.
    pub built_in: Vec<Provider>,
    /// Others.
    pub generic: Vec<GenericProvider>,
}

impl SocialConfig {
    /// Whether a provider may have a logout page.
    #[must_use]
    pub fn may_log_out(&self) -> bool {
        let may = |it: &GenericProvider| it.discovery_url.is_some() || it.end_session_url.is_some();
        self.generic.iter().any(|it| may(it) && !it.disable_provider_logout)
    }
}

/// Any OAuth 2.0 or OpenID Connect provider.
#[derive(Debug, Clone)]
pub struct GenericProvider {
    /// Its id.
    pub id: String,
    /// Its discovery document.
    pub discovery_url: Option<Url>,
    /// Where browsers are sent.
    pub authorization_url: Option<Url>,
    /// The token endpoint.
    pub token_url: Option<Url>,
    /// The address of the profile.
    pub user_info_url: Option<Url>,
    /// Where browsers sign out.
    pub end_session_url: Option<Url>,
    /// Nobody is sent there.
    pub disable_provider_logout: bool,
    /// Where the provider sends them after that.
    pub post_logout_redirect_uri: Option<String>,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Option<Secret<String>>,
    /// The callback, where it is not ours.
    pub redirect_uri: Option<String>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// A code challenge is sent.
    pub pkce: bool,
    /// The client proves itself by HTTP Basic.
    pub basic: bool,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `access_type`.
    pub access_type: Option<String>,
    /// `response_mode`.
    pub response_mode: Option<String>,
    /// More parameters of the authorization request.
    pub authorization_params: Vec<(String, String)>,
    /// More parameters of the token request.
    pub token_params: Vec<(String, String)>,
    /// More parameters of the refresh request.
    pub refresh_params: Vec<(String, String)>,
    /// Lifetime of access tokens in seconds, where the provider does not say.
    pub access_token_expires_in: Option<i64>,
    /// Where fields of the user stand in the profile: name and JSON Pointer.
    pub map_profile: Vec<(String, String)>,
    /// Nobody becomes a user by signing in.
    pub disable_sign_up: bool,
    /// Somebody becomes a user only when asked for.
    pub disable_implicit_sign_up: bool,
    /// The profile overwrites the user.
    pub override_user_info: bool,
    /// No session for unproven addresses.
    pub require_email_verification: bool,
    /// A profile needs an id token that verifies.
    pub require_id_token: bool,
    /// A sign-in may begin at the provider.
    pub allow_idp_initiated: bool,
    /// No nonce is sent or expected.
    pub disable_nonce: bool,
}

/// Reads both sections.
pub(super) fn read(r: &mut Reader) -> SocialConfig {
    let built_in = built_in(r);
    let mut generic: Vec<GenericProvider> = Vec::new();
    for at in r.names(GENERIC) {
        let Some(provider) = one_generic(r, &at) else { continue };
        if generic.iter().any(|other| other.id == provider.id) {
            r.refuse(("providers.generic[].providerId", &*at), "is the id of another provider");
        }
        generic.push(provider);
    }
    SocialConfig { built_in, generic }
}

fn built_in(r: &mut Reader) -> Vec<Provider> {
    let mut found: Vec<Provider> = Vec::new();
    for id in r.names(PROVIDER) {
        if found.iter().any(|other| other.id == id) {
            continue;
        }
        let Some(row) = providers::row(&id) else {
            let known: Vec<&str> = providers::ROWS.iter().map(|row| row.id).collect();
            let known = known.join(", ");
            r.refuse((PROVIDER, &*id), format!("is not a built-in provider; there are {known}"));
            continue;
        };
        let mut options = Map::new();
        for option in r.names_in(OPTION, &id) {
            if let Some(value) = r.any((OPTION, &*id, &*option)) {
                options.insert(option, value);
            }
        }
        if options.get("enabled") == Some(&Value::Bool(false)) {
            continue;
        }
        if let Some(ids) = r.any((CLIENT_ID, &*id)) {
            options.insert("clientId".to_owned(), ids);
        }
        if let Some(secret) = r.secret((CLIENT_SECRET, &*id)) {
            options.insert("clientSecret".to_owned(), secret.expose().clone().into());
        }
        match row.provider(&options) {
            Ok(provider) => found.push(provider),
            Err(refusals) => {
                for refusal in refusals {
                    match refusal.option.as_str() {
                        "clientId" => r.refuse((CLIENT_ID, &*id), refusal.reason),
                        "clientSecret" => r.refuse((CLIENT_SECRET, &*id), refusal.reason),
                        option => r.refuse((OPTION, &*id, option), refusal.reason),
                    }
                }
            }
        }
    }
    found
}

fn one_generic(r: &mut Reader, at: &str) -> Option<GenericProvider> {
    const ID: &str = "providers.generic[].providerId";
    let id = r.text((ID, at)).unwrap_or_default();
    let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_id || id == "credential" {
        r.refuse((ID, at), "expected a name of letters, digits, '-', '_' or '.'");
    }
    let client_id = r.text(("providers.generic[].clientId", at)).unwrap_or_default();
    if client_id.is_empty() {
        r.refuse(("providers.generic[].clientId", at), "is missing: the id that the provider gave you");
    }
    let provider = GenericProvider {
        discovery_url: address(r, "providers.generic[].discoveryUrl", at),
        authorization_url: address(r, "providers.generic[].authorizationUrl", at),
        token_url: address(r, "providers.generic[].tokenUrl", at),
        user_info_url: address(r, "providers.generic[].userInfoUrl", at),
        end_session_url: address(r, "providers.generic[].endSessionEndpoint", at),
        disable_provider_logout: r.boolean(("providers.generic[].disableProviderLogout", at), false),
        post_logout_redirect_uri: r.text(("providers.generic[].postLogoutRedirectURI", at)),
        client_id,
        client_secret: r.secret(("providers.generic[].clientSecret", at)),
        redirect_uri: r.text(("providers.generic[].redirectURI", at)),
        scopes: r.list(("providers.generic[].scopes", at)).unwrap_or_default(),
        pkce: r.boolean(("providers.generic[].pkce", at), true),
        basic: r.word::<Authentication>(("providers.generic[].authentication", at))
            == Some(Authentication::Basic),
        prompt: r.text(("providers.generic[].prompt", at)),
        access_type: r.text(("providers.generic[].accessType", at)),
        response_mode: r.text(("providers.generic[].responseMode", at)),
        authorization_params: texts(r, "providers.generic[].authorizationUrlParams.<name>", at),
        token_params: texts(r, "providers.generic[].tokenUrlParams.<name>", at),
        refresh_params: texts(r, "providers.generic[].refreshTokenParams.<name>", at),
        access_token_expires_in: r.span(("providers.generic[].accessTokenExpiresIn", at)),
        map_profile: map_profile(r, at),
        disable_sign_up: r.boolean(("providers.generic[].disableSignUp", at), false),
        disable_implicit_sign_up: r.boolean(("providers.generic[].disableImplicitSignUp", at), false),
        override_user_info: r.boolean(("providers.generic[].overrideUserInfo", at), false),
        require_email_verification: r.boolean(("providers.generic[].requireEmailVerification", at), false),
        require_id_token: r.boolean(("providers.generic[].requireIdTokenVerification", at), false),
        allow_idp_initiated: r.boolean(("providers.generic[].allowIdpInitiated", at), false),
        disable_nonce: r.boolean(("providers.generic[].disableIdTokenNonceBinding", at), false),
        id,
    };
    r.text(("providers.generic[].name", at));
    check(r, at, &provider);
    is_id.then_some(provider)
}

fn check(r: &mut Reader, at: &str, provider: &GenericProvider) {
    let has_endpoints = provider.authorization_url.is_some() && provider.token_url.is_some();
    if provider.discovery_url.is_none() && !has_endpoints {
        r.refuse((GENERIC, at), "needs a discoveryUrl, or an authorizationUrl and a tokenUrl");
    }
    if provider.basic && provider.client_secret.is_none() {
        r.refuse(("providers.generic[].authentication", at), "\"basic\" needs a clientSecret");
    }
    if provider.require_id_token && provider.discovery_url.is_none() {
        let reason = "needs a discoveryUrl, which says where the keys are";
        r.refuse(("providers.generic[].requireIdTokenVerification", at), reason);
    }
}

/// An address of a provider: https, or http, which an operator may have reasons for.
fn address(r: &mut Reader, key: &'static str, at: &str) -> Option<Url> {
    let text = r.text((key, at))?;
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    if url.is_none() {
        r.refuse((key, at), "expected an http or https URL without a user name");
    }
    url
}

fn texts(r: &mut Reader, key: &'static str, at: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in r.names_in(key, at) {
        if let Some(value) = r.text((key, at, &*name)) {
            found.push((name, value));
        }
    }
    found
}

fn map_profile(r: &mut Reader, at: &str) -> Vec<(String, String)> {
    const KEY: &str = "providers.generic[].mapProfileToUser.<field>";
    let mapping = texts(r, KEY, at);
    for (field, pointer) in &mapping {
        if !matches!(field.as_str(), "name" | "email" | "image" | "emailVerified") {
            r.refuse((KEY, at, &**field), "expected one of name, email, image, emailVerified");
        }
        if !pointer.starts_with('/') {
            r.refuse((KEY, at, &**field), "expected a JSON Pointer, such as /data/name");
        }
    }
    mapping
}

#[derive(PartialEq, Eq)]
enum Authentication {
    Post,
    Basic,
}

impl std::str::FromStr for Authentication {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "post" => Ok(Self::Post),
            "basic" => Ok(Self::Basic),
            _ => Err(()),
        }
    }
}
