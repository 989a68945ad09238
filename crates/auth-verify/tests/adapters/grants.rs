//! Roles and scopes: what counts as one, and how requirements combine.

use auth_verify::testing::Issuer;
use auth_verify::{Grants, Requirement, UserClaims, Verified};
use serde_json::{Value, json};

async fn verified(more: Value) -> Verified {
    let issuer = Issuer::start();
    issuer.verifier().verify::<UserClaims>(&issuer.token_with("U1", &more)).await.unwrap()
}

#[tokio::test]
async fn reads_our_servers_user() {
    let user =
        verified(json!({"id": "U1", "name": "Ann", "email": "ann@example.test", "emailVerified": true,
        "image": null, "createdAt": "2030-01-01T00:00:00.000Z", "role": null}))
        .await;
    let claims = user.claims();
    assert_eq!(
        (claims.sub.as_str(), claims.name.as_deref(), claims.email_verified),
        ("U1", Some("Ann"), true)
    );
    assert_eq!(user.roles().count() + user.scopes().count(), 0);
}

#[tokio::test]
async fn finds_whole_roles_only() {
    for value in [
        json!({"role": "user, admin"}),
        json!({"roles": ["user", "admin"]}),
        json!({"role": "user", "roles": "admin"}),
        json!({"role": 5, "roles": ["user", null, {"x": 1}, "admin"]}),
    ] {
        let user = verified(value.clone()).await;
        assert!(user.has_role("admin") && user.has_role("user"), "{value}");
        for other in ["", "adm", "Admin", "user,admin", "user, admin", "administrator"] {
            assert!(!user.has_role(other), "{value}: {other}");
        }
    }
}

#[tokio::test]
async fn finds_whole_scopes_only() {
    for value in
        [json!({"scope": "orders:read  orders:write"}), json!({"scope": ["orders:read", "orders:write"]})]
    {
        let user = verified(value.clone()).await;
        assert!(user.has_scope("orders:read") && user.has_scope("orders:write"), "{value}");
        assert!(!user.has_scope("orders") && !user.has_scope("") && !user.has_role("orders:read"), "{value}");
    }
}

#[tokio::test]
async fn combines_requirements() {
    let user = verified(json!({"role": "admin", "scope": "a b"})).await;
    let (role, scope) = (Requirement::role, Requirement::scope);
    for (requirement, expected) in [
        (role("admin"), true),
        (scope("admin"), false),
        (Requirement::all([role("admin"), scope("a")]), true),
        (Requirement::all([role("admin"), scope("c")]), false),
        (Requirement::any([role("user"), scope("b")]), true),
        (Requirement::any([role("user"), scope("c")]), false),
        (Requirement::all([]), true),
        (Requirement::any([]), false),
    ] {
        assert_eq!(requirement.is_met_by(&user), expected, "{requirement}");
    }
    let nested = Requirement::all([scope("a"), Requirement::any([role("x"), scope("b")])]);
    assert_eq!(
        (nested.scopes(), nested.to_string()),
        ("a b".to_owned(), "(scope a and (role x or scope b))".to_owned())
    );
}
