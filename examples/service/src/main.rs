//! A service that others call and that calls others: enrolled by a one-time code, with keys from the auth server.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::rt::{spawn, time::sleep};
use actix_web::{App, HttpResponse, HttpServer, get, post, web};
use auth_s2s::actix::{Rejection, ServiceCaller};
use auth_s2s::{Ask, AuthServer, Credentials, Minter, Receiver, RevocationFeed, ServiceName};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::json;

/// What became of the calls to one peer.
#[derive(Clone, Default)]
struct Calls {
    accepted: u64,
    failed: u64,
    last: String,
}

/// What all requests share.
struct Service {
    minter: Minter,
    auth: AuthServer,
    calls: Mutex<BTreeMap<String, Calls>>,
}

impl Service {
    fn count(&self, peer: &ServiceName, outcome: String) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls_to = calls.entry(peer.to_string()).or_default();
        if outcome == "200" {
            calls_to.accepted += 1;
        } else {
            calls_to.failed += 1;
        }
        calls_to.last = outcome;
    }
}

#[get("/health")]
async fn health() -> &'static str {
    "ok"
}

/// What peers call: with a token for this service, and the scope for this route.
#[post("/work")]
async fn work(caller: ServiceCaller) -> Result<HttpResponse, Rejection> {
    caller.require_scope("work")?;
    Ok(HttpResponse::Ok().json(json!({"workedFor": caller.service().as_str()})))
}

#[get("/stats")]
async fn stats(service: web::Data<Service>) -> HttpResponse {
    let calls = service.calls.lock().unwrap_or_else(PoisonError::into_inner);
    let shown: BTreeMap<_, _> = calls
        .iter()
        .map(|(peer, it)| (peer, json!({"accepted": it.accepted, "failed": it.failed, "last": it.last})))
        .collect();
    HttpResponse::Ok().json(json!({"kid": service.minter.public_jwk().get("kid"), "calls": shown}))
}

/// Replaces this service's key while it goes on calling. (A real service does this on a schedule of its own.)
#[post("/rotate")]
async fn rotate(service: web::Data<Service>) -> HttpResponse {
    let successor = match service.auth.register_successor(&service.minter).await {
        Ok(successor) => successor,
        Err(error) => return HttpResponse::BadGateway().body(error.to_string()),
    };
    let seconds = successor.usable_in().as_secs();
    spawn(async move {
        // Here a real service stores the new key. The old one signs until every receiver knows the new one.
        sleep(successor.usable_in()).await;
        service.minter.switch_to(successor.minter());
    });
    HttpResponse::Accepted().json(json!({"switchesInSeconds": seconds}))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let name: ServiceName = setting("SERVICE_NAME").parse()?;
    let auth_url = setting("AUTH_URL");
    let port: u16 = setting("PORT").parse().map_err(|_error| "PORT: expected a number up to 65535")?;
    let peers: Vec<(ServiceName, String)> = setting("PEERS")
        .split(',')
        .filter_map(|peer| peer.split_once('='))
        .map(|(peer, url)| Ok((peer.parse()?, url.to_owned())))
        .collect::<Result<_, auth_s2s::InvalidServiceName>>()?;

    let minter = Minter::generate(name.clone())?;
    let auth = AuthServer::new(&auth_url)?;
    auth.enrol(&minter, &setting("ENROLMENT_CODE")).await?;

    // What the auth server withdraws is refused within a second: it is asked with a token of this service's own.
    let issuer = reqwest::Url::parse(&auth_url)?.origin().ascii_serialization();
    let feed = RevocationFeed::new(&format!("{auth_url}/revocations"))
        .signed_by(&issuer, &format!("{auth_url}/jwks"))
        .bearer(minter.bearer_for(&ServiceName::auth_server()));
    let services = format!("{auth_url}/s2s/jwks");
    let mut receiver =
        Receiver::published_with(name.clone(), &services, |verifier| verifier.revocation_feed(feed))?;
    for (peer, _) in &peers {
        receiver = receiver.allow(peer, &["work"]);
    }
    let service = web::Data::new(Service { minter, auth, calls: Mutex::default() });
    for (peer, url) in peers {
        spawn(call_again_and_again(service.clone().into_inner(), peer, url));
    }

    let app = move || {
        let app = App::new().app_data(service.clone()).app_data(web::Data::new(receiver.clone()));
        app.service(health).service(work).service(stats).service(rotate)
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?;
    println!("{name} on http://127.0.0.1:{port}");
    server.run().await?;
    Ok(())
}

async fn call_again_and_again(service: Arc<Service>, peer: ServiceName, url: String) {
    let Ok(client) = client(&service.minter, &peer) else { return };
    loop {
        let outcome = match client.post(format!("{url}/work")).send().await {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        service.count(&peer, outcome);
        sleep(Duration::from_millis(20)).await;
    }
}

/// An HTTP client whose every call carries a token for `peer`, and for one scope.
fn client(minter: &Minter, peer: &ServiceName) -> Result<ClientWithMiddleware, Box<dyn Error>> {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let ask = Ask::to(peer).scope_of("work")?;
    Ok(ClientBuilder::new(http).with(Credentials::asking(minter, ask)).build())
}

#[expect(clippy::disallowed_methods, reason = "an example, configured by the environment alone")]
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
