//! `emailAndPassword`.

use super::reader::Reader;
use super::{seconds, size};
use crate::crypto::password::{Algorithm as PasswordAlgorithm, PasswordConfig};

/// Sign-up and sign-in with e-mail and password.
#[derive(Debug, Clone)]
pub struct EmailAndPasswordConfig {
    /// Sign-in works at all.
    pub enabled: bool,
    /// New accounts are refused.
    pub disable_sign_up: bool,
    /// Sign-up also signs in.
    pub auto_sign_in: bool,
    /// Only proven addresses sign in.
    pub require_email_verification: bool,
    /// Passwords may be reset by mail.
    pub send_reset_password: bool,
    /// Lifetime of a reset link in seconds.
    pub reset_token_expires_in: i64,
    /// A reset ends every session.
    pub revoke_sessions_on_reset: bool,
    /// In UTF-16 code units.
    pub min_password_length: usize,
    /// In UTF-16 code units.
    pub max_password_length: usize,
    /// A sign-in replaces a hash that is not as new ones are.
    pub rehash_on_sign_in: bool,
    /// How passwords are hashed.
    pub password: PasswordConfig,
}

impl EmailAndPasswordConfig {
    /// Whether sign-up answers the same for a taken address as for a free one.
    #[must_use]
    pub fn hides_taken_addresses(&self) -> bool {
        self.require_email_verification || !self.auto_sign_in
    }
}

pub(super) fn read(r: &mut Reader, upstream_exact: bool) -> EmailAndPasswordConfig {
    let defaults = PasswordConfig::default();
    let word: PasswordWord = r.choice("emailAndPassword.password.algorithm", PasswordWord::Argon2id);
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let memory_kib = small(r.integer("emailAndPassword.password.memoryKiB", 19_456, 1024..=4_194_304));
    let iterations = small(r.integer("emailAndPassword.password.iterations", 2, 1..=100));
    let parallelism = small(r.integer("emailAndPassword.password.parallelism", 1, 1..=64));
    let threads = u64::try_from(defaults.threads).unwrap_or(1);
    let queue = u64::try_from(defaults.queue).unwrap_or(64);
    let config = EmailAndPasswordConfig {
        enabled: r.boolean("emailAndPassword.enabled", true),
        disable_sign_up: r.boolean("emailAndPassword.disableSignUp", false),
        auto_sign_in: r.boolean("emailAndPassword.autoSignIn", true),
        require_email_verification: r.boolean("emailAndPassword.requireEmailVerification", false),
        send_reset_password: r.boolean("emailAndPassword.sendResetPassword", true),
        reset_token_expires_in: seconds(
            r.seconds("emailAndPassword.resetPasswordTokenExpiresIn", 3600).max(1),
        ),
        revoke_sessions_on_reset: r
            .boolean("emailAndPassword.revokeSessionsOnPasswordReset", !upstream_exact),
        min_password_length: size(r.integer("emailAndPassword.minPasswordLength", 8, 1..=1024)),
        max_password_length: size(r.integer("emailAndPassword.maxPasswordLength", 128, 1..=1024)),
        rehash_on_sign_in: r.boolean("emailAndPassword.password.rehashOnSignIn", false),
        password: PasswordConfig {
            algorithm: match word {
                PasswordWord::Argon2id => PasswordAlgorithm::Argon2id { memory_kib, iterations, parallelism },
                PasswordWord::Scrypt => PasswordAlgorithm::Scrypt,
            },
            threads: size(r.integer("emailAndPassword.password.threads", threads, 1..=1024)),
            queue: size(r.integer("emailAndPassword.password.queue", queue, 1..=100_000)),
        },
    };
    if config.min_password_length > config.max_password_length {
        r.refuse("emailAndPassword.minPasswordLength", "must not exceed emailAndPassword.maxPasswordLength");
    }
    config
}

/// The words of `emailAndPassword.password.algorithm`.
enum PasswordWord {
    Argon2id,
    Scrypt,
}

impl std::str::FromStr for PasswordWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "argon2id" => Ok(Self::Argon2id),
            "scrypt" => Ok(Self::Scrypt),
            _ => Err(()),
        }
    }
}
