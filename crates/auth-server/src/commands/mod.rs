//! The commands, one module each.

pub(crate) mod adopt;
mod gen_error_code;
mod gen_secret;
mod generate;
mod mail;
mod settings;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use auth_core::app::Shared;
use auth_core::config::Config;
use auth_core::store::Store;
use auth_core::store::migrate::Mode;
use auth_jose::{OsEntropy, SystemClock};

use crate::cli::{Cli, Command, Keys, Mail};
use crate::{serve, telemetry};

/// Runs the command of `cli`.
///
/// # Errors
/// A sentence for the operator.
pub fn run(cli: Cli) -> Result<ExitCode, String> {
    let file = cli.config.as_deref();
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let config = settings::load(file)?;
            telemetry::start(config.production);
            let secrets = settings::secrets(&config)?;
            serve::run(config, &secrets)
        }
        Command::Migrate(options) => {
            let config = settings::load(file)?;
            telemetry::start(config.production);
            migrate(&config, options.dry_run)
        }
        Command::Adopt(options) => adopt::run(&settings::load(file)?, &options),
        Command::CheckConfig => print(format_args!("{:#?}\n", settings::load(file)?)),
        Command::Keys(Keys::List) => list_keys(settings::load(file)?),
        Command::Mail(Mail::Test { address }) => mail::test(&settings::load(file)?, &address),
        Command::GenSecret(options) => gen_secret::run(&options),
        Command::GenErrorCode(options) => gen_error_code::run(&options),
        Command::Generate(options) => generate::run(&options),
    }
}

fn migrate(config: &Config, dry_run: bool) -> Result<ExitCode, String> {
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    let runtime = serve::runtime()?;
    let mut pending = runtime.block_on(serve::migrate_when_there(config, mode))?;
    let url = &config.database.url;
    pending.extend(runtime.block_on(adopt::complete(config, mode))?);
    if pending.is_empty() {
        eprintln!("{url}: the tables are up to date");
    }
    for migration in pending {
        match mode {
            Mode::Apply => eprintln!("{url}: applied {}", migration.name),
            Mode::DryRun => {
                print(format_args!("-- {}\n{}\n", migration.name, migration.sql))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list_keys(config: Config) -> Result<ExitCode, String> {
    let secrets = settings::secrets(&config)?;
    let url = config.database.url.to_string();
    let shared = Shared::new(config, &secrets, Arc::new(SystemClock), Arc::new(OsEntropy))
        .map_err(|error| error.to_string())?;
    let Some(keys) = &shared.keys else {
        return Err("the jwt plugin is off: this server has no keys".to_owned());
    };
    let read = serve::runtime()?.block_on(async {
        let store = Store::open(&shared.config.database, 1);
        keys.reload(&store, shared.clock.now()).await
    });
    read.map_err(|error| format!("{url}: {error}"))?;
    let mut table = format!("{:<34}{:<8}{:<26}{:<26}STATE\n", "KID", "ALG", "CREATED", "EXPIRES");
    for key in keys.keys() {
        let expires = key.expires_at.map_or_else(|| "-".to_owned(), auth_jose::Timestamp::to_iso);
        let state = match (key.is_signing, key.is_readable) {
            (true, _) => "signing",
            (false, true) => "published",
            (false, false) => "unreadable with this secret",
        };
        let created = key.created_at.to_iso();
        let _ = writeln!(table, "{:<34}{:<8}{created:<26}{expires:<26}{state}", key.kid, key.alg);
    }
    print(format_args!("{table}"))
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: std::fmt::Arguments<'_>) -> Result<ExitCode, String> {
    match std::io::stdout().write_fmt(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
