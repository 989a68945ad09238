//! The calls to a provider: a code becomes tokens, tokens are renewed, tokens become a profile.

use auth_jose::Timestamp;
use serde_json::Value;

use super::generic;
use super::id_token::claims;
use super::outbound::{NamedBy, OutboundError};
use super::provider::{Answer, CodeAsk, Method, NamedUser, Profile, Request, Tokens};
use super::registry::{Live, OwnRules};
use crate::app::App;

/// How much of an id token is checked before its claims are believed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Checked<'a> {
    /// Everything, and this nonce.
    With(Option<&'a str>),
    /// It was checked a moment ago, or when it was stored.
    Before,
}

/// The tokens for a code. Nothing: the provider does not give any.
pub(super) async fn code(app: &App, live: &Live, ask: &CodeAsk<'_>, now: Timestamp) -> Option<Tokens> {
    let request = live.provider.token_request(ask);
    // An answer that is no JSON holds no tokens, and so no profile: upstream says the latter.
    tokens(app, live, request, now, Some(Value::Object(serde_json::Map::new()))).await
}

/// New tokens for a refresh token. Nothing: the provider does not give any.
pub(super) async fn refresh(app: &App, live: &Live, refresh_token: &str, now: Timestamp) -> Option<Tokens> {
    let request = live.provider.refresh_request(refresh_token)?;
    tokens(app, live, request, now, None).await
}

async fn tokens(
    app: &App,
    live: &Live,
    request: Request,
    now: Timestamp,
    instead_of_other_text: Option<Value>,
) -> Option<Tokens> {
    let answer = match app.social.outbound.json(request, live.named_by).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(provider = live.id(), %error, "the provider gave no tokens");
            if !matches!(error, OutboundError::NotJson) {
                return None;
            }
            instead_of_other_text?
        }
    };
    let mut tokens = live.provider.read_tokens(&answer, now)?;
    if tokens.access_expires_at.is_none()
        && let Some(own) = &live.own
        && let Some(lifetime) = own.settings.access_token_expires_in
    {
        tokens.access_expires_at = Some(now.plus_seconds(lifetime));
    }
    Some(tokens)
}

/// Who the tokens are about. Nothing: the provider does not say, or says what must not be believed.
pub(super) async fn profile(
    app: &App,
    live: &Live,
    tokens: &Tokens,
    checked: Checked<'_>,
    named: Option<&NamedUser>,
) -> Option<Profile> {
    // Upstream believes the id tokens of its built-in providers here, because they came from the provider itself.
    let is_checked = live.signs_id_tokens && (live.own.is_some() || !app.config.upstream_exact);
    if let (Checked::With(nonce), Some(token), true) = (checked, &tokens.id_token, is_checked) {
        // No verifier, no profile: a setting that is wrong must not switch the check off.
        let verifier = live.id_tokens.as_ref()?;
        verifier.verify(&live.provider, &app.social.outbound, token.expose(), nonce).await.ok()?;
    }
    match &live.own {
        Some(own) => own_profile(app, live, own, tokens).await,
        None => built_in_profile(app, live, tokens, named).await,
    }
}

async fn own_profile(app: &App, live: &Live, own: &OwnRules, tokens: &Tokens) -> Option<Profile> {
    if own.settings.require_id_token && tokens.id_token.is_none() {
        return None;
    }
    if let Some(profile) = generic::profile_of_id_token(own, tokens) {
        return Some(profile);
    }
    let (url, named_by) = own.user_info.clone()?;
    let token = tokens.access_token.as_ref()?.expose();
    let headers = vec![("authorization", format!("Bearer {token}"))];
    let request = Request { method: Method::Get, url, headers, body: None };
    let answer = ask(app, live, request, named_by).await?;
    // The two have to be about the same person (OpenID Connect Core 1.0, section 5.3.2).
    let claimed = tokens.id_token.as_ref().and_then(|token| claims(token.expose()));
    let claimed = claimed.as_ref().and_then(|claims| claims.get("sub"));
    if claimed.is_some() && own.is_oidc && claimed != answer.get("sub") {
        tracing::warn!(provider = live.id(), "the profile is about somebody else than the id token");
        return None;
    }
    generic::profile_of_answer(own, answer)
}

async fn built_in_profile(
    app: &App,
    live: &Live,
    tokens: &Tokens,
    named: Option<&NamedUser>,
) -> Option<Profile> {
    let mut answers = Vec::new();
    for call in live.provider.profile_calls(tokens)? {
        let is_needed = call.is_needed();
        let answer = match app.social.outbound.send(call.request, live.named_by).await {
            Ok(fetched) => match fetched.json() {
                Ok(value) => Answer::Json(value),
                Err(_) => Answer::Bytes(fetched.body),
            },
            Err(error) => {
                tracing::warn!(provider = live.id(), %error, "the provider gave no profile");
                Answer::Failed
            }
        };
        if is_needed && matches!(answer, Answer::Failed) {
            return None;
        }
        answers.push(answer);
    }
    live.provider.profile(tokens, named, &answers)
}

async fn ask(app: &App, live: &Live, request: Request, named_by: NamedBy) -> Option<Value> {
    match app.social.outbound.json(request, named_by).await {
        Ok(answer) => Some(answer),
        Err(error) => {
            tracing::warn!(provider = live.id(), %error, "the provider gave no profile");
            None
        }
    }
}
