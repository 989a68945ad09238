//! The server over HTTP: the real actix stack, one file for each feature. Every test runs on SQLite, and with
//! the features `test-postgres` and `test-mysql` on PostgreSQL and MySQL too.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

/// Makes a test for each kind of database out of functions that take one.
macro_rules! on_every_database {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[actix_web::test]
            async fn $test() {
                super::$test(auth_core::testing::TestDatabase::sqlite()).await;
            })+
        }

        #[cfg(feature = "test-postgres")]
        mod postgres {
            $(#[actix_web::test]
            async fn $test() {
                super::$test(crate::support::postgres()).await;
            })+
        }

        #[cfg(feature = "test-mysql")]
        mod mysql {
            $(#[actix_web::test]
            async fn $test() {
                super::$test(crate::support::mysql()).await;
            })+
        }
    };
}

mod access;
mod accounts;
mod algorithms;
mod audiences;
mod base_url;
mod bearer;
mod bodies;
mod change_email;
mod connections;
mod cookies;
mod cors;
mod delete_user;
mod email_verification;
mod errors;
mod fields;
mod hashing;
mod hostile;
mod ids;
mod inspect;
mod introspection;
mod jwt;
mod key_lifecycle;
mod key_orders;
mod keys;
mod limits;
mod oauth;
mod origin;
mod outage;
mod password;
mod password_reset;
mod queries;
mod rate_limit;
#[cfg(feature = "test-redis")]
mod redis;
mod refresh;
mod revocation;
mod revoke_orders;
mod routes;
mod secrets;
mod services;
mod session_cache;
mod sessions;
mod settings;
mod sign_in;
mod sign_out;
mod sign_up;
mod single_use;
mod social;
mod support;
mod system;
mod tries;
mod update_user;
