//! Reading the configuration, and the secret that development makes for itself.

use std::path::{Path, PathBuf};

use auth_core::config::{Config, Sources};
use auth_core::crypto::secrets::Secrets;
use auth_jose::{Entropy, OsEntropy, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Loads the configuration from the named file (or the one in the working directory) and the environment.
///
/// # Errors
/// Every problem, one a line.
pub(super) fn load(file: Option<&Path>) -> Result<Config, String> {
    let found = ["auth.toml", "auth.json"].map(PathBuf::from).into_iter().find(|path| path.exists());
    let sources = Sources {
        env: &env,
        read_file: &|path| std::fs::read_to_string(path),
        file: file.or(found.as_deref()),
    };
    Config::load(&sources).map_err(|problems| {
        let lines: String = problems.iter().map(|problem| format!("\n  - {problem}")).collect();
        let count = problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        format!("the configuration has {count} {noun}:{lines}\nEvery setting is described in docs/configuration.md.")
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configured secrets, or the one that development keeps beside the database.
///
/// # Errors
/// When the file can neither be read nor made.
pub(super) fn secrets(config: &Config) -> Result<Secrets, String> {
    match &config.secrets {
        Some(secrets) => Ok(secrets.clone()),
        None => development_secret(config).map(Secrets::one),
    }
}

/// The secrets, if there are any; makes none.
pub(super) fn secrets_at_hand(config: &Config) -> Option<Secrets> {
    let of_development = || {
        let text = std::fs::read_to_string(development_secret_file(config)).ok()?;
        Some(Secrets::one(Secret::from(text.trim())))
    };
    config.secrets.clone().or_else(of_development)
}

fn development_secret_file(config: &Config) -> PathBuf {
    let path = config.database.url.file().map_or_else(|| PathBuf::from("auth.db"), Path::to_path_buf);
    path.with_extension("secret")
}

fn development_secret(config: &Config) -> Result<Secret<String>, String> {
    let path = development_secret_file(config);
    let shown = path.display();
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => Ok(Secret::from(text.trim())),
        Ok(_) => Err(format!(
            "{shown} holds no secret of 32 characters or more; delete it or set BETTER_AUTH_SECRET"
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = random();
            write_for_owner(&path, secret.expose())
                .map_err(|error| format!("cannot keep the development secret in {shown}: {error}"))?;
            tracing::warn!("made a secret for development in {shown}; set BETTER_AUTH_SECRET in production");
            Ok(secret)
        }
        Err(error) => Err(format!("cannot read {shown}: {error}")),
    }
}

/// 32 random bytes in base64.
pub(super) fn random() -> Secret<String> {
    let mut bytes = [0_u8; 32];
    OsEntropy.fill("secret", &mut bytes);
    Secret::new(STANDARD.encode(bytes))
}

fn write_for_owner(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
