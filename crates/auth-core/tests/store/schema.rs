//! The tables in detail: types, nulls, indexes, and definitions that stay as a Better Auth server made them.

use auth_core::testing::{Kind, PASSWORD, TestApp, TestDatabase, get, post};
use serde_json::json;

on_every_database!(
    columns_have_better_auths_types,
    makes_better_auths_indexes,
    adopts_the_tables_of_a_better_auth_server,
);

/// `table.column type`, and `!` where null is refused. Names and types are Better Auth's, but for our own `signingKey`; `date` and `boolean`
/// stand for what each database has for them.
const COLUMNS: &[&str] = &[
    "account.accessToken text",
    "account.accessTokenExpiresAt date",
    "account.accountId text!",
    "account.createdAt date!",
    "account.id text!",
    "account.idToken text",
    "account.password text",
    "account.providerId text!",
    "account.refreshToken text",
    "account.refreshTokenExpiresAt date",
    "account.scope text",
    "account.updatedAt date!",
    "account.userId text!",
    "authService.createdAt date!",
    "authService.disabledAt date",
    "authService.jwksUrl text",
    "authService.name text!",
    "authServiceAssertion.expiresAt date!",
    "authServiceAssertion.id text!",
    "authServiceCode.createdAt date!",
    "authServiceCode.expiresAt date!",
    "authServiceCode.id text!",
    "authServiceCode.service text!",
    "authServiceKey.createdAt date!",
    "authServiceKey.expiresAt date",
    "authServiceKey.id text!",
    "authServiceKey.publicKey text!",
    "authServiceKey.service text!",
    "auth_revocation.expires_at bigint!",
    "auth_revocation.issued_before bigint!",
    "auth_revocation.kind text!",
    "auth_revocation.name text!",
    "auth_revocation.number bigint!",
    "auth_revocation_head.id integer!",
    "auth_revocation_head.last bigint!",
    "jwks.alg text",
    "jwks.createdAt date!",
    "jwks.crv text",
    "jwks.expiresAt date",
    "jwks.id text!",
    "jwks.privateKey text!",
    "jwks.publicKey text!",
    "rateLimit.count integer!",
    "rateLimit.id text!",
    "rateLimit.key text!",
    "rateLimit.lastRequest bigint!",
    "session.createdAt date!",
    "session.expiresAt date!",
    "session.id text!",
    "session.ipAddress text",
    "session.token text!",
    "session.updatedAt date!",
    "session.userAgent text",
    "session.userId text!",
    "signingKey.alg text!",
    "signingKey.generation integer!",
    "signingKey.goneAt date",
    "signingKey.kid text!",
    "signingKey.publishedAt date!",
    "signingKey.retiresAt date",
    "signingKey.revokedAt date",
    "signingKey.signing text",
    "signingKey.signsFrom date!",
    "signingKey.state text!",
    "user.createdAt date!",
    "user.email text!",
    "user.emailVerified boolean!",
    "user.id text!",
    "user.image text",
    "user.name text!",
    "user.updatedAt date!",
    "verification.createdAt date!",
    "verification.expiresAt date!",
    "verification.id text!",
    "verification.identifier text!",
    "verification.updatedAt date!",
    "verification.value text!",
];

async fn columns(database: &TestDatabase) -> Vec<String> {
    let sql = match database.kind() {
        Kind::Sqlite => {
            r#"SELECT m.name || '.' || c.name || ' ' || CASE c.name WHEN 'emailVerified' THEN replace(lower(c.type), 'integer', 'boolean') ELSE lower(c.type) END
                || CASE c."notnull" WHEN 1 THEN '!' ELSE '' END AS value
               FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"#
        }
        Kind::Postgres => {
            r"SELECT table_name || '.' || column_name || ' ' || replace(data_type, 'timestamp with time zone', 'date')
                || CASE is_nullable WHEN 'NO' THEN '!' ELSE '' END AS value
              FROM information_schema.columns WHERE table_schema = 'public'"
        }
        // Ids have at most 36 characters; what is indexed has at most 255.
        Kind::Mysql => {
            r"SELECT table_name || '.' || column_name || ' ' || CASE column_type WHEN 'timestamp(3)' THEN 'date' WHEN 'datetime(3)' THEN 'date'
                WHEN 'tinyint(1)' THEN 'boolean' WHEN 'varchar(36)' THEN 'text' WHEN 'varchar(255)' THEN 'text'
                WHEN 'int(11)' THEN 'integer' WHEN 'bigint(20)' THEN 'bigint' ELSE column_type END
                || CASE is_nullable WHEN 'NO' THEN '!' ELSE '' END AS value
              FROM information_schema.columns WHERE table_schema = database()"
        }
    };
    let mut columns: Vec<_> = database.texts(sql).await.into_iter().flatten().collect();
    // The migrations' own table is not one of Better Auth's.
    columns.retain(|column| !column.starts_with("__diesel"));
    columns.sort();
    columns
}

