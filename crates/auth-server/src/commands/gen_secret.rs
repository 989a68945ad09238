//! `gen-secret`.

use std::process::ExitCode;

use sha2::{Digest, Sha512};

use super::settings;
use crate::cli::GenSecret;

pub(super) fn run(options: &GenSecret) -> Result<ExitCode, String> {
    match &options.input {
        None => super::print(format_args!("{}\n", settings::random().expose())),
        Some(phrase) => {
            eprintln!(
                "warning: a secret made from a phrase is only as strong as the phrase; prefer `gen-secret` without -i"
            );
            super::print(format_args!("{}\n", hex(&Sha512::digest(phrase.as_bytes()))))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
