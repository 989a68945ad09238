//! What a key endpoint can do to a verifier: every row cold (no keys yet: is the answer taken?) and warm (a
//! good set is at hand: does it survive?), and the flows that need several answers.
//!
//! Without the environment the rows of `cases.rs` run against the endpoint in `server.rs`. With
//! `JWKS_HTTP_FILE` the rows of that file run, and with `JWKS_SERVER` against that endpoint: its address, or a
//! script for Node that listens on the port in its first argument; next to it has to be a corpus of tokens,
//! `corpus.json` or `corpus.open.json`. Each row prints its verdict:
//!
//! ```sh
//! JWKS_HTTP_FILE=jwks_http.json JWKS_SERVER=jwks-server.mjs cargo test -p auth-verify --test jwks_http -- --nocapture
//! ```
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::panic, reason = "helpers of tests")]
#![expect(clippy::indexing_slicing, reason = "members of JSON values, absent ones are null")]

mod cases;
mod flows;
mod rows;
mod server;
mod site;

use std::env;

use self::cases::Case;
use self::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn withstands_every_answer_of_a_key_endpoint() {
    let cases = match variable("JWKS_HTTP_FILE") {
        None => cases::own(),
        Some(path) => cases::from_file(&std::fs::read(path).unwrap()),
    };
    let site = match variable("JWKS_SERVER") {
        None => Site::own(),
        Some(server) => Site::other(&server).await,
    };
    let mut failures = Vec::new();
    for case in &cases {
        match run(&site, case).await {
            Ok(()) => println!("ok    {}", case.name),
            Err(why) => {
                println!("WRONG {}: {why}", case.name);
                failures.push(format!("{}: {why}", case.name));
            }
        }
    }
    println!("{} passed, {} failed", cases.len() - failures.len(), failures.len());
    assert!(cases.len() >= 54, "only {} cases", cases.len());
    assert!(failures.is_empty(), "{failures:#?}");
}

async fn run(site: &Site, case: &Case) -> Result<(), String> {
    match &case.row {
        Some(row) => rows::run(site, &case.name, row).await,
        None => flows::run(site, &case.name).await,
    }
}

#[expect(clippy::disallowed_methods, reason = "names the files of a run by hand")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