async fn columns_have_better_auths_types(database: TestDatabase) {
    database.migrate();
    assert_eq!(columns(&database).await, COLUMNS);
}

async fn makes_better_auths_indexes(database: TestDatabase) {
    database.migrate();
    let sql = match database.kind() {
        Kind::Sqlite => "SELECT name AS value FROM sqlite_master WHERE type = 'index' AND name LIKE '%idx'",
        Kind::Postgres => {
            "SELECT indexname AS value FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE '%idx'"
        }
        Kind::Mysql => {
            "SELECT index_name AS value FROM information_schema.statistics WHERE table_schema = database() AND index_name LIKE '%idx'"
        }
    };
    let mut names: Vec<_> = database.texts(sql).await.into_iter().flatten().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "account_userId_idx",
            "auth_revocation_expires_at_idx",
            "auth_revocation_name_idx",
            "session_userId_idx",
            "verification_identifier_idx"
        ]
    );
    if database.kind() == Kind::Postgres {
        let sql = "SELECT conname AS value FROM pg_constraint WHERE contype = 'u' AND connamespace = 'public'::regnamespace ORDER BY 1";
        let constraints: Vec<_> = database.texts(sql).await.into_iter().flatten().collect();
        assert_eq!(
            constraints,
            [
                "rateLimit_key_key",
                "session_token_key",
                "signingKey_alg_generation_key",
                "signingKey_signing_key",
                "user_email_key"
            ]
        );
    }
}

/// The definitions of Better Auth's tables, indexes and constraints, as the database itself tells them.
async fn definitions(database: &TestDatabase) -> Vec<Option<String>> {
    let sql = match database.kind() {
        Kind::Sqlite => {
            "SELECT name || coalesce(sql, '') AS value FROM sqlite_master WHERE tbl_name NOT LIKE '\\_\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'auth\\_%' ESCAPE '\\' ORDER BY 1"
        }
        Kind::Postgres => {
            r"SELECT value FROM (
            SELECT table_name || column_name || ordinal_position || data_type || is_nullable || coalesce(column_default, '')
                AS value FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name NOT LIKE '\_\_%' AND table_name NOT LIKE 'auth\_%'
            UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '\_\_%' AND tablename NOT LIKE 'auth\_%'
            UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
                WHERE conrelid::regclass::text NOT LIKE '\_\_%' AND conrelid::regclass::text NOT LIKE 'auth\_%' AND connamespace = 'public'::regnamespace
          ) AS everything ORDER BY 1"
        }
        Kind::Mysql => {
            r"SELECT table_name || column_name || ordinal_position || column_type || is_nullable || coalesce(collation_name, '')
                || coalesce(column_default, '') || extra AS value FROM information_schema.columns
                WHERE table_schema = database() AND table_name NOT LIKE '\_\_%' AND table_name NOT LIKE 'auth\_%'
              UNION ALL SELECT table_name || index_name || column_name FROM information_schema.statistics
                WHERE table_schema = database() AND table_name NOT LIKE '\_\_%' AND table_name NOT LIKE 'auth\_%' ORDER BY 1"
        }
    };
    let mut definitions = database.texts(sql).await;
    // Tables of our own come beside Better Auth's.
    definitions.retain(|text| text.as_ref().is_none_or(|text| !text.contains("signingKey")));
    definitions
}

/// [`better_auths_tables`] on MySQL: no word about character sets.
const BETTER_AUTHS_MYSQL: &str = r#"
    create table "user" ("id" varchar(36) not null primary key, "name" varchar(255) not null, "email" varchar(255) not null unique, "emailVerified" boolean not null, "image" text, "createdAt" timestamp(3) default CURRENT_TIMESTAMP(3) not null, "updatedAt" timestamp(3) default CURRENT_TIMESTAMP(3) not null, "nickname" text);
    create table "session" ("id" varchar(36) not null primary key, "expiresAt" timestamp(3) not null, "token" varchar(255) not null unique, "createdAt" timestamp(3) default CURRENT_TIMESTAMP(3) not null, "updatedAt" timestamp(3) not null, "ipAddress" text, "userAgent" text, "userId" varchar(36) not null, foreign key ("userId") references "user" ("id") on delete cascade);
    create table "account" ("id" varchar(36) not null primary key, "accountId" text not null, "providerId" text not null, "userId" varchar(36) not null, "accessToken" text, "refreshToken" text, "idToken" text, "accessTokenExpiresAt" timestamp(3) null, "refreshTokenExpiresAt" timestamp(3) null, "scope" text, "password" text, "createdAt" timestamp(3) default CURRENT_TIMESTAMP(3) not null, "updatedAt" timestamp(3) not null, foreign key ("userId") references "user" ("id") on delete cascade);
    create table "verification" ("id" varchar(36) not null primary key, "identifier" varchar(255) not null, "value" text not null, "expiresAt" timestamp(3) not null, "createdAt" timestamp(3) default CURRENT_TIMESTAMP(3) not null, "updatedAt" timestamp(3) default CURRENT_TIMESTAMP(3) not null);
    create table "jwks" ("id" varchar(36) not null primary key, "publicKey" text not null, "privateKey" text not null, "createdAt" timestamp(3) not null, "expiresAt" timestamp(3) null, "alg" text, "crv" text);
    create table "rateLimit" ("id" varchar(36) not null primary key, "key" varchar(255) not null unique, "count" integer not null, "lastRequest" bigint not null);
    create index "session_userId_idx" on "session" ("userId");
    create index "account_userId_idx" on "account" ("userId");
    create index "verification_identifier_idx" on "verification" ("identifier");"#;

