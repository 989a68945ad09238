//! Every row against what the pinned upstream library was seen to send and to make of answers
//! (`compat/providers/recorded.json`, made by `record.mjs` there).

use std::collections::BTreeMap;

use auth_jose::{Secret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::Url;
use url::form_urlencoded::parse;

use super::*;
use crate::features::social::providers::ROWS;

/// Where we differ from upstream on purpose. Each is a `[[behaviour]]` in `compat/differences.toml` too, with the reason.
mod differences {
    use super::{Pkce, Row};

    /// A proof key always, except where the provider refuses it.
    pub(super) fn adds_pkce(row: &Row) -> bool {
        row.authorize.pkce == Pkce::Added
    }

    /// A verifier without a challenge proves nothing.
    pub(super) fn drops_verifier(row: &Row, had_challenge: bool) -> bool {
        row.authorize.pkce == Pkce::Refused || !had_challenge
    }

    /// The option `prompt` works for every provider.
    pub(super) const ADDED_OPTION: &str = "prompt";

    /// Providers that upstream never gives a sign-in's `additionalParams`.
    pub(super) const GETS_PARAMS: &[&str] = &["cloudflare"];

    /// Algorithms are fixed where upstream takes the one that the token names.
    pub(super) const ALGORITHMS: &[&str] = &["RS256", "ES256"];

    /// Documents that upstream stumbles over are read as far as they go.
    pub(super) const THROWS: &str = "throws";
}

struct Record {
    id: &'static str,
    row: &'static Row,
    facts: Value,
    ask: Value,
}

/// The record of every provider; they are exactly our rows.
fn records() -> Vec<Record> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compat/providers/recorded.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let recorded: Vec<&str> = all["providers"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut ours: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
    ours.sort_unstable();
    assert_eq!(ours, recorded, "rows and upstream's built-in providers");
    let record = |row: &&'static Row| Record {
        id: row.id,
        row,
        facts: all["providers"][row.id].clone(),
        ask: all["ask"].clone(),
    };
    ROWS.iter().map(record).collect()
}

impl Record {
    fn provider(&self, options: &Value) -> Provider {
        let mut given = self.ask["client"].as_object().unwrap().clone();
        for (name, value) in options.as_object().unwrap() {
            given.insert(name.clone(), value.clone());
        }
        self.row.provider(&given).unwrap_or_else(|refusals| panic!("{}: {refusals:?}", self.id))
    }

    fn text(&self, name: &str) -> &str {
        self.ask[name].as_str().unwrap()
    }

    /// Every set of options with what was recorded for it; what is as with the first is not repeated in the file.
    fn settings(&self) -> Vec<(Provider, Map<String, Value>)> {
        self.entries(
            "settings",
            &["authorize", "authorizeMore", "token", "tokens", "refresh", "refreshed", "idToken"],
        )
    }

    fn profiles(&self) -> Vec<(Provider, Map<String, Value>)> {
        self.entries("profiles", &["options", "calls"])
    }

    fn entries(&self, list: &str, inherited: &[&str]) -> Vec<(Provider, Map<String, Value>)> {
        let entries = self.facts[list].as_array().unwrap();
        let first = entries[0].as_object().unwrap();
        let complete = |entry: &Value| {
            let mut entry = entry.as_object().unwrap().clone();
            for member in inherited {
                if let (None, Some(value)) = (entry.get(*member), first.get(*member)) {
                    entry.insert((*member).to_owned(), value.clone());
                }
            }
            (self.provider(&entry["options"]), entry)
        };
        entries.iter().map(complete).collect()
    }
}

type Pairs = Vec<(String, String)>;

/// A URL without its query, and the query's pairs in order.
fn parts(url: &str) -> (String, Pairs) {
    let mut url = Url::parse(url).unwrap();
    let pairs = url.query_pairs().into_owned().collect();
    url.set_query(None);
    (url.to_string(), pairs)
}

fn has(pairs: &Pairs, name: &str) -> bool {
    pairs.iter().any(|(other, _)| other == name)
}

