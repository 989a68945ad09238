//! What takes several answers to see.

use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_verify::VerifyError;

use crate::site::{Site, ensure, expect};

pub(crate) const NAMES: [&str; 8] = [
    "unknown-kid-flood",
    "cold-herd",
    "rotation-new-kid",
    "rotation-removed-kid",
    "outage-short",
    "outage-long",
    "exact-url",
    "same-kid-new-key",
];

pub(crate) async fn run(site: &Site, name: &str) -> Result<(), String> {
    match name {
        "unknown-kid-flood" => unknown_kid_flood(site).await,
        // These need answers that an endpoint of somebody else need not have.
        "cold-herd" => cold_herd(&Site::own()).await,
        "same-kid-new-key" => same_kid_new_key(&Site::own()).await,
        "rotation-new-kid" => rotation_new_kid(site).await,
        "rotation-removed-kid" => rotation_removed_kid(site).await,
        "outage-short" => outage_short(site).await,
        "outage-long" => outage_long(site).await,
        "exact-url" => exact_url(site).await,
        other => Err(format!("no flow is called {other}")),
    }
}

async fn unknown_kid_flood(site: &Site) -> Result<(), String> {
    let client = Arc::new(site.verifier("/ok-json"));
    expect("the first verdict", client.check(&site.good).await, Ok(()))?;
    let before = site.hits("ok-json").await;
    let threads = (0..8).map(|thread| {
        let client = Arc::clone(&client);
        let strangers: Vec<_> = (0..1_250).map(|n| site.stranger(&format!("{thread}-{n}"))).collect();
        let good = site.good.clone();
        tokio::spawn(async move {
            for (number, stranger) in strangers.iter().enumerate() {
                expect("a stranger", client.check(stranger).await, Err(VerifyError::KeyUnknown))?;
                if number % 10 == 0 {
                    expect("a good token", client.check(&good).await, Ok(()))?;
                }
            }
            Ok::<_, String>(())
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.await.unwrap()?;
    }
    let fetches = site.hits("ok-json").await - before;
    ensure("requests", fetches <= 2, fetches)?;
    // Kids that were looked for are not asked for again; another one is, once the cooldown is over.
    client.clock.advance(10);
    expect("a stranger", client.check(&site.stranger("next")).await, Err(VerifyError::KeyUnknown))?;
    expect("requests", site.hits("ok-json").await - before, fetches + 1)
}

async fn cold_herd(site: &Site) -> Result<(), String> {
    let client = Arc::new(site.verifier("/ok-late"));
    let begin = Instant::now();
    let herd = (0..500).map(|_| {
        let (client, good) = (Arc::clone(&client), site.good.clone());
        tokio::spawn(async move { client.check(&good).await })
    });
    for one in herd.collect::<Vec<_>>() {
        expect("verdict", one.await.unwrap(), Ok(()))?;
    }
    println!("      500 at once: {} ms, of which the endpoint took 200", begin.elapsed().as_millis());
    expect("requests", site.hits("ok-late").await, 1)
}

async fn rotation_new_kid(site: &Site) -> Result<(), String> {
    site.switch_to("ok-json").await;
    let client = site.verifier("/switch");
    expect("the old kid", client.check(&site.good).await, Ok(()))?;
    let before = site.hits("switch").await;
    site.switch_to("ok-rotated").await;
    expect("the new kid", client.check(&site.rotated).await, Ok(()))?;
    expect("the old kid", client.check(&site.good).await, Ok(()))?;
    expect("requests", site.hits("switch").await - before, 1)
}

async fn rotation_removed_kid(site: &Site) -> Result<(), String> {
    site.switch_to("ok-rotated").await;
    let client = site.verifier("/switch");
    expect("the kid", client.check(&site.rotated).await, Ok(()))?;
    site.switch_to("ok-json").await;
    client.check_after_refresh(&site.good).await?;
    expect("the withdrawn kid", client.check(&site.rotated).await, Err(VerifyError::KeyUnknown))
}

async fn outage_short(site: &Site) -> Result<(), String> {
    site.switch_to("ok-json").await;
    let client = site.verifier("/switch");
    expect("the first verdict", client.check(&site.good).await, Ok(()))?;
    let before = site.hits("switch").await;
    site.switch_to("status-503").await;
    for second in 0..600 {
        client.clock.advance(1);
        for _ in 0..3 {
            expect("verdict", client.check(&site.good).await, Ok(()))
                .map_err(|why| format!("{second} s: {why}"))?;
        }
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fetches = site.hits("switch").await - before;
    ensure("requests", (1..=60).contains(&fetches), fetches)
}

async fn outage_long(site: &Site) -> Result<(), String> {
    site.switch_to("ok-json").await;
    let client = site.verifier_with("/switch", |builder| builder.max_stale_seconds(60));
    expect("the first verdict", client.check(&site.good).await, Ok(()))?;
    site.switch_to("silent").await;
    client.clock.advance(659);
    expect("within the limit", client.check(&site.good).await, Ok(()))?;
    client.clock.advance(1);
    expect("past the limit", client.check(&site.good).await, Err(VerifyError::KeysUnavailable))
}

async fn exact_url(site: &Site) -> Result<(), String> {
    site.switch_to("ok-json").await;
    let client = site.verifier("/switch");
    let begin = site.seen().await["lines"].as_array().map_or(0, Vec::len);
    for kid in ["a&b=c#d", "../../x", "http://127.0.0.1:1/", "%0d%0aHost: x", "", "\u{0}", "é\n"] {
        expect("a stranger", client.check(&site.stranger(kid)).await, Err(VerifyError::KeyUnknown))?;
        client.clock.advance(10);
    }
    let seen = site.seen().await["lines"].clone();
    let lines = seen.as_array().and_then(|lines| lines.get(begin..)).unwrap_or_default();
    ensure("requests", lines.len() > 1, lines)?;
    let is_exact = |line: &serde_json::Value| {
        line["url"] == "/switch" && line["cookie"].is_null() && line["authorization"].is_null()
    };
    ensure("requests", lines.iter().all(is_exact), lines)
}

async fn same_kid_new_key(site: &Site) -> Result<(), String> {
    let reused = site.reused.as_deref().unwrap_or_default();
    site.switch_to("ok-json").await;
    let client = site.verifier("/switch");
    expect("the old key", client.check(&site.good).await, Ok(()))?;
    expect("the new key", client.check(reused).await, Err(VerifyError::SignatureInvalid))?;
    site.switch_to("ok-reused").await;
    client.check_after_refresh_of(&site.good, reused).await?;
    expect("the old key", client.check(&site.good).await, Err(VerifyError::SignatureInvalid))
}
