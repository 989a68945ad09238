//! The layer and the interceptor around a service that speaks gRPC's HTTP, as generated code does.

use auth_verify::testing::{Fault, Issuer};
use auth_verify::tonic::{Authorize, RequireAuth, caller};
use auth_verify::{Gate, Requirement, UserClaims};
use axum::http::{HeaderValue, Request, Response};
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Headers, bearer, permission_requests, requests, resource};

/// What a generated server does: the extensions of the HTTP request become those of the gRPC request.
async fn orders(
    request: Request<tonic::body::Body>,
) -> Result<Response<tonic::body::Body>, std::convert::Infallible> {
    let (parts, ()) = request.map(drop).into_parts();
    let request = tonic::Request::from_parts(Default::default(), parts.extensions, ());
    Ok(match caller::<UserClaims, _>(&request) {
        Ok(user) => Status::new(Code::Ok, user.subject()).into_http(),
        Err(status) => status.into_http(),
    })
}

async fn ask(gate: Gate, requirement: Requirement, headers: Headers) -> Status {
    let inner = InterceptedService::new(service_fn(orders), Authorize::new(requirement))
        .map_response(|response| response.map(tonic::body::Body::new));
    let service = RequireAuth::<UserClaims>::with_claims(gate).layer(inner);
    let mut request = Request::post("/orders.Orders/List").body(tonic::body::Body::empty()).unwrap();
    for value in headers {
        request.headers_mut().append("authorization", HeaderValue::from_bytes(&value).unwrap());
    }
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    Status::from_header_map(response.headers()).unwrap()
}

fn check(what: &str, status: &Status, expected: Option<&str>) {
    let code = match expected {
        None => Code::Ok,
        Some("INSUFFICIENT_SCOPE") => Code::PermissionDenied,
        Some("KEYS_UNAVAILABLE") => Code::Unavailable,
        Some(_) => Code::Unauthenticated,
    };
    let said = status.metadata().get("auth-code").map(|value| value.to_str().unwrap());
    assert_eq!((status.code(), said), (code, expected), "{what}");
    let challenge = status.metadata().get("www-authenticate").map(|value| value.to_str().unwrap());
    let needs_challenge = !matches!(expected, None | Some("KEYS_UNAVAILABLE"));
    assert_eq!(challenge.is_some_and(|text| text.contains("resource_metadata=")), needs_challenge, "{what}");
    if expected.is_none() {
        assert_eq!(status.message(), "U1", "{what}");
    }
}

#[tokio::test]
async fn answers_every_call_by_the_table() {
    let issuer = Issuer::start();
    let warm = Gate::new(issuer.verifier()).with_resource(&resource());
    let gate = || warm.clone();
    for (what, headers, expected) in requests(&issuer) {
        check(what, &ask(gate(), Requirement::all([]), headers).await, expected);
    }
    for (path, headers, expected) in permission_requests(&issuer) {
        let role = Requirement::role("admin");
        let requirement = if path == "/admin" { role } else { Requirement::scope("orders:read") };
        check(path, &ask(gate(), requirement, headers).await, expected);
    }
    issuer.fail(Fault::Outage);
    let cold = Gate::new(issuer.verifier());
    let answered = ask(cold, Requirement::all([]), bearer(&issuer.token("U1"))).await;
    check("outage", &answered, Some("KEYS_UNAVAILABLE"));
}

#[tokio::test]
async fn lets_nobody_in_without_the_layer() {
    let inner = InterceptedService::new(service_fn(orders), Authorize::new(Requirement::all([])));
    let request = Request::post("/orders.Orders/List").body(tonic::body::Body::empty()).unwrap();
    let response = inner.oneshot(request).await.unwrap();
    assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::Unauthenticated);
}