#[test]
fn names_are_upstreams() {
    for record in records() {
        assert_eq!(record.row.name, record.facts["name"], "{}", record.id);
    }
}

#[test]
fn authorization_urls_are_upstreams() {
    for record in records() {
        let more = &record.ask["more"];
        let scopes: Vec<String> = serde_json::from_value(more["scopes"].clone()).unwrap();
        let params = more["additionalParams"].as_object().unwrap().iter();
        let params: Pairs =
            params.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        for (provider, facts) in record.settings() {
            let plain = AuthorizeAsk {
                state: record.text("state"),
                code_verifier: record.text("codeVerifier"),
                redirect_uri: record.text("redirectURI"),
                ..AuthorizeAsk::default()
            };
            let asked = AuthorizeAsk {
                scopes: &scopes,
                login_hint: more["loginHint"].as_str(),
                params: if differences::GETS_PARAMS.contains(&record.id) { &[] } else { &params },
                ..plain
            };
            let is_set = provider.text(differences::ADDED_OPTION).is_some();
            let ignores_prompt =
                is_set && !has(&parts(facts["authorize"].as_str().unwrap()).1, differences::ADDED_OPTION);
            for (member, ask) in [("authorize", plain), ("authorizeMore", asked)] {
                let url = provider.authorize_url(&ask);
                let theirs = facts[member].as_str().unwrap();
                let (base, mut pairs) = parts(url.as_str());
                let (expected_base, mut expected) = parts(theirs);
                let mut is_changed = false;
                if differences::adds_pkce(record.row) {
                    assert!(
                        !has(&expected, "code_challenge"),
                        "{}: upstream sends proof keys now",
                        record.id
                    );
                    assert!(
                        has(&pairs, "code_challenge") && has(&pairs, "code_challenge_method"),
                        "{}",
                        record.id
                    );
                    pairs.retain(|(name, _)| !name.starts_with("code_challenge"));
                    is_changed = true;
                }
                if ignores_prompt {
                    for side in [&mut pairs, &mut expected] {
                        side.retain(|(name, _)| name != differences::ADDED_OPTION);
                    }
                    is_changed = true;
                }
                assert_eq!((base, pairs), (expected_base, expected), "{} {member}", record.id);
                assert!(is_changed || url.as_str() == theirs, "{} {member}: {url} {theirs}", record.id);
            }
        }
    }
}

/// Asserts that a request is the recorded one; `drop` names fields of the body that upstream alone sends, `add` ours.
fn compare(id: &str, ours: &Request, theirs: &Value, drop: Option<&str>, add: Option<&str>) {
    let method = match ours.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    assert_eq!(method, theirs["method"], "{id}");
    assert_eq!(parts(ours.url.as_str()), parts(theirs["url"].as_str().unwrap()), "{id}");

    let headers: BTreeMap<&str, &str> = ours.headers.iter().map(|(name, value)| (*name, &**value)).collect();
    let recorded = theirs["headers"].as_object().unwrap().iter();
    let recorded: BTreeMap<&str, &str> =
        recorded.map(|(name, value)| (&**name, value.as_str().unwrap())).collect();
    assert_eq!(headers, recorded, "{id}");

    let body =
        |text: Option<&str>| -> Pairs { parse(text.unwrap_or_default().as_bytes()).into_owned().collect() };
    let (text, recorded) = (ours.body.as_deref(), theirs["body"].as_str());
    if headers.get("content-type") == Some(&"application/json") {
        let json = |text: Option<&str>| -> Value { serde_json::from_str(text.unwrap()).unwrap() };
        let words =
            |value: &Value| value["query"].as_str().unwrap().split_whitespace().map(str::to_owned).collect();
        let (query, recorded): (Vec<String>, Vec<String>) = (words(&json(text)), words(&json(recorded)));
        return assert_eq!(query, recorded, "{id}");
    }
    let (mut fields, mut expected) = (body(text), body(recorded));
    if let Some(name) = drop {
        expected.retain(|(other, _)| other != name);
    }
    if let Some(name) = add {
        assert!(has(&fields, name) && !has(&expected, name), "{id}: {name}");
        fields.retain(|(other, _)| other != name);
    }
    assert_eq!(fields, expected, "{id}");
}

