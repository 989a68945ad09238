//! Provider tokens on their way into and out of the database.

use super::provider::Tokens;
use super::store::{ProviderAccount, TokenPatch};
use crate::app::App;
use crate::id::Ids;
use crate::store::types::At;

/// A stored token that cannot be opened with the secrets at hand.
#[derive(Debug)]
pub(super) struct Unreadable;

/// A token as it is stored.
pub(super) fn sealed(app: &App, token: &str) -> String {
    if app.config.account.encrypt_tokens && !token.is_empty() {
        app.social.token_sealer.seal(&*app.entropy, token)
    } else {
        token.to_owned()
    }
}

/// A stored token in clear. Those from before encryption was switched on are clear already.
pub(super) fn opened(app: &App, stored: &str) -> Result<String, Unreadable> {
    if stored.is_empty() || !app.config.account.encrypt_tokens || !looks_sealed(stored) {
        return Ok(stored.to_owned());
    }
    match app.social.token_sealer.open(stored) {
        Ok(token) => Ok(token.expose().clone()),
        Err(error) => {
            tracing::warn!(%error, "a stored provider token cannot be opened");
            Err(Unreadable)
        }
    }
}

/// Upstream's test: hexadecimal, or the prefix of numbered secrets.
fn looks_sealed(text: &str) -> bool {
    text.starts_with("$ba$")
        || text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Tokens as a change of a row; what the provider did not send stays. The scope is not part of it.
pub(super) fn patch(app: &App, tokens: &Tokens) -> TokenPatch {
    TokenPatch {
        access_token: tokens.access_token.as_ref().map(|token| sealed(app, token.expose())),
        refresh_token: tokens.refresh_token.as_ref().map(|token| sealed(app, token.expose())),
        id_token: tokens.id_token.as_ref().map(|token| token.expose().clone()),
        access_token_expires_at: tokens.access_expires_at.map(At),
        refresh_token_expires_at: tokens.refresh_expires_at.map(At),
        scope: None,
    }
}

/// What was granted, as it is stored.
pub(super) fn stored_scope(scopes: &[String]) -> String {
    scopes.join(",")
}

/// The scopes of a row, and those of a new grant that it does not have.
pub(super) fn merged_scope(stored: Option<&str>, granted: &[String]) -> String {
    let mut all: Vec<&str> = Vec::new();
    let stored = stored.unwrap_or_default().split(',');
    for scope in stored.chain(granted.iter().map(String::as_str)).map(str::trim) {
        if !scope.is_empty() && !all.contains(&scope) {
            all.push(scope);
        }
    }
    all.join(",")
}

/// The scopes of a row as a list.
pub(super) fn scopes(row: &ProviderAccount) -> Vec<String> {
    let stored = row.scope.as_deref().unwrap_or_default().split(',').map(str::trim);
    stored.filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// The row as the account cookie holds it.
pub(super) fn row_json(row: &ProviderAccount) -> serde_json::Map<String, serde_json::Value> {
    let at = |at: Option<At>| at.map(|at| at.0.to_iso());
    let json = serde_json::json!({
        "id": row.id,
        "accountId": row.account_id,
        "providerId": row.provider_id,
        "userId": row.user_id,
        "accessToken": row.access_token,
        "refreshToken": row.refresh_token,
        "idToken": row.id_token,
        "accessTokenExpiresAt": at(row.access_token_expires_at),
        "refreshTokenExpiresAt": at(row.refresh_token_expires_at),
        "scope": row.scope,
        "password": null,
        "createdAt": row.created_at.0,
        "updatedAt": row.updated_at.0,
    });
    match json {
        serde_json::Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

/// The row that an account cookie holds.
pub(super) fn row_of_json(
    members: &serde_json::Map<String, serde_json::Value>,
    ids: Ids,
) -> Option<ProviderAccount> {
    use auth_jose::Timestamp;
    let text = |name: &str| members.get(name).and_then(serde_json::Value::as_str);
    let owned = |name: &str| text(name).map(str::to_owned);
    let at = |name: &str| text(name).and_then(Timestamp::parse_iso).map(At);
    Some(ProviderAccount {
        id: ids.parse(text("id")?)?,
        account_id: owned("accountId")?,
        provider_id: owned("providerId")?,
        user_id: ids.parse(text("userId")?)?,
        access_token: owned("accessToken"),
        refresh_token: owned("refreshToken"),
        id_token: owned("idToken"),
        access_token_expires_at: at("accessTokenExpiresAt"),
        refresh_token_expires_at: at("refreshTokenExpiresAt"),
        scope: owned("scope"),
        created_at: at("createdAt")?,
        updated_at: at("updatedAt")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_joined_in_the_order_in_which_they_were_granted() {
        let granted = ["b".to_owned(), " c ".to_owned(), "a".to_owned()];
        assert_eq!(merged_scope(Some("a, b,,d"), &granted), "a,b,d,c");
        assert_eq!(merged_scope(None, &granted), "b,c,a");
        assert_eq!(merged_scope(None, &[]), "");
    }

    #[test]
    fn only_hexadecimal_looks_sealed() {
        for sealed in ["$ba$1$ab", "00ff", "ABCD"] {
            assert!(looks_sealed(sealed), "{sealed}");
        }
        for clear in ["abc", "at-1", "ya29.a0", "0g"] {
            assert!(!looks_sealed(clear), "{clear}");
        }
    }
}
