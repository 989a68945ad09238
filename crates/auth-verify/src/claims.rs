use serde::Deserialize;

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
    /// Better Auth's `role`: one name or several, separated by commas.
    #[serde(default)]
    role: Option<Names>,
    #[serde(default)]
    roles: Option<Names>,
    /// RFC 9068's `scope`: names separated by spaces.
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Names {
    Text(String),
    List(Vec<String>),
}

impl Names {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, list) = match self {
            Self::Text(text) => (text.as_str(), [].as_slice()),
            Self::List(list) => ("", list.as_slice()),
        };
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).chain(list.iter().map(String::as_str))
    }
}

/// Claims that name roles.
pub trait HasRoles {
    /// Whether `role` is among them, letter for letter.
    fn has_role(&self, role: &str) -> bool;
}

impl HasRoles for UserClaims {
    fn has_role(&self, role: &str) -> bool {
        self.roles().any(|own| own == role)
    }
}

impl UserClaims {
    /// The names in `role` and `roles`.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        [&self.role, &self.roles].into_iter().flatten().flat_map(Names::iter)
    }

    /// The names in `scope`.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.as_deref().unwrap_or_default().split(' ').filter(|name| !name.is_empty())
    }

    /// Whether `scope` is among [`UserClaims::scopes`], letter for letter.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|own| own == scope)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claims(mut value: Value) -> UserClaims {
        value["sub"] = json!("U1");
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn reads_our_servers_user() {
        let user =
            claims(json!({"id": "U1", "name": "Ann", "email": "ann@example.test", "emailVerified": true,
            "image": null, "createdAt": "2030-01-01T00:00:00.000Z", "role": null}));
        assert_eq!((user.sub.as_str(), user.name.as_deref(), user.email_verified), ("U1", Some("Ann"), true));
        assert_eq!(user.roles().count() + user.scopes().count(), 0);
    }

    #[test]
    fn finds_whole_roles_only() {
        for value in [
            json!({"role": "user, admin"}),
            json!({"roles": ["user", "admin"]}),
            json!({"role": "user", "roles": "admin"}),
        ] {
            let user = claims(value.clone());
            assert!(user.has_role("admin") && user.has_role("user"), "{value}");
            for other in ["", "adm", "Admin", "user,admin", "user, admin", "administrator"] {
                assert!(!user.has_role(other), "{value}: {other}");
            }
        }
    }

    #[test]
    fn finds_whole_scopes_only() {
        let user = claims(json!({"scope": "orders:read  orders:write"}));
        assert!(user.has_scope("orders:read") && user.has_scope("orders:write"));
        assert!(!user.has_scope("orders") && !user.has_scope(""));
    }
}
