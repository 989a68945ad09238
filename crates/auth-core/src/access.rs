//! Who may call an endpoint: the type of its first argument.
//!
//! An endpoint that forgets to ask has nothing to work on: the session and the user come out of the access
//! type, and out of nothing else.

use std::future::Future;
use std::ops::Deref;

use auth_jose::bearer::{self, Refusal};
use auth_s2s::VerifiedService;

use crate::call::Call;
use crate::error::{Error, Result, Status};
use crate::features::services;
use crate::features::session::{self, Resolved, Session, Source, Writes, codes};
use crate::features::user::User;

/// Who may call.
pub trait Access: Sized + Send + 'static {
    /// The name in `docs/endpoints.md`.
    const NAME: &'static str;

    /// Lets the call in, or refuses it.
    fn admit(call: Call) -> impl Future<Output = Result<Self>> + Send;
}

/// Anybody.
pub struct Public(Call);

impl Access for Public {
    const NAME: &'static str = "public";

    async fn admit(call: Call) -> Result<Self> {
        Ok(Self(call))
    }
}

impl Deref for Public {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.0
    }
}

/// A caller with a live session; where a copy in a cookie is believed, one that was live a short while ago.
pub struct SignedIn {
    call: Call,
    /// The session, extended already if it was due.
    pub session: Session,
    /// Its user.
    pub user: User,
}

impl Access for SignedIn {
    const NAME: &'static str = "session";

    async fn admit(call: Call) -> Result<Self> {
        Self::read_from(call, Source::Cache).await
    }
}

impl SignedIn {
    async fn read_from(call: Call, source: Source) -> Result<Self> {
        match session::resolve(&call, source, Writes::Usual).await? {
            Some(Resolved { session, user, .. }) => Ok(Self { call, session, user }),
            None => Err(codes::UNAUTHORIZED.unauthorized()),
        }
    }
}

impl Deref for SignedIn {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

/// A caller with a live session that was read from the database, never from its copy in a cookie.
pub struct Sensitive(SignedIn);

impl Access for Sensitive {
    const NAME: &'static str = "session, from the database";

    async fn admit(call: Call) -> Result<Self> {
        SignedIn::read_from(call, Source::Database).await.map(Self)
    }
}

impl Deref for Sensitive {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

/// As [`Sensitive`], for the endpoints that upstream lets refuse without a body.
pub struct SensitiveSilent(SignedIn);

impl Access for SensitiveSilent {
    const NAME: &'static str = "session, from the database; 401 without a body";

    async fn admit(call: Call) -> Result<Self> {
        match SignedIn::read_from(call, Source::Database).await {
            Ok(cx) => Ok(Self(cx)),
            Err(Error::Api { status: Status::Unauthorized, code, .. }) => {
                Err(code.silent(Status::Unauthorized))
            }
            Err(error) => Err(error),
        }
    }
}

impl Deref for SensitiveSilent {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

/// A caller whose session, read from the database, was made less than `session.freshAge` ago.
pub struct Fresh(SignedIn);

impl Access for Fresh {
    const NAME: &'static str = "fresh session";

    async fn admit(call: Call) -> Result<Self> {
        let cx = SignedIn::read_from(call, Source::Checked).await?;
        if !cx.session.is_fresh(&cx) {
            return Err(codes::SESSION_NOT_FRESH.forbidden());
        }
        Ok(Self(cx))
    }
}

impl Deref for Fresh {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

/// A registered service, by its token in `Authorization`, whose audience is this server (`service:auth`). It has the
/// scopes that its token names.
pub struct FromService {
    call: Call,
    /// Who calls.
    pub caller: VerifiedService,
}

impl Access for FromService {
    const NAME: &'static str = "service";

    async fn admit(call: Call) -> Result<Self> {
        match called_by(&call) {
            Ok(caller) => Ok(Self { call, caller }),
            Err(refusal) => {
                if let Some(challenge) = refusal.challenge() {
                    call.out.header("WWW-Authenticate", challenge);
                }
                Err(services::codes::SERVICE_TOKEN_REQUIRED.unauthorized())
            }
        }
    }
}

impl Deref for FromService {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

fn called_by(call: &Call) -> std::result::Result<VerifiedService, Refusal> {
    let headers = call.request.headers.iter().filter(|(name, _)| name == "authorization");
    let token = bearer::token(headers.map(|(_, value)| value.as_bytes()))?;
    call.app.services.verify(token, call.now).map_err(|refused| {
        tracing::debug!(code = refused.code(), "service token refused: {refused}");
        refused.into()
    })
}
