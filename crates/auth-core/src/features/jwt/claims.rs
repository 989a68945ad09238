//! The claims of a user's token (RFC 7519): the user, as upstream writes it, and the registered claims.

use serde::Serialize;

use crate::call::Call;
use crate::crypto::random;
use crate::features::user::{User, UserView};

#[derive(Debug, Serialize)]
pub(super) struct UserClaims<'a> {
    #[serde(flatten)]
    user: UserView<'a>,
    iat: i64,
    exp: i64,
    iss: &'a str,
    aud: Audience<'a>,
    sub: &'a str,
    /// Ours: names the token for revocation lists and logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Many(&'a [String]),
}

impl<'a> UserClaims<'a> {
    pub(super) fn new(call: &'a Call, user: &'a User) -> Self {
        let config = &call.app.config;
        let iat = call.now.seconds();
        Self {
            user: user.view(),
            iat,
            exp: iat.saturating_add(config.jwt.expires_in),
            iss: &config.jwt.issuer,
            aud: match config.jwt.audience.as_slice() {
                [one] => Audience::One(one),
                many => Audience::Many(many),
            },
            sub: user.id.as_str(),
            jti: (!config.upstream_exact).then(|| random::alphanumeric(&*call.app.entropy, "jwt-id", 22)),
        }
    }
}
