//! Every setting there is, as data: the reader, `.env.example` and `docs/configuration.md` come from it.

mod account;
mod audiences;
mod fields;
mod flows;
mod jwt;
mod limits;
mod redis;
mod revocation;
mod session;
mod social;

/// What a setting's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Seconds, or a span such as `15m`, `12h`, `7d`.
    Seconds,
    /// A list of texts; in the environment separated by commas.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true`, `false`, or a list of what it is true for.
    Switch,
    /// A value of any kind.
    Any,
}

impl Kind {
    /// What was expected, for messages and documents.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Secret => "text (never shown)".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Seconds => "seconds, or a span such as 15m, 12h, 7d".to_owned(),
            Self::List => "a list of texts".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Switch => "true, false or a list of texts".to_owned(),
            Self::Any => "any value".to_owned(),
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its place in the file: upstream's option name in upstream's nesting.
    pub key: &'static str,
    /// The environment variable that overrides the file; each also as `NAME_FILE`.
    pub env: Option<&'static str>,
    /// What its value must be.
    pub kind: Kind,
    /// The default, in words.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn setting(
    key: &'static str,
    env: Option<&'static str>,
    kind: Kind,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { key, env, kind, default, about }
}

/// All settings, in the order of the documents.
pub const SETTINGS: &[Setting] = &join::<
    {
        GENERAL.len()
            + flows::SETTINGS.len()
            + account::SETTINGS.len()
            + social::SETTINGS.len()
            + limits::SETTINGS.len()
            + session::SETTINGS.len()
            + fields::SETTINGS.len()
            + jwt::SETTINGS.len()
            + audiences::SETTINGS.len()
            + redis::SETTINGS.len()
            + revocation::SETTINGS.len()
    },
>(&[
    GENERAL,
    flows::SETTINGS,
    account::SETTINGS,
    social::SETTINGS,
    limits::SETTINGS,
    session::SETTINGS,
    fields::SETTINGS,
    jwt::SETTINGS,
    audiences::SETTINGS,
    redis::SETTINGS,
    revocation::SETTINGS,
]);

/// One list of several; fewer or more than `N` settings do not compile.
#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a wrong index is an error")]
const fn join<const N: usize>(parts: &[&[Setting]]) -> [Setting; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[at] = parts[part][index];
            at += 1;
            index += 1;
        }
        part += 1;
    }
    assert!(at == N);
    all
}

use Kind::{Boolean, Choice, Integer, List, Seconds, Secret, Text};

