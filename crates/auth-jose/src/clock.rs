//! Time as an input: everything that asks what time it is asks a [`Clock`].

use std::fmt;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A UTC instant with millisecond precision, as JavaScript's `Date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Exactly three fraction digits and `Z`: the official client misreads any other number of digits.
const ISO: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The last millisecond of the year 9999, so that four year digits always suffice.
const MAX_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// An instant from milliseconds since the Unix epoch, limited to the years 0000 to 9999.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis > MAX_MILLIS {
            Self(MAX_MILLIS)
        } else if millis < -62_167_219_200_000 {
            Self(-62_167_219_200_000)
        } else {
            Self(millis)
        }
    }

    /// An instant from whole seconds since the Unix epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: an RFC 7519 `NumericDate`.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by `seconds` (negative: into the past).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// `Date.prototype.toISOString()`: `2030-01-01T00:00:00.000Z`.
    #[must_use]
    pub fn to_iso(self) -> String {
        self.to_offset().format(ISO).unwrap_or_default()
    }

    /// Reads RFC 3339 text; fractions beyond milliseconds are cut off.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::from)
    }

    /// The same instant as the `time` crate's type.
    #[must_use]
    pub fn to_offset(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(instant: OffsetDateTime) -> Self {
        let millis = instant.unix_timestamp_nanos().div_euclid(1_000_000);
        Self::from_millis(i64::try_from(millis).unwrap_or(MAX_MILLIS))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_iso())
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock before 1970 shows 1970: too early for every token that was ever made.
        let millis = since_epoch.map_or(0, |since| since.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(MAX_MILLIS))
    }
}

/// A clock that stands still until a test moves it.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

#[cfg(any(test, feature = "testing"))]
impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(std::sync::atomic::AtomicI64::new(start.millis()))
    }

    /// Moves the clock by `seconds`; negative moves it back.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds.saturating_mul(1000), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "testing"))]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_exactly_three_fraction_digits() {
        assert_eq!(Timestamp::from_millis(1_893_456_000_000).to_iso(), "2030-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_893_456_000_007).to_iso(), "2030-01-01T00:00:00.007Z");
    }

    #[test]
    fn reads_other_precisions_and_offsets() {
        let expected = Some(Timestamp::from_millis(1_893_456_000_123));
        assert_eq!(Timestamp::parse_iso("2030-01-01T00:00:00.123456Z"), expected);
        assert_eq!(Timestamp::parse_iso("2030-01-01T02:00:00.123+02:00"), expected);
        assert_eq!(Timestamp::parse_iso("yesterday"), None);
    }

    #[test]
    fn stays_within_four_year_digits() {
        assert_eq!(Timestamp::from_millis(i64::MAX).to_iso(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_seconds(i64::MIN).to_iso(), "0000-01-01T00:00:00.000Z");
    }
}
