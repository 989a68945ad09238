//! Fields of users and sessions that the operator declares.

use auth_core::store::migrate::{Mode, add_columns};
use auth_core::testing::{Kind, PASSWORD, TestDatabase, TestRequest, TestResponse, get, post};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    a_sign_up_stores_and_returns_declared_fields,
    every_answer_about_a_user_or_session_has_the_returned_fields,
    tokens_carry_the_returned_fields,
    a_required_field_without_default_must_be_sent,
    a_field_that_is_not_for_clients_keeps_its_default,
    values_of_another_type_are_refused,
    values_that_do_not_fit_their_column_are_refused,
    a_user_changes_declared_fields,
    a_session_changes_declared_fields,
    a_session_that_ended_meanwhile_is_not_changed,
    a_made_up_user_looks_like_a_real_one,
    names_of_columns_may_differ_from_names_of_fields,
    hostile_values_are_only_values,
    html_forms_can_set_declared_fields,
    columns_are_added_once_and_rows_keep_their_values,
    a_required_field_needs_a_value_for_rows_that_are_there,
    columns_that_are_there_already_are_used_as_they_are,
);

fn declared() -> Value {
    json!({
        "user": { "additionalFields": {
            "role": { "type": "string", "required": false, "defaultValue": "member", "input": false },
            "plan": { "type": "string" },
            "age": { "type": "number", "required": false },
            "active": { "type": "boolean", "required": false, "defaultValue": true },
            "born": { "type": "date", "required": false },
            "note": { "type": "string", "required": false, "returned": false },
            "tags": { "type": "string[]", "required": false },
            "scores": { "type": "number[]", "required": false },
            "badge": { "type": "string", "required": false, "input": false },
        } },
        "session": { "additionalFields": {
            "theme": { "type": "string", "required": false, "defaultValue": "light" },
            "device": { "type": "string", "required": false, "input": false },
            "hidden": { "type": "string", "required": false, "returned": false },
            "count": { "type": "number", "required": false },
        } },
    })
}

fn sign_up(name: &str, more: &Value) -> TestRequest {
    let mut body = json!({ "name": name, "email": format!("{name}@example.test"), "password": PASSWORD });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    post("/sign-up/email", body)
}

trait With {
    /// As a page of the server sends it, with these cookies.
    fn with(self, cookies: &str) -> Self;
}

impl With for TestRequest {
    fn with(self, cookies: &str) -> Self {
        self.header("cookie", cookies).header("origin", "http://localhost:3000")
    }
}

fn cookies(response: &TestResponse) -> String {
    let value = response.cookie("better-auth.session_token").unwrap();
    format!("better-auth.session_token={value}")
}

fn refusal(response: &TestResponse) -> (u16, String, String) {
    let body = response.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (response.status, text("code"), text("message"))
}

