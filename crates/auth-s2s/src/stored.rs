//! Keys that a service finds where its operator put them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use auth_jose::{KeyError, Secret};

use crate::{Minter, ServiceName};

/// Longer files hold something else.
const MAX_BYTES: u64 = 16 * 1024;

/// Why a stored key is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredKeyError {
    /// There is no such file, or it cannot be read, or is no text.
    #[error("{}: {error}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than the file's owner can read or change it.
    #[error("{0}: group or others have access (mode {mode:03o}): chmod 600 {0}", path.display())]
    FileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{}: {error}", path.display())]
    FileInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
    /// The variable is not there, is empty, or is no text.
    #[error("{variable} is not set")]
    VariableMissing {
        /// Its name.
        variable: String,
    },
    /// The variable holds something else.
    #[error("{variable}: {error}")]
    VariableInvalid {
        /// Its name.
        variable: String,
        /// What is wrong with its value.
        error: KeyError,
    },
}

impl Minter {
    /// A minter with the private Ed25519 JWK in a file that its owner alone can read (mode 0600 or 0400). Elsewhere than
    /// on Unix, permissions are not looked at.
    ///
    /// # Errors
    /// [`StoredKeyError`], which names the file and never shows what is in it.
    pub fn from_file(name: ServiceName, path: impl AsRef<Path>) -> Result<Self, StoredKeyError> {
        let path = path.as_ref();
        let unreadable = |error| StoredKeyError::FileUnreadable { path: path.to_owned(), error };
        let file = File::open(path).map_err(unreadable)?;
        // Of the file that was opened, so that nobody can put another one there in between.
        check_mode(path, &file)?;
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        let text = Secret::new(text);
        read.map_err(unreadable)?;
        Self::from_private_jwk(name, text.expose())
            .map_err(|error| StoredKeyError::FileInvalid { path: path.to_owned(), error })
    }

    /// A minter with the private Ed25519 JWK in a variable of the environment.
    ///
    /// # Errors
    /// [`StoredKeyError`], which names the variable and never shows its value.
    #[expect(clippy::disallowed_methods, reason = "it is what this is for")]
    pub fn from_env(name: ServiceName, variable: &str) -> Result<Self, StoredKeyError> {
        let text =
            std::env::var(variable).map(Secret::new).ok().filter(|text| !text.expose().trim().is_empty());
        let text = text.ok_or_else(|| StoredKeyError::VariableMissing { variable: variable.to_owned() })?;
        Self::from_private_jwk(name, text.expose())
            .map_err(|error| StoredKeyError::VariableInvalid { variable: variable.to_owned(), error })
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<(), StoredKeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata();
    let metadata =
        metadata.map_err(|error| StoredKeyError::FileUnreadable { path: path.to_owned(), error })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(StoredKeyError::FileOpen { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _file: &File) -> Result<(), StoredKeyError> {
    Ok(())
}
