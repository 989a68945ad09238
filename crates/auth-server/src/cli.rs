//! The command line.

use std::path::PathBuf;

use auth_core::features::services::admin::OVERLAP_SECONDS;
use auth_s2s::ServiceName;
use clap::{ArgGroup, Args, Parser, Subcommand};

/// An auth server that speaks Better Auth's HTTP protocol.
///
/// Without a command it serves. Without any configuration it is a development server: SQLite in ./auth.db, a
/// secret made at the first start, http://localhost:3000/api/auth. Settings come from auth.toml (or auth.json)
/// and the environment; docs/configuration.md lists them.
#[derive(Debug, Parser)]
#[command(name = "auth-server", version, max_term_width = 100)]
pub struct Cli {
    /// The configuration file (TOML, or JSON by its ending). Default: ./auth.toml or ./auth.json if there is one.
    #[arg(long, global = true, value_name = "FILE", env = "AUTH_CONFIG")]
    pub config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve requests until SIGTERM or SIGINT (the default).
    Serve,
    /// Bring the database's tables up to date, then exit. Nothing is ever dropped or retyped.
    Migrate(Migrate),
    /// Look at the database of a Better Auth server and say what taking it over means: what made it, what would be
    /// added, what is left alone, what cannot be served. With --check nothing is changed; without, what is missing is
    /// added, as `serve` and `migrate` do too. Exits 1 when something cannot be served.
    Adopt(Adopt),
    /// Check the configuration and print what was understood, without secrets. Exits 1 with every problem.
    CheckConfig,
    /// Look at the keys that sign tokens, and replace them.
    #[command(subcommand)]
    Keys(Keys),
    /// Withdraw what others may have: end a user's sessions or one session, and have their tokens refused before they
    /// expire. A key is withdrawn by `keys retire KID --emergency`.
    #[command(subcommand)]
    Revoke(Revoke),
    /// Add services that may call others with their own keys, and change them.
    #[command(subcommand)]
    Service(Service),
    /// Try out how mail is sent.
    #[command(subcommand)]
    Mail(Mail),
    /// Explain a JWT, a cookie, a session token or a password hash: what it says, whether it is valid now, and why not.
    /// Prints nothing that could be used: no signature, no session token, no byte of a hash. Exits 1 when it is none of
    /// these.
    Inspect(Inspect),
    /// Print a new secret for BETTER_AUTH_SECRET: 32 random bytes in base64.
    GenSecret(GenSecret),
    /// Print the next free error ids of a prefix, such as EX-0001.
    GenErrorCode(GenErrorCode),
    /// Write the documents that come from code, or check that they are up to date.
    #[command(hide = true)]
    Generate(Generate),
}

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Print the SQL that would run, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    /// Only look, and change nothing.
    #[arg(long)]
    pub check: bool,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the keys: id, algorithm, state, times, and why one cannot be used. `*` marks what this configuration signs
    /// with.
    List {
        /// Also keys that are gone.
        #[arg(long)]
        all: bool,
    },
    /// Publish the next key of each algorithm, which signs as soon as every cache can know it. A key that waits already
    /// is not doubled.
    Rotate {
        /// Take every key out of use at once, because others may know them: all tokens are refused, and fresh keys
        /// sign.
        #[arg(long)]
        emergency: bool,
    },
    /// Take one key out of use that is not needed: of another algorithm than the configured ones, or waiting.
    Retire {
        /// Its id.
        kid: String,
        /// At once, whatever it does, because others may know it: its tokens are refused.
        #[arg(long)]
        emergency: bool,
    },
}

/// What to withdraw. Running servers and whoever reads /revocations follow within a second.
#[derive(Debug, Subcommand)]
pub enum Revoke {
    /// End every session of a user, and have the tokens refused that were given out before.
    User(RevokeUser),
    /// End one session, and have its tokens refused.
    Session {
        /// The claim `sid` of its tokens. Without it the session's token, its cookie or a JWT of it is read from standard
        /// input: the sid alone does not find the session itself.
        sid: Option<String>,
        /// Where `revocation.feed` is off: end the session, although its tokens stay good until they expire.
        #[arg(long)]
        sessions_only: bool,
    },
    /// Have one token refused. Its session goes on, and gets others.
    Token {
        /// Its claim `jti`. Without it the token is read from standard input.
        jti: Option<String>,
    },
}

