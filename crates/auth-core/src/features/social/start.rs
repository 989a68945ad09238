//! What `/sign-in/social` and `/link-social` take, and the address that they answer with.

use serde::Serialize;
use serde_json::{Map, Value};

use super::provider::AuthorizeAsk;
use super::registry::Live;
use super::state::{self, LinkTo, Target, Wish};
use crate::call::Call;
use crate::error::Result;
use crate::input::Object;
use crate::reply::Reply;
use crate::wire::origin::RedirectTarget;

/// Parameters of the authorization request that nobody chooses.
const RESERVED: [&str; 8] = [
    "state",
    "client_id",
    "redirect_uri",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "scope",
];

/// What begins a sign-in or link.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) provider: String,
    pub(super) callback_url: Option<RedirectTarget>,
    pub(super) new_user_url: Option<Target>,
    pub(super) error_url: Option<Target>,
    pub(super) stays: bool,
    pub(super) id_token: Option<SentIdToken>,
    pub(super) scopes: Vec<String>,
    pub(super) request_sign_up: Option<bool>,
    pub(super) rest: Rest,
}

/// An id token that a client has from the provider.
#[derive(Debug, Default)]
pub(super) struct SentIdToken {
    pub(super) token: String,
    pub(super) nonce: Option<String>,
    pub(super) access_token: Option<String>,
    pub(super) refresh_token: Option<String>,
    /// The provider's words on the user, which come beside the token.
    pub(super) user: Option<Value>,
}

/// `{url, redirect}`.
#[derive(Debug, Serialize)]
pub(super) struct Destination {
    pub(super) url: String,
    pub(super) redirect: bool,
}

impl Start {
    /// Reads the members of `/sign-in/social`, in upstream's order.
    pub(super) fn of_sign_in(body: &mut Object<'_, '_>) -> Option<Self> {
        let callback = body.optional_redirect("callbackURL");
        let new_user = target(body, "newUserCallbackURL");
        let error = target(body, "errorCallbackURL");
        let provider = body.string_of_union("provider");
        let stays = body.optional_bool("disableRedirect");
        let id_token = SentIdToken::of_sign_in(body);
        let scopes = body.optional_texts("scopes");
        let sign_up = body.optional_bool("requestSignUp");
        let rest = Rest::read(body);
        Some(Self {
            provider: provider?.to_owned(),
            callback_url: callback?,
            new_user_url: new_user?,
            error_url: error?,
            stays: stays?.unwrap_or_default(),
            id_token: id_token?,
            scopes: scopes?.unwrap_or_default(),
            request_sign_up: sign_up?,
            rest: rest?,
        })
    }

    /// Reads the members of `/link-social`, in upstream's order.
    pub(super) fn of_link(body: &mut Object<'_, '_>) -> Option<Self> {
        let callback = body.optional_redirect("callbackURL");
        let provider = body.string_of_union("provider");
        let id_token = SentIdToken::of_link(body);
        let sign_up = body.optional_bool("requestSignUp");
        let scopes = body.optional_texts("scopes");
        let error = target(body, "errorCallbackURL");
        let stays = body.optional_bool("disableRedirect");
        let rest = Rest::read(body);
        Some(Self {
            provider: provider?.to_owned(),
            callback_url: callback?,
            new_user_url: None,
            error_url: error?,
            stays: stays?.unwrap_or_default(),
            id_token: id_token?,
            scopes: scopes?.unwrap_or_default(),
            request_sign_up: sign_up?,
            rest: rest?,
        })
    }

    /// Remembers what is wanted, and says where the browser has to go for it.
    pub(super) async fn begin(self, call: &Call, live: &Live, link: Option<LinkTo>) -> Result<Destination> {
        let wish = Wish {
            additional: self.rest.data,
            callback_url: self.callback_url,
            error_url: self.error_url,
            new_user_url: self.new_user_url,
            link,
            request_sign_up: self.request_sign_up,
        };
        let ask = Ask {
            scopes: &self.scopes,
            login_hint: self.rest.login_hint.as_deref(),
            params: &self.rest.params,
        };
        Ok(Destination { url: ask.begin(call, live, wish).await?, redirect: !self.stays })
    }
}

/// What a sign-in adds to the authorization request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    pub(super) scopes: &'a [String],
    pub(super) login_hint: Option<&'a str>,
    pub(super) params: &'a [(String, String)],
}

