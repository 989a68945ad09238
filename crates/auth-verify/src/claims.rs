use auth_jose::Verified;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What claims can be read as: any owned type that serde can read.
pub trait Claims: DeserializeOwned + Send + Sync + 'static {}

impl<C: DeserializeOwned + Send + Sync + 'static> Claims for C {}

/// What our server says about a user. Claims of your own go into a type of your own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserClaims {
    /// The user's id.
    pub sub: String,
    /// The address, whether proven or not.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the address was proven.
    #[serde(default)]
    pub email_verified: bool,
    /// The name for people to read.
    #[serde(default)]
    pub name: Option<String>,
}

/// What a verified token lets its bearer do, whatever type its claims are read as. Names are compared
/// letter for letter; claims of another shape name nothing.
pub trait Grants {
    /// The names in `role` (Better Auth's: one or several, separated by commas) and `roles` (the same, or a
    /// list).
    fn roles(&self) -> impl Iterator<Item = &str>;

    /// The names in `scope`: separated by spaces (RFC 9068), or a list.
    fn scopes(&self) -> impl Iterator<Item = &str>;

    /// Whether `role` is among [`Grants::roles`].
    fn has_role(&self, role: &str) -> bool {
        self.roles().any(|own| own == role)
    }

    /// Whether `scope` is among [`Grants::scopes`].
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|own| own == scope)
    }
}

impl<C> Grants for Verified<C> {
    fn roles(&self) -> impl Iterator<Item = &str> {
        ["role", "roles"].into_iter().flat_map(|claim| names(self.raw_claims().get(claim), ','))
    }

    fn scopes(&self) -> impl Iterator<Item = &str> {
        names(self.raw_claims().get("scope"), ' ')
    }
}

fn names(value: Option<&Value>, separator: char) -> impl Iterator<Item = &str> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let listed = list.iter().filter_map(Value::as_str);
    text.split(separator).map(str::trim).chain(listed).filter(|name| !name.is_empty())
}
