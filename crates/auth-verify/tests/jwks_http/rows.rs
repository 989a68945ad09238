//! One answer of the endpoint, met cold and warm.

use std::time::{Duration, Instant};

use auth_verify::VerifyError;

use crate::cases::{Row, Verdict};
use crate::site::{Client, Site, ensure, expect};

pub(crate) async fn run(site: &Site, name: &str, row: &Row) -> Result<(), String> {
    let before = rss_mib();
    cold(site, name, row).await.map_err(|why| format!("cold: {why}"))?;
    warm(site, name, row).await.map_err(|why| format!("warm: {why}"))?;
    if let Some(limit) = row.max_rss_growth_mib {
        let growth = rss_mib().saturating_sub(before);
        ensure("growth in MiB", growth <= limit, growth)?;
    }
    Ok(())
}

async fn cold(site: &Site, name: &str, row: &Row) -> Result<(), String> {
    let client = site.verifier(&row.endpoint);
    let canary = site.hits("canary").await;
    let hits = site.hits(name).await;
    let begin = Instant::now();
    let outcome = client.check(&site.good).await;
    let millis = begin.elapsed().as_millis();
    ensure("milliseconds", millis <= u128::from(row.max_ms), millis)?;
    match row.cold {
        Verdict::Accept => expect("verdict", outcome, Ok(()))?,
        Verdict::Reject => expect("verdict", outcome, Err(VerifyError::KeysUnavailable))?,
        Verdict::Either => {
            ensure("verdict", matches!(outcome, Ok(()) | Err(VerifyError::KeysUnavailable)), outcome)?;
        }
    }
    if row.endpoint.starts_with('/') && name != "canary" {
        // One request, and none to where a redirect points.
        expect("requests", site.hits(name).await - hits, 1)?;
        expect("requests of the canary", site.hits("canary").await - canary, 0)?;
    }
    if row.cold == Verdict::Accept {
        spares_the_endpoint(site, &client).await?;
    }
    stops_reading(site, name).await
}

/// However short the lifetime, a thousand tokens of five seconds cost at most two requests.
async fn spares_the_endpoint(site: &Site, client: &Client) -> Result<(), String> {
    for round in 0..1_000 {
        if round % 200 == 0 {
            client.clock.advance(1);
        }
        expect("verdict", client.check(&site.good).await, Ok(()))?;
    }
    let fetches = client.verifier.metrics().fetches;
    ensure("requests", fetches <= 2, fetches)
}

/// The connection of a body without end is closed soon after the size limit: what was sent by then may still
/// fill the buffers of two sockets.
async fn stops_reading(site: &Site, name: &str) -> Result<(), String> {
    if name != "endless" {
        return Ok(());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = site.seen().await["bytesOut"]["endless"].as_u64().unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let later = site.seen().await["bytesOut"]["endless"].as_u64().unwrap_or(0);
    expect("bytes sent after the client has gone", later - sent, 0)
}

async fn warm(site: &Site, name: &str, row: &Row) -> Result<(), String> {
    // No answer of the endpoint may cost a verifier the keys that it has.
    expect("the verdict in the file", row.warm, Verdict::Accept)?;
    if !row.endpoint.starts_with('/') {
        return warm_elsewhere(site, row).await;
    }
    site.switch_to("ok-json").await;
    let client = site.verifier("/switch");
    expect("the first verdict", client.check(&site.good).await, Ok(()))?;
    site.switch_to(name).await;
    if matches!(name, "silent" | "slow-body") {
        does_not_wait(site, &client).await?;
    } else {
        client.check_after_refresh(&site.good).await?;
    }
    let lines = site.seen().await["lines"].clone();
    let is_bare = |line: &serde_json::Value| line["cookie"].is_null() && line["authorization"].is_null();
    ensure("requests", lines.as_array().is_some_and(|lines| lines.iter().all(is_bare)), &lines)
}

/// While the answer hangs, tokens under known kids are verified as ever.
async fn does_not_wait(site: &Site, client: &Client) -> Result<(), String> {
    client.clock.advance(601);
    expect("verdict", client.check(&site.good).await, Ok(()))?;
    client.eventually(|now| now.fetches == 2).await?;
    let mut micros = Vec::new();
    for _ in 0..1_000 {
        let begin = Instant::now();
        expect("verdict", client.check(&site.good).await, Ok(()))?;
        micros.push(begin.elapsed().as_micros());
        tokio::task::yield_now().await;
    }
    let metrics = client.verifier.metrics();
    ensure(
        "all answered while the request hangs",
        metrics.fetches == 2 && metrics.fetch_failures == 0,
        metrics,
    )?;
    micros.sort_unstable();
    println!("      1000 verifications meanwhile: p99 {} us", micros.get(990).unwrap_or(&0));
    client.eventually(|now| now.fetch_failures == 1).await?;
    expect("verdict after the failure", client.check(&site.good).await, Ok(()))
}

/// Ports that have no `/switch`: the set comes from the snapshot of a process that could still fetch it.
async fn warm_elsewhere(site: &Site, row: &Row) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let first = site.verifier_with("/ok-json", |builder| builder.snapshot_file(&file));
    expect("the first verdict", first.check(&site.good).await, Ok(()))?;
    for _ in 0..500 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let elsewhere = site.address_of(&row.endpoint);
    std::fs::write(&file, text.replace(&site.address_of("/ok-json"), &elsewhere)).unwrap();
    let client = site.verifier_with(&row.endpoint, |builder| builder.snapshot_file(&file));
    expect("the first verdict", client.check(&site.good).await, Ok(()))?;
    client.check_after_refresh(&site.good).await
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
