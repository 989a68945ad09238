//! The requests, and what HTTP adapters have to answer.

use auth_verify::testing::{Fault, Issuer};
use auth_verify::{Gate, ProtectedResource};
use serde_json::{Value, json};

/// Values of `Authorization`: any bytes that HTTP lets through.
pub(crate) type Headers = Vec<Vec<u8>>;

#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
}

/// The codes of refusals, and `None` for a request that gets in.
pub(crate) type Expected = Option<&'static str>;

pub(crate) fn bearer(token: &str) -> Headers {
    vec![format!("Bearer {token}").into_bytes()]
}

/// Requests for a route that takes any authenticated caller.
pub(crate) fn requests(issuer: &Issuer) -> Vec<(&'static str, Headers, Expected)> {
    const INVALID: Expected = Some("INVALID_TOKEN");
    let good = issuer.token("U1");
    let with = |more: Value| bearer(&issuer.token_with("U1", &more));
    let without = |claim: &str| {
        let mut claims = issuer.claims("U1");
        claims.as_object_mut().unwrap().remove(claim);
        bearer(&issuer.sign(&claims))
    };
    let (header, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let unsigned = auth_jose::base64url::encode(r#"{"alg":"none"}"#);
    let hmac = auth_jose::base64url::encode(format!(r#"{{"alg":"HS256","kid":"{}"}}"#, issuer.kid()));
    let admin = auth_jose::base64url::encode(r#"{"sub":"admin"}"#);
    let now = auth_verify::testing::START;
    vec![
        ("good", bearer(&good), None),
        ("lower case", vec![format!("bearer {good}").into_bytes()], None),
        ("upper case, spaces", vec![format!("BEARER   {good}").into_bytes()], None),
        ("nothing", vec![], Some("MISSING_TOKEN")),
        ("another scheme", vec![b"Basic YTpi".to_vec()], Some("MISSING_TOKEN")),
        ("no scheme", vec![good.clone().into_bytes()], Some("MISSING_TOKEN")),
        ("twice", [bearer(&good), bearer(&good)].concat(), Some("INVALID_REQUEST")),
        (
            "after another scheme",
            [vec![b"Basic a".to_vec()], bearer(&good)].concat(),
            Some("INVALID_REQUEST"),
        ),
        ("two in one", vec![format!("Bearer {good}, Bearer {good}").into_bytes()], Some("INVALID_REQUEST")),
        ("empty", vec![b"Bearer".to_vec()], Some("INVALID_REQUEST")),
        ("quoted", vec![format!("Bearer \"{good}\"").into_bytes()], Some("INVALID_REQUEST")),
        ("not text", vec![b"Bearer \xff\xfe".to_vec()], Some("INVALID_REQUEST")),
        ("garbage", bearer("x"), INVALID),
        ("three letters", bearer("a.b.c"), INVALID),
        ("oversize", bearer(&"a".repeat(20_000)), INVALID),
        ("unsigned", bearer(&format!("{unsigned}.{claims}.")), INVALID),
        ("unsigned, old signature", bearer(&format!("{unsigned}.{claims}.{signature}")), INVALID),
        ("symmetric", bearer(&format!("{hmac}.{claims}.{signature}")), INVALID),
        ("other claims", bearer(&format!("{header}.{admin}.{signature}")), INVALID),
        ("another issuer's key", bearer(&Issuer::start().token("U1")), INVALID),
        ("another issuer", with(json!({"iss": "https://evil.example.test"})), INVALID),
        ("another audience", with(json!({"aud": "https://other.example.test"})), INVALID),
        ("expired", with(json!({"exp": now - 6})), INVALID),
        ("never expires", without("exp"), INVALID),
        ("not yet", with(json!({"nbf": now + 60})), INVALID),
        ("nobody", with(json!({"sub": ""})), INVALID),
        ("for everybody", without("aud"), INVALID),
        ("a service's", bearer(&issuer.sign_as(Some("s2s+jwt"), &issuer.claims("U1"))), INVALID),
    ]
}

/// Requests for the routes `/admin` (role) and `/orders` (scope).
pub(crate) fn permission_requests(issuer: &Issuer) -> Vec<(&'static str, Headers, Expected)> {
    const FORBIDDEN: Expected = Some("INSUFFICIENT_SCOPE");
    let with = |more: Value| bearer(&issuer.token_with("U1", &more));
    vec![
        ("/admin", with(json!({"role": "user,admin"})), None),
        ("/admin", with(json!({"roles": ["admin"]})), None),
        ("/admin", with(json!({"role": "administrator"})), FORBIDDEN),
        ("/admin", with(json!({"scope": "admin"})), FORBIDDEN),
        ("/admin", with(json!({"role": {"admin": true}})), FORBIDDEN),
        ("/admin", with(json!({})), FORBIDDEN),
        ("/admin", vec![], Some("MISSING_TOKEN")),
        ("/admin", bearer("a.b.c"), Some("INVALID_TOKEN")),
        ("/orders", with(json!({"scope": "x orders:read"})), None),
        ("/orders", with(json!({"scope": "orders:readonly"})), FORBIDDEN),
        ("/orders", with(json!({"role": "orders:read"})), FORBIDDEN),
        ("/orders", vec![], Some("MISSING_TOKEN")),
    ]
}

pub(crate) fn resource() -> ProtectedResource {
    let resource = ProtectedResource::new("https://api.example.test", "https://auth.example.test");
    resource.unwrap().scopes(&["orders:read"])
}

/// The answer by the guide's table.
pub(crate) fn check(what: &str, answered: &Answered, expected: Expected, scope: &str) {
    let Some(code) = expected else {
        assert_eq!((answered.status, &*answered.body), (200, "U1"), "{what}");
        return;
    };
    let (status, challenge, message) = match code {
        "MISSING_TOKEN" => (401, "Bearer", "A bearer token is required."),
        "INVALID_TOKEN" => (401, r#"Bearer error="invalid_token""#, "The token is invalid or has expired."),
        "INVALID_REQUEST" => {
            (400, r#"Bearer error="invalid_request""#, "The Authorization header is malformed.")
        }
        _ => (403, r#"Bearer error="insufficient_scope""#, "The token does not allow this."),
    };
    let separator = if challenge == "Bearer" { " " } else { ", " };
    let scope =
        if scope.is_empty() || status != 403 { String::new() } else { format!(", scope=\"{scope}\"") };
    let separator = if scope.is_empty() { separator } else { ", " };
    let metadata = "https://api.example.test/.well-known/oauth-protected-resource";
    let expected = Answered {
        status,
        challenge: Some(format!("{challenge}{scope}{separator}resource_metadata=\"{metadata}\"")),
        retry_after: None,
        content_type: Some("application/json".to_owned()),
        body: json!({"code": code, "message": message}).to_string(),
    };
    assert_eq!(*answered, expected, "{what}");
}

/// Puts every request to an adapter's routes `/me`, `/guarded` (the middleware's), `/admin` and `/orders`.
pub(crate) async fn attack<F: Future<Output = Answered>>(ask: impl Fn(Gate, &'static str, Headers) -> F) {
    let issuer = Issuer::start();
    let warm = Gate::new(issuer.verifier()).with_resource(&resource());
    let gate = || warm.clone();
    for (what, headers, expected) in requests(&issuer) {
        for path in ["/me", "/guarded"] {
            check(what, &ask(gate(), path, headers.clone()).await, expected, "");
        }
    }
    for (path, headers, expected) in permission_requests(&issuer) {
        let scope = if path == "/orders" { "orders:read" } else { "" };
        check(path, &ask(gate(), path, headers.clone()).await, expected, scope);
        let guarded = if path == "/admin" { "/guarded/admin" } else { "/guarded/orders" };
        check(guarded, &ask(gate(), guarded, headers).await, expected, scope);
    }
    // Tokens belong into the header alone.
    let token = issuer.token("U1");
    for path in ["/me", "/guarded"] {
        let leaked: &'static str = Box::leak(format!("{path}?access_token={token}").into_boxed_str());
        check(path, &ask(gate(), leaked, vec![]).await, Some("MISSING_TOKEN"), "");
    }
    issuer.fail(Fault::Outage);
    let cold = Gate::new(issuer.verifier()).with_resource(&resource());
    let gate = || cold.clone();
    for path in ["/me", "/guarded"] {
        let answered = ask(gate(), path, bearer(&token)).await;
        let unavailable =
            json!({"code": "KEYS_UNAVAILABLE", "message": "Tokens cannot be verified at present."});
        let expected = Answered {
            status: 503,
            challenge: None,
            retry_after: Some("10".to_owned()),
            content_type: Some("application/json".to_owned()),
            body: unavailable.to_string(),
        };
        assert_eq!(answered, expected, "{path}");
        // Garbage is known for what it is without any key.
        check(path, &ask(gate(), path, bearer("a.b.c")).await, Some("INVALID_TOKEN"), "");
    }
}
