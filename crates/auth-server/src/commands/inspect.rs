//! `inspect`.

use std::process::ExitCode;
use std::sync::Arc;

use auth_core::app::{App, Shared};
use auth_core::config::Config;
use auth_core::crypto::secrets::Secrets;
use auth_core::inspect::Inspector;
use auth_core::store::Store;
use auth_jose::{OsEntropy, SystemClock};

use super::{or_standard_input, print, settings};
use crate::cli::Inspect;
use crate::serve;

pub(super) fn run(config: Config, options: &Inspect) -> Result<ExitCode, String> {
    let text = or_standard_input(options.text.as_deref())?;
    let secrets = settings::secrets_at_hand(&config);
    let stand_in = Secrets::one(settings::random());
    let has_database = !options.offline && config.database.url.file().is_none_or(std::path::Path::exists);
    let url = config.database.url.to_string();
    let shared = Shared::new(
        config,
        secrets.as_ref().unwrap_or(&stand_in),
        Arc::new(SystemClock),
        Arc::new(OsEntropy),
    )
    .map_err(|error| error.to_string())?;
    let runtime = serve::runtime()?;
    let explained = runtime.block_on(async {
        let store = Store::open_to_examine(&shared.config.database);
        let app = App::new(Arc::new(shared), store);
        let now = app.clock.now();
        let mut has_database = has_database;
        if let (Some(keys), true) = (&app.keys, has_database)
            && let Err(error) = keys.reload(&app.store, now).await
        {
            eprintln!("warning: {url}: {error}");
            has_database = false;
        }
        let inspector = Inspector { app: &app, secrets: secrets.as_ref(), has_database, now };
        inspector.explain(&text).await
    });
    if explained.is_empty() {
        return Err(
            "this is no JWT, cookie, session token or password hash that this server knows".to_owned()
        );
    }
    for about in explained {
        print(format_args!("{about}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