impl Ask<'_> {
    /// Remembers a sign-in; the provider's address for it.
    pub(super) async fn begin(&self, call: &Call, live: &Live, wish: Wish) -> Result<String> {
        let begun = state::begin(call, live.id(), live.wants_nonce(), wish).await?;
        let ask = AuthorizeAsk {
            state: &begun.state,
            code_verifier: &begun.code_verifier,
            redirect_uri: &callback_address(call, live.id()),
            scopes: self.scopes,
            login_hint: self.login_hint,
            nonce: begun.nonce.as_deref(),
            params: self.params,
        };
        let needs_openid = live.own.as_ref().is_some_and(|own| own.is_oidc);
        let mut asked = self.scopes.iter().chain(&live.provider.scopes);
        if !needs_openid || asked.any(|scope| scope == "openid") {
            return Ok(live.provider.authorize_url(&ask).into());
        }
        let mut provider = live.provider.clone();
        provider.scopes.insert(0, "openid".to_owned());
        provider.default_scopes = 1;
        Ok(provider.authorize_url(&ask).into())
    }
}

/// Our callback for a provider.
pub(super) fn callback_address(call: &Call, provider: &str) -> String {
    call.url_of(&format!("/callback/{provider}"))
}

impl Destination {
    /// The answer, which a browser that posted a form would follow.
    pub(super) fn reply<T: Serialize + From<Self>>(self) -> Reply<T> {
        let location = self.redirect.then(|| self.url.clone());
        let reply = Reply::ok(T::from(self));
        match location {
            Some(location) => reply.header("Location", location),
            None => reply,
        }
    }
}

/// The last members of both.
#[derive(Debug, Default)]
pub(super) struct Rest {
    login_hint: Option<String>,
    params: Vec<(String, String)>,
    data: Map<String, Value>,
}

impl Rest {
    fn read(body: &mut Object<'_, '_>) -> Option<Self> {
        let hint = body.optional_string("loginHint");
        let params = body.optional_text_record("additionalParams");
        if let Some(Some(params)) = &params
            && params.iter().any(|(name, _)| RESERVED.contains(&name.as_str()))
        {
            let names = RESERVED.join(", ");
            let issue = format!("additionalParams cannot include reserved OAuth parameters: {names}");
            body.issue("additionalParams", &issue);
        }
        let data = body.optional_record("additionalData");
        Some(Self {
            login_hint: hint?.map(str::to_owned),
            params: params?.unwrap_or_default(),
            data: data?.cloned().unwrap_or_default(),
        })
    }
}

impl SentIdToken {
    fn of_link(body: &mut Object<'_, '_>) -> Option<Option<Self>> {
        let Some(mut sent) = body.optional_object("idToken")? else { return Some(None) };
        Self::tokens(&mut sent).map(Some)
    }

    fn of_sign_in(body: &mut Object<'_, '_>) -> Option<Option<Self>> {
        let Some(mut sent) = body.optional_object("idToken")? else { return Some(None) };
        let tokens = Self::tokens(&mut sent);
        let expires_at = sent.optional_number("expiresAt");
        let user = sent.optional_record("user");
        if let Some(mut user) = sent.optional_object("user")? {
            if let Some(mut name) = user.optional_object("name")? {
                name.optional_string("firstName");
                name.optional_string("lastName");
            }
            user.optional_string("email");
        }
        expires_at?;
        Some(Some(Self { user: user?.cloned().map(Value::Object), ..tokens? }))
    }

    fn tokens(sent: &mut Object<'_, '_>) -> Option<Self> {
        let (token, nonce) = (sent.string("token"), sent.optional_string("nonce"));
        let (access, refresh) = (sent.optional_string("accessToken"), sent.optional_string("refreshToken"));
        let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self {
            token: token?.to_owned(),
            nonce: owned(nonce?),
            access_token: owned(access?),
            refresh_token: owned(refresh?),
            user: None,
        })
    }
}

/// A target that may be sent as nothing, which upstream remembers too.
fn target(body: &mut Object<'_, '_>, name: &str) -> Option<Option<Target>> {
    let (sent, target) = (body.optional_string(name)?, body.optional_redirect(name)?);
    Some(target.map(Target::To).or(sent.map(|_| Target::Empty)))
}
