//! Makes a provider of a row and an operator's settings.

use std::collections::BTreeMap;

use auth_jose::Secret;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Client, Endpoints, Given, IdTokenRow, OptionKind, OptionRow, Provider, Refresh, Row, SecretNeed,
    SignInRules, TokenAuth,
};

/// Something in a provider's settings that cannot be used. It never holds a value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The option.
    pub option: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

const TEXT: OptionKind = OptionKind::Text { default: None };
const OFF: OptionKind = OptionKind::Flag { default: false };

const fn option(name: &'static str, kind: OptionKind, about: &'static str) -> OptionRow {
    OptionRow { name, kind, about }
}

/// Options of every provider, by upstream's names where upstream has them.
pub const COMMON_OPTIONS: &[OptionRow] = &[
    option(
        "clientId",
        OptionKind::List,
        "The client's id, or several: the first is ours, the others are accepted in id tokens.",
    ),
    option("clientSecret", TEXT, "The client's secret."),
    option("scope", OptionKind::List, "Scopes beside the default ones."),
    option("disableDefaultScope", OFF, "Ask for no scopes but those of `scope` and of the call."),
    option("redirectURI", TEXT, "Replaces `<base URL>/callback/<id>`."),
    option("prompt", TEXT, "The `prompt` of the authorization request."),
    option(
        "pkce",
        OptionKind::Flag { default: true },
        "Send a code challenge. Default: where the provider takes one.",
    ),
    option("disableSignUp", OFF, "Nobody becomes a user by signing in."),
    option("disableImplicitSignUp", OFF, "Somebody becomes a user only if the sign-in has `requestSignUp`."),
    option("disableIdTokenSignIn", OFF, "Refuse id tokens that a client sends."),
    option("overrideUserInfoOnSignIn", OFF, "Overwrite the user with the profile at each sign-in."),
    option("requireEmailVerification", OFF, "No session for a user whose address is not verified."),
    option("authorizationEndpoint", TEXT, "Replaces the provider's authorization endpoint."),
    option(
        "tokenEndpoint",
        TEXT,
        "Replaces the provider's token endpoint, for codes and for refresh tokens.",
    ),
    option(
        "jwksEndpoint",
        TEXT,
        "Replaces where the keys of id tokens are, or the endpoint that checks them.",
    ),
    option("idTokenIssuer", OptionKind::List, "Replaces the accepted issuers of id tokens."),
];

/// Reads the settings of one provider.
struct Build<'a> {
    row: &'static Row,
    given: &'a Map<String, Value>,
    options: BTreeMap<&'static str, Given>,
    /// What options stand for in endpoints.
    words: BTreeMap<&'static str, String>,
    refusals: Vec<Refusal>,
}

impl Row {
    /// The provider that these options describe: keys are option names, as in the configuration file.
    ///
    /// # Errors
    ///
    /// Everything that cannot be used, not only the first.
    pub fn provider(&'static self, given: &Map<String, Value>) -> Result<Provider, Vec<Refusal>> {
        let mut build = Build {
            row: self,
            given,
            options: BTreeMap::new(),
            words: BTreeMap::new(),
            refusals: Vec::new(),
        };
        build.refuse_unknown();
        for option in COMMON_OPTIONS.iter().chain(self.options) {
            build.read(option);
        }
        build.finish()
    }
}

