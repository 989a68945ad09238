use std::fmt;
use std::str::FromStr;

/// The name of a service: 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter and not ending with `-`.
/// In tokens it is written `service:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName {
    /// `service:` included.
    subject: String,
}

const PREFIX: &str = "service:";
const MAX_LEN: usize = 63;

/// A text that is no [`ServiceName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service name is 1 to 63 of a-z, 0-9 and -, beginning with a letter and not ending with -")]
pub struct InvalidServiceName;

impl ServiceName {
    /// The name of an auth server that is not configured to have another: `auth`.
    #[must_use]
    pub fn auth_server() -> Self {
        Self { subject: format!("{PREFIX}auth") }
    }

    /// The bare name: `worker`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.subject.strip_prefix(PREFIX).unwrap_or_default()
    }

    /// The name in tokens: `service:worker`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Reads the form that tokens have.
    ///
    /// # Errors
    /// [`InvalidServiceName`].
    pub fn from_subject(subject: &str) -> Result<Self, InvalidServiceName> {
        subject.strip_prefix(PREFIX).ok_or(InvalidServiceName)?.parse()
    }

    /// Whether `kid` names a key of this service: `worker.<thumbprint>`.
    #[must_use]
    pub fn owns(&self, kid: &str) -> bool {
        kid.strip_prefix(self.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }
}

impl FromStr for ServiceName {
    type Err = InvalidServiceName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_plain =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let begins_well = name.starts_with(|first: char| first.is_ascii_lowercase());
        if is_plain && begins_well && !name.ends_with('-') && name.len() <= MAX_LEN {
            Ok(Self { subject: format!("{PREFIX}{name}") })
        } else {
            Err(InvalidServiceName)
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_two_forms() {
        let name: ServiceName = "billing-2".parse().unwrap();
        assert_eq!((name.as_str(), name.subject()), ("billing-2", "service:billing-2"));
        assert_eq!(name.to_string(), "billing-2");
        assert_eq!(ServiceName::from_subject("service:billing-2"), Ok(name));
        assert_eq!("auth".parse(), Ok(ServiceName::auth_server()));
        for subject in ["billing-2", "service:", "service:service:a", "Service:a", "service:a.b"] {
            assert_eq!(ServiceName::from_subject(subject), Err(InvalidServiceName), "{subject}");
        }
    }

    #[test]
    fn owns_the_keys_that_bear_its_whole_name() {
        let name: ServiceName = "billing".parse().unwrap();
        assert!(name.owns("billing.abc"));
        for kid in ["billing", "billing-2.abc", "bill.abc", "service:billing.abc", ".abc", ""] {
            assert!(!name.owns(kid), "{kid}");
        }
    }

    #[test]
    fn refuses_names_that_could_be_taken_for_something_else() {
        let long = "a".repeat(64);
        for name in
            ["", "-a", "a-", "1a", "Worker", "work er", "service:worker", "a.b", "a/b", "ä", "a\n", &long]
        {
            assert_eq!(name.parse::<ServiceName>(), Err(InvalidServiceName), "{name}");
        }
    }
}