#[test]
fn token_and_refresh_requests_are_upstreams() {
    for record in records() {
        for (provider, facts) in record.settings() {
            let ask = CodeAsk {
                code: record.text("code"),
                code_verifier: record.text("codeVerifier"),
                redirect_uri: record.text("redirectURI"),
                device_id: record.ask["deviceId"].as_str(),
            };
            let had_challenge = has(&parts(facts["authorize"].as_str().unwrap()).1, "code_challenge");
            let adds = differences::adds_pkce(record.row);
            let drops = !adds && differences::drops_verifier(record.row, had_challenge);
            let request = provider.token_request(&ask);
            let (drop, add) = (drops.then_some("code_verifier"), adds.then_some("code_verifier"));
            compare(record.id, &request, &facts["token"], drop, add);

            let request = provider.refresh_request(record.text("refreshToken"));
            assert_eq!(request.is_some(), facts.contains_key("refresh"), "{}", record.id);
            if let Some(request) = request {
                compare(record.id, &request, &facts["refresh"], None, None);
            }
        }
    }
}

#[test]
fn tokens_are_read_as_upstream_reads_them() {
    let now = Timestamp::from_seconds(1_000_000);
    for record in records() {
        for (provider, facts) in record.settings() {
            let tokens = provider.read_tokens(&record.ask["tokens"], now).unwrap();
            let expose =
                |secret: &Option<Secret<String>>| secret.as_ref().map(|secret| secret.expose().clone());
            let left = |end: Option<Timestamp>| end.map(|end| end.seconds() - now.seconds());
            let ours = json!({
                "tokenType": tokens.token_type,
                "accessToken": expose(&tokens.access_token),
                "refreshToken": expose(&tokens.refresh_token),
                "idToken": expose(&tokens.id_token),
                "accessTokenExpiresIn": left(tokens.access_expires_at),
                "refreshTokenExpiresIn": left(tokens.refresh_expires_at),
                "scopes": tokens.scopes,
                "openid": tokens.openid,
            });
            for (member, value) in facts["tokens"].as_object().unwrap() {
                assert_eq!(&ours[member], value, "{} {member}", record.id);
            }
        }
    }
}

#[test]
fn id_tokens_are_verified_by_upstreams_rules() {
    for record in records() {
        for (provider, facts) in record.settings() {
            let facts = &facts["idToken"];
            if let Some(request) = facts.get("verify") {
                let check = provider.id_token_check().unwrap();
                compare(record.id, &check.request("the.id.token", Some("n")), request, None, None);
                let good = json!({ "aud": provider.client.id(), "nonce": "n" });
                assert_eq!(check.accepts(&good, Some("n")), facts["good"], "{}", record.id);
                assert!(!check.accepts(&good, Some("m")) && !check.accepts(&good, None));
                assert!(!check.accepts(&json!({ "aud": "other", "nonce": "n" }), Some("n")));
                continue;
            }
            let rules = provider.id_token_rules();
            assert_eq!(rules.is_some(), facts.is_object(), "{}", record.id);
            let Some(rules) = rules else { continue };
            let list = |name: &str| match facts.get(name) {
                None => Vec::new(),
                Some(Value::Array(list)) => list.iter().map(|value| value.as_str().unwrap()).collect(),
                Some(value) => vec![value.as_str().unwrap()],
            };
            assert_eq!(rules.jwks.as_str(), facts["jwks"], "{}", record.id);
            assert_eq!(rules.issuers, list("issuer"), "{}", record.id);
            assert_eq!(rules.audiences, list("audience"), "{}", record.id);
            let algorithms = list("algorithms");
            if algorithms.is_empty() {
                assert!(
                    rules.algorithms.iter().all(|name| differences::ALGORITHMS.contains(name)),
                    "{}",
                    record.id
                );
            } else {
                assert_eq!(rules.algorithms, algorithms, "{}", record.id);
            }
            let age = facts.get("maxTokenAge").map(|age| if age == "1h" { 3600 } else { panic!("{age}") });
            assert_eq!(rules.max_age, age, "{}", record.id);
            let hashed =
                facts.get("nonceComparison").is_some_and(|comparison| comparison == "exact-or-sha256");
            assert_eq!(rules.nonce == Nonce::ExactOrSha256, hashed, "{}", record.id);
            assert_eq!(rules.opaque, facts.get("allowOpaqueToken").is_some(), "{}", record.id);
        }
        for case in record.facts.get("claims").and_then(Value::as_array).into_iter().flatten() {
            let provider = record.provider(&case["options"]);
            let rule = provider.id_token_rules().unwrap().claims;
            let allowed = rule.allows(&provider, case["claims"].as_object().unwrap());
            assert_eq!(allowed, case["allowed"], "{} {case}", record.id);
        }
    }
}

