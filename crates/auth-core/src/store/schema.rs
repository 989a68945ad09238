//! One `table!` for each table, shared by every database. Names of Better Auth's are upstream's.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::store::types::{Instant, RowId};

    user (id) {
        id -> RowId,
        name -> Text,
        email -> Text,
        #[sql_name = "emailVerified"]
        email_verified -> Bool,
        image -> Nullable<Text>,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "updatedAt"]
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Instant, RowId};

    session (id) {
        id -> RowId,
        #[sql_name = "expiresAt"]
        expires_at -> Instant,
        token -> Text,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "updatedAt"]
        updated_at -> Instant,
        #[sql_name = "ipAddress"]
        ip_address -> Nullable<Text>,
        #[sql_name = "userAgent"]
        user_agent -> Nullable<Text>,
        #[sql_name = "userId"]
        user_id -> RowId,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Instant, RowId};

    account (id) {
        id -> RowId,
        #[sql_name = "accountId"]
        account_id -> Text,
        #[sql_name = "providerId"]
        provider_id -> Text,
        #[sql_name = "userId"]
        user_id -> RowId,
        #[sql_name = "accessToken"]
        access_token -> Nullable<Text>,
        #[sql_name = "refreshToken"]
        refresh_token -> Nullable<Text>,
        #[sql_name = "idToken"]
        id_token -> Nullable<Text>,
        #[sql_name = "accessTokenExpiresAt"]
        access_token_expires_at -> Nullable<Instant>,
        #[sql_name = "refreshTokenExpiresAt"]
        refresh_token_expires_at -> Nullable<Instant>,
        scope -> Nullable<Text>,
        password -> Nullable<Text>,
        // Better Auth 1.7.0 to 1.7.2 only: see `adopt::Shape`.
        issuer -> Nullable<Text>,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "updatedAt"]
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::store::types::{Instant, RowId};

    verification (id) {
        id -> RowId,
        identifier -> Text,
        value -> Text,
        #[sql_name = "expiresAt"]
        expires_at -> Instant,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "updatedAt"]
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Instant, RowId};

    jwks (id) {
        id -> RowId,
        #[sql_name = "publicKey"]
        public_key -> Text,
        #[sql_name = "privateKey"]
        private_key -> Text,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "expiresAt"]
        expires_at -> Nullable<Instant>,
        alg -> Nullable<Text>,
        crv -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Text};
    use crate::store::types::RowId;

    #[sql_name = "rateLimit"]
    rate_limit (id) {
        id -> RowId,
        key -> Text,
        count -> Integer,
        #[sql_name = "lastRequest"]
        last_request -> BigInt,
    }
}

// Not one of Better Auth's: what its table of keys does not tell.
table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::store::types::Instant;

    #[sql_name = "signingKey"]
    signing_key (kid) {
        kid -> Text,
        alg -> Text,
        generation -> Integer,
        state -> Text,
        signing -> Nullable<Text>,
        #[sql_name = "publishedAt"]
        published_at -> Instant,
        #[sql_name = "signsFrom"]
        signs_from -> Instant,
        #[sql_name = "retiresAt"]
        retires_at -> Nullable<Instant>,
        #[sql_name = "goneAt"]
        gone_at -> Nullable<Instant>,
        #[sql_name = "revokedAt"]
        revoked_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::Instant;

    #[sql_name = "authService"]
    auth_service (name) {
        name -> Text,
        #[sql_name = "jwksUrl"]
        jwks_url -> Nullable<Text>,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "disabledAt"]
        disabled_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::Instant;

    #[sql_name = "authServiceKey"]
    auth_service_key (id) {
        // The RFC 7638 thumbprint: a key has one owner.
        id -> Text,
        service -> Text,
        #[sql_name = "publicKey"]
        public_key -> Text,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "expiresAt"]
        expires_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::store::types::Instant;

    #[sql_name = "authServiceCode"]
    auth_service_code (id) {
        // The SHA-256 of the code.
        id -> Text,
        service -> Text,
        #[sql_name = "createdAt"]
        created_at -> Instant,
        #[sql_name = "expiresAt"]
        expires_at -> Instant,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::store::types::Instant;

    #[sql_name = "authServiceAssertion"]
    auth_service_assertion (id) {
        // The SHA-256 of who made it and its `jti`.
        id -> Text,
        #[sql_name = "expiresAt"]
        expires_at -> Instant,
    }
}

// Ours: what is withdrawn, each under a number of its own, and the last number. See `crate::revocation`.
table! {
    use diesel::sql_types::{BigInt, Text};

    #[sql_name = "auth_revocation"]
    revocation (number) {
        number -> BigInt,
        kind -> Text,
        name -> Text,
        issued_before -> BigInt,
        expires_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer};

    #[sql_name = "auth_revocation_head"]
    revocation_head (id) {
        id -> Integer,
        last -> BigInt,
    }
}

joinable!(session -> user (user_id));
joinable!(account -> user (user_id));
allow_tables_to_appear_in_same_query!(user, session, account);
