//! What operators withdraw by hand: everything of a user, a session, a token.

use auth_jose::Timestamp;
use serde_json::Value;

use super::{Claims, MARGIN_SECONDS, Revoked, Withdrawn, sid};
use crate::app::App;
use crate::error::{Error, Result as Answer};
use crate::features::session::Session;
use crate::features::user::User;
use crate::inspect::{Inspector, session_token_in};
use crate::store::{Db, StoreError};
use crate::wire::email::EmailAddress;

/// Longer names are not ours.
const LONGEST_NAME: usize = 255;

/// What ends of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The sessions, and the tokens that were had with them.
    Everything,
    /// The sessions; their tokens too where that is written down, but that is not asked for.
    Sessions,
    /// The tokens: whoever is signed in gets new ones.
    Tokens,
}

/// What an order has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was named, in words.
    pub what: String,
    /// How many sessions have ended that were alive.
    pub sessions: usize,
    /// Until when the withdrawal is kept; nothing when none was written.
    pub kept_until: Option<Timestamp>,
    /// When the last token that was given out before has expired.
    pub tokens_end: Timestamp,
}

/// Why nothing was withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// Nobody may ask what is withdrawn, so nothing is written down.
    #[error("revocation.feed is off")]
    FeedOff,
    /// There is nobody of that id or address.
    #[error("there is no user with the id or address {0}")]
    NoUser(String),
    /// There is no such session.
    #[error("the database has no such session: it has ended, or is another server's")]
    NoSession,
    /// What was given is no name that we give.
    #[error("{0}")]
    NotOurs(String),
    /// The database.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for RevokeError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

type Result<T> = std::result::Result<T, RevokeError>;

impl App {
    /// Ends the sessions of a user, named by id or address, and withdraws their tokens.
    ///
    /// # Errors
    /// When there is nobody of that name, or tokens are to be withdrawn that nobody would hear of.
    pub async fn revoke_user(&self, name: &str, scope: Scope) -> Result<Outcome> {
        self.require_feed(scope)?;
        let now = self.clock.now();
        let user = self.user_named(name).await?.ok_or_else(|| RevokeError::NoUser(name.to_owned()))?;
        let mut tx = self.store.begin().await?;
        // Whoever signs in meanwhile is waited for, or waits.
        tx.lock_user(&user.id).await?;
        let (mut sessions, mut ended) = (0, Withdrawn::default());
        if scope != Scope::Tokens {
            sessions = tx.list_sessions(&user.id, now, &self.config.fields.session).await?.len();
            ended = tx.delete_sessions(&user.id).await?;
        }
        let ended = ended.and([Revoked::tokens_of(&self.config, &user, now)]);
        self.commit_withdrawn(tx, ended, now).await?;
        let (id, email) = (&user.id, &user.email);
        tracing::info!(user = %id, sessions, "an operator has ended what a user had");
        Ok(self.outcome(format!("user {id} ({email})"), sessions, now))
    }

    /// Ends a session and withdraws its tokens. It is named by its token or cookie, by a JWT of it, or by the claim
    /// `sid`, which alone does not find the session itself.
    ///
    /// # Errors
    /// When it is not known, or tokens are to be withdrawn that nobody would hear of.
    pub async fn revoke_session(&self, text: &str, scope: Scope) -> Result<Outcome> {
        self.require_feed(scope)?;
        let now = self.clock.now();
        let (token, name) = match self.session_meant(text, now).await? {
            Meant::Token(token) => (Some(token), None),
            Meant::Name { sid, session } => (session.map(|session| session.token().to_owned()), Some(sid)),
        };
        let mut tx = self.store.begin().await?;
        let mut sessions = 0;
        let mut ended = Withdrawn::default();
        if let Some(token) = &token {
            let found = tx.find_session(token, &self.config.fields).await?;
            sessions = usize::from(found.as_ref().is_some_and(|(session, _)| session.expires_at.0 > now));
            ended = tx.delete_session(token).await?;
            if found.is_none() && name.is_none() {
                tx.rollback().await?;
                return Err(RevokeError::NoSession);
            }
        }
        let sid = name.or_else(|| token.as_deref().map(sid)).unwrap_or_default();
        if ended.0.is_empty() {
            // Its row is gone, but tokens of it may be left.
            ended = ended.and([Revoked::Session(sid.clone())]);
        }
        self.commit_withdrawn(tx, ended, now).await?;
        Ok(self.outcome(format!("session with the sid {sid}"), sessions, now))
    }

