//! `rateLimit`: how often a client may ask, and how often a password may be tried.

use std::time::Duration;

use super::reader::{Key, Reader};
use crate::wire::wildcard::Wildcard;

/// The limits.
#[derive(Debug, Clone)]
pub struct RateLimitConfig {
    /// Requests are counted at all.
    pub enabled: bool,
    /// How often which path may be asked for.
    pub rules: RateRules,
    /// Where requests are counted.
    pub storage: RateStorage,
    /// How often the password of one account may be tried.
    pub per_account: Option<PerAccount>,
}

/// Where requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateStorage {
    /// In this process.
    Memory,
    /// In the table `rateLimit`, shared by all servers on the database.
    Database,
}

impl std::str::FromStr for RateStorage {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "memory" => Ok(Self::Memory),
            "database" => Ok(Self::Database),
            _ => Err(()),
        }
    }
}

/// So many requests in such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The window in milliseconds.
    pub window: u32,
    /// Requests in a window.
    pub max: u32,
}

impl Rule {
    /// `max` requests in `seconds`.
    #[must_use]
    pub const fn new(seconds: u32, max: u32) -> Self {
        Self { window: seconds.saturating_mul(1000), max }
    }

    /// The window in milliseconds.
    #[must_use]
    pub fn window_millis(self) -> i64 {
        i64::from(self.window)
    }
}

/// Limits on wrong passwords for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerAccount {
    /// From all clients together.
    pub all: Rule,
    /// From one client.
    pub one_client: Rule,
}

/// Which paths have which limit.
#[derive(Debug, Clone)]
pub struct RateRules {
    default: Rule,
    custom: Vec<(PathPattern, Option<Rule>)>,
}

/// A path, or a text with wildcards.
#[derive(Debug, Clone)]
struct PathPattern {
    text: String,
    wildcard: Option<Wildcard>,
}

impl PathPattern {
    fn new(text: String) -> Self {
        let wildcard = text.contains(['*', '?']).then(|| Wildcard::new(&text));
        Self { text, wildcard }
    }

    fn matches(&self, path: &str) -> bool {
        self.wildcard.as_ref().map_or(self.text == path, |wildcard| wildcard.matches(path))
    }
}

/// Upstream's rules for paths that guess or send something: all that begin so.
const GUESSES: (&[&str], Rule) =
    (&["/sign-in", "/sign-up", "/change-password", "/change-email"], Rule::new(10, 3));
const SENDS: (&[&str], Rule) = (
    &[
        "/request-password-reset",
        "/send-verification-email",
        "/forget-password",
        "/email-otp/send-verification-otp",
        "/email-otp/request-password-reset",
    ],
    Rule::new(60, 3),
);

/// What services ask, many of them from one address: with a secret, or for a list that is kept in memory.
const SERVICES: [&str; 3] = ["/revocations", "/introspect", "/revoke"];

/// The name of the rule of all paths that have no other.
const DEFAULT: &str = "*";

/// The rule that a path has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// A name for the rule: its pattern.
    pub name: &'a str,
    /// The rule itself; nothing is without limit.
    pub rule: Option<Rule>,
}

impl RateRules {
    /// The rule of a path below the base path.
    #[must_use]
    pub fn find(&self, path: &str) -> Found<'_> {
        if let Some((pattern, rule)) = self.custom.iter().find(|(pattern, _)| pattern.matches(path)) {
            return Found { name: &pattern.text, rule: *rule };
        }
        if let Some(name) = SERVICES.iter().find(|name| **name == path) {
            return Found { name, rule: None };
        }
        for (prefixes, rule) in [GUESSES, SENDS] {
            if let Some(prefix) = prefixes.iter().find(|prefix| path.starts_with(**prefix)) {
                return Found { name: prefix, rule: Some(rule) };
            }
        }
        Found { name: DEFAULT, rule: Some(self.default) }
    }

    /// The names of all rules.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let custom = self.custom.iter().map(|(pattern, _)| pattern.text.as_str());
        let built_in = [GUESSES, SENDS].into_iter().flat_map(|(prefixes, _)| prefixes);
        custom.chain(built_in.copied()).chain([DEFAULT]).collect()
    }

    /// The longest window of all rules.
    #[must_use]
    pub fn longest_window(&self) -> Duration {
        let custom = self.custom.iter().filter_map(|(_, rule)| *rule);
        let all = custom.chain([self.default, GUESSES.1, SENDS.1]);
        Duration::from_millis(all.map(|rule| u64::from(rule.window)).max().unwrap_or_default())
    }
}

/// A day: longer windows would keep rows and buckets for little use.
const LONGEST: u64 = 86_400;
const MOST: u64 = 1_000_000;
/// A pattern stands in the key of a row, beside an address.
const LONGEST_PATTERN: usize = 150;

pub(super) fn read(r: &mut Reader, production: bool, upstream_exact: bool) -> RateLimitConfig {
    let enabled = r.boolean("rateLimit.enabled", production);
    let default = rule(r, ("rateLimit.window", 10), ("rateLimit.max", 100));
    let custom = custom_rules(r, default);
    let per_account = r.boolean("rateLimit.perAccount.enabled", enabled && !upstream_exact);
    let all = rule(r, ("rateLimit.perAccount.window", 900), ("rateLimit.perAccount.max", 50));
    let one = small(r.integer("rateLimit.perAccount.maxPerClient", 10, 1..=MOST));
    RateLimitConfig {
        enabled,
        rules: RateRules { default, custom },
        storage: r.choice("rateLimit.storage", RateStorage::Memory),
        per_account: per_account.then_some(PerAccount { all, one_client: Rule { max: one, ..all } }),
    }
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn rule(r: &mut Reader, window: (impl Into<Key>, u64), max: (impl Into<Key>, u64)) -> Rule {
    let (key, default) = (window.0.into(), window.1);
    let seconds = r.seconds(key.clone(), default);
    if !(1..=LONGEST).contains(&seconds) {
        r.refuse(key, format!("must lie between 1 and {LONGEST} seconds"));
    }
    Rule::new(small(seconds), small(r.integer(max.0, max.1, 0..=MOST)))
}

fn custom_rules(r: &mut Reader, default: Rule) -> Vec<(PathPattern, Option<Rule>)> {
    const RULE: &str = "rateLimit.customRules.<path>";
    let mut rules = Vec::new();
    for path in r.names(RULE) {
        if !path.starts_with(['/', '*']) || path.len() > LONGEST_PATTERN {
            r.refuse((RULE, &*path), "is not a path below the base path, such as /sign-in/* or /token");
            continue;
        }
        let is_value = r.is_set((RULE, &*path));
        if is_value && r.boolean((RULE, &*path), false) {
            r.refuse((RULE, &*path), "expected false, or a section with window and max");
        }
        let own = rule(
            r,
            (("rateLimit.customRules.<path>.window", &*path), u64::from(default.window / 1000)),
            (("rateLimit.customRules.<path>.max", &*path), u64::from(default.max)),
        );
        rules.push((PathPattern::new(path), (!is_value).then_some(own)));
    }
    rules
}
