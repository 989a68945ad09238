//! The commands, one module each.

pub(crate) mod adopt;
mod gen_error_code;
mod gen_secret;
mod generate;
mod inspect;
mod keys;
mod mail;
mod mesh;
mod revoke;
mod service;
mod settings;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use auth_core::app::App;
use auth_core::config::Config;
use auth_core::store::migrate::Mode;

use crate::cli::{Cli, Command, Mail};
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
        Command::Keys(order) => keys::run(settings::load(file)?, &order),
        Command::Revoke(order) => revoke::run(settings::load(file)?, &order),
        Command::Service(options) => service::run(settings::load(file)?, &options),
        Command::Mail(Mail::Test { address }) => mail::test(&settings::load(file)?, &address),
        Command::Inspect(options) => inspect::run(settings::load(file)?, &options),
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

/// Longer texts are none of ours.
const MAX_BYTES: u64 = 1 << 20;

/// What was given as an argument, else standard input: others on the machine can read arguments.
fn or_standard_input(argument: Option<&str>) -> Result<String, String> {
    if let Some(text) = argument.filter(|text| *text != "-") {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok(text)
}

/// Tells the running servers that something was withdrawn.
async fn tell_servers(app: &App) {
    if let Err(reason) = app.tell_servers().await {
        eprintln!(
            "the servers could not be told through Redis, and find it in the database within a second: {reason}"
        );
    }
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
