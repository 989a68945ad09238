use std::borrow::Cow;
use std::fmt;

use crate::Grants;

/// What callers have to be allowed, asked of nobody but callers who were authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Role(Cow<'static, str>),
    Scope(Cow<'static, str>),
}

impl Requirement {
    /// The token has to name this role.
    #[must_use]
    pub fn role(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Rule::Role(name.into()))
    }

    /// The token has to name this scope.
    #[must_use]
    pub fn scope(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Rule::Scope(name.into()))
    }

    /// Each of these; of none, everybody.
    #[must_use]
    pub fn all(requirements: impl IntoIterator<Item = Self>) -> Self {
        Self(Rule::All(requirements.into_iter().map(|requirement| requirement.0).collect()))
    }

    /// At least one of these; of none, nobody.
    #[must_use]
    pub fn any(requirements: impl IntoIterator<Item = Self>) -> Self {
        Self(Rule::Any(requirements.into_iter().map(|requirement| requirement.0).collect()))
    }

    /// Whether `grants` are enough.
    #[must_use]
    pub fn is_met_by(&self, grants: &impl Grants) -> bool {
        self.0.is_met_by(grants)
    }

    /// The scopes that it names, separated by spaces: RFC 6750's `scope` of a challenge.
    #[must_use]
    pub fn scopes(&self) -> String {
        let mut scopes = Vec::new();
        self.0.collect_scopes(&mut scopes);
        scopes.join(" ")
    }
}

impl Rule {
    fn is_met_by(&self, grants: &impl Grants) -> bool {
        match self {
            Self::All(rules) => rules.iter().all(|rule| rule.is_met_by(grants)),
            Self::Any(rules) => rules.iter().any(|rule| rule.is_met_by(grants)),
            Self::Role(name) => grants.has_role(name),
            Self::Scope(name) => grants.has_scope(name),
        }
    }

    fn collect_scopes<'a>(&'a self, scopes: &mut Vec<&'a str>) {
        match self {
            Self::All(rules) | Self::Any(rules) => {
                rules.iter().for_each(|rule| rule.collect_scopes(scopes));
            }
            Self::Role(_) => {}
            Self::Scope(name) => scopes.push(name),
        }
    }
}

/// A [`Requirement`] as a type, so that a handler's signature says who may call it: see
/// [`Authorized`](crate::Authorized).
///
/// ```
/// use auth_verify::{Permission, Requirement};
///
/// struct ReadOrders;
///
/// impl Permission for ReadOrders {
///     fn requirement() -> Requirement {
///         Requirement::any([Requirement::scope("orders:read"), Requirement::role("admin")])
///     }
/// }
/// ```
pub trait Permission: 'static {
    /// What it takes.
    fn requirement() -> Requirement;
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rules, word) = match self {
            Self::Role(name) => return write!(f, "role {name}"),
            Self::Scope(name) => return write!(f, "scope {name}"),
            Self::All(rules) => (rules, " and "),
            Self::Any(rules) => (rules, " or "),
        };
        f.write_str("(")?;
        for (index, rule) in rules.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { word })?;
            rule.fmt(f)?;
        }
        f.write_str(")")
    }
}
