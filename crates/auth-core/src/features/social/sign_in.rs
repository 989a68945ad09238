//! `/sign-in/social`, with a redirect or an id token, and `GET /sign-in/<provider>`.

use serde::Serialize;
use serde_json::Value;

use super::codes;
use super::exchange::{self, Checked};
use super::id_token::BadToken;
use super::person::{self, Arrival};
use super::provider::{NamedUser, Tokens};
use super::registry::Live;
use super::start::{Ask, Destination, SentIdToken, Start};
use super::state::{Target, Wish};
use crate::access::Public;
use crate::error::{self, Error, ErrorCode, Result, Status};
use crate::features::user::User;
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;
use auth_jose::Secret;

/// What `/sign-in/social` takes.
pub(super) struct SignInSocial(Start);

impl Input for SignInSocial {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Start::of_sign_in(&mut fields.object()?).map(Self)
    }

    fn sample() -> Value {
        serde_json::json!({ "provider": "google", "callbackURL": "/dashboard" })
    }
}

/// Where to go, or who is signed in.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SignedInSocial {
    /// To the provider.
    Destination(Destination),
    /// An id token was enough.
    Session { redirect: bool, token: String, user: User },
}

impl From<Destination> for SignedInSocial {
    fn from(destination: Destination) -> Self {
        Self::Destination(destination)
    }
}

/// Begins a sign-in with a provider, or ends one with an id token that the client already has.
pub(super) async fn sign_in_social(cx: Public, input: SignInSocial) -> Result<Reply<SignedInSocial>> {
    let SignInSocial(start) = input;
    let live = cx.app.social.registry.find(&cx.app, &start.provider).await;
    let live = live.ok_or_else(|| codes::PROVIDER_NOT_FOUND.with(Status::NotFound))?;
    match &start.id_token {
        Some(sent) => with_id_token(&cx, &live, &start, sent).await,
        None => Ok(start.begin(&cx, &live, None).await?.reply()),
    }
}

async fn with_id_token(
    cx: &Public,
    live: &Live,
    start: &Start,
    sent: &SentIdToken,
) -> Result<Reply<SignedInSocial>> {
    let (tokens, profile, subject) = identify(cx, live, sent).await?;
    let email = profile.email.as_deref().and_then(EmailAddress::parse);
    let email = email.ok_or_else(|| codes::USER_EMAIL_NOT_FOUND.unauthorized())?;
    let rules = live.provider.rules;
    let wants_asking = rules.disable_implicit_sign_up && start.request_sign_up != Some(true);
    let arrival = Arrival {
        live,
        // Upstream stores no refresh token here.
        tokens: &Tokens { refresh_token: None, ..tokens },
        profile: &profile,
        subject: &subject,
        email: &email,
        scopes: None,
        target: start.callback_url.as_ref(),
        may_sign_up: !rules.disable_sign_up && !wants_asking,
        overwrites: false,
    };
    match person::sign_in(cx, &arrival).await? {
        Ok(arrived) => {
            let token = arrived.session.token().to_owned();
            Ok(Reply::ok(SignedInSocial::Session { redirect: false, token, user: arrived.user }))
        }
        Err(code) if code == codes::EMAIL_NOT_VERIFIED_YET => Err(codes::EMAIL_NOT_VERIFIED.forbidden()),
        Err(code) => Err(codes::OAUTH_LINK_ERROR.unauthorized().saying(code.message)),
    }
}

/// Who an id token is about, if it is good. The refusals are the same for a sign-in and a link.
pub(super) async fn identify(
    cx: &crate::call::Call,
    live: &Live,
    sent: &SentIdToken,
) -> Result<(Tokens, super::provider::Profile, String)> {
    let unsupported = || codes::ID_TOKEN_NOT_SUPPORTED.with(Status::NotFound);
    let verifier = live.id_tokens.as_ref().filter(|_| !live.provider.rules.disable_id_token_sign_in);
    let verifier = verifier.ok_or_else(unsupported)?;
    let (provider, outbound) = (&live.provider, &cx.app.social.outbound);
    let nobody = || codes::FAILED_TO_GET_USER_INFO.unauthorized();
    match verifier.verify(provider, outbound, &sent.token, sent.nonce.as_deref()).await {
        Ok(()) => {}
        Err(BadToken::NoSubject) => return Err(nobody()),
        Err(BadToken::Invalid) => return Err(codes::INVALID_TOKEN.unauthorized()),
    }
    let secret = |text: &Option<String>| text.as_deref().map(Secret::from);
    let tokens = Tokens {
        access_token: secret(&sent.access_token),
        refresh_token: secret(&sent.refresh_token),
        id_token: Some(Secret::from(sent.token.as_str())),
        ..Tokens::default()
    };
    let named: Option<NamedUser> = sent.user.clone().and_then(|user| serde_json::from_value(user).ok());
    let profile = exchange::profile(&cx.app, live, &tokens, Checked::Before, named.as_ref()).await;
    let profile = profile.ok_or_else(nobody)?;
    if profile.email.is_none() {
        return Err(codes::USER_EMAIL_NOT_FOUND.unauthorized());
    }
    let subject = profile.subject.clone().filter(|subject| !subject.trim().is_empty());
    let subject = subject.ok_or_else(nobody)?;
    Ok((tokens, profile, subject))
}

/// What `GET /sign-in/<provider>` takes.
pub(super) struct SignInProvider {
    provider: String,
    callback_url: Option<RedirectTarget>,
    new_user_url: Option<RedirectTarget>,
    error_url: Option<RedirectTarget>,
}

impl Input for SignInProvider {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let provider = fields.path_parameter().to_owned();
        let mut target = |name: &str, code: ErrorCode| fields.query_redirect(name, code);
        let callback = target("callbackURL", error::codes::INVALID_CALLBACK_URL);
        let new_user = target("newUserCallbackURL", error::codes::INVALID_NEW_USER_CALLBACK_URL);
        let error = target("errorCallbackURL", error::codes::INVALID_ERROR_CALLBACK_URL);
        Some(Self { provider, callback_url: callback?, new_user_url: new_user?, error_url: error? })
    }

    fn sample() -> Value {
        serde_json::json!({ "callbackURL": "/dashboard" })
    }
}

/// Leads a browser to the provider: a plain link can begin a sign-in. Upstream has no such endpoint.
pub(super) async fn sign_in_provider(cx: Public, input: SignInProvider) -> Result<Reply<()>> {
    if !cx.app.social.registry.has(&input.provider) {
        return Err(Error::NoRoute);
    }
    let live = cx.app.social.registry.find(&cx.app, &input.provider).await;
    let live = live.ok_or_else(|| codes::PROVIDER_NOT_FOUND.with(Status::NotFound))?;
    let wish = Wish {
        callback_url: input.callback_url,
        new_user_url: input.new_user_url.map(Target::To),
        error_url: input.error_url.map(Target::To),
        ..Wish::default()
    };
    let url = Ask::default().begin(&cx, &live, wish).await?;
    Ok(Reply::ready(Response::redirect(url)))
}
