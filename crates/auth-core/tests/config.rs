//! The configuration: every problem at once, by name, and never a secret's value.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use auth_core::config::{Config, Problem, SETTINGS, Sources, env_example};
use auth_core::crypto::password::Algorithm;
use auth_core::mail::{SmtpTls, Transport};
use serde_json::json;

const SECRET: &str = "0123456789-abcdefghijklmnop-ABCDEF";

/// Loads a configuration from variables and files that exist only here; `auth.toml` is read if it is given.
fn load(env: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let env: BTreeMap<&str, &str> = env.iter().copied().collect();
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let main = files.keys().find(|name| name.starts_with("auth.")).map(|name| Path::new(*name));
    Config::load(&Sources {
        env: &|name| env.get(name).map(|value| (*value).to_owned()),
        read_file: &|path| {
            let found = path.to_str().and_then(|name| files.get(name));
            found.map(|text| (*text).to_owned()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        },
        file: main,
    })
}

fn problems(env: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<String> {
    load(env, files).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_needed_in_development() {
    let config = load(&[], &[]).unwrap();
    assert_eq!(config.base_url.origin(), "http://localhost:3000");
    assert_eq!(config.base_path, "/api/auth");
    assert_eq!(config.database.url.to_string(), "sqlite:auth.db");
    assert_eq!((config.session.expires_in, config.session.update_age), (604_800, 86_400));
    assert_eq!(config.jwt.expires_in, 900);
    assert!(config.origins.is_trusted_origin("http://127.0.0.1:3000"));
    assert!(config.secrets.is_none());
}

#[test]
fn variables_override_the_file() {
    let file = "baseURL = \"https://a.example.com\"\n[server]\nport = 4000\n[session]\nexpiresIn = \"2d\"";
    let config = load(&[("PORT", "5000")], &[("auth.toml", file)]).unwrap();
    assert_eq!((config.server.port, config.session.expires_in), (5000, 172_800));
    assert_eq!(config.base_url.origin(), "https://a.example.com");
    assert!(config.cookies.secure);
}

#[test]
fn json_files_have_the_same_settings() {
    let file =
        r#"{"emailAndPassword":{"password":{"algorithm":"scrypt"}},"trustedOrigins":["https://b.test"]}"#;
    let config = load(&[], &[("auth.json", file)]).unwrap();
    assert_eq!(config.email_and_password.password.algorithm, Algorithm::Scrypt);
    assert!(config.origins.is_trusted_origin("https://b.test"));
}

#[test]
fn every_problem_is_listed_at_once_by_the_name_that_was_used() {
    let file = "sessionn = 1\nplugins = [\"jwt\", \"oauth\"]\n[session]\nexpiresin = 5\nupdateAge = \"soon\"\n\
                [advanced]\ncookiePrefix = \"a;b\"\n[advanced.ipAddress]\ntrustedProxies = [\"10.0.0.0/99\"]";
    let env = [
        ("PORT", "70000"),
        ("HOST", "example.com"),
        ("DATABASE_URL", "oracle://x"),
        ("BETTER_AUTH_URL", "auth.example.com"),
        ("BETTER_AUTH_SECRET", "short"),
        ("JWT_ALG", "none"),
        ("JWT_EXPIRES_IN", "-1"),
        ("NODE_ENV", "prod"),
        ("BETTER_AUTH_TRUSTED_ORIGINS", "localhost:3000"),
    ];
    let problems = problems(&env, &[("auth.toml", file)]);
    let named = |name: &str| problems.iter().any(|line| line.starts_with(&format!("{name}: ")));
    for (name, _) in env {
        assert!(named(name), "{name} in {problems:#?}");
    }
    for name in ["sessionn", "plugins", "session.expiresin", "session.updateAge", "advanced.cookiePrefix"] {
        assert!(named(name), "{name} in {problems:#?}");
    }
    assert!(named("advanced.ipAddress.trustedProxies"));
    for hint in ["did you mean session?", "did you mean session.expiresIn?"] {
        assert!(problems.iter().any(|line| line.contains(hint)), "{hint} in {problems:#?}");
    }
}

#[test]
fn each_kind_of_value_says_what_was_expected() {
    for (file, expected) in [
        ("production = 1", "production: expected true or false, got 1"),
        ("basePath = 5", "basePath: expected text, got 5"),
        ("[server]\nport = 'many'", "server.port: expected a whole number, got \"many\""),
        ("[server]\nport = 65536", "server.port: must lie between 0 and 65535"),
        (
            "[session]\nexpiresIn = '5 parsecs'",
            "session.expiresIn: expected seconds, or a span such as 15m, 12h, 7d, got \"5 parsecs\"",
        ),
        ("disabledPaths = [1]", "disabledPaths: expected a list of texts, got [1]"),
        ("secret = 5", "secret: expected text (never shown), got another kind of value"),
        (
            "jwt.jwks.keyPairConfig.alg = 'none'",
            "jwt.jwks.keyPairConfig.alg: expected one of EdDSA, ES256, ES512, PS256, RS256, got \"none\"",
        ),
        (
            "jwt.jwks.keyPairConfig = { alg = 'ES512', crv = 'Ed25519' }",
            "jwt.jwks.keyPairConfig.crv: expected Ed25519, and alg EdDSA beside it",
        ),
    ] {
        assert_eq!(problems(&[], &[("auth.toml", file)]), [expected], "{file}");
    }
    let word = problems(&[("NODE_ENV", "prod")], &[]);
    assert_eq!(word, ["NODE_ENV: expected production, development or test"]);
}

#[test]
fn a_value_can_come_from_a_file() {
    let path = "/run/secrets/auth";
    let secret = format!("{SECRET}\n");
    let config = load(&[("BETTER_AUTH_SECRET_FILE", path)], &[(path, &secret)]).unwrap();
    assert_eq!(config.secrets.unwrap().current().expose(), SECRET);
    let missing = problems(&[("BETTER_AUTH_SECRET_FILE", "/nowhere")], &[]);
    assert!(missing[0].starts_with("BETTER_AUTH_SECRET_FILE: cannot read /nowhere"), "{missing:?}");
    let both = problems(&[("PORT", "1"), ("PORT_FILE", path)], &[(path, "2")]);
    assert_eq!(both, ["PORT: set either PORT or PORT_FILE, not both"]);
}

#[test]
fn a_file_that_is_broken_or_missing_is_said_to_be() {
    assert!(problems(&[], &[("auth.toml", "a = ")])[0].starts_with("auth.toml: is not valid TOML"));
    assert!(problems(&[], &[("auth.json", "[]")])[0].starts_with("auth.json: must hold an object"));
    let missing = Config::load(&Sources {
        env: &|_| None,
        read_file: &|_| Err(io::Error::from(io::ErrorKind::NotFound)),
        file: Some(Path::new("other.toml")),
    });
    assert!(missing.unwrap_err()[0].to_string().starts_with("other.toml: cannot be read"));
}

#[test]
fn production_needs_a_strong_secret_and_an_https_address() {
    let production = ("NODE_ENV", "production");
    let url = ("BETTER_AUTH_URL", "https://auth.example.com");
    let missing = problems(&[production], &[]);
    assert_eq!(missing.len(), 2, "{missing:?}");
    let known = "better-auth-secret-12345678901234567890";
    for secret in [known, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "tiny-Secret-1"] {
        let refused = problems(&[production, url, ("BETTER_AUTH_SECRET", secret)], &[]);
        assert!(refused[0].starts_with("BETTER_AUTH_SECRET: "), "{refused:?}");
        assert!(!refused[0].contains(secret), "{refused:?}");
    }
    let secret = ("BETTER_AUTH_SECRET", SECRET);
    let plain = problems(&[production, secret, ("BETTER_AUTH_URL", "http://auth.example.com")], &[]);
    assert!(plain[0].starts_with("BETTER_AUTH_URL: must be https"), "{plain:?}");
    for base in ["https://auth.example.com", "http://127.0.0.1:3000", "http://localhost"] {
        assert!(load(&[production, secret, ("BETTER_AUTH_URL", base)], &[]).is_ok(), "{base}");
    }
}

#[test]
fn numbered_secrets_come_from_the_file_or_the_environment() {
    let (one, two) = (format!("{SECRET}-1"), format!("{SECRET}-2"));
    let file = format!(
        "secret = '{SECRET}'\n[[secrets]]\nversion = 2\nvalue = '{two}'\n[[secrets]]\nversion = 1\nvalue = '{one}'"
    );
    let versions = |config: Config| {
        let secrets = config.secrets.unwrap();
        secrets.all().map(|secret| (secret.version, secret.value.expose().clone())).collect::<Vec<_>>()
    };
    let expected = [(Some(2), two.clone()), (Some(1), one.clone()), (None, SECRET.to_owned())];
    assert_eq!(versions(load(&[], &[("auth.toml", &file)]).unwrap()), expected);
    let text = format!("2:{two}, 1:{one}");
    let env = [("BETTER_AUTH_SECRETS", text.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    assert_eq!(versions(load(&env, &[]).unwrap()), expected);
    let override_all = [("BETTER_AUTH_SECRETS", text.as_str())];
    let file = format!("[[secrets]]\nversion = 9\nvalue = '{SECRET}'");
    assert_eq!(versions(load(&override_all, &[("auth.toml", &file)]).unwrap()), &expected[..2]);
    let production =
        [("NODE_ENV", "production"), ("BETTER_AUTH_URL", "https://auth.example.com"), override_all[0]];
    assert!(load(&production, &[]).is_ok(), "no further secret is needed");
}

#[test]
fn wrong_numbered_secrets_are_named_and_not_shown() {
    for (text, expected) in [
        (
            SECRET.to_owned(),
            "BETTER_AUTH_SECRETS: expected VERSION:SECRET,VERSION:SECRET, the current one first",
        ),
        (format!("-1:{SECRET}"), "BETTER_AUTH_SECRETS: expected VERSION:SECRET"),
        (format!("x:{SECRET}"), "BETTER_AUTH_SECRETS: expected VERSION:SECRET"),
        (format!("1:{SECRET},1:{SECRET}"), "BETTER_AUTH_SECRETS: has version 1 twice"),
        ("1:short".to_owned(), "BETTER_AUTH_SECRETS: is too short"),
        ("1:".to_owned(), "BETTER_AUTH_SECRETS: is too short"),
    ] {
        let found = problems(&[("BETTER_AUTH_SECRETS", text.as_str())], &[]);
        assert!(found[0].starts_with(expected), "{found:?}");
        assert!(!found.join(" ").contains(SECRET), "{found:?}");
    }
    for (file, expected) in [
        (format!("[[secrets]]\nvalue = '{SECRET}'"), "secrets[0].version: is required"),
        ("[[secrets]]\nversion = 1".to_owned(), "secrets[0].value: is required"),
        ("[[secrets]]\nversion = 1\nvalue = 'short'".to_owned(), "secrets[0].value: is too short"),
        (
            format!("[[secrets]]\nversion = -1\nvalue = '{SECRET}'"),
            "secrets[0].version: expected a whole number",
        ),
        (
            format!("[[secrets]]\nversion = 1\nvalue = '{SECRET}'\nsecret = 1"),
            "secrets[0].secret: is not a setting",
        ),
    ] {
        let found = problems(&[], &[("auth.toml", &file)]);
        assert!(found[0].starts_with(expected), "{found:?}");
        assert!(!found.join(" ").contains(SECRET), "{found:?}");
    }
}

#[test]
fn declared_fields_are_read_in_the_order_of_the_file() {
    let file = "[user.additionalFields]\nzeta = { type = 'string' }\nalpha = { type = 'number[]', required = false, \
                defaultValue = [1], input = false, returned = false, fieldName = 'alpha_column' }\n\
                [session.additionalFields.theme]\ntype = 'string'\ndefaultValue = 'light'";
    let config = load(&[], &[("auth.toml", file)]).unwrap();
    let fields: Vec<_> = config.fields.user.iter().collect();
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["zeta", "alpha"]);
    assert_eq!((fields[0].required, fields[0].input, fields[0].returned), (true, true, true));
    assert_eq!((fields[1].required, fields[1].input, fields[1].returned), (false, false, false));
    assert_eq!(fields[1].column.as_str(), "alpha_column");
    assert_eq!(config.fields.columns(), [("user", "zeta"), ("user", "alpha_column"), ("session", "theme")]);
    assert!(load(&[], &[]).unwrap().fields.columns().is_empty());
}

#[test]
fn declared_fields_that_cannot_work_are_refused_by_name() {
    for (table, name, field, expected) in [
        ("user", "a b", "type = 'string'", "user.additionalFields.\"a b\": is not a good name"),
        ("user", "a\\\"; --", "type = 'string'", "is not a good name"),
        (
            "user",
            "email",
            "type = 'string'",
            "user.additionalFields.email: is a name that the server uses itself",
        ),
        ("user", "Password", "type = 'string'", "is a name that the server uses itself"),
        ("user", "sub", "type = 'string'", "is a name that the server uses itself"),
        ("session", "token", "type = 'string'", "is a name that the server uses itself"),
        ("user", "plan", "", "user.additionalFields.plan.type: is required: one of string"),
        ("user", "plan", "type = 'text'", "user.additionalFields.plan.type: expected one of string"),
        ("user", "plan", "type = 'string'\ntpye = 1", "did you mean user.additionalFields.plan.type?"),
        (
            "user",
            "age",
            "type = 'number'\ndefaultValue = 'old'",
            "age.defaultValue: is not of the field's type",
        ),
        ("user", "plan", "type = 'string'\nfieldName = 'x y'", "plan.fieldName: must be a letter or _"),
        (
            "user",
            "plan",
            "type = 'string'\nfieldName = 'emailVerified'",
            "is a column that the server uses itself",
        ),
        ("user", "role", "type = 'string'\ninput = false", "role: can never have a value"),
    ] {
        let file = format!("[{table}.additionalFields.\"{name}\"]\n{field}");
        let found = problems(&[], &[("auth.toml", &file)]);
        assert!(found.len() == 1 && found[0].contains(expected), "{file}: {found:?}");
    }
    let twice = "[user.additionalFields]\nplan = { type = 'string' }\ntariff = { type = 'string', fieldName = 'Plan' }";
    let found = problems(&[], &[("auth.toml", twice)]);
    assert_eq!(found, ["user.additionalFields.tariff: has the same column as plan"]);
    let many: String = (0..91).map(|n| format!("[user.additionalFields.f{n}]\ntype = 'string'\n")).collect();
    assert!(problems(&[], &[("auth.toml", &many)])[0].contains("is one too many"));
}

#[test]
fn no_secret_is_ever_shown() {
    let url = "postgres://auth:hunter2hunter2@db.example.com/auth";
    let config = load(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", url)], &[]).unwrap();
    let shown = format!("{config:?} {config:#?} {}", config.database.url);
    assert!(!shown.contains(SECRET) && !shown.contains("hunter2"), "{shown}");
    let file = format!("[jwt]\nsecret = \"{SECRET}\"\n[database]\nurl = 5");
    let refused = problems(&[], &[("auth.toml", &file)]);
    assert!(!refused.join(" ").contains(SECRET), "{refused:?}");
}

#[test]
fn a_base_url_with_a_path_is_the_base_path() {
    let config = load(&[("BETTER_AUTH_URL", "http://localhost:3001/api/v1/auth/")], &[]).unwrap();
    assert_eq!(config.base_path, "/api/v1/auth");
    assert_eq!(config.base_url.origin(), "http://localhost:3001");
}

#[test]
fn the_example_of_variables_can_be_used_as_it_stands() {
    let text = env_example();
    let lines: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix('#')?.split_once('=')).collect();
    let given: Vec<(&str, &str)> = lines.into_iter().filter(|(name, _)| !name.contains(' ')).collect();
    let settings = SETTINGS.iter().filter(|setting| setting.env.is_some()).count();
    assert_eq!(given.len(), settings + 2, "AUTH_CONFIG and RUST_LOG are no settings");
    load(&given, &[]).unwrap();
}

#[test]
fn mail_goes_to_the_console_in_development_and_nowhere_in_production() {
    assert!(matches!(load(&[], &[]).unwrap().mail.transport, Transport::Console));
    let production = [
        ("NODE_ENV", "production"),
        ("BETTER_AUTH_URL", "https://a.example.com"),
        ("BETTER_AUTH_SECRET", SECRET),
    ];
    assert!(matches!(load(&production, &[]).unwrap().mail.transport, Transport::None));
    let smtp = [("SMTP_URL", "smtps://u:hunter2@mail.example.com"), ("MAIL_FROM", "a@example.com")];
    let config = load(&[production.as_slice(), &smtp].concat(), &[]).unwrap();
    let Transport::Smtp(smtp) = &config.mail.transport else { panic!("{:?}", config.mail) };
    assert_eq!((smtp.server.tls(), smtp.hello_name.as_deref()), (SmtpTls::Wrapped, Some("a.example.com")));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn mail_settings_that_cannot_work_stop_the_start() {
    let url = ("SMTP_URL", "smtp://localhost");
    for (env, name) in [
        (vec![url], "MAIL_FROM: has to be set beside mail.smtpURL"),
        (vec![url, ("MAIL_FROM", "nobody")], "MAIL_FROM: expected an address"),
        (
            vec![("SMTP_URL", "smtp://u:hunter2@mail.example.com"), ("MAIL_FROM", "a@b.co")],
            "SMTP_URL: would send",
        ),
    ] {
        let problems = problems(&env, &[]);
        assert!(problems.len() == 1 && problems[0].starts_with(name), "{problems:?}");
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
    for (file, expected) in [
        ("language = 'de'", "mail.language: only en is built in"),
        ("templates = 't'\nlanguage = '../de'", "mail.language: expected a language"),
        ("templates = 't'", "t: holds no template"),
        ("queue = 0", "mail.queue: must lie between"),
        ("attempts = 21", "mail.attempts: must lie between"),
    ] {
        let problems = problems(&[], &[("auth.toml", &format!("[mail]\n{file}"))]);
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
    }
}

#[test]
fn broken_mail_templates_stop_the_start_with_file_and_reason() {
    let settings = ("auth.toml", "[mail]\ntemplates = 't'");
    let broken = [
        settings,
        ("t/en/verify-email.txt", "Subject: x\n\n{{url}} {{nmae}}"),
        ("t/en/delete-account.html", "<p>no address</p>"),
    ];
    let problems = problems(&[], &broken);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("t/en/verify-email.txt: {{nmae}} is not a placeholder"), "{problems:?}");
    assert!(problems[1].starts_with("t/en/delete-account.html: has no {{url}}"), "{problems:?}");
    assert!(load(&[], &[settings, ("t/en/verify-email.txt", "Subject: x\n\n{{url}}")]).is_ok());
}

#[test]
fn cookies_that_browsers_drop_are_refused() {
    const SECTION: &str = "advanced.defaultCookieAttributes";
    for (file, expected) in [
        ("defaultCookieAttributes.sameSite = 'none'", "sameSite \"none\" that is not secure"),
        ("defaultCookieAttributes.partitioned = true", "partitioned cookie that is not secure"),
        (
            "useSecureCookies = true\ndefaultCookieAttributes.secure = false",
            "named __Secure-... that is not secure",
        ),
        ("cookiePrefix = '__Host-a'", "named __Host-..."),
        ("cookiePrefix = '__HOST-a'", "named __Host-..."),
        (
            "cookiePrefix = '__Host-a'\ndefaultCookieAttributes = { secure = true, path = '/x' }",
            "named __Host-...",
        ),
        (
            "cookiePrefix = '__Host-a'\ndefaultCookieAttributes.secure = true\ncrossSubDomainCookies.enabled = true",
            "named __Host-...",
        ),
        ("defaultCookieAttributes.path = 'x'", "is not a path"),
        ("defaultCookieAttributes.path = '/x; Secure'", "is not a path"),
        ("defaultCookieAttributes.domain = 'a;b'", "is not a host name"),
        ("defaultCookieAttributes.domain = ''", "is not a host name"),
    ] {
        let found = problems(&[], &[("auth.toml", &format!("[advanced]\n{file}"))]);
        assert_eq!(found.len(), 1, "{file}: {found:#?}");
        assert!(found[0].starts_with(SECTION) && found[0].contains(expected), "{file}: {found:#?}");
    }
    let good = "[advanced]\ncookiePrefix = '__Host-a'\ndefaultCookieAttributes.secure = true";
    assert_eq!(problems(&[], &[("auth.toml", good)]), [""; 0]);
    for (file, expected) in [
        ("session_token.attributes.sameSite = 'none'", "advanced.cookies.session_token: browsers drop"),
        ("session_token.name = '__Host-sid'", "advanced.cookies.session_token: browsers drop"),
        ("session_token.name = 'a;b'", "advanced.cookies.session_token: \"a;b\" is not a name"),
        ("session_token.attributes.path = 'x'", "advanced.cookies.session_token: \"x\" is not a path"),
        (
            "session_data.name = 'better-auth.session_token'",
            "advanced.cookies.session_data: has the name of another",
        ),
        ("sesion_token.name = 'sid'", "advanced.cookies.sesion_token: is not a cookie of this server"),
        ("session_token.nam = 'sid'", "advanced.cookies.session_token.nam: is not a setting of this server"),
    ] {
        let found = problems(&[], &[("auth.toml", &format!("[advanced.cookies]\n{file}"))]);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{file}: {found:#?}");
    }
    let host = "[advanced.cookies.session_token]\nname = '__Host-sid'\nattributes.secure = true";
    assert_eq!(problems(&[], &[("auth.toml", host)]), [""; 0]);
    let domain = "[advanced.crossSubDomainCookies]\nenabled = true\ndomain = 'a b'";
    let found = problems(&[], &[("auth.toml", domain)]);
    assert_eq!(found, ["advanced.crossSubDomainCookies.domain: \"a b\" is not a host name"]);
}

#[test]
fn paths_without_checks_are_paths_of_endpoints() {
    for bad in ["['sign-in']", "['']", "['/']", "5", "'/sign-in'"] {
        let file = format!("advanced.disableOriginCheck = {bad}");
        let found = problems(&[], &[("auth.toml", &file)]);
        assert!(
            found.len() == 1 && found[0].starts_with("advanced.disableOriginCheck: expected"),
            "{found:#?}"
        );
    }
    assert_eq!(problems(&[], &[("auth.toml", "advanced.disableOriginCheck = ['/sign-in']")]), [""; 0]);
}

#[test]
fn trusted_origins_that_cors_does_not_name_are_known() {
    let of = |settings: serde_json::Value| {
        let config = auth_core::testing::load_config(&settings).unwrap();
        config.origins_without_cors().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let trusted = json!([
        "https://app.example.test",
        "https://*.example.test",
        "myapp://",
        "https://auth.example.test"
    ]);
    let base = json!({ "baseURL": "https://auth.example.test", "trustedOrigins": trusted });
    assert_eq!(of(base.clone()), ["https://app.example.test"]);
    for (origins, credentials) in [
        (json!(["https://app.example.test"]), true),
        (json!(["https://*.example.test"]), true),
        (json!(["*"]), false),
    ] {
        let mut with_cors = base.clone();
        with_cors["cors"] = json!({ "origins": origins, "credentials": credentials });
        assert_eq!(of(with_cors), [""; 0]);
    }
    let mut other = base;
    other["cors"] = json!({ "origins": ["https://other.example.test"] });
    assert_eq!(of(other), ["https://app.example.test"]);
    // An application in front is trusted too; the developer's own server is not another origin.
    assert_eq!(of(json!({ "appURL": "http://localhost:5173/login" })), ["http://localhost:5173"]);
    assert_eq!(of(json!({})), [""; 0]);
}