/// What Better Auth's own migration makes, with a column of the application's own in the user's table.
fn better_auths_tables(database: &TestDatabase) -> String {
    let (date, boolean, now) = match database.kind() {
        Kind::Sqlite => ("date", "integer", ""),
        Kind::Postgres => ("timestamptz", "boolean", " default CURRENT_TIMESTAMP"),
        Kind::Mysql => return BETTER_AUTHS_MYSQL.to_owned(),
    };
    format!(
        r#"create table "user" ("id" text not null primary key, "name" text not null, "email" text not null unique, "emailVerified" {boolean} not null, "image" text, "createdAt" {date}{now} not null, "updatedAt" {date}{now} not null, "nickname" text);
        create table "session" ("id" text not null primary key, "expiresAt" {date} not null, "token" text not null unique, "createdAt" {date}{now} not null, "updatedAt" {date} not null, "ipAddress" text, "userAgent" text, "userId" text not null references "user" ("id") on delete cascade);
        create table "account" ("id" text not null primary key, "accountId" text not null, "providerId" text not null, "userId" text not null references "user" ("id") on delete cascade, "accessToken" text, "refreshToken" text, "idToken" text, "accessTokenExpiresAt" {date}, "refreshTokenExpiresAt" {date}, "scope" text, "password" text, "createdAt" {date}{now} not null, "updatedAt" {date} not null);
        create table "verification" ("id" text not null primary key, "identifier" text not null, "value" text not null, "expiresAt" {date} not null, "createdAt" {date}{now} not null, "updatedAt" {date}{now} not null);
        create table "jwks" ("id" text not null primary key, "publicKey" text not null, "privateKey" text not null, "createdAt" {date} not null, "expiresAt" {date}, "alg" text, "crv" text);
        create table "rateLimit" ("id" text not null primary key, "key" text not null unique, "count" integer not null, "lastRequest" bigint not null);
        create index "session_userId_idx" on "session" ("userId");
        create index "account_userId_idx" on "account" ("userId");
        create index "verification_identifier_idx" on "verification" ("identifier");"#
    )
}

/// Better Auth's published vector: the hash of [`PASSWORD`].
const HASH: &str = "000102030405060708090a0b0c0d0e0f:7034425e783148ac6ce2c4521177f6fc8ba611950b64145053bf3c4fbf26457865bbf1ea8164754187636d431114bca7374e96cf91409d23fbc0b086580d2442";

async fn adopts_the_tables_of_a_better_auth_server(database: TestDatabase) {
    let at = "'2029-05-06T07:08:09.123Z'";
    let is_false = if database.is_sqlite() { "0" } else { "false" };
    database.execute(&better_auths_tables(&database)).await;
    let rows = format!(
        r#"insert into "user" values ('U1', 'Ann', 'ann@example.test', {is_false}, null, {at}, {at}, 'annie');
        insert into "account" ("id", "accountId", "providerId", "userId", "password", "createdAt", "updatedAt")
            values ('A1', 'U1', 'credential', 'U1', '{HASH}', {at}, {at});"#
    );
    database.execute(&rows).await;
    let before = definitions(&database).await;
    assert!(before.len() > 8, "{before:?}");

    let app = TestApp::new(database, json!({})).await;
    let after = definitions(&app.database).await;
    let changed: Vec<_> = before.iter().filter(|definition| !after.contains(definition)).collect();
    assert!(changed.is_empty(), "only tables of our own are added: {changed:?}");
    let body = json!({ "email": "ann@example.test", "password": PASSWORD });
    let response = app.call(post("/sign-in/email", body)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["user"]["id"], "U1");
    assert_eq!(response.json()["user"]["createdAt"], "2029-05-06T07:08:09.123Z");
    assert_eq!(app.database.text(r#"SELECT nickname AS value FROM "user""#).await, "annie");
    let bob = app.sign_up("Bob").await;
    assert_ne!(bob.id, "U1");

    // Better Auth's tables on MySQL compare without regard to case; tokens do not.
    let swapped: String = bob
        .token
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let bearer = |token: &str| get("/get-session").header("authorization", format!("Bearer {token}"));
    assert_eq!(app.call(bearer(&bob.token)).await.json()["user"]["id"], bob.id);
    assert_eq!(app.call(bearer(&swapped)).await.text(), "null");
}
