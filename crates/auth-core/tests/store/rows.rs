//! The values in the rows: Better Auth's Node server has to read ours, and we its.

use auth_core::testing::{Kind, TestApp, TestDatabase, get, post};
use serde_json::{Value, json};

on_every_database!(
    dates_have_three_fraction_digits,
    flags_are_what_the_database_has_for_them,
    one_address_is_one_user_and_one_token_one_session,
    a_row_that_cannot_be_read_is_our_fault,
);

async fn dates_have_three_fraction_digits(database: TestDatabase) {
    let app = TestApp::new(database, json!({})).await;
    app.sign_up("Ada").await;
    for (table, column, expected) in [
        ("user", "createdAt", "2030-01-01T00:00:00.000Z"),
        ("user", "updatedAt", "2030-01-01T00:00:00.000Z"),
        ("account", "createdAt", "2030-01-01T00:00:00.000Z"),
        ("session", "expiresAt", "2030-01-08T00:00:00.000Z"),
        ("jwks", "createdAt", "2030-01-01T00:00:00.000Z"),
    ] {
        let sql = match app.database.kind() {
            Kind::Sqlite => {
                format!(r#"SELECT typeof("{column}") || ' ' || "{column}" AS value FROM "{table}""#)
            }
            Kind::Postgres => {
                let iso = r#"YYYY-MM-DD"T"HH24:MI:SS.MS"Z""#;
                format!(
                    r#"SELECT 'text ' || to_char("{column}" AT TIME ZONE 'UTC', '{iso}') AS value FROM "{table}""#
                )
            }
            Kind::Mysql => {
                format!(r#"SELECT 'text ' || replace("{column}", ' ', 'T') || 'Z' AS value FROM "{table}""#)
            }
        };
        assert_eq!(app.database.text(&sql).await, format!("text {expected}"), "{table}.{column}");
    }
}

async fn flags_are_what_the_database_has_for_them(database: TestDatabase) {
    let app = TestApp::new(database, json!({})).await;
    let ada = app.sign_up("Ada").await;
    let (no, yes) = if app.database.kind() == Kind::Postgres { ("false", "true") } else { ("0", "1") };
    let stored = app.database.text(r#"SELECT CAST("emailVerified" AS text) AS value FROM "user""#).await;
    assert_eq!(stored, no);
    app.database.execute(&format!(r#"UPDATE "user" SET "emailVerified" = {yes}"#)).await;
    let session = app.call(get("/get-session").by(&ada.by_cookie())).await;
    assert_eq!(session.json()["user"]["emailVerified"], true);
}

async fn one_address_is_one_user_and_one_token_one_session(database: TestDatabase) {
    let app = TestApp::new(database, json!({})).await;
    app.sign_up("Ada").await;
    // A copy of the row under another id: refused by the database itself, not by a look before.
    for (table, columns) in [
        ("user", r#"name, email, "emailVerified", image, "createdAt", "updatedAt""#),
        ("session", r#""expiresAt", token, "createdAt", "updatedAt", "ipAddress", "userAgent", "userId""#),
    ] {
        let (ignore, nothing) = match app.database.kind() {
            Kind::Mysql => ("IGNORE", ""),
            Kind::Sqlite | Kind::Postgres => ("", "ON CONFLICT DO NOTHING"),
        };
        let copy = format!(
            r#"INSERT {ignore} INTO "{table}" (id, {columns}) SELECT 'copy', {columns} FROM "{table}" WHERE true {nothing}"#
        );
        app.database.execute(&copy).await;
        assert_eq!(app.database.count(table).await, 1, "{table}");
    }
}

async fn a_row_that_cannot_be_read_is_our_fault(database: TestDatabase) {
    let app = TestApp::new(database, json!({})).await;
    let ada = app.sign_up("Ada").await;
    // PostgreSQL has types that keep such values out; its infinity is one that Better Auth cannot read either.
    // MySQL's is the day zero.
    let bad = match app.database.kind() {
        Kind::Sqlite => "'yesterday'",
        Kind::Postgres => "'infinity'",
        Kind::Mysql => "'0000-00-00'",
    };
    app.database.execute(&format!(r#"UPDATE session SET "updatedAt" = {bad}"#)).await;
    let response = app.call(get("/get-session").by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (500, ""));
    assert_eq!(response.header("x-error-id"), Some("AUTH-0007"));
    assert_eq!(response.set_cookies(), [""; 0]);
    app.database.execute(r#"UPDATE session SET "updatedAt" = "createdAt""#).await;
    assert_eq!(app.call(get("/get-session").by(&ada.by_cookie())).await.status, 200);
}

/// Better Auth's Drizzle adapter writes integer milliseconds into SQLite.
#[tokio::test]
async fn integer_milliseconds_are_dates_too() {
    let app = TestApp::new(TestDatabase::sqlite(), json!({})).await;
    let ada = app.sign_up("Ada").await;
    let set = r#"UPDATE "user" SET "createdAt" = 1893456000007, "updatedAt" = '1893456000008';
        UPDATE session SET "createdAt" = 1893456000009, "expiresAt" = 1893460000000"#;
    app.database.execute(set).await;
    let as_it_is = get("/get-session?disableRefresh=1").by(&ada.by_cookie());
    let json = app.call(as_it_is.clone()).await.json();
    assert_eq!(json["user"]["createdAt"], "2030-01-01T00:00:00.007Z");
    assert_eq!(json["user"]["updatedAt"], "2030-01-01T00:00:00.008Z");
    assert_eq!(json["session"]["createdAt"], "2030-01-01T00:00:00.009Z");
    assert_eq!(json["session"]["expiresAt"], "2030-01-01T01:06:40.000Z");
    app.clock.advance(4001);
    assert_eq!(app.call(as_it_is).await.json(), Value::Null);
}

/// Other programs write other precisions and offsets.
#[tokio::test]
async fn other_spellings_of_a_date_are_read() {
    let app = TestApp::new(TestDatabase::sqlite(), json!({})).await;
    let ada = app.sign_up("Ada").await;
    for spelling in ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000000Z", "2030-01-01T02:00:00.000+02:00"] {
        app.database.execute(&format!(r#"UPDATE "user" SET "createdAt" = '{spelling}'"#)).await;
        let json = app.call(get("/get-session").by(&ada.by_cookie())).await.json();
        assert_eq!(json["user"]["createdAt"], "2030-01-01T00:00:00.000Z", "{spelling}");
    }
    assert_eq!(app.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await.status, 200);
}
