//! What is withdrawn when, and GET /revocations.

use auth_core::testing::{
    Caller, PASSWORD, START, TestDatabase, TestRequest, TestResponse, TestUser, get, post,
};
use auth_jose::{Clock, JwkSet, Policy, Verified, VerifyError, verify};
use serde_json::{Map, Value, json};

use crate::support::Server;

on_every_database!(
    tokens_name_their_session_without_revealing_its_token,
    signing_out_withdraws_the_session,
    revoking_sessions_withdraws_what_ends_and_nothing_else,
    a_changed_password_withdraws_with_the_other_sessions_only,
    a_reset_password_withdraws_everything,
    a_deleted_user_has_no_token_left,
    a_subject_of_another_field_is_withdrawn_under_its_own_name,
    nothing_is_written_when_nobody_may_ask,
    strangers_cannot_fill_the_list,
    the_list_is_signed_as_something_else_than_a_token,
    a_reader_goes_on_where_it_was,
    a_reader_of_another_database_begins_anew,
    entries_end_with_the_longest_token,
    numbers_never_go_back,
    the_list_is_long_and_comes_in_parts,
    entries_of_a_later_version_hide_none,
    the_list_is_for_services,
    the_list_tells_that_it_has_not_changed,
    a_waiting_reader_hears_of_a_sign_out_at_once,
    a_waiting_reader_hears_of_another_servers_sign_out,
    bad_numbers_are_refused,
    services_behind_one_address_are_not_limited,
    a_key_that_others_may_know_is_withdrawn,
);

const ISSUER: &str = "http://localhost:3000";
pub(crate) const SERVICE_SECRET: &str = "a-secret-of-a-service-0123456789";

pub(crate) fn public() -> Value {
    json!({ "revocation": { "feed": "public" } })
}

/// What an answer says, once its signature is known to be good.
async fn opened(server: &Server, response: &TestResponse) -> Map<String, Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    let keys = JwkSet::parse(server.call(get("/jwks")).await.body.as_ref()).unwrap();
    let policy = Policy::new(ISSUER, "revocations").unwrap().with_typ("revocations+jwt").unwrap();
    let policy = policy.with_max_token_bytes(1 << 20);
    let verified: Verified = verify(&policy, &keys, server.clock.now(), response.text()).unwrap();
    verified.raw_claims().clone()
}

async fn list_after(server: &Server, after: i64) -> Map<String, Value> {
    opened(server, &server.call(get(&format!("/revocations?after={after}"))).await).await
}

/// Every entry, without when it may be forgotten.
pub(crate) async fn entries(server: &Server) -> Vec<Value> {
    let list = list_after(server, 0).await;
    let entries = list["entries"].as_array().unwrap().iter().cloned();
    entries
        .map(|mut entry| {
            entry.as_object_mut().unwrap().remove("exp").unwrap();
            entry
        })
        .collect()
}

pub(crate) async fn claims(server: &Server, user: &TestUser) -> Value {
    let response = server.call(get("/token").by(&user.by_cookie())).await;
    crate::jwt::claims(&response.json()["token"])
}

async fn sid(server: &Server, user: &TestUser) -> Value {
    let sid = claims(server, user).await["sid"].take();
    json!({ "sid": sid })
}

fn sign_out(user: &TestUser) -> TestRequest {
    post("/sign-out", json!({})).by(&user.by_cookie())
}

async fn done(server: &Server, request: TestRequest) {
    let response = server.call(request).await;
    assert_eq!(response.status, 200, "{}", response.text());
}

async fn tokens_name_their_session_without_revealing_its_token(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let first = claims(&server, &ada).await;
    let name = first["sid"].as_str().unwrap();
    assert_eq!(name.len(), 22);
    assert!(!ada.token.contains(name) && !name.contains(&ada.token));
    assert_eq!(claims(&server, &ada).await["sid"], name, "one session has one name");
    assert_ne!(claims(&server, &phone).await["sid"], name);
    let bearer = Caller::Bearer(name.to_owned());
    assert_eq!(server.call(get("/get-session").by(&bearer)).await.text(), "null", "the name opens nothing");
}