    /// Withdraws a token, which is given itself or by its claim `jti`.
    ///
    /// # Errors
    /// When it is none of ours, or nobody would hear of it.
    pub async fn revoke_token(&self, text: &str) -> Result<Outcome> {
        self.require_feed(Scope::Tokens)?;
        let now = self.clock.now();
        let jti = if is_jwt(text) {
            let token = self.inspector(now).good_token(text).map_err(RevokeError::NotOurs)?;
            let jti = token.raw_claims().get("jti").and_then(Value::as_str).map(str::to_owned);
            jti.ok_or_else(|| RevokeError::NotOurs("the token has no jti: end its session".to_owned()))?
        } else {
            text.to_owned()
        };
        if !is_name(&jti) {
            return Err(RevokeError::NotOurs("this is no JWT, and no jti either".to_owned()));
        }
        self.revoke(vec![Revoked::Token(jti.clone())], now).await?;
        Ok(self.outcome(format!("token with the jti {jti}"), 0, now))
    }

    /// The live session whose tokens have this `sid` and subject, where the subject tells whose it is.
    pub(crate) async fn session_of(&self, sub: &str, name: &str, now: Timestamp) -> Answer<Option<Session>> {
        let Some(user) = self.user_of_subject(sub).await? else { return Ok(None) };
        let mut db = self.store.db().await?;
        let sessions = db.list_sessions(&user.id, now, &self.config.fields.session).await?;
        Ok(sessions.into_iter().find(|session| sid(session.token()) == name))
    }

    fn require_feed(&self, scope: Scope) -> Result<()> {
        if scope != Scope::Sessions && !self.config.revocation.is_on() {
            return Err(RevokeError::FeedOff);
        }
        Ok(())
    }

    fn outcome(&self, what: String, sessions: usize, now: Timestamp) -> Outcome {
        let tokens_end = now.plus_seconds(self.config.longest_token());
        let kept_until = self.config.revocation.is_on().then(|| tokens_end.plus_seconds(MARGIN_SECONDS));
        Outcome { what, sessions, kept_until, tokens_end }
    }

    fn inspector(&self, now: Timestamp) -> Inspector<'_> {
        Inspector { app: self, secrets: None, has_database: true, now }
    }

    async fn session_meant(&self, text: &str, now: Timestamp) -> Result<Meant> {
        if let Some(token) = session_token_in(self, text) {
            return Ok(Meant::Token(token));
        }
        if is_jwt(text) {
            let token = self.inspector(now).own_token(text).map_err(RevokeError::NotOurs)?;
            let claims = Claims::of(&token);
            let name =
                claims.sid.ok_or_else(|| RevokeError::NotOurs("the token has no sid".to_owned()))?.to_owned();
            let session = self.session_of(claims.sub, &name, now).await?;
            return Ok(Meant::Name { sid: name, session });
        }
        if !is_name(text) {
            return Err(RevokeError::NotOurs("this is no session token, cookie, JWT or sid".to_owned()));
        }
        Ok(Meant::Name { sid: text.to_owned(), session: None })
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>> {
        let mut db = self.store.db().await?;
        if let Some(id) = self.parse_id(name)
            && let Some(user) = db.find_user(&id, &self.config.fields.user).await?
        {
            return Ok(Some(user));
        }
        by_address(&mut db, self, name).await.map_err(RevokeError::from)
    }

    async fn user_of_subject(&self, sub: &str) -> Answer<Option<User>> {
        let mut db = self.store.db().await?;
        Ok(match self.config.jwt.subject.as_deref() {
            None | Some("id") => match self.parse_id(sub) {
                Some(id) => db.find_user(&id, &self.config.fields.user).await?,
                None => None,
            },
            Some("email") => by_address(&mut db, self, sub).await?,
            // Others need not be unique.
            Some(_) => None,
        })
    }
}

/// Which session is meant.
enum Meant {
    Token(String),
    Name { sid: String, session: Option<Session> },
}

async fn by_address(db: &mut Db, app: &App, text: &str) -> crate::store::Result<Option<User>> {
    match EmailAddress::parse(text) {
        Some(email) => db.find_user_by_email(&email, &app.config.fields.user).await,
        None => Ok(None),
    }
}

fn is_jwt(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Whether this may be the `jti` or `sid` of a token.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(|byte| byte.is_ascii_graphic())
}
