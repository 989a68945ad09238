//! `.env.example` and `docs/configuration.md`, from the one list of settings.

use std::fmt::Write;

use super::reader::PROVIDER;
use super::settings::{Kind, SETTINGS};

/// The provider that stands for all of them.
const EXAMPLE_PROVIDER: &str = "GOOGLE";

/// Variables that are read before any setting: name, meaning, default, example. They cannot be given as files.
const BEFORE_SETTINGS: [(&str, &str, &str, &str); 2] = [
    (
        "AUTH_CONFIG",
        "The configuration file: TOML, or JSON by its ending.",
        "auth.toml or auth.json in the working directory, if there is one",
        "auth.toml",
    ),
    ("RUST_LOG", "What is logged.", "info", "info"),
];

/// The text of `.env.example`: every variable, commented out, with its meaning and default.
#[must_use]
pub fn env_example() -> String {
    let mut out = String::from(
        "# Every variable that auth-server reads; all are optional in development.\n\
         # Made by `auth-server generate`; docs/configuration.md has the settings of the file too.\n\
         # Each but the first two also as NAME_FILE, the path of a file that holds the value.\n",
    );
    for (name, about, default, example) in BEFORE_SETTINGS {
        let _ = write!(out, "\n# {about}\n# Default: {default}.\n#{name}={example}\n");
    }
    for setting in SETTINGS {
        let Some(name) = setting.env else { continue };
        let name = &*name.replace(PROVIDER, EXAMPLE_PROVIDER);
        let example = match (name, setting.kind) {
            ("NODE_ENV", _) => "development",
            ("BETTER_AUTH_URL", _) => "https://auth.example.com",
            ("APP_URL" | "CORS_ORIGINS", _) => "https://app.example.com",
            ("BETTER_AUTH_TRUSTED_ORIGINS", _) => "https://app.example.com,https://*.preview.example.com",
            ("MAIL_FROM", _) => "Example <no-reply@example.com>",
            ("DATABASE_URL", _) => "postgres://auth:PASSWORD@localhost/auth",
            ("JWT_ISSUER" | "JWT_AUDIENCE", _) => "https://auth.example.com",
            ("GOOGLE_CLIENT_ID", _) => "1234.apps.googleusercontent.com",
            ("GOOGLE_CLIENT_SECRET", _) => "SECRET",
            (_, Kind::Secret) => "",
            _ => setting.default,
        };
        let default = setting.default;
        let _ = write!(out, "\n# {}\n# Default: {default}.\n#{name}={example}\n", plain(setting.about));
    }
    out
}

/// The text of `docs/configuration.md`.
#[must_use]
pub fn configuration_page() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Made by `auth-server generate` from crates/auth-core/src/config/settings.rs. Do not edit. -->\n\n\
         One file, `auth.toml` or `auth.json` in the working directory (or `--config FILE`, `AUTH_CONFIG`), \
         with Better Auth's option names in Better Auth's nesting. Environment variables override the file; \
         each can also be given as `NAME_FILE`, the path of a file that holds the value. An unknown setting \
         or a bad value stops the start with a list of every problem. `auth-server check-config` shows what \
         was understood. `<name>` in a key stands for a name of your own, `[]` for each entry of a list.\n\n\
         ```toml\n\
         baseURL = \"https://auth.example.com\"\n\
         trustedOrigins = [\"https://app.example.com\"]\n\n\
         [emailAndPassword]\n\
         minPasswordLength = 12\n\n\
         [session]\n\
         expiresIn = \"30d\"\n\
         ```\n\n\
         | setting | variable | value | default | meaning |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let env = setting.env.map_or_else(String::new, |name| format!("`{name}`"));
        let (key, default, about) = (setting.key, setting.default, setting.about);
        let _ = writeln!(out, "| `{key}` | {env} | {} | {default} | {about} |", setting.kind.expected());
    }
    out
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_setting(name: &str) -> bool {
        let variable = |env: &str| env.replace(PROVIDER, EXAMPLE_PROVIDER);
        SETTINGS.iter().filter_map(|setting| setting.env).any(|env| variable(env) == name)
    }

    #[test]
    fn every_variable_of_the_example_is_known() {
        for line in env_example().lines().filter(|line| line.starts_with('#') && line.contains('=')) {
            let name = line.trim_start_matches('#').split('=').next().unwrap();
            if !name.contains(' ') {
                let is_before = BEFORE_SETTINGS.iter().any(|(before, ..)| *before == name);
                assert!(is_before || is_setting(name), "{name}");
            }
        }
    }
}
