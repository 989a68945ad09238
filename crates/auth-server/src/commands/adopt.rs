//! `adopt`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use auth_core::app::Shared;
use auth_core::config::{Config, DatabaseUrl};
use auth_core::store::Store;
use auth_core::store::adopt::{Findings, Origin, Wanted};
use auth_core::store::migrate::{Mode, Pending};
use auth_jose::{OsEntropy, SystemClock};

use super::settings;
use crate::cli::Adopt;
use crate::serve;

pub(super) fn run(config: &Config, options: &Adopt) -> Result<ExitCode, String> {
    let url = &config.database.url;
    if url.file().is_some_and(|file| !file.exists()) {
        return Err(format!("{url} is not there; `auth-server serve` makes a new database"));
    }
    let runtime = serve::runtime()?;
    let mut findings =
        runtime.block_on(async { examine(config, &Store::open_to_examine(&config.database)).await })?;
    let reasons = runtime.block_on(examine_rows(config, &findings))?;
    findings.refused.extend(reasons);
    super::print(format_args!("{}", report(url, &findings)))?;
    if !findings.refused.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    if !options.check {
        runtime.block_on(serve::migrate_when_there(config, Mode::Apply))?;
        runtime.block_on(complete(config, Mode::Apply))?;
        super::print(format_args!("done: `auth-server serve` can serve it\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds the columns that tables of earlier versions lack, or lists them.
pub(crate) async fn complete(config: &Config, mode: Mode) -> Result<Vec<Pending>, String> {
    let url = &config.database.url;
    if url.file().is_some_and(|file| !file.exists()) {
        return Ok(Vec::new());
    }
    let findings = examine(config, &Store::open_to_examine(&config.database)).await?;
    refuse(url, &findings)?;
    if mode == Mode::Apply {
        let store = Store::open(&config.database, 1);
        store.complete(&findings).await.map_err(|error| format!("{url}: {error}"))?;
    }
    let pending = |addition: &auth_core::store::adopt::Addition| Pending {
        name: addition.to_string(),
        sql: format!("{};", addition.sql(url)),
    };
    Ok(findings.to_add.iter().map(pending).collect())
}

/// What only the rows tell: hashes that nobody here can verify, and keys of another secret.
async fn examine_rows(config: &Config, findings: &Findings) -> Result<Vec<String>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", config.database.url);
    let store = Store::open_to_examine(&config.database);
    let mut reasons = store.examine_rows(findings).await.map_err(|error| failed(&error))?;
    // Without a configured secret, development makes one of its own, which opens nothing.
    if config.secrets.is_none() || !findings.refused.is_empty() || findings.missing_tables.contains(&"jwks") {
        return Ok(reasons);
    }
    let secrets = settings::secrets(config)?;
    let shared = Shared::new(config.clone(), &secrets, Arc::new(SystemClock), Arc::new(OsEntropy));
    if let Some(keys) = &shared.map_err(|error| error.to_string())?.keys {
        let (sealed, all) = keys.count_sealed(&store).await.map_err(|error| failed(&error))?;
        if sealed > 0 {
            reasons.push(format!(
                "{sealed} of {all} keys in jwks.privateKey cannot be opened with this secret, and no session cookie would be \
                 accepted either: set BETTER_AUTH_SECRET to the Better Auth server's"
            ));
        }
    }
    Ok(reasons)
}

/// Compares the tables with what the configuration needs.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn examine(config: &Config, store: &Store) -> Result<Findings, String> {
    let (url, declared) = (&config.database.url, config.fields.columns());
    let wanted = Wanted { url, declared: &declared, generate_id: config.database.generate_id };
    store.examine(wanted).await.map_err(|error| format!("{url}: {error}"))
}

/// # Errors
/// When the tables cannot be served: every reason.
pub(crate) fn refuse(url: &DatabaseUrl, findings: &Findings) -> Result<(), String> {
    let to_set = findings.to_set.iter().map(|setting| format!("set {setting}"));
    let reasons: Vec<_> = findings.refused.iter().cloned().chain(to_set).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    let reasons = reasons.join("\n  ");
    Err(format!("{url} cannot be served (`auth-server adopt --check` tells more):\n  {reasons}"))
}

fn report(url: &DatabaseUrl, findings: &Findings) -> String {
    let mut text = format!("{url}\nfound: {}\n", findings.origin);
    let mut section = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}:\n  {}", lines.join("\n  "));
        }
    };
    let tables = findings.missing_tables.iter().map(|table| format!("table {table}"));
    let columns = findings.to_add.iter().map(|addition| format!("column {addition}"));
    let mut added: Vec<_> = tables.chain(columns).collect();
    if findings.origin == Origin::Drizzle {
        added.clear();
    }
    section("is added", &added);
    section("is left alone", &findings.left_alone);
    if findings.shape.account_issuer {
        section(
            "is written for the other server",
            &["account.issuer, as Better Auth 1.7.0 to 1.7.2 does".to_owned()],
        );
    }
    section("has to be set", findings.to_set.as_slice());
    section("cannot be served", &findings.refused);
    if findings.refused.is_empty() && findings.to_set.is_none() && added.is_empty() {
        section("result", &["nothing has to be changed".to_owned()]);
    }
    text
}
