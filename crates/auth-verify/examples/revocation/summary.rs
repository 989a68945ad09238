//! What was measured beside what was promised.

use std::fmt;

/// The drill's result.
#[derive(Default)]
pub(crate) struct Summary(Vec<Line>);

struct Line {
    what: String,
    measured: String,
    /// Nothing for what is only stated.
    target: Option<(String, bool)>,
}

impl Summary {
    /// States a figure.
    pub(crate) fn note(&mut self, what: &str, measured: String) {
        self.0.push(Line { what: what.to_owned(), measured, target: None });
    }

    /// States a figure that has to keep a promise.
    pub(crate) fn check(&mut self, what: &str, measured: String, target: String, is_kept: bool) {
        self.0.push(Line { what: what.to_owned(), measured, target: Some((target, is_kept)) });
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.0.iter().all(|line| line.target.as_ref().is_none_or(|(_, is_kept)| *is_kept))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<48}{:>14}{:>14}", "", "measured", "target")?;
        for Line { what, measured, target } in &self.0 {
            write!(f, "{what:<48}{measured:>14}")?;
            match target {
                Some((target, true)) => writeln!(f, "{target:>14}")?,
                Some((target, false)) => writeln!(f, "{target:>14}  MISSED")?,
                None => writeln!(f)?,
            }
        }
        writeln!(f, "{}", if self.has_passed() { "passed" } else { "FAILED" })
    }
}
