//! Who somebody is at a provider: the calls to make for it, and what their answers say.

use auth_jose::{Secret, base64url, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::request::{Method, Parameters, Request, with_query};
use super::tokens::is_truthy;
use super::{Mapping, Pointer, Provider, Tokens};

/// Where the profile comes from and how it is read.
#[derive(Debug, Clone, Copy)]
pub struct ProfileRow {
    /// Where it comes from.
    pub source: Source,
    /// The calls to make.
    pub calls: &'static [CallRow],
    /// What the answer must say before it is read.
    pub gates: &'static [Gate],
    /// Where the profile stands in the answer.
    pub root: Pointer,
    /// How it is read.
    pub mapping: Mapping,
}

/// Where a profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The id token's claims.
    IdToken,
    /// The provider's answers to [`ProfileRow::calls`].
    Calls,
    /// The id token's claims, if there is one that holds these; else the calls.
    IdTokenElseCalls(&'static [Pointer]),
}

/// A call for the profile.
#[derive(Debug, Clone, Copy)]
pub struct CallRow {
    /// What the answer is for.
    pub role: Role,
    /// The setting that replaces the endpoint.
    pub option: &'static str,
    /// The endpoint.
    pub endpoint: &'static str,
    /// How it is called.
    pub send: Send,
    /// More headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// An option whose texts are added to the query's `fields`.
    pub more_fields: Option<&'static str>,
    /// A flag that turns the call off.
    pub unless: Option<&'static str>,
}

/// What the answer of a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It holds the profile.
    Profile,
    /// GitHub's addresses, with which of them are verified. The profile stands without it.
    Addresses,
    /// X's confirmed address. The profile stands without it.
    ConfirmedAddress,
    /// Facebook's word on whose token it is and for which app. Nothing stands without it.
    TokenOwner,
    /// A picture's bytes. The profile stands without it.
    Photo,
}

/// How a call carries the access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Send {
    /// A GET with a bearer token.
    Get,
    /// A POST without a body, with a bearer token.
    Post,
    /// A POST of this JSON with a bearer token.
    PostJson(&'static str),
    /// A POST of a form with `access_token` and `client_id`.
    PostForm,
    /// A GET with `access_token`, `openid` and `lang` in the query.
    OpenIdQuery,
    /// A GET with the token as `input_token` and the app's id and secret as `access_token`.
    AppQuery,
}

/// What an answer must say before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// This text stands here.
    Is(Pointer, &'static str),
    /// Nothing, `false`, zero or an empty text stands here.
    Not(Pointer),
    /// Something else than that stands here.
    Set(Pointer),
    /// A text that is not blank stands here.
    Text(Pointer),
    /// An id token that came along is about the same subject.
    SameSubject(&'static [Pointer]),
    /// Google's hosted domain is the one that the settings ask for.
    HostedDomain,
}

/// A call to make.
#[derive(Debug, Clone)]
pub struct Call {
    /// What the answer is for.
    pub role: Role,
    /// The request to send.
    pub request: Request,
}

impl Call {
    /// Whether there is no profile without this call's success. Such calls are made in order.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        matches!(self.role, Role::Profile | Role::TokenOwner)
    }
}

/// The answer of a call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A successful one that is JSON.
    Json(Value),
    /// A successful one that is not.
    Bytes(Vec<u8>),
    /// Any other, or none.
    Failed,
}

/// What a provider's callback says about a user beside the tokens: Apple's form at the first sign-in.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub struct NamedUser {
    /// The name in parts.
    #[serde(default)]
    pub name: Option<NameParts>,
}

/// A name in parts.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameParts {
    /// The first name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(default)]
    pub last_name: Option<String>,
}

/// Somebody at a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The provider's stable id for them; without one nobody can sign in.
    pub subject: Option<String>,
    /// The name; may be empty.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// A picture's address.
    pub image: Option<String>,
    /// Whether the provider vouches for the address.
    pub email_verified: bool,
    /// The provider's own document.
    pub data: Value,
    /// Further fields of the user, by the settings.
    pub more: Map<String, Value>,
}

/// What a mapping reads.
pub(super) struct Documents<'a> {
    pub(super) data: Value,
    /// The document is an id token's claims.
    pub(super) from_id_token: bool,
    pub(super) named: Option<&'a NamedUser>,
    pub(super) addresses: Option<&'a Value>,
    pub(super) confirmed: Option<&'a Value>,
    pub(super) photo: Option<&'a [u8]>,
    pub(super) openid: Option<&'a str>,
}

impl Provider {
    /// The calls to make for a profile; `None` if the tokens do not suffice for any.
    #[must_use]
    pub fn profile_calls(&self, tokens: &Tokens) -> Option<Vec<Call>> {
        let row = &self.row.profile;
        let claims = self.claims_as_profile(tokens);
        if row.source == Source::IdToken && claims.is_none() {
            return None;
        }
        let mut calls = Vec::new();
        for (call, endpoint) in row.calls.iter().zip(&self.endpoints.calls) {
            let is_off = call.unless.is_some_and(|flag| self.flag(flag));
            if is_off || claims.is_some() && call.role != Role::Photo {
                continue;
            }
            match self.call(call, endpoint, tokens) {
                Some(request) => calls.push(Call { role: call.role, request }),
                None if call.role == Role::Photo => {}
                None => return None,
            }
        }
        Some(calls)
    }

