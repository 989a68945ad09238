//! `service`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use auth_core::app::{App, Shared};
use auth_core::config::Config;
use auth_core::features::services::ServiceInfo;
use auth_core::features::services::admin::{self, KeySource, ServiceError};
use auth_core::store::Store;
use auth_jose::{OsEntropy, SystemClock, Timestamp, json};
use auth_s2s::{ServiceKey, ServiceName};

use super::{mesh, settings};
use crate::cli::Service;
use crate::serve;
use crate::service_keys::KeyFetcher;

pub(super) fn run(config: Config, options: &Service) -> Result<ExitCode, String> {
    let secrets = settings::secrets(&config)?;
    let shared = Shared::new(config, &secrets, Arc::new(SystemClock), Arc::new(OsEntropy))
        .map_err(|error| error.to_string())?;
    // Connections live on the runtime that uses them.
    serve::runtime()?.block_on(async {
        let store = Store::open(&shared.config.database, 1);
        let app = App::new(Arc::new(shared), store);
        let changed = change(&app, options).await?;
        if matches!(options, Service::Disable(_) | Service::Remove(_) | Service::Rotate(_)) {
            super::tell_servers(&app).await;
        }
        Ok(changed)
    })
}

async fn change(app: &App, options: &Service) -> Result<ExitCode, String> {
    let told = |error: ServiceError| match error {
        ServiceError::Store(error) => format!("{}: {error}", app.config.database.url),
        refused => refused.to_string(),
    };
    match options {
        Service::List => super::print(format_args!("{}", table(&registered(app).await?, app.clock.now()))),
        Service::Istio(options) => {
            let yaml = mesh::istio(&app.config, &registered(app).await?, options)?;
            super::print(format_args!("{yaml}"))
        }
        Service::Add(new) => {
            let mut fetched = Vec::new();
            let source = match (&new.jwk, &new.jwks_url) {
                (Some(file), _) => KeySource::Key(Box::new(read_key(&new.name, file)?)),
                (None, Some(url)) => {
                    fetched = KeyFetcher::new()?.fetch(&new.name, url).await?;
                    KeySource::Url(url.clone())
                }
                (None, None) => KeySource::Code,
            };
            let code = admin::add(app, &new.name, source).await.map_err(told)?;
            if new.jwks_url.is_some() {
                admin::synchronize(app, &new.name, &fetched).await.map_err(told)?;
            }
            match code {
                Some(code) => print_code(&new.name, code.expose()),
                None => done(&new.name, "added"),
            }
        }
        Service::Rotate(new) => match &new.jwk {
            Some(file) => {
                let key = read_key(&new.name, file)?;
                admin::rotate(app, &key, new.overlap).await.map_err(told)?;
                eprintln!(
                    "the key {} is published; let it sign in 35 seconds, when every receiver knows it",
                    key.kid()
                );
                Ok(ExitCode::SUCCESS)
            }
            None => {
                print_code(&new.name, admin::enrolment_code(app, &new.name).await.map_err(told)?.expose())
            }
        },
        Service::Disable(service) => {
            admin::set_enabled(app, &service.name, false).await.map_err(told)?;
            done(&service.name, &format!("disabled: {}", told_when(app)))
        }
        Service::Enable(service) => {
            admin::set_enabled(app, &service.name, true).await.map_err(told)?;
            done(&service.name, &format!("enabled{}", again_when(app)))
        }
        Service::Remove(service) => {
            admin::remove(app, &service.name).await.map_err(told)?;
            done(&service.name, &format!("removed: {}", told_when(app)))
        }
    }
}

async fn registered(app: &App) -> Result<Vec<ServiceInfo>, String> {
    let read = app.services.reload(&app.store, app.clock.now()).await;
    read.map_err(|error| format!("{}: {error}", app.config.database.url))?;
    Ok(app.services.services())
}

fn done(name: &ServiceName, what: &str) -> Result<ExitCode, String> {
    eprintln!("the service {name} is {what}");
    Ok(ExitCode::SUCCESS)
}

/// When receivers refuse what was accepted until now.
fn told_when(app: &App) -> &'static str {
    if app.config.revocation.is_on() {
        "receivers that read the list of revocations refuse it within a second, others within 30"
    } else {
        "receivers refuse it within 30 seconds; with revocation.feed it would be one second"
    }
}

/// When receivers accept again what was withdrawn.
fn again_when(app: &App) -> &'static str {
    if app.config.revocation.is_on() {
        "; receivers accept its new keys at once, those from before within three minutes of `disable`"
    } else {
        ""
    }
}

/// The code alone on standard output, for scripts.
fn print_code(name: &ServiceName, code: &str) -> Result<ExitCode, String> {
    eprintln!(
        "{name} can register its key once, within {} minutes, with this code:",
        admin::CODE_SECONDS / 60
    );
    super::print(format_args!("{code}\n"))
}

fn read_key(name: &ServiceName, file: &Path) -> Result<ServiceKey, String> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| format!("{shown}: {error}"))?;
    let jwk = json::parse_object(&text).map_err(|error| format!("{shown}: {error}"))?;
    ServiceKey::new(name, &jwk).map_err(|error| format!("{shown}: {error}"))
}

fn table(services: &[ServiceInfo], now: Timestamp) -> String {
    let mut table = format!("{:<24}{:<34}{:<26}KEY\n", "NAME", "STATE", "CREATED");
    for service in services {
        let (name, created) = (service.name.as_str(), service.created_at.to_iso());
        let state = match service.disabled_at {
            Some(at) => format!("disabled {at}"),
            None if service.keys.is_empty() => "no key yet".to_owned(),
            None => "enabled".to_owned(),
        };
        let keys = service.jwks_url.as_ref().map_or_else(String::new, |url| format!("from {url}"));
        let _ = writeln!(table, "{name:<24}{state:<34}{created:<26}{keys}");
        for key in &service.keys {
            let state = match key.expires_at {
                None => "accepted".to_owned(),
                Some(at) if at > now => format!("until {at}"),
                Some(at) => format!("ended {at}"),
            };
            let _ = writeln!(table, "{:<24}{state:<34}{:<26}{}", "", key.created_at.to_iso(), key.kid);
        }
    }
    table
}