impl Build<'_> {
    fn refuse(&mut self, option: &str, reason: impl Into<String>) {
        self.refusals.push(Refusal { option: option.to_owned(), reason: reason.into() });
    }

    fn refuse_unknown(&mut self) {
        let rows = COMMON_OPTIONS.iter().chain(self.row.options).map(|option| option.name);
        let calls = self.row.profile.calls.iter().map(|call| call.option);
        let known: Vec<&str> = rows.chain(calls).chain(["mapProfileToUser", "enabled"]).collect();
        let unknown: Vec<String> =
            self.given.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            self.refuse(&name, format!("is not an option of {}; it has {}", self.row.id, known.join(", ")));
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.given.get(name).filter(|value| !value.is_null())
    }

    /// The text of an option; an empty one counts as not given.
    fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.refuse(name, "must be text");
                None
            }
        }
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let texts = match self.value(name)? {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(list) => list.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        if texts.is_none() {
            self.refuse(name, "must be text or a list of texts");
        }
        texts.map(|texts| texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    fn read(&mut self, option: &OptionRow) {
        let name = option.name;
        let text = match option.kind {
            OptionKind::Text { default } => self.text(name).or_else(|| default.map(str::to_owned)),
            OptionKind::Needed => {
                let text = self.text(name);
                if text.is_none() {
                    self.refuse(name, format!("is required: {}", option.about));
                }
                text
            }
            OptionKind::Host { default_of } => {
                let given = self.text(name);
                let host = given.as_deref().map(|host| {
                    let host = host
                        .strip_prefix("https://")
                        .or_else(|| host.strip_prefix("http://"))
                        .unwrap_or(host);
                    host.trim_end_matches('/').to_owned()
                });
                let default = default_of.and_then(|other| self.words.get(other).cloned());
                if host.is_none() && default.is_none() {
                    self.refuse(name, format!("is required: {}", option.about));
                }
                host.or(default)
            }
            OptionKind::Base { default } => {
                let base = self.text(name).unwrap_or_else(|| default.to_owned());
                Some(base.trim_end_matches('/').to_owned())
            }
            OptionKind::Word(words) => {
                let given = self.text(name);
                let found = match &given {
                    None => words.first(),
                    Some(given) => words.iter().find(|(word, _)| word == given),
                };
                let Some((word, stands_for)) = found else {
                    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    return self.refuse(name, format!("must be one of {}", all.join(", ")));
                };
                self.words.insert(name, (*stands_for).to_owned());
                if given.is_some() {
                    self.options.insert(name, Given::Text((*word).to_owned()));
                }
                return;
            }
            OptionKind::List => {
                if let Some(texts) = self.texts(name) {
                    self.options.insert(name, Given::List(texts));
                }
                return;
            }
            OptionKind::Number => match self.value(name) {
                None => None,
                Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
                Some(_) => return self.refuse(name, "must be a whole number"),
            },
            OptionKind::Flag { default } => {
                match self.value(name) {
                    None if default => self.options.insert(name, Given::Flag(true)),
                    None => None,
                    Some(Value::Bool(flag)) => self.options.insert(name, Given::Flag(*flag)),
                    Some(_) => return self.refuse(name, "must be true or false"),
                };
                return;
            }
        };
        if let Some(text) = text {
            self.words.insert(name, text.clone());
            self.options.insert(name, Given::Text(text));
        }
    }

    /// An endpoint: what the setting says, else the row's, with the values of options in it.
    fn endpoint(&mut self, option: &str, template: &str) -> Option<Url> {
        let given = self.text(option);
        let filled = given.clone().unwrap_or_else(|| self.filled(template));
        match Url::parse(&filled) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Some(url),
            // The option that is missing in it was refused already.
            _ if given.is_none() && filled.contains('{') => None,
            _ => {
                self.refuse(option, format!("must be an http or https URL, got {filled}"));
                None
            }
        }
    }

    fn filled(&self, template: &str) -> String {
        self.words
            .iter()
            .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.options.get(name), Some(Given::Flag(true)))
    }

    fn endpoints(&mut self) -> Option<Endpoints> {
        let row = self.row;
        let authorize = self.endpoint("authorizationEndpoint", row.authorize.endpoint);
        let token = self.endpoint("tokenEndpoint", row.token.endpoint);
        let refresh = match row.refresh {
            Refresh::Query(template) => self.endpoint("tokenEndpoint", template),
            _ => None,
        };
        let calls: Vec<Option<Url>> =
            row.profile.calls.iter().map(|call| self.endpoint(call.option, call.endpoint)).collect();
        let template = match row.id_token {
            Some(IdTokenRow::Keys { jwks, .. }) => Some(jwks),
            Some(IdTokenRow::Remote(endpoint)) => Some(endpoint),
            None => None,
        };
        let id_token = template.and_then(|template| self.endpoint("jwksEndpoint", template));
        Some(Endpoints {
            authorize: authorize?,
            token: token?,
            refresh,
            calls: calls.into_iter().collect::<Option<_>>()?,
            id_token,
        })
    }

    fn client(&mut self) -> Client {
        let ids = match self.options.get("clientId") {
            Some(Given::List(ids)) => ids.clone(),
            _ => self.words.get("clientKey").cloned().into_iter().collect(),
        };
        if ids.is_empty() {
            self.refuse("clientId", "is required");
        }
        self.words.remove("clientSecret");
        let secret = match self.options.remove("clientSecret") {
            Some(Given::Text(secret)) => Some(Secret::new(secret)),
            _ => None,
        };
        let is_needed = self.row.secret == SecretNeed::Needed || self.flag("requireClientSecret");
        if secret.is_none() && is_needed {
            self.refuse("clientSecret", "is required");
        }
        Client { ids, secret }
    }

    fn map_profile(&mut self) -> Vec<(String, String)> {
        const WANTED: &str = "must be a section of user fields, each with a JSON Pointer such as /email";
        let pointers = match self.value("mapProfileToUser") {
            None => return Vec::new(),
            Some(Value::Object(fields)) => fields
                .iter()
                .map(|(field, pointer)| {
                    let pointer = pointer.as_str().filter(|pointer| pointer.starts_with('/'))?;
                    Some((field.clone(), pointer.to_owned()))
                })
                .collect(),
            Some(_) => None,
        };
        pointers.unwrap_or_else(|| {
            self.refuse("mapProfileToUser", WANTED);
            Vec::new()
        })
    }

    fn finish(mut self) -> Result<Provider, Vec<Refusal>> {
        let row = self.row;
        let endpoints = self.endpoints();
        let client = self.client();
        let map_profile = self.map_profile();
        let mut scopes: Vec<String> = Vec::new();
        if !self.flag("disableDefaultScope") {
            scopes.extend(row.authorize.scopes.iter().map(|scope| (*scope).to_owned()));
        }
        let default_scopes = scopes.len();
        if let Some(Given::List(more)) = self.options.get("scope") {
            scopes.extend(more.iter().cloned());
        }
        let text = |options: &BTreeMap<&'static str, Given>, name: &str| match options.get(name) {
            Some(Given::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let token_auth = match text(&self.options, "tokenEndpointAuthMethod").as_deref() {
            Some("client_secret_basic") => TokenAuth::Basic,
            Some("client_secret_post" | "none") => TokenAuth::Post,
            _ => row.token.auth,
        };
        let pkce = if self.value("pkce").is_some() {
            self.flag("pkce")
        } else {
            Provider::default_pkce(row.authorize.pkce)
        };
        let issuers = match (row.id_token, self.options.get("idTokenIssuer")) {
            (Some(_), Some(Given::List(issuers))) => issuers.clone(),
            (Some(IdTokenRow::Keys { issuers, .. }), _) => {
                issuers.iter().map(|issuer| self.filled(issuer)).collect()
            }
            _ => Vec::new(),
        };
        let rules = SignInRules {
            disable_sign_up: self.flag("disableSignUp"),
            disable_implicit_sign_up: self.flag("disableImplicitSignUp"),
            disable_id_token_sign_in: self.flag("disableIdTokenSignIn"),
            override_user_info: self.flag("overrideUserInfoOnSignIn"),
            require_email_verification: self.flag("requireEmailVerification"),
        };
        let redirect_uri = text(&self.options, "redirectURI");
        let (Some(endpoints), true) = (endpoints, self.refusals.is_empty()) else {
            return Err(self.refusals);
        };
        let mut provider = Provider {
            id: row.id.to_owned(),
            row,
            endpoints,
            client,
            scopes,
            default_scopes,
            pkce,
            token_auth,
            redirect_uri,
            options: self.options,
            authorize_params: Vec::new(),
            token_params: Vec::new(),
            refresh_params: Vec::new(),
            issuers,
            rules,
            map_profile,
        };
        if let Some(IdTokenRow::Keys { claims, .. }) = row.id_token
            && claims.names_issuer(&provider)
        {
            provider.issuers.clear();
        }
        Ok(provider)
    }
}
