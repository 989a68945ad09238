//! Signing out at the provider too (OpenID Connect RP-Initiated Logout 1.0).

use futures_util::future::BoxFuture;
use url::Url;

use super::registry::Live;
use crate::call::Call;
use crate::error::Result;
use crate::features::user::User;
use crate::hooks::LogoutWish;

/// Where a browser goes for that: to the provider of the account that was used last.
pub(super) fn provider_logout<'a>(
    call: &'a Call,
    user: &'a User,
    wish: LogoutWish<'a>,
) -> BoxFuture<'a, Result<Option<String>>> {
    Box::pin(async move {
        let mut accounts = call.app.store.db().await?.list_provider_accounts(&user.id).await?;
        accounts.sort_by_key(|account| std::cmp::Reverse(account.updated_at.0));
        let mut seen: Vec<&str> = Vec::new();
        for account in &accounts {
            if seen.contains(&account.provider_id.as_str())
                || !call.app.social.registry.has(&account.provider_id)
            {
                continue;
            }
            seen.push(&account.provider_id);
            let Some(live) = call.app.social.registry.find(&call.app, &account.provider_id).await else {
                continue;
            };
            if let Some(url) = logout_url(call, &live, account.id_token.as_deref(), wish) {
                return Ok(Some(url));
            }
        }
        Ok(None)
    })
}

fn logout_url(call: &Call, live: &Live, id_token: Option<&str>, wish: LogoutWish<'_>) -> Option<String> {
    let own = live.own.as_ref().filter(|own| !own.settings.disable_provider_logout)?;
    let mut url = own.end_session.clone()?;
    let base = Url::parse(&call.url_of("")).ok();
    let target = wish.target.map(|target| target.as_str().to_owned());
    let target = target.or_else(|| own.settings.post_logout_redirect_uri.clone());
    let target = target.and_then(|target| base?.join(&target).ok());
    let mut params: Vec<(&str, &str)> = Vec::new();
    if let Some(token) = id_token {
        params.push(("id_token_hint", token));
    }
    if let Some(target) = &target {
        params.push(("post_logout_redirect_uri", target.as_str()));
        params.push(("client_id", live.provider.client.id()));
        params.extend(wish.state.map(|state| ("state", state)));
    } else if id_token.is_none() {
        params.push(("client_id", live.provider.client.id()));
    }
    let names: Vec<&str> = params.iter().map(|(name, _)| *name).collect();
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let kept = kept.into_iter().filter(|(name, _)| !names.contains(&name.as_str()));
    url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(params);
    Some(url.into())
}