#[test]
fn profiles_are_read_as_upstream_reads_them() {
    for record in records() {
        for (provider, facts) in record.profiles() {
            let why = format!("{}: {}", record.id, facts["why"]);
            let given = |name: &str| facts["tokens"].get(name).and_then(Value::as_str).map(str::to_owned);
            let tokens = Tokens {
                access_token: given("accessToken").map(Secret::new),
                id_token: given("idToken").map(Secret::new),
                openid: given("openid"),
                ..Tokens::default()
            };
            let named = facts["tokens"].get("user").cloned();
            let named: Option<NamedUser> = named.map(|user| serde_json::from_value(user).unwrap());

            let recorded = facts["calls"].as_array().unwrap();
            let calls = provider.profile_calls(&tokens);
            let wanted = calls.as_deref().unwrap_or_default();
            // Upstream stops at the first call that fails, and so would we.
            assert!(wanted.len() >= recorded.len(), "{why}: {wanted:?}");
            for (call, theirs) in wanted.iter().zip(recorded) {
                compare(&why, &call.request, theirs, None, None);
            }
            let mut answers: Vec<Answer> = facts["answers"].as_array().unwrap().iter().map(answer).collect();
            answers.resize(wanted.len(), Answer::Failed);

            let profile = provider.profile(&tokens, named.as_ref(), &answers);
            let result = &facts["result"];
            if result == differences::THROWS {
                assert!(profile.is_none_or(|found| !found.email_verified), "{why}");
                continue;
            }
            let ours = profile.as_ref().map_or(Value::Null, |profile| {
                let mut data = profile.data.clone();
                data.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                json!({
                    "name": profile.name,
                    "email": profile.email,
                    "image": profile.image,
                    "emailVerified": profile.email_verified,
                    "subject": profile.subject,
                    "data": data,
                })
            });
            assert_eq!(ours, expected(result), "{why}");
        }
    }
}

/// A recorded result in our words: an absent name is empty, ids are text, only a true word verifies an address.
fn expected(result: &Value) -> Value {
    let Some(members) = result.as_object() else {
        assert!(result.is_null(), "{result}");
        return Value::Null;
    };
    let member = |name: &str| members.get(name).cloned().unwrap_or_default();
    let mut data = member("data");
    data.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let subject = match member("subject") {
        Value::Number(number) => json!(number.to_string()),
        other => other,
    };
    json!({
        "name": member("name").as_str().unwrap_or_default(),
        "email": member("email"),
        "image": member("image"),
        "emailVerified": member("emailVerified") == true,
        "subject": subject,
        "data": data,
    })
}

fn answer(recorded: &Value) -> Answer {
    if let Some(bytes) = recorded.get("bytes") {
        return Answer::Bytes(STANDARD.decode(bytes.as_str().unwrap()).unwrap());
    }
    if recorded.get("status").is_some() { Answer::Failed } else { Answer::Json(recorded.clone()) }
}
