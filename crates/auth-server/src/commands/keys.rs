//! `keys`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use auth_core::app::{App, Shared};
use auth_core::config::Config;
use auth_core::features::jwt::{KeyInfo, Keyring, Phase, Retired};
use auth_core::store::Store;
use auth_jose::{OsEntropy, SystemClock, Timestamp};

use super::{print, settings};
use crate::cli::Keys;
use crate::serve;

pub(super) fn run(config: Config, order: &Keys) -> Result<ExitCode, String> {
    let secrets = settings::secrets(&config)?;
    let url = config.database.url.to_string();
    let shared = Shared::new(config, &secrets, Arc::new(SystemClock), Arc::new(OsEntropy))
        .map_err(|error| error.to_string())?;
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        let store = Store::open(&shared.config.database, 1);
        let app = App::new(Arc::new(shared), store);
        let Some(keys) = &app.keys else {
            return Err("the jwt plugin is off: this server has no keys".to_owned());
        };
        let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
        let now = app.clock.now();
        if !matches!(order, Keys::List { .. }) {
            // A key that is sealed with a stranger's secret would be of no use to the servers.
            let (sealed, all) = keys.count_sealed(&app.store).await.map_err(|error| failed(&error))?;
            if all > 0 && sealed == all {
                return Err(format!(
                    "{url}: this secret opens none of the {all} stored keys; run the command with the server's configuration"
                ));
            }
        }
        match order {
            Keys::List { all } => {
                keys.reload(&app.store, now).await.map_err(|error| failed(&error))?;
                print(format_args!("{}", table(&keys.keys(now), *all)))
            }
            Keys::Rotate { emergency: false } => {
                let successors = keys.rotate(&app).await.map_err(|error| failed(&error))?;
                let mut text = String::new();
                for key in successors {
                    let _ = writeln!(text, "{} {} is published, and signs from {}", key.alg, key.kid, key.signs_from);
                }
                print(format_args!("{text}"))
            }
            Keys::Rotate { emergency: true } => {
                let revoked = keys.rotate_at_once(&app).await.map_err(|error| failed(&error))?;
                super::tell_servers(&app).await;
                print(format_args!("{}", report(&app, keys, &revoked)))
            }
            Keys::Retire { kid, emergency } => {
                let retired = if *emergency {
                    keys.retire_at_once(&app, kid).await
                } else {
                    keys.retire(&app, kid).await
                };
                let retired = retired.map_err(|error| failed(&error))?;
                if *emergency {
                    super::tell_servers(&app).await;
                }
                match retired {
                    Retired::Unknown => Err(format!("there is no key {kid}; `auth-server keys list` shows them")),
                    Retired::Signs => Err(format!(
                        "{kid} signs the tokens of this server: `auth-server keys rotate` replaces it, and with \
                         --emergency it ends at once"
                    )),
                    Retired::Until(at) => print(format_args!("{kid} signs nothing, and is published until {at}\n")),
                    Retired::Gone if *emergency => print(format_args!("{}", report(&app, keys, std::slice::from_ref(kid)))),
                    Retired::Gone => print(format_args!("{kid} is not published any more\n")),
                }
            }
        }
    })
}

/// What was revoked, what signs instead, and until when others may still believe the old keys.
fn report(app: &App, keys: &Keyring, revoked: &[String]) -> String {
    if revoked.is_empty() {
        return "every key was replaced already, by another order at the same time\n".to_owned();
    }
    let mut text = String::new();
    for kid in revoked {
        let _ = writeln!(text, "revoked {kid}");
    }
    let now = app.clock.now();
    for key in keys.keys(now).iter().filter(|key| key.is_signing) {
        let _ = writeln!(text, "{} {} signs", key.alg, key.kid);
    }
    let jwt = &app.config.jwt;
    let (servers, caches) = (jwt.check_interval, jwt.max_age);
    let _ = writeln!(
        text,
        "Every server follows within {servers} s. Who caches the key set as it says refuses the old keys within {} s from now; \
         docs/keys.md names those that cache longer.",
        servers + caches
    );
    text
}

fn table(keys: &[KeyInfo], all: bool) -> String {
    let mut table = format!(
        "  {:<34}{:<8}{:<11}{:<26}{:<26}{:<26}{:<26}NOTE\n",
        "KID", "ALG", "STATE", "PUBLISHED", "SIGNS FROM", "RETIRES", "GONE"
    );
    let is_shown = |key: &&KeyInfo| all || key.phase != Some(Phase::Gone);
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), Timestamp::to_iso);
    for key in keys.iter().filter(is_shown) {
        let state = key.phase.map_or("published", Phase::as_str);
        let note = match (key.revoked_at.is_some(), &key.unusable) {
            (true, _) => "revoked",
            (false, Some(reason)) if key.phase != Some(Phase::Gone) => reason,
            _ => "",
        };
        let line = format!(
            "{} {:<34}{:<8}{state:<11}{:<26}{:<26}{:<26}{:<26}{note}",
            if key.is_signing { '*' } else { ' ' },
            key.kid,
            key.alg,
            key.published_at.to_iso(),
            time(key.signs_from),
            time(key.retires_at),
            time(key.gone_at),
        );
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}