async fn a_sign_up_stores_and_returns_declared_fields(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let all = json!({
        "plan": "pro", "age": 41, "active": false, "born": "1990-05-06T07:08:09.123+02:00", "note": "secret",
        "tags": ["a", "b'\"c"], "scores": [1, 2.5],
    });
    let response = server.call(sign_up("ada", &all)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let user = response.json()["user"].clone();
    assert_eq!(user["role"], "member");
    assert_eq!(user["badge"], Value::Null);
    assert_eq!(user["born"], "1990-05-06T05:08:09.123Z");
    assert_eq!(user.get("note"), None);
    for name in ["plan", "age", "active", "tags", "scores"] {
        assert_eq!(user[name], all[name], "{name}");
    }
    let stored = server.session(&cookies(&response)).await.json()["user"].clone();
    assert_eq!(stored, user, "the row holds what the answer said");
    assert_eq!(server.database.text(r#"SELECT note AS value FROM "user""#).await, "secret");
}

async fn every_answer_about_a_user_or_session_has_the_returned_fields(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let signed_up = server.call(sign_up("ada", &json!({ "plan": "pro" }))).await;
    let jar = cookies(&signed_up);
    let sign_in = json!({ "email": "ada@example.test", "password": PASSWORD });
    let signed_in = server.call(post("/sign-in/email", sign_in)).await.json();
    assert_eq!((&signed_in["user"]["plan"], &signed_in["user"]["role"]), (&json!("pro"), &json!("member")));
    assert_eq!(signed_in["user"].get("note"), None);
    let session = server.session(&jar).await.json()["session"].clone();
    assert_eq!((&session["theme"], &session["device"]), (&json!("light"), &Value::Null));
    assert_eq!(session.get("hidden"), None);
    let list = server.call(get("/list-sessions").with(&jar)).await.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    for session in list.as_array().unwrap() {
        assert_eq!((&session["theme"], session.get("hidden")), (&json!("light"), None));
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD, "revokeOtherSessions": true });
    let changed = server.call(post("/change-password", change).with(&jar)).await;
    assert_eq!(changed.json()["user"]["plan"], "pro");
    assert_eq!(server.session(&cookies(&changed)).await.json()["session"]["theme"], "light");
}

async fn tokens_carry_the_returned_fields(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let response = server.call(sign_up("ada", &json!({ "plan": "pro", "note": "secret" }))).await;
    let token = server.call(get("/token").with(&cookies(&response))).await.json();
    let claims = token["token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&auth_jose::base64url::decode(&claims).unwrap()).unwrap();
    assert_eq!((&claims["plan"], &claims["active"]), (&json!("pro"), &json!(true)));
    assert_eq!(claims.get("note"), None);
    assert_eq!(claims["sub"], response.json()["user"]["id"]);
}

async fn a_required_field_without_default_must_be_sent(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    for sent in [json!({}), json!({ "plan": null })] {
        let refused = refusal(&server.call(sign_up("ada", &sent)).await);
        assert_eq!(refused, (400, "MISSING_FIELD".to_owned(), "plan is required".to_owned()));
    }
    assert_eq!(server.database.count("user").await, 0);
    let empty = server.call(sign_up("ada", &json!({ "plan": "" }))).await;
    assert_eq!((empty.status, &empty.json()["user"]["plan"]), (200, &json!("")));
}

async fn a_field_that_is_not_for_clients_keeps_its_default(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let response = server.call(sign_up("ada", &json!({ "plan": "pro", "role": "admin", "badge": "" }))).await;
    assert_eq!((response.status, &response.json()["user"]["role"]), (200, &json!("member")));
    let refused = refusal(&server.call(sign_up("eve", &json!({ "plan": "pro", "badge": "gold" }))).await);
    assert_eq!(refused, (400, "FIELD_NOT_ALLOWED".to_owned(), "badge is not allowed to be set".to_owned()));
    assert_eq!(server.database.count("user").await, 1);
    for name in ["role", "badge"] {
        let change = post("/update-user", json!({ name: "admin", "age": 5 })).with(&cookies(&response));
        let refused = refusal(&server.call(change).await);
        assert_eq!((refused.0, refused.1.as_str()), (400, "FIELD_NOT_ALLOWED"), "{name}");
    }
    let user = server.session(&cookies(&response)).await.json()["user"].clone();
    assert_eq!((&user["role"], &user["badge"], &user["age"]), (&json!("member"), &Value::Null, &Value::Null));
}

async fn values_of_another_type_are_refused(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    for (name, value, expected) in [
        ("plan", json!({}), "string, received object"),
        ("age", json!("old"), "number, received string"),
        ("active", json!("maybe"), "boolean, received string"),
        ("born", json!("yesterday"), "date, received string"),
        ("tags", json!("a"), "array, received string"),
        ("tags", json!([1]), "array, received array"),
        ("scores", json!(["1"]), "array, received array"),
    ] {
        let mut sent = json!({ "plan": "pro" });
        sent[name] = value;
        let refused = refusal(&server.call(sign_up("ada", &sent)).await);
        let message = format!("[body.{name}] Invalid input: expected {expected}");
        assert_eq!(refused, (400, "VALIDATION_ERROR".to_owned(), message));
    }
    for value in [json!("a\0b"), json!(["a\0b"])] {
        let name = if value.is_array() { "tags" } else { "plan" };
        let mut sent = json!({ "plan": "pro" });
        sent[name] = value;
        assert_eq!(server.call(sign_up("ada", &sent)).await.status, 400, "{name}");
    }
    assert_eq!(server.database.count("user").await, 0);
}

async fn values_that_do_not_fit_their_column_are_refused(database: TestDatabase) {
    let fits_everything = database.is_sqlite();
    let server = Server::with(database, declared()).await;
    for age in [json!(9_999_999_999_i64), json!(1e300)] {
        let response = server.call(sign_up("ada", &json!({ "plan": "pro", "age": age }))).await;
        if fits_everything {
            assert_eq!((response.status, &response.json()["user"]["age"]), (200, &age));
            server.database.execute(r#"DELETE FROM "user""#).await;
        } else {
            assert_eq!(refusal(&response).1, "VALIDATION_ERROR", "{age}");
        }
    }
    assert_eq!(server.database.count("user").await, 0);
}

async fn a_user_changes_declared_fields(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let response = server.call(sign_up("ada", &json!({ "plan": "pro", "age": 41 }))).await;
    let eve = server.call(sign_up("eve", &json!({ "plan": "free" }))).await;
    let jar = cookies(&response);
    let update = |body: Value| server.call(post("/update-user", body).with(&jar));
    let changed = update(json!({ "active": false, "tags": ["x"], "name": "Ada L." })).await;
    assert_eq!((changed.status, changed.text()), (200, r#"{"status":true}"#));
    assert!(changed.cookie("better-auth.session_token").is_some());
    let user = server.session(&jar).await.json()["user"].clone();
    assert_eq!(user["name"], "Ada L.");
    assert_eq!((&user["active"], &user["tags"], &user["age"]), (&json!(false), &json!(["x"]), &json!(41)));
    assert_eq!(update(json!({ "age": null })).await.status, 200);
    assert_eq!(server.session(&jar).await.json()["user"]["age"], Value::Null);
    assert_eq!(refusal(&update(json!({ "plan": null })).await).1, "MISSING_FIELD");
    assert_eq!(refusal(&update(json!({ "unknown": 1 })).await).2, "No fields to update");
    assert_eq!(refusal(&update(json!({ "role": "" })).await).2, "No fields to update");
    let other = server.session(&cookies(&eve)).await.json()["user"].clone();
    assert_eq!((&other["active"], &other["tags"]), (&json!(true), &Value::Null), "nobody else changed");
}

async fn a_session_changes_declared_fields(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let jar = cookies(&server.call(sign_up("ada", &json!({ "plan": "pro" }))).await);
    let update = |body: Value| server.call(post("/update-session", body).with(&jar));
    let changed =
        update(json!({ "theme": "dark", "hidden": "x", "count": 3, "token": "stolen", "userId": "eve" }))
            .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert!(changed.cookie("better-auth.session_token").is_some());
    let session = changed.json()["session"].clone();
    assert_eq!(
        (&session["theme"], &session["count"], session.get("hidden")),
        (&json!("dark"), &json!(3), None)
    );
    assert_eq!(server.session(&jar).await.json()["session"], session);
    assert_eq!(server.database.text("SELECT hidden AS value FROM session").await, "x");
    let refused = refusal(&update(json!({ "device": "x" })).await);
    assert_eq!(refused, (400, "FIELD_NOT_ALLOWED".to_owned(), "device is not allowed to be set".to_owned()));
    for nothing in [json!({}), json!({ "device": null }), json!({ "expiresAt": "2099-01-01T00:00:00.000Z" })]
    {
        assert_eq!(refusal(&update(nothing).await).2, "No fields to update");
    }
    assert_eq!(refusal(&update(json!({ "count": "many" })).await).1, "VALIDATION_ERROR");
    assert_eq!(server.call(post("/update-session", json!({ "theme": "x" }))).await.status, 401);
}

async fn a_session_that_ended_meanwhile_is_not_changed(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let jar = cookies(&server.call(sign_up("ada", &json!({ "plan": "pro" }))).await);
    server.database.execute("DELETE FROM session").await;
    let refused = server.call(post("/update-session", json!({ "theme": "dark" })).with(&jar)).await;
    assert_eq!(refused.status, 401);
    assert_eq!(server.database.count("session").await, 0);
}

async fn a_made_up_user_looks_like_a_real_one(database: TestDatabase) {
    let mut settings = declared();
    settings["emailAndPassword"] = json!({ "autoSignIn": false });
    let server = Server::with(database, settings).await;
    let real = server.call(sign_up("ada", &json!({ "plan": "pro", "age": 5 }))).await.json();
    let made_up = server.call(sign_up("ada", &json!({ "plan": "pro", "age": 5 }))).await.json();
    let shape = |body: &Value| {
        let mut user = body["user"].clone();
        user["id"] = Value::Null;
        user
    };
    assert_eq!(shape(&real), shape(&made_up));
    let refused = server.call(sign_up("ada", &json!({}))).await;
    assert_eq!(refusal(&refused).1, "MISSING_FIELD", "before anything is told about the address");
}

async fn names_of_columns_may_differ_from_names_of_fields(database: TestDatabase) {
    let settings = json!({ "user": { "additionalFields": {
        "favouriteColour": { "type": "string", "required": false, "fieldName": "favourite_colour" }
    } } });
    let server = Server::with(database, settings).await;
    let response =
        server.call(sign_up("ada", &json!({ "favouriteColour": "red", "favourite_colour": "x" }))).await;
    let user = response.json()["user"].clone();
    assert_eq!((&user["favouriteColour"], user.get("favourite_colour")), (&json!("red"), None));
    assert_eq!(server.database.text(r#"SELECT favourite_colour AS value FROM "user""#).await, "red");
}

async fn hostile_values_are_only_values(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    for hostile in [
        "'; DROP TABLE \"user\"; --",
        "\"), (1) --",
        "$1 ? ?1 :a @a",
        "{\"plan\": \"x\"}",
        "\\u0041 \\",
        "null",
        "\u{1f600}\u{202e}",
    ] {
        let all = json!({ "plan": hostile, "note": hostile, "tags": [hostile] });
        let response = server.call(sign_up("ada", &all)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let jar = cookies(&response);
        let change = json!({ "plan": hostile, "tags": [hostile, hostile] });
        assert_eq!(server.call(post("/update-user", change).with(&jar)).await.status, 200);
        let user = server.session(&jar).await.json()["user"].clone();
        assert_eq!((&user["plan"], &user["tags"]), (&json!(hostile), &json!([hostile, hostile])));
        assert_eq!(server.database.text(r#"SELECT note AS value FROM "user""#).await, hostile);
        server.database.execute(r#"DELETE FROM "user""#).await;
    }
}

async fn html_forms_can_set_declared_fields(database: TestDatabase) {
    let server = Server::with(database, declared()).await;
    let form = "name=Ada&email=ada%40example.test&password=correct-horse-1&plan=pro&age=41&active=false&born=2000-01-02";
    let request = TestRequest::new("POST", "/sign-up/email").body("application/x-www-form-urlencoded", form);
    let user = server.call(request).await.json()["user"].clone();
    assert_eq!((&user["age"], &user["active"]), (&json!(41), &json!(false)));
    assert_eq!(user["born"], "2000-01-02T00:00:00.000Z");
}

async fn columns_are_added_once_and_rows_keep_their_values(database: TestDatabase) {
    let before = Server::on(database).await;
    let ada = before.sign_up("Ada").await;
    let settings = json!({ "user": { "additionalFields": {
        "role": { "type": "string", "defaultValue": "it's a 'member'" },
        "level": { "type": "number", "defaultValue": 3 },
        "active": { "type": "boolean", "defaultValue": true },
        "nick": { "type": "string", "required": false },
    } } });
    let after = before.beside(settings.clone()).await;
    let user = after.session(&ada.cookies).await.json()["user"].clone();
    assert_eq!((&user["role"], &user["level"]), (&json!("it's a 'member'"), &json!(3)));
    assert_eq!((&user["active"], &user["nick"]), (&json!(true), &Value::Null));
    let again = before.beside(settings).await;
    let (url, fields) = (&again.app.config.database.url, &again.app.config.fields);
    assert_eq!(add_columns(url, fields, Mode::Apply).await.unwrap(), []);
    // The server that knows nothing of the fields goes on working.
    assert_eq!(before.session(&ada.cookies).await.json()["user"].get("role"), None);
    before.sign_up("Bea").await;
}

async fn a_required_field_needs_a_value_for_rows_that_are_there(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let settings = json!({ "user": { "additionalFields": { "plan": { "type": "string" } } } });
    let mut all = settings;
    all["database"] = json!({ "url": server.database.url() });
    let config = auth_core::testing::load_config(&all).unwrap();
    let url = &config.database.url;
    let listed = add_columns(url, &config.fields, Mode::DryRun).await.unwrap();
    let sql = listed[0].sql.replace('`', "\"");
    assert_eq!(sql, r#"ALTER TABLE "user" ADD COLUMN "plan" text NOT NULL"#);
    let refused = add_columns(url, &config.fields, Mode::Apply).await.unwrap_err().to_string();
    assert!(refused.contains("user.additionalFields.plan: the table has rows"), "{refused}");
    assert_eq!(add_columns(url, &config.fields, Mode::DryRun).await.unwrap().len(), 1, "nothing was changed");
}

async fn columns_that_are_there_already_are_used_as_they_are(database: TestDatabase) {
    database.migrate();
    let kind = database.kind();
    let columns = match kind {
        Kind::Sqlite => ["plan TEXT", "age REAL", "born INTEGER", "tags TEXT"],
        Kind::Postgres => ["plan VARCHAR(3)", "age DOUBLE PRECISION", "born TIMESTAMP", "tags TEXT[]"],
        Kind::Mysql => ["plan VARCHAR(3)", "age DOUBLE PRECISION", "born DATETIME(3)", "tags TEXT"],
    };
    for column in columns {
        database.execute(&format!(r#"ALTER TABLE "user" ADD COLUMN {column}"#)).await;
    }
    let server = Server::with(database, declared()).await;
    let all = json!({ "plan": "pro", "age": 1.5, "born": "2000-01-02T03:04:05.678Z", "tags": ["a", "b"] });
    let response = server.call(sign_up("ada", &all)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let user = server.session(&cookies(&response)).await.json()["user"].clone();
    for name in ["plan", "age", "born", "tags"] {
        assert_eq!(user[name], all[name], "{name}");
    }
    if kind != Kind::Sqlite {
        let refused = server.call(sign_up("eve", &json!({ "plan": "too long" }))).await;
        assert_eq!(refusal(&refused).1, "VALIDATION_ERROR");
    }
}
