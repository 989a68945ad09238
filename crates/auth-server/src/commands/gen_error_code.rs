//! `gen-error-code`.

use std::path::Path;
use std::process::ExitCode;

use auth_core::features;

use crate::cli::GenErrorCode;

pub(super) fn run(options: &GenErrorCode) -> Result<ExitCode, String> {
    let prefix = &options.prefix;
    if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return Err("a prefix is made of capital letters and digits, such as EX".to_owned());
    }
    let mut highest = 0;
    for code in features::error_codes() {
        highest = highest.max(highest_in(code.id, prefix));
    }
    for path in &options.registered_in {
        highest = highest.max(scan(path, prefix).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let last = highest
        .checked_add(options.amount)
        .ok_or_else(|| format!("{prefix}-{highest} is registered; no numbers are left after it"))?;
    let lines: String = (highest + 1..=last).map(|number| format!("{prefix}-{number:04}\n")).collect();
    super::print(format_args!("{lines}"))
}

/// The highest number of `prefix` in the files below `path`; files that are not text are passed over.
fn scan(path: &Path, prefix: &str) -> std::io::Result<u32> {
    if !path.is_dir() {
        let bytes = std::fs::read(path)?;
        return Ok(std::str::from_utf8(&bytes).map_or(0, |text| highest_in(text, prefix)));
    }
    let mut highest = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_type()?.is_symlink() {
            highest = highest.max(scan(&entry.path(), prefix)?);
        }
    }
    Ok(highest)
}

/// The highest number in `text` that stands behind the whole word `PREFIX-`.
fn highest_in(text: &str, prefix: &str) -> u32 {
    let mark = format!("{prefix}-");
    let numbers = text.match_indices(&mark).filter_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        if before.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric()) {
            return None;
        }
        let digits: String = rest.chars().skip(mark.len()).take_while(char::is_ascii_digit).collect();
        (digits.len() >= 4).then(|| digits.parse().ok())?
    });
    numbers.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_highest_registered_number() {
        assert_eq!(highest_in("EX-0001, EX-0007; EX-0003", "EX"), 7);
        assert_eq!(highest_in("TEX-0009 EX-12", "EX"), 0);
        assert_eq!(highest_in("EX-12345", "EX"), 12345);
        assert_eq!(highest_in("", "EX"), 0);
    }
}