async fn signing_out_withdraws_the_session(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let expected = [sid(&server, &ada).await, sid(&server, &phone).await];
    assert_eq!(entries(&server).await, [Value::Null; 0]);
    done(&server, sign_out(&ada)).await;
    assert_eq!(entries(&server).await, expected[..1]);
    done(&server, post("/sign-out", json!({})).by(&phone.by_bearer())).await;
    assert_eq!(entries(&server).await, expected);
}

async fn revoking_sessions_withdraws_what_ends_and_nothing_else(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let (ada, bob) = (server.sign_up("Ada").await, server.sign_up("Bob").await);
    let mut devices = Vec::new();
    for _ in 0..4 {
        devices.push(server.sign_in(&ada).await);
    }
    let mut names = Vec::new();
    for device in &devices {
        names.push(sid(&server, device).await);
    }
    let first = sid(&server, &ada).await;
    let revoke = |token: &str| post("/revoke-session", json!({ "token": token })).by(&devices[0].by_cookie());
    done(&server, revoke(&devices[1].token)).await;
    done(&server, revoke(&bob.token)).await;
    assert_eq!(entries(&server).await, [names[1].clone()], "somebody else's session goes on");

    done(&server, post("/revoke-other-sessions", json!({})).by(&devices[2].by_cookie())).await;
    let sorted = |mut entries: Vec<Value>| {
        entries.sort_by_key(Value::to_string);
        entries
    };
    let ended = vec![names[1].clone(), first, names[0].clone(), names[3].clone()];
    assert_eq!(sorted(entries(&server).await), sorted(ended.clone()));

    done(&server, post("/revoke-sessions", json!({})).by(&devices[2].by_cookie())).await;
    let older = json!({ "sub": ada.id, "before": START - 1 });
    let ended = [ended, vec![names[2].clone(), older]].concat();
    assert_eq!(sorted(entries(&server).await), sorted(ended));
}

async fn a_changed_password_withdraws_with_the_other_sessions_only(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let names = [sid(&server, &ada).await, sid(&server, &phone).await];
    let change = |revoke: bool, from: &str, to: &str| {
        let body = json!({ "currentPassword": from, "newPassword": to, "revokeOtherSessions": revoke });
        post("/change-password", body).by(&ada.by_cookie())
    };
    done(&server, change(false, PASSWORD, "another password")).await;
    assert_eq!(entries(&server).await, [Value::Null; 0], "every session goes on");
    let response = server.call(change(true, "another password", "a third password")).await;
    assert_eq!(response.status, 200);
    let found = entries(&server).await;
    assert_eq!(found.len(), 3);
    assert!(names.iter().all(|name| found.contains(name)), "{found:?}");

    let caller = TestUser::new(&response, &server.app);
    let new = claims(&server, &caller).await;
    assert!(!found.contains(&json!({ "sid": new["sid"] })), "the new session is a good one");
    let before = found.iter().find_map(|entry| entry["before"].as_i64()).unwrap();
    assert!(new["iat"].as_i64().unwrap() >= before, "its tokens are newer than what is withdrawn");
}

async fn a_reset_password_withdraws_everything(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let keeping = json!({
        "revocation": { "feed": "public" },
        "emailAndPassword": { "revokeSessionsOnPasswordReset": false },
    });
    let keeping = server.beside(keeping).await;
    for (server, name, count) in [(&keeping, "Bob", 0), (&server, "Ada", 3)] {
        let user = server.sign_up(name).await;
        server.sign_in(&user).await;
        done(server, post("/request-password-reset", json!({ "email": user.email }))).await;
        let body =
            json!({ "newPassword": "another password", "token": crate::support::token(&server.one_mail()) });
        done(server, post("/reset-password", body)).await;
        assert_eq!(entries(server).await.len(), count, "{name}");
    }
}

