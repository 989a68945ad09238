//! `docs/providers.md`, from the table.

use std::fmt::Write;

use super::{
    COMMON_OPTIONS, Email, IdTokenRow, OptionKind, OptionRow, Pkce, Refresh, Row, ScopeOrder, SecretNeed,
    Verified, variables,
};

const INTRODUCTION: &str = "# Providers

<!-- Made by `auth-server generate` from crates/auth-core/src/features/social/providers. Do not edit. -->

People can sign in with these providers. A provider is switched on by its client id and, where it has one, its secret:

```sh
GOOGLE_CLIENT_ID=1234.apps.googleusercontent.com
GOOGLE_CLIENT_SECRET=GOCSPX-...
```

or in the file, where every other option stands too, by Better Auth's names:

```toml
[socialProviders.google]
clientId = \"1234.apps.googleusercontent.com\"
clientSecret = \"GOCSPX-...\"
hd = \"example.com\"
```

At the provider, register `<base URL>/callback/<id>` as the redirect URI, for example
`https://auth.example.com/api/auth/callback/google`. An option that a provider does not have stops the start. Providers
that are not listed here, any other OpenID Connect or OAuth 2.0 server, and linking: [social.md](social.md).

What is sent to each provider and how its profiles are read was recorded from Better Auth at the version in
`compat/PINNED`; tests compare every row with that record. Where we differ on purpose, `compat/differences.toml` says why.

## Options of every provider

| option | value | meaning |
|---|---|---|
";

const MORE_OPTIONS: &str = "| `enabled` | true or false | `false`: the provider is off, whatever else is set. |
| `userInfoEndpoint` | text | Replaces where profiles are read, for providers that have such an endpoint. |
| `mapProfileToUser` | section | Takes fields of the user from elsewhere in the provider's document: `email = \"/mail/0\"` (a JSON Pointer). `name`, `email`, `image`, `emailVerified`. |

Upstream's options that are functions (`getUserInfo`, `verifyIdToken`, `refreshAccessToken`, Microsoft's `clientAssertion`) have no
form here.
";

const PROVIDERS: &str = "
## Providers

*Secret*: whether one is required. *Id token*: whether an app may send one to `/sign-in/social`. *Verified*: whether the provider
says that an address is verified; one that never does cannot be linked to an existing user unless it is trusted.

| id | variables | secret | default scopes | id token | verified | notes |
|---|---|---|---|---|---|---|
";

/// The text of `docs/providers.md`.
#[must_use]
pub fn page(rows: &[&Row]) -> String {
    let mut out = String::from(INTRODUCTION);
    for option in COMMON_OPTIONS {
        let _ = writeln!(out, "| `{}` | {} | {} |", option.name, value(option.kind), option.about);
    }
    out.push_str(MORE_OPTIONS);
    out.push_str(PROVIDERS);
    for row in rows {
        let [id, secret] = variables(row.id);
        let needed = if row.secret == SecretNeed::Needed { "required" } else { "optional" };
        let scopes = words(row.authorize.scopes);
        let id_token = if row.id_token.is_some() { "yes" } else { "no" };
        let verified = if matches!(row.profile.mapping.verified, Verified::Never) { "never" } else { "yes" };
        let notes = notes(row).join(" ");
        let _ = writeln!(
            out,
            "| `{}` | `{id}`, `{secret}` | {needed} | {scopes} | {id_token} | {verified} | {notes} |",
            row.id
        );
    }
    out.push_str(
        "\n## Options of single providers\n\n| provider | option | value | meaning |\n|---|---|---|---|\n",
    );
    for row in rows {
        for OptionRow { name, kind, about } in row.options {
            let _ = writeln!(out, "| `{}` | `{name}` | {} | {about} |", row.id, value(*kind));
        }
        for call in row.profile.calls.iter().filter(|call| call.option != "userInfoEndpoint") {
            let (id, option) = (row.id, call.option);
            let _ = writeln!(out, "| `{id}` | `{option}` | text | Replaces {}. |", code(call.endpoint));
        }
    }
    out
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn words(texts: &[&str]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(" ")
}

fn value(kind: OptionKind) -> String {
    match kind {
        OptionKind::Text { default: Some(default) } | OptionKind::Base { default } => {
            format!("text; default `{default}`")
        }
        OptionKind::Text { default: None } => "text".to_owned(),
        OptionKind::Needed | OptionKind::Host { default_of: None } => "text; required".to_owned(),
        OptionKind::Host { default_of: Some(other) } => format!("a host name; default by `{other}`"),
        OptionKind::Word(all) => {
            let all: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
            format!("one of {}; the first is the default", words(&all))
        }
        OptionKind::List => "text or a list of texts".to_owned(),
        OptionKind::Number => "a whole number".to_owned(),
        OptionKind::Flag { default } => format!("true or false; default {default}"),
    }
}

/// What an operator should know about a provider.
fn notes(row: &Row) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if row.authorize.params.iter().any(|param| matches!(param, super::Param::Default("response_mode", _))) {
        notes.push(
            "The callback is a form that the provider's page posts. The secret is a JWT that you sign with your key \
             and renew before it ends.",
        );
    }
    match row.authorize.pkce {
        Pkce::Refused => notes.push("No proof key: the provider refuses it."),
        Pkce::Added => notes.push("A proof key is sent although Better Auth sends none."),
        Pkce::Sent => {}
    }
    if row.authorize.scope_order == ScopeOrder::None {
        notes.push("Scopes are set at the provider.");
    }
    if row.refresh == Refresh::None {
        notes.push("No refresh tokens.");
    }
    if let Email::Placeholder(_) | Email::AtOrPlaceholder(..) = row.profile.mapping.email {
        notes.push("Without an address people get one at `placeholder.invalid`, which no mail reaches.");
    }
    if let Some(IdTokenRow::Remote(_)) = row.id_token {
        notes.push("The provider's own endpoint checks id tokens.");
    }
    notes
}
