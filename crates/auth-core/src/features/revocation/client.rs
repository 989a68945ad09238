//! Services that prove who they are: with a name and a secret (HTTP Basic, RFC 6749, section 2.3.1), or with a token of
//! their own, if they are registered.

use std::ops::Deref;

use auth_jose::bearer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::codes;
use crate::access::Access;
use crate::call::Call;
use crate::config::{Config, FeedReaders};
use crate::error::{Error, Result, Status};
use crate::wire::query;

/// Whoever may read the list of what is withdrawn.
pub(super) struct FeedReader(Call);

impl Access for FeedReader {
    const NAME: &'static str = "service, or anybody (`revocation.feed`)";

    async fn admit(call: Call) -> Result<Self> {
        match call.app.config.revocation.feed {
            FeedReaders::Anybody => Ok(Self(call)),
            FeedReaders::Clients => ServiceClient::admit(call).await.map(|client| Self(client.0)),
            FeedReaders::Nobody => Err(Error::NoRoute),
        }
    }
}

impl Deref for FeedReader {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.0
    }
}

/// A service that is known.
pub(super) struct ServiceClient(Call);

impl Access for ServiceClient {
    const NAME: &'static str = "service, by secret or token";

    async fn admit(call: Call) -> Result<Self> {
        let header = call.request.header("authorization");
        let known = header.and_then(|header| known_client(&call.app.config, &header));
        match known.or_else(|| registered_service(&call)) {
            Some(name) => {
                tracing::debug!(client = name, "a service asks about a token");
                Ok(Self(call))
            }
            None => Err(Error::OAuth { status: Status::Unauthorized, code: codes::INVALID_CLIENT }),
        }
    }
}

impl Deref for ServiceClient {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.0
    }
}

fn registered_service(call: &Call) -> Option<String> {
    let headers = call.request.headers.iter().filter(|(name, _)| name == "authorization");
    let token = bearer::token(headers.map(|(_, value)| value.as_bytes())).ok()?;
    let caller = call.app.services.verify(token, call.now).ok()?;
    Some(caller.service().to_string())
}

fn known_client(config: &Config, header: &str) -> Option<String> {
    let (scheme, credentials) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (name, secret) = credentials.split_once(':')?;
    // Clients that follow the letter of RFC 6749 encode both as forms do; most do not.
    check(config, name, secret).or_else(|| check(config, &decoded(name)?, &decoded(secret)?))
}

fn decoded(text: &str) -> Option<String> {
    let form = query::form(format!("v={text}").as_bytes());
    form.get("v")?.as_str().map(str::to_owned)
}

/// Digests are compared, so that neither a name's being known nor a secret's length shows in the time.
fn check(config: &Config, name: &str, secret: &str) -> Option<String> {
    let expected = config.revocation.clients.iter().find(|(known, _)| known == name);
    let expected = expected.map(|(_, secret)| secret.expose().as_str());
    let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text));
    let is_equal = bool::from(digest(expected.unwrap_or_default()).ct_eq(&digest(secret)));
    (is_equal && expected.is_some()).then(|| name.to_owned())
}