async fn a_deleted_user_has_no_token_left(database: TestDatabase) {
    let settings = json!({ "revocation": { "feed": "public" }, "user": { "deleteUser": { "enabled": true, "sendVerification": false } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let name = sid(&server, &ada).await;
    let iat = claims(&server, &ada).await["iat"].as_i64().unwrap();
    done(&server, post("/delete-user", json!({ "password": PASSWORD })).by(&ada.by_cookie())).await;
    let found = entries(&server).await;
    assert_eq!(found[0], name);
    assert_eq!(found[1]["sub"], ada.id);
    assert!(found[1]["before"].as_i64().unwrap() > iat, "those of the last second too");
}

async fn a_subject_of_another_field_is_withdrawn_under_its_own_name(database: TestDatabase) {
    let settings = json!({ "revocation": { "feed": "public" }, "jwt": { "subject": "email" } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    assert_eq!(claims(&server, &ada).await["sub"], ada.email);
    done(&server, post("/revoke-sessions", json!({})).by(&ada.by_cookie())).await;
    assert_eq!(entries(&server).await[1]["sub"], ada.email);
}

async fn nothing_is_written_when_nobody_may_ask(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    done(&server, sign_out(&ada)).await;
    assert_eq!(server.database.count("auth_revocation").await, 0);
    for path in ["/revocations", "/revocations?after=0"] {
        assert_eq!(server.call(get(path)).await.status, 404);
    }
}

async fn strangers_cannot_fill_the_list(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    for index in 0..5 {
        let made_up = Caller::Bearer(format!("0123456789abcdefghijklmnopqrst{index:02}"));
        done(&server, post("/sign-out", json!({})).by(&made_up)).await;
        let body = json!({ "token": format!("0123456789abcdefghijklmnopqrst{index:02}") });
        done(&server, post("/revoke-session", body).by(&ada.by_cookie())).await;
    }
    done(&server, sign_out(&ada)).await;
    done(&server, sign_out(&ada)).await;
    assert_eq!(server.database.count("auth_revocation").await, 1, "a session ends once");
}

async fn the_list_is_signed_as_something_else_than_a_token(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(get("/revocations?after=0")).await;
    assert_eq!(response.header("content-type"), Some("application/jwt"));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    let list = opened(&server, &response).await;
    assert_eq!((list["iss"].as_str(), list["exp"].as_i64()), (Some(ISSUER), Some(START + 60)));

    // Neither passes for the other, whatever audience a verifier expects.
    let keys = JwkSet::parse(server.call(get("/jwks")).await.body.as_ref()).unwrap();
    let now = server.clock.now();
    for audience in [ISSUER, "revocations"] {
        let as_token = verify::<Value>(&Policy::new(ISSUER, audience).unwrap(), &keys, now, response.text());
        assert_eq!(as_token.map(drop), Err(VerifyError::TypeMismatch));
        let policy = Policy::new(ISSUER, audience).unwrap().with_typ("revocations+jwt").unwrap();
        let token = server.call(get("/token").by(&ada.by_cookie())).await.json()["token"].take();
        let as_list = verify::<Value>(&policy, &keys, now, token.as_str().unwrap());
        assert_eq!(as_list.map(drop), Err(VerifyError::TypeMismatch));
    }
}

async fn a_reader_goes_on_where_it_was(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let begin = list_after(&server, 0).await;
    done(&server, sign_out(&ada)).await;
    let first = list_after(&server, begin["next"].as_i64().unwrap()).await;
    assert_eq!(first["entries"].as_array().unwrap().len(), 1);
    let next = first["next"].as_i64().unwrap();
    assert_eq!(first["after"], begin["next"]);
    assert_eq!(list_after(&server, next).await["entries"], json!([]));
    done(&server, sign_out(&phone)).await;
    let second = list_after(&server, next).await;
    assert_eq!(second["entries"].as_array().unwrap().len(), 1);
    assert!(second["next"].as_i64().unwrap() > next);
    assert_eq!((&second["more"], &second["reset"]), (&json!(false), &json!(false)));
    // Another server, which has seen nothing of it, answers the same.
    let other = server.beside(public()).await;
    assert_eq!(list_after(&other, next).await["entries"], second["entries"]);
    assert_eq!(list_after(&other, 0).await["entries"].as_array().unwrap().len(), 2);
}

async fn a_reader_of_another_database_begins_anew(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    done(&server, sign_out(&ada)).await;
    let next = list_after(&server, 0).await["next"].as_i64().unwrap();
    for after in [next + 1, i64::MAX] {
        let list = list_after(&server, after).await;
        assert_eq!((&list["reset"], &list["entries"]), (&json!(true), &json!([])), "{after}");
    }
}

async fn entries_end_with_the_longest_token(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    done(&server, sign_out(&ada)).await;
    let list = list_after(&server, 0).await;
    let until = list["entries"][0]["exp"].as_i64().unwrap();
    assert!(until > START + 900 + 300, "a token's life and the greatest leeway of a verifier");
    server.app.forget_revocations().await.unwrap();
    assert_eq!(server.database.count("auth_revocation").await, 1);
    server.clock.advance(until - START);
    assert_eq!(list_after(&server, 0).await["entries"], json!([]));
    server.app.forget_revocations().await.unwrap();
    assert_eq!(server.database.count("auth_revocation").await, 0);
    let after = list_after(&server, 0).await["next"].clone();
    assert_eq!(after, list["next"], "a number is never given again");
}

async fn numbers_never_go_back(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let mut last = 0;
    for seconds in [0, 0, -86_400, 0, 86_400] {
        server.clock.advance(seconds);
        let device = server.sign_in(&ada).await;
        done(&server, sign_out(&device)).await;
        let next =
            server.database.text("SELECT CAST(max(number) AS text) AS value FROM auth_revocation").await;
        let next: i64 = next.parse().unwrap();
        assert!(next > last, "{next} after {last}");
        last = next;
    }
    // A database without the row, as after a careless clean-up, gives numbers that are greater still.
    server.database.execute("DELETE FROM auth_revocation_head").await;
    server.clock.advance(1);
    let device = server.sign_in(&ada).await;
    done(&server, sign_out(&device)).await;
    let next = server.database.text("SELECT CAST(max(number) AS text) AS value FROM auth_revocation").await;
    assert!(next.parse::<i64>().unwrap() > last);
}

/// Entries as if they had been there always, numbered from 1.
async fn fill(server: &Server, kinds: impl Iterator<Item = &str>) {
    let row =
        |(number, kind): (usize, &str)| format!("({number}, '{kind}', 'S{number}', 0, {})", START + 900);
    let rows: Vec<String> = (1..).zip(kinds).map(row).collect();
    for part in rows.chunks(500) {
        let rows = part.join(", ");
        let sql = format!(
            "INSERT INTO auth_revocation (number, kind, name, issued_before, expires_at) VALUES {rows}"
        );
        server.database.execute(&sql).await;
    }
    server.database.execute(&format!("UPDATE auth_revocation_head SET last = {}", rows.len())).await;
}

async fn entries_of_a_later_version_hide_none(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    // More than a page of what this version does not know.
    fill(&server, std::iter::repeat_n("later", 2_500).chain(["sid"])).await;
    let list = list_after(&server, 0).await;
    assert_eq!(list["entries"], json!([{ "sid": "S2501", "exp": START + 900 }]));
    assert_eq!((&list["next"], &list["more"]), (&json!(2_501), &json!(false)));
}

async fn the_list_is_long_and_comes_in_parts(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    fill(&server, std::iter::repeat_n("sid", 4_500)).await;
    let (mut after, mut names) = (0, Vec::new());
    loop {
        let list = list_after(&server, after).await;
        names.extend(list["entries"].as_array().unwrap().iter().map(|entry| entry["sid"].clone()));
        after = list["next"].as_i64().unwrap();
        if list["more"] == json!(false) {
            break;
        }
    }
    let expected: Vec<Value> = (1..=4_500).map(|number| json!(format!("S{number}"))).collect();
    assert_eq!((after, names.len()), (4_500, expected.len()));
    assert_eq!(names, expected);
}

async fn the_list_is_for_services(database: TestDatabase) {
    let settings = json!({
        "revocation": { "feed": "clients" },
        "introspection": { "clients": { "orders": SERVICE_SECRET } },
    });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let ask = || get("/revocations?after=0");
    for request in [
        ask(),
        ask().by(&ada.by_cookie()),
        ask().by(&ada.by_bearer()),
        ask().header("authorization", basic("orders", "another-secret-of-32-characters-")),
        ask().header("authorization", basic("nobody", SERVICE_SECRET)),
        ask().header("authorization", basic("", "")),
        ask().header("authorization", basic("orders", "")),
        ask().header("authorization", "Basic"),
        ask().header("authorization", "Basic !!!"),
        ask().header("authorization", format!("Bearer {SERVICE_SECRET}")),
    ] {
        let response = server.call(request).await;
        assert_eq!((response.status, response.json()["error"].as_str()), (401, Some("invalid_client")));
        assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"auth\""));
        assert_eq!(response.header("x-error-id"), Some("AUTH-0150"));
    }
    let response = server.call(ask().header("authorization", basic("orders", SERVICE_SECRET))).await;
    assert_eq!(opened(&server, &response).await["entries"], json!([]));
}

pub(crate) fn basic(name: &str, secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{secret}")))
}

async fn the_list_tells_that_it_has_not_changed(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let ada = server.sign_up("Ada").await;
    let ask = |tag: &str| get("/revocations?after=0").header("if-none-match", tag);
    let tag = server.call(ask("\"other\"")).await.header("etag").unwrap().to_owned();
    let same = server.call(ask(&tag)).await;
    assert_eq!((same.status, same.text(), same.header("etag")), (304, "", Some(&*tag)));
    done(&server, sign_out(&ada)).await;
    let changed = server.call(ask(&tag)).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(&*tag));
}

/// A reader that waits, and a server on which something happens meanwhile.
async fn hears_of_it(reader: &Server, actor: &Server) {
    let ada = actor.sign_up("Ada").await;
    let name = sid(actor, &ada).await;
    let after = list_after(reader, 0).await["next"].as_i64().unwrap();
    let question = format!("/revocations?after={after}&wait=10");
    let act = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        done(actor, sign_out(&ada)).await;
    };
    let begin = std::time::Instant::now();
    let (answer, ()) = futures_util::join!(reader.call(get(&question)), act);
    let list = opened(reader, &answer).await;
    assert_eq!(list["entries"][0]["sid"], name["sid"]);
    // Far from the 10 seconds after which it would have been told that there is nothing.
    assert!(begin.elapsed().as_secs() < 5);
}

async fn a_waiting_reader_hears_of_a_sign_out_at_once(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    hears_of_it(&server, &server).await;
}

async fn a_waiting_reader_hears_of_another_servers_sign_out(database: TestDatabase) {
    let reader = Server::with(database, public()).await;
    let actor = reader.beside(public()).await;
    hears_of_it(&reader, &actor).await;
}

async fn bad_numbers_are_refused(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    for query in ["after=-1", "after=x", "after=", "after=1&after=2", "after=1.5", "after=0&wait=soon"] {
        let response = server.call(get(&format!("/revocations?{query}"))).await;
        assert_eq!(response.status, 400, "{query}: {}", response.text());
    }
    let response = server.call(get("/revocations?after=99999999999999999999999999")).await;
    assert_eq!(opened(&server, &response).await["reset"], json!(true));
}

async fn services_behind_one_address_are_not_limited(database: TestDatabase) {
    let settings = json!({
        "revocation": { "feed": "public" },
        "introspection": { "clients": { "orders": SERVICE_SECRET } },
        "rateLimit": { "enabled": true, "max": 2 },
    });
    let server = Server::with(database, settings).await;
    let ask = |path: &str| {
        let form = TestRequest::new("POST", path).body("application/x-www-form-urlencoded", "token=unknown");
        form.header("authorization", basic("orders", SERVICE_SECRET))
    };
    for _ in 0..5 {
        assert_eq!(server.call(get("/revocations?after=0")).await.status, 200);
        assert_eq!(server.call(ask("/introspect")).await.status, 200);
        assert_eq!(server.call(ask("/revoke")).await.status, 200);
    }
    let statuses = [server.call(get("/ok")).await.status, server.call(get("/ok")).await.status];
    assert_eq!((statuses, server.call(get("/ok")).await.status), ([200, 200], 429));
}

async fn a_key_that_others_may_know_is_withdrawn(database: TestDatabase) {
    let server = Server::with(database, public()).await;
    let keys = server.app.keys.as_ref().unwrap();
    let revoked = keys.rotate_at_once(&server.app).await.unwrap();
    let found = entries(&server).await;
    assert!(!revoked.is_empty());
    for kid in revoked {
        assert!(found.contains(&json!({ "kid": kid })), "{found:?}");
    }
}
