//! Providers in the configuration: switched on by variables, and what is wrong with them.

use std::io;
use std::path::Path;

use auth_core::config::{Config, Problem, Sources};

/// Loads a configuration from variables and files that exist only here; `auth.toml` or `auth.json` is read if given.
fn load(env: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let find = |list: &[(&str, &str)], name: &str| {
        list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let main = files.iter().find(|(name, _)| name.starts_with("auth.")).map(|(name, _)| Path::new(*name));
    Config::load(&Sources {
        env: &|name| find(env, name),
        read_file: &|path| {
            let found = path.to_str().and_then(|name| find(files, name));
            found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        },
        file: main,
    })
}

#[test]
fn providers_are_switched_on_by_their_variables() {
    let env = [
        ("GOOGLE_CLIENT_ID", "one"),
        ("GOOGLE_CLIENT_SECRET_FILE", "/run/secrets/google"),
        ("GITHUB_CLIENT_ID", "two"),
        ("GITHUB_CLIENT_SECRET", "secret"),
    ];
    let file = "[socialProviders.google]\nclientId = \"from the file\"\nhd = \"example.com\"\n\
                [socialProviders.gitlab]\nenabled = false\nclientId = \"off\"";
    let files = [("/run/secrets/google", "secret\n"), ("auth.toml", file)];
    let config = load(&env, &files).unwrap();
    let ids: Vec<_> = config.social.built_in.iter().map(|it| (it.id.as_str(), it.client.id())).collect();
    assert_eq!(ids, [("google", "one"), ("github", "two")]);
    let google = config.social.built_in.first().unwrap();
    assert_eq!(
        (google.text("hd"), google.client.secret.as_ref().unwrap().expose().as_str()),
        (Some("example.com"), "secret")
    );
    assert!(!format!("{config:?}").contains("\"secret\""));
}

#[test]
fn what_is_wrong_with_a_provider_is_said_with_its_name() {
    let file = r#"{
        "socialProviders": { "googel": { "clientId": "x" }, "gitlab": { "clientId": "x", "clientSecret": 7, "scopes": [] } },
        "providers": { "generic": [
            { "providerId": "a", "clientId": "x", "tokenUrl": "javascript:alert(1)" },
            { "providerId": "a", "clientId": "x", "discoveryUrl": "https://a.test", "authentication": "basic" },
            { "providerId": "credential", "discoveryUrl": "https://u:p@a.test", "pkce": "no", "colour": "red" }
        ] }
    }"#;
    let found = load(&[("GOOGLE_CLIENT_ID", "x")], &[("auth.json", file)]).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    for expected in [
        "socialProviders.googel: is not a built-in provider",
        "socialProviders.gitlab.clientSecret: expected text (never shown), got another kind of value",
        "socialProviders.gitlab.scopes: is not an option of gitlab",
        "GOOGLE_CLIENT_SECRET: is required",
        "providers.generic[0].tokenUrl: expected an http or https URL",
        "providers.generic[0]: needs a discoveryUrl, or an authorizationUrl and a tokenUrl",
        "providers.generic[1].providerId: is the id of another provider",
        "providers.generic[1].authentication: \"basic\" needs a clientSecret",
        "providers.generic[2].providerId: expected a name",
        "providers.generic[2].clientId: is missing",
        "providers.generic[2].discoveryUrl: expected an http or https URL without a user name",
        "providers.generic[2].pkce: expected true or false",
        "providers.generic[2].colour: is not a setting of this server",
    ] {
        let times = found.iter().filter(|problem| problem.starts_with(expected)).count();
        assert_eq!(times, 1, "{expected}: {found:#?}");
    }
}
