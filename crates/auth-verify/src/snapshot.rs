//! The last good set on disk, so that a process which starts during an outage of the issuer can verify.
//!
//! Whoever can write the file decides whose tokens are accepted. So it is only read when nobody else may
//! write to it, and held to the rules of a fetched answer; a file that breaks one is not used at all.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use auth_jose::{JsonError, JwkSet, PublicKey, Timestamp, json};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::fetch::{FetchError, MAX_BODY_BYTES, usable_keys};

const FORMAT: u64 = 1;
/// A fetched answer and what stands around it.
const MAX_FILE_BYTES: usize = MAX_BODY_BYTES + 4 * 1024;

/// Why a snapshot is not used or not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("the file holds a key that is not fit for use")]
    KeyUnfit,
    #[error("the file is from the future: one of the clocks is wrong")]
    FromTheFuture,
    #[error("the file is not readable: {0}")]
    Io(#[from] std::io::Error),
    #[error("the file is not JSON: {0}")]
    JsonInvalid(#[from] JsonError),
    #[error("the file is not a snapshot of keys")]
    NotASnapshot,
    #[error("{0}")]
    NotAKeySet(#[from] FetchError),
    #[error("the file is of the keys at another address")]
    OtherAddress,
    #[error("the file is too large")]
    TooLarge,
    #[cfg(unix)]
    #[error("others may write to the file: it needs the mode 0600")]
    WritableByOthers,
}

/// What a snapshot says.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) keys: JwkSet,
    pub(crate) ttl_seconds: u32,
    pub(crate) age_millis: i64,
}

impl Snapshot {
    /// The text of a snapshot. Holds public members alone, whatever was fetched.
    pub(crate) fn to_text(url: &str, keys: &JwkSet, ttl_seconds: u32, fetched_at: Timestamp) -> String {
        let keys: Vec<_> = keys.keys().iter().map(PublicKey::jwk).collect();
        json!({
            "format": FORMAT,
            "address": url,
            "fetchedAt": fetched_at,
            "ttlSeconds": ttl_seconds,
            "keys": keys,
        })
        .to_string()
    }

    fn parse(text: &[u8], url: &str, now: Timestamp) -> Result<Self, SnapshotError> {
        let document = json::parse_object(text)?;
        if document.get("format").and_then(Value::as_u64) != Some(FORMAT) {
            return Err(SnapshotError::NotASnapshot);
        }
        if document.get("address").and_then(Value::as_str) != Some(url) {
            return Err(SnapshotError::OtherAddress);
        }
        let fetched_at = document.get("fetchedAt").and_then(Value::as_str).and_then(Timestamp::parse_iso);
        let ttl_seconds = document.get("ttlSeconds").and_then(Value::as_u64).map(u32::try_from);
        let (Some(fetched_at), Some(Ok(ttl_seconds @ 30..=3_600))) = (fetched_at, ttl_seconds) else {
            return Err(SnapshotError::NotASnapshot);
        };
        let age_millis = now.millis() - fetched_at.millis();
        if age_millis < 0 {
            return Err(SnapshotError::FromTheFuture);
        }
        let keys = usable_keys(text)?;
        // Only usable keys are written: another one, a private one above all, was put there by somebody else.
        if keys.skipped() > 0 {
            return Err(SnapshotError::KeyUnfit);
        }
        Ok(Self { keys, ttl_seconds, age_millis })
    }
}

pub(crate) struct SnapshotFile(PathBuf);

impl SnapshotFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The snapshot; nothing when there is no file.
    pub(crate) fn read(&self, url: &str, now: Timestamp) -> Result<Option<Snapshot>, SnapshotError> {
        let file = match File::open(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        check_mode(&file)?;
        let mut text = Vec::new();
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut text)?;
        if text.len() > MAX_FILE_BYTES {
            return Err(SnapshotError::TooLarge);
        }
        Snapshot::parse(&text, url, now).map(Some)
    }

    /// Replaces the file as a whole, with the mode 0600: a reader sees the old one or the new one.
    pub(crate) fn write(&self, text: &str) -> Result<(), SnapshotError> {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.0).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(unix)]
fn check_mode(file: &File) -> Result<(), SnapshotError> {
    use std::os::unix::fs::PermissionsExt;
    let is_shared = file.metadata()?.permissions().mode() & 0o022 != 0;
    if is_shared { Err(SnapshotError::WritableByOthers) } else { Ok(()) }
}

#[cfg(not(unix))]
fn check_mode(_file: &File) -> Result<(), SnapshotError> {
    Ok(())
}