    fn call(&self, row: &CallRow, endpoint: &url::Url, tokens: &Tokens) -> Option<Request> {
        let token = tokens.access_token.as_ref()?.expose();
        let mut url = endpoint.clone();
        if let Some(option) = row.more_fields.filter(|option| !self.list(option).is_empty()) {
            let fields =
                url.query_pairs().find(|(name, _)| name == "fields").map(|(_, value)| value.into_owned());
            let all =
                fields.into_iter().chain(self.list(option).iter().cloned()).collect::<Vec<_>>().join(",");
            url = with_query(url, &[("fields", &all)]);
        }
        let mut request = match row.send {
            Send::Get => Request::get(url),
            Send::Post => Request { method: Method::Post, ..Request::get(url) },
            Send::PostJson(body) => {
                let post = Request { method: Method::Post, body: Some(body.to_owned()), ..Request::get(url) };
                post.header("content-type", "application/json")
            }
            Send::PostForm => {
                let mut fields = Parameters::default();
                fields.set("access_token", token);
                fields.set("client_id", self.client.id());
                Request::form(url, &fields)
            }
            Send::OpenIdQuery => {
                let openid = tokens.openid.as_deref()?;
                let pairs = [("access_token", token.as_str()), ("openid", openid), ("lang", "zh_CN")];
                Request::get(with_query(url, &pairs))
            }
            Send::AppQuery => {
                let secret = self.client.secret.as_ref()?;
                let app = Secret::new(format!("{}|{}", self.client.id(), secret.expose()));
                Request::get(with_query(url, &[("input_token", token), ("access_token", app.expose())]))
            }
        };
        if matches!(row.send, Send::Get | Send::Post | Send::PostJson(_)) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in row.headers {
            request = request.header(name, *value);
        }
        Some(request)
    }

    /// Reads the profile: `answers` belong to [`Self::profile_calls`], in their order. `None`: there is no profile, or
    /// the provider says that this one must not be used.
    #[must_use]
    pub fn profile(&self, tokens: &Tokens, named: Option<&NamedUser>, answers: &[Answer]) -> Option<Profile> {
        let row = &self.row.profile;
        let calls = self.profile_calls(tokens)?;
        let answer = |role: Role| {
            let at = calls.iter().position(|call| call.role == role)?;
            answers.get(at)
        };
        let json = |role: Role| match answer(role) {
            Some(Answer::Json(value)) => Some(value),
            _ => None,
        };

        let claims = self.claims_as_profile(tokens);
        let from_id_token = claims.is_some();
        let document = match claims {
            Some(claims) => Value::Object(claims),
            None => json(Role::Profile)?.clone(),
        };
        if !row.gates.iter().all(|gate| self.passes(*gate, &document, tokens)) {
            return None;
        }
        if calls.iter().any(|call| call.role == Role::TokenOwner) {
            let owner = self.token_owner(json(Role::TokenOwner)?)?;
            if document.get("id").and_then(Value::as_str) != Some(owner) {
                return None;
            }
        }
        let data = if from_id_token { document } else { document.pointer(row.root)?.clone() };
        if !data.is_object() {
            return None;
        }
        let photo = match answer(Role::Photo) {
            Some(Answer::Bytes(bytes)) => Some(bytes.as_slice()),
            _ => None,
        };
        let documents = Documents {
            data,
            from_id_token,
            named,
            addresses: json(Role::Addresses),
            confirmed: json(Role::ConfirmedAddress),
            photo,
            openid: tokens.openid.as_deref(),
        };
        Some(row.mapping.read(documents, &self.map_profile))
    }

    /// The id token's claims where the profile is read from them.
    fn claims_as_profile(&self, tokens: &Tokens) -> Option<Map<String, Value>> {
        let needed = match self.row.profile.source {
            Source::IdToken => &[],
            Source::IdTokenElseCalls(needed) => needed,
            Source::Calls => return None,
        };
        let claims = claims(tokens)?;
        let holds = |pointer: &str| claims.get(pointer.trim_start_matches('/')).is_some_and(is_truthy);
        needed.iter().all(|pointer| holds(pointer)).then_some(claims)
    }

    fn passes(&self, gate: Gate, document: &Value, tokens: &Tokens) -> bool {
        let at = |pointer: Pointer| document.pointer(pointer);
        match gate {
            Gate::Is(pointer, text) => at(pointer).and_then(Value::as_str) == Some(text),
            Gate::Not(pointer) => !at(pointer).is_some_and(is_truthy),
            Gate::Set(pointer) => at(pointer).is_some_and(is_truthy),
            Gate::Text(pointer) => {
                at(pointer).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
            }
            Gate::SameSubject(pointers) => {
                if tokens.id_token.is_none() {
                    return true;
                }
                let claims = claims(tokens).unwrap_or_default();
                let subject = claims.get("sub").filter(|subject| is_truthy(subject));
                let ours = pointers.iter().find_map(|pointer| at(pointer).filter(|value| !value.is_null()));
                subject.is_some() && subject == ours
            }
            Gate::HostedDomain => {
                let claims = document.as_object();
                claims.is_some_and(|claims| super::ClaimRule::HostedDomain.allows(self, claims))
            }
        }
    }

    /// The user of a token that Facebook calls valid and issued to us.
    fn token_owner<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        let data = answer.get("data")?;
        let text = |name: &str| data.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let is_ours = self.client.ids.iter().any(|id| text("app_id") == Some(id));
        let is_valid = data.get("is_valid") == Some(&Value::Bool(true));
        (is_valid && is_ours).then(|| text("user_id")).flatten()
    }
}

/// The claims of an id token, not verified here.
fn claims(tokens: &Tokens) -> Option<Map<String, Value>> {
    let token = tokens.id_token.as_ref()?.expose();
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    json::parse_object(&base64url::decode(payload)?).ok()
}

/// A picture as the address that upstream stores.
pub(super) fn data_url(bytes: &[u8]) -> String {
    format!("data:image/jpeg;base64, {}", STANDARD.encode(bytes))
}