const GENERAL: &[Setting] = &[
    setting(
        "production",
        Some("NODE_ENV"),
        Boolean,
        "false",
        "Production rules: a strong secret and an https base URL are required, the error page redirects. The variable takes `production`, `development` or `test`.",
    ),
    setting(
        "baseURL",
        Some("BETTER_AUTH_URL"),
        Text,
        "http://localhost:PORT",
        "The public URL of this server: issuer and audience of its tokens, cookie security, links. A path in it replaces `basePath`. Required in production, unless there are `allowedHosts`.",
    ),
    setting(
        "baseURL.allowedHosts",
        None,
        List,
        "none",
        "Instead of one base URL: the hosts that this server has, such as `auth.example.com`, `*.example.com` or `localhost:*`. Each request gets the base URL of the host it was sent to; pages of these hosts are trusted.",
    ),
    setting(
        "baseURL.protocol",
        None,
        Choice(&["http", "https", "auto"]),
        "as the proxy says; else https in production",
        "How browsers reach these hosts. Decides over secure cookies; without it, or with `auto`, `production` does.",
    ),
    setting("baseURL.fallback", None, Text, "none: 421", "The base URL for requests to any other host."),
    setting(
        "advanced.trustedProxyHeaders",
        None,
        Boolean,
        "false",
        "With `allowedHosts`, `X-Forwarded-Host` and `X-Forwarded-Proto` go before `Host`: from the proxies of `advanced.ipAddress.trustedProxies`, or from everybody if none is named.",
    ),
    setting("basePath", None, Text, "/api/auth", "The path under which every endpoint is served."),
    setting(
        "secret",
        Some("BETTER_AUTH_SECRET"),
        Secret,
        "development: made at the first start, kept beside the database",
        "Signs cookies and encrypts private keys. Make one with `auth-server gen-secret`. Required in production, unless there are `secrets`.",
    ),
    setting(
        "secrets",
        Some("BETTER_AUTH_SECRETS"),
        Secret,
        "none",
        "Numbered secrets, so that one can be replaced without signing anybody out: `2:NEW,1:OLD`, the current one first; in the file a list. `secret` then is the one from before there were numbers.",
    ),
    setting(
        "secrets[].version",
        None,
        Integer,
        "none",
        "The secret's number; the first entry is the current one.",
    ),
    setting("secrets[].value", None, Secret, "none", "The secret."),
    setting(
        "trustedOrigins",
        Some("BETTER_AUTH_TRUSTED_ORIGINS"),
        List,
        "none",
        "Origins besides the base URL's that may send requests with cookies and be redirected to; `*`, `?` and `**` as upstream.",
    ),
    setting(
        "appURL",
        Some("APP_URL"),
        Text,
        "none",
        "The URL of the web application in front: one more trusted origin.",
    ),
    setting("disabledPaths", None, List, "none", "Endpoint paths that answer 404, such as `/sign-up/email`."),
    setting(
        "plugins",
        None,
        List,
        "jwt, bearer",
        "The plugins that are on: `jwt` (`/token`, `/jwks`, `set-auth-jwt`) and `bearer` (session tokens in `Authorization`).",
    ),
    setting(
        "server.host",
        Some("HOST"),
        Text,
        "127.0.0.1",
        "The address to listen on. `0.0.0.0` or `::` for all.",
    ),
    setting("server.port", Some("PORT"), Integer, "3000", "The port to listen on."),
    setting("server.workers", None, Integer, "one for each core", "Worker threads."),
    setting(
        "server.maxConnections",
        None,
        Integer,
        "10000",
        "Connections at the same time; further ones wait to be accepted.",
    ),
    setting(
        "server.bodyLimit",
        None,
        Integer,
        "65536",
        "The largest request body in bytes; larger ones answer 413.",
    ),
    setting("server.requestTimeout", None, Seconds, "15", "A request that takes longer answers 503."),
    setting("server.shutdownTimeout", None, Seconds, "10", "How long SIGTERM waits for running requests."),
    setting(
        "database.url",
        Some("DATABASE_URL"),
        Secret,
        "sqlite:auth.db",
        "`sqlite:FILE`, `postgres://USER:PASSWORD@HOST/NAME` or `mysql://USER:PASSWORD@HOST/NAME` (MariaDB too). TLS by `?sslmode=verify-full&sslrootcert=FILE`, on MySQL `?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE`.",
    ),
    setting(
        "database.poolSize",
        None,
        Integer,
        "16",
        "Connections in all, shared out between the workers; each worker has one at least.",
    ),
    setting(
        "database.acquireTimeout",
        None,
        Seconds,
        "2",
        "How long a request waits for a free connection before it answers 503.",
    ),
    setting(
        "database.queryTimeout",
        None,
        Seconds,
        "5",
        "How long a statement may run on a server, and wait for a lock.",
    ),
    setting(
        "database.startTimeout",
        None,
        Seconds,
        "30",
        "How long the start waits for a database that does not answer.",
    ),
    setting(
        "database.migrate",
        None,
        Boolean,
        "true",
        "Bring the tables up to date at start. Off: run `auth-server migrate` yourself.",
    ),
    setting(
        "emailAndPassword.enabled",
        None,
        Boolean,
        "true",
        "Sign-up and sign-in with e-mail and password. (Upstream's default is false.)",
    ),
    setting(
        "emailAndPassword.disableSignUp",
        None,
        Boolean,
        "false",
        "Refuse new accounts; existing ones sign in.",
    ),
    setting(
        "emailAndPassword.requireEmailVerification",
        None,
        Boolean,
        "false",
        "Only proven addresses sign in; sign-up does not, and does not tell a taken address from a free one.",
    ),
    setting(
        "emailAndPassword.sendResetPassword",
        None,
        Boolean,
        "true",
        "Passwords can be reset by mail, if mail can be sent.",
    ),
    setting(
        "emailAndPassword.resetPasswordTokenExpiresIn",
        None,
        Seconds,
        "1h",
        "Lifetime of a link that resets a password.",
    ),
    setting(
        "emailAndPassword.revokeSessionsOnPasswordReset",
        None,
        Boolean,
        "true",
        "A reset ends every session of the user. (Upstream's default is false.)",
    ),
    setting(
        "emailAndPassword.autoSignIn",
        None,
        Boolean,
        "true",
        "Sign-up also signs in. Off: a taken address cannot be told from a free one.",
    ),
    setting(
        "emailAndPassword.minPasswordLength",
        None,
        Integer,
        "8",
        "In UTF-16 code units, as upstream counts.",
    ),
    setting(
        "emailAndPassword.maxPasswordLength",
        None,
        Integer,
        "128",
        "In UTF-16 code units, as upstream counts.",
    ),
    setting(
        "emailAndPassword.password.algorithm",
        None,
        Choice(&["argon2id", "scrypt"]),
        "argon2id",
        "How new passwords are hashed. `scrypt` is upstream's format: use it while a Better Auth Node server shares the database. Both are always verified.",
    ),
    setting(
        "emailAndPassword.password.rehashOnSignIn",
        None,
        Boolean,
        "false",
        "A sign-in replaces a hash that is not as new ones are (scrypt, or other argon2id costs). Leave it off while a Better Auth Node server shares the database, or may again: it cannot read argon2id.",
    ),
    setting(
        "emailAndPassword.password.memoryKiB",
        None,
        Integer,
        "19456",
        "argon2id: memory of one hash, in KiB.",
    ),
    setting("emailAndPassword.password.iterations", None, Integer, "2", "argon2id: passes over the memory."),
    setting("emailAndPassword.password.parallelism", None, Integer, "1", "argon2id: lanes."),
    setting(
        "emailAndPassword.password.threads",
        None,
        Integer,
        "one for each core",
        "Threads that hash; this bounds memory and processor use.",
    ),
    setting(
        "emailAndPassword.password.queue",
        None,
        Integer,
        "64",
        "Hashes that may wait; beyond it requests answer 503 with Retry-After.",
    ),
    setting(
        "advanced.upstreamExact",
        None,
        Boolean,
        "false",
        "Add nothing that upstream does not send: no claims `jti` and `sid`, no `Cache-Control: no-store` on answers with credentials.",
    ),
    setting(
        "advanced.database.generateId",
        None,
        Choice(&["uuid", "serial", "false"]),
        "32 random letters and digits",
        "Ids of new rows. `uuid`: random UUIDs. `serial`: the database counts. `false`: the database makes them in its own way. Has to fit the columns at hand; in an empty database it decides their types.",
    ),
    setting(
        "advanced.ipAddress.source",
        None,
        Choice(&["socket", "headers"]),
        "socket",
        "`socket`: the peer's address, and forwarding headers only from trusted proxies. `headers`: as upstream, never the peer's address.",
    ),
    setting(
        "advanced.ipAddress.ipAddressHeaders",
        None,
        List,
        "x-forwarded-for",
        "Headers that may name the client.",
    ),
    setting(
        "advanced.ipAddress.trustedProxies",
        None,
        List,
        "none",
        "Addresses or CIDR ranges of reverse proxies whose forwarding headers count.",
    ),
    setting(
        "advanced.ipAddress.ipv6Subnet",
        None,
        Integer,
        "64",
        "IPv6 addresses are cut to this prefix length.",
    ),
    setting("advanced.ipAddress.disableIpTracking", None, Boolean, "false", "Store no address at all."),
    setting(
        "mail.smtpURL",
        Some("SMTP_URL"),
        Secret,
        "none: development prints mail on the console, production has none",
        "The mail server: `smtps://USER:PASSWORD@HOST`, `smtp+starttls://...`, or `smtp://HOST:PORT` with `?tls=required` or `?tls=opportunistic`.",
    ),
    setting(
        "mail.from",
        Some("MAIL_FROM"),
        Text,
        "none: required beside SMTP_URL",
        "Whom mail is from: `Example <no-reply@example.com>`.",
    ),
    setting("mail.timeout", None, Seconds, "30", "How long one delivery to the mail server may take."),
    setting(
        "mail.queue",
        None,
        Integer,
        "1000",
        "Mails that may wait; beyond it they are dropped and logged.",
    ),
    setting(
        "mail.attempts",
        None,
        Integer,
        "6",
        "How often a mail is tried while the mail server is away or answers 4xx; the pauses grow from 5 s to 10 min.",
    ),
    setting(
        "mail.templates",
        None,
        Text,
        "none",
        "A folder with templates that replace the built-in ones: `LANGUAGE/verify-email.txt`, `LANGUAGE/verify-email.html`, and so on.",
    ),
    setting(
        "mail.language",
        None,
        Text,
        "en",
        "The folder of the language in `mail.templates`; `en` is built in.",
    ),
    setting("onAPIError.errorURL", None, Text, "none", "Where `/error` redirects, instead of our own page."),
    setting(
        "bearer.requireSignature",
        None,
        Boolean,
        "false",
        "Refuse bearer session tokens that are not signed.",
    ),
    setting(
        "services.name",
        None,
        Text,
        "auth",
        "What other services call this one: the audience of service tokens for it is `service:<name>`.",
    ),
];
