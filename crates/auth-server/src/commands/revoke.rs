//! `revoke`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use auth_core::app::{App, Shared};
use auth_core::config::{Config, FeedReaders};
use auth_core::crypto::secrets::Secrets;
use auth_core::revocation::{Outcome, RevokeError, Scope};
use auth_core::store::Store;
use auth_jose::{OsEntropy, SystemClock};

use super::{adopt, or_standard_input, print, settings};
use crate::cli::{Revoke, RevokeUser};
use crate::serve;

pub(super) fn run(config: Config, order: &Revoke) -> Result<ExitCode, String> {
    let url = config.database.url.clone();
    if url.file().is_some_and(|file| !file.exists()) {
        return Err(format!("{url} is not there; run the command with the server's configuration"));
    }
    let text = match order {
        Revoke::User(options) => options.user.clone(),
        Revoke::Session { sid: argument, .. } | Revoke::Token { jti: argument } => {
            or_standard_input(argument.as_deref())?
        }
    };
    // Nothing is signed or opened: public keys are enough, and none is made.
    let secrets = settings::secrets_at_hand(&config).unwrap_or_else(|| Secrets::one(settings::random()));
    // Connections live on the runtime that uses them.
    serve::runtime()?.block_on(async {
        let store = Store::open(&config.database, 1);
        let shape = adopt::examine(&config, &store).await?.shape;
        let mut shared = Shared::new(config, &secrets, Arc::new(SystemClock), Arc::new(OsEntropy))
            .map_err(|error| error.to_string())?;
        shared.shape = shape;
        let app = App::new(Arc::new(shared), store);
        if let Some(keys) = &app.keys {
            keys.reload(&app.store, app.clock.now()).await.map_err(|error| format!("{url}: {error}"))?;
        }
        let outcome = withdraw(&app, order, text.trim()).await.map_err(|error| match error {
            RevokeError::FeedOff => refusal(&app.config, order),
            RevokeError::Failed(error) => format!("{url}: {error}"),
            refused => refused.to_string(),
        })?;
        super::tell_servers(&app).await;
        print(format_args!("{}", report(&app.config, order, &outcome)))
    })
}

async fn withdraw(app: &App, order: &Revoke, text: &str) -> Result<Outcome, RevokeError> {
    let sessions = |only: bool| if only { Scope::Sessions } else { Scope::Everything };
    match order {
        Revoke::User(RevokeUser { tokens_only: true, .. }) => app.revoke_user(text, Scope::Tokens).await,
        Revoke::User(options) => app.revoke_user(text, sessions(options.sessions_only)).await,
        Revoke::Session { sessions_only, .. } => app.revoke_session(text, sessions(*sessions_only)).await,
        Revoke::Token { .. } => app.revoke_token(text).await,
    }
}

fn refusal(config: &Config, order: &Revoke) -> String {
    let mut text = format!(
        "nothing was withdrawn: revocation.feed is off, so nobody would hear of it. Tokens stay good until they expire \
         ({} s here). Set revocation.feed = \"clients\" (or \"public\") and restart the servers: docs/revocation.md.",
        config.jwt.expires_in
    );
    if !matches!(order, Revoke::Token { .. } | Revoke::User(RevokeUser { tokens_only: true, .. })) {
        text.push_str(" To end sessions all the same: --sessions-only.");
    }
    text
}

/// What was done, who hears of it when, and what is left to do.
fn report(config: &Config, order: &Revoke, outcome: &Outcome) -> String {
    let Outcome { what, sessions, kept_until, tokens_end } = outcome;
    let mut text = format!("{what}\n");
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "  {words}");
    };
    if !matches!(order, Revoke::Token { .. } | Revoke::User(RevokeUser { tokens_only: true, .. })) {
        line(format_args!("sessions ended: {sessions}"));
    }
    match kept_until {
        Some(until) if config.revocation.feed != FeedReaders::Nobody => line(format_args!(
            "tokens given out before are withdrawn until {until}: refused within a second where /revocations is read or \
             /introspect is asked, elsewhere when they expire, by {tokens_end}"
        )),
        Some(until) => line(format_args!(
            "tokens given out before are withdrawn until {until} where /introspect is asked; elsewhere they are good until \
             they expire, by {tokens_end}, because revocation.feed is off"
        )),
        None => line(format_args!(
            "tokens given out before are good until they expire, by {tokens_end}: revocation.feed is off"
        )),
    }
    match order {
        Revoke::User(RevokeUser { tokens_only: false, .. }) => {
            if let Some(cache) = &config.session.cookie_cache {
                line(format_args!(
                    "copies of the sessions in cookies can be read for up to {} s",
                    cache.max_age
                ));
            }
            line(format_args!(
                "whoever knows the password, or has an account at a provider that is linked, can sign in again: have the \
                 password reset, and look at what was linked"
            ));
        }
        Revoke::Session { .. } if *sessions == 0 => line(format_args!(
            "the session itself was not found; if it goes on, it ends by its token or cookie, or by `revoke user`"
        )),
        _ => {}
    }
    text
}