/// Options of `revoke user`.
#[derive(Debug, Args)]
pub struct RevokeUser {
    /// The user's id or e-mail address.
    pub user: String,
    /// Have the tokens refused and let the sessions go on: whoever is signed in gets new tokens.
    #[arg(long, conflicts_with = "sessions_only")]
    pub tokens_only: bool,
    /// Where `revocation.feed` is off: end the sessions, although their tokens stay good until they expire.
    #[arg(long)]
    pub sessions_only: bool,
}

/// What to do with services. A running server takes changes up within a second.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Add a service: with its public key, with the address of its keys, or to enrol itself.
    Add(AddService),
    /// List every service and its keys.
    List,
    /// Give a service a new key. Its other keys are accepted a while longer.
    Rotate(RotateService),
    /// Refuse a service from now on, and publish its keys no more.
    Disable(ServiceNamed),
    /// Accept a disabled service again.
    Enable(ServiceNamed),
    /// Forget a service and its keys.
    Remove(ServiceNamed),
    /// Print what Istio has to be told so that the enabled services, and nobody else, reach one of them.
    Istio(MeshService),
}

/// A service in a mesh.
#[derive(Debug, Args)]
pub struct MeshService {
    /// The service that is called; its pods have the label `app` with this name.
    pub name: ServiceName,
    /// The namespace that it runs in.
    #[arg(long, default_value = "default")]
    pub namespace: String,
}

/// A service.
#[derive(Debug, Args)]
pub struct ServiceNamed {
    /// Its name: a-z, 0-9 and -.
    pub name: ServiceName,
}

/// Options of `service add`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["jwk", "jwks_url", "enrol"])))]
pub struct AddService {
    /// Its name: a-z, 0-9 and -.
    pub name: ServiceName,
    /// A file with its public key, a JWK.
    #[arg(long, value_name = "FILE")]
    pub jwk: Option<PathBuf>,
    /// Where the service shows its keys, a JWK set: https, or http on this machine.
    #[arg(long, value_name = "URL")]
    pub jwks_url: Option<String>,
    /// Print a code with which the service registers its key itself, once, within an hour.
    #[arg(long)]
    pub enrol: bool,
}

/// Options of `service rotate`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["jwk", "enrol"])))]
pub struct RotateService {
    /// Its name: a-z, 0-9 and -.
    pub name: ServiceName,
    /// A file with its new public key, a JWK.
    #[arg(long, value_name = "FILE")]
    pub jwk: Option<PathBuf>,
    /// Print a code with which the service registers its new key itself, once, within an hour.
    #[arg(long)]
    pub enrol: bool,
    /// How long the other keys stay accepted, with --jwk. 0 withdraws them at once.
    #[arg(long, value_name = "SECONDS", default_value_t = OVERLAP_SECONDS, value_parser = clap::value_parser!(i64).range(0..))]
    pub overlap: i64,
}

/// What to do with mail.
#[derive(Debug, Subcommand)]
pub enum Mail {
    /// Send a test mail to this address now, and show what the mail server answers.
    Test {
        /// Who gets it.
        address: String,
    },
}

/// Options of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// What to explain: a value, or a Cookie, Set-Cookie or Authorization header. Read from standard input when it is
    /// not given, which keeps it out of the shell's history.
    pub text: Option<String>,
    /// Do not ask the database: sessions and the state of keys stay unknown.
    #[arg(long)]
    pub offline: bool,
}

/// Options of `gen-secret`.
#[derive(Debug, Args)]
pub struct GenSecret {
    /// Print the SHA-512 of this phrase in hex instead. The same phrase gives the same secret: whoever
    /// guesses it has your secret.
    #[arg(short = 'i', long, value_name = "PHRASE")]
    pub input: Option<String>,
}

/// Options of `gen-error-code`.
#[derive(Debug, Args)]
pub struct GenErrorCode {
    /// The prefix: capital letters and digits, such as EX.
    #[arg(short, long)]
    pub prefix: String,
    /// How many ids to print.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub amount: u32,
    /// Also continue after the highest id of the prefix in these files or folders (your own error tables).
    #[arg(long, value_name = "PATH")]
    pub registered_in: Vec<PathBuf>,
}

/// Options of `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Fail if a document is not up to date, and write nothing.
    #[arg(long)]
    pub check: bool,
    /// The project's folder.
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
}
