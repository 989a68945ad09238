//! The product on one screen: every feature, in order.

pub mod account;
pub mod bearer;
pub mod delete_user;
pub mod email_password;
pub mod email_verification;
pub mod jwt;
pub mod oauth;
pub mod password_reset;
pub mod revocation;
pub mod services;
pub mod session;
pub mod social;
pub mod system;
pub mod user;

use crate::config::Config;
use crate::error::{self, ErrorCode};
use crate::feature::Feature;
use crate::{fields, limits, mail};

/// The features that the configuration switches on.
#[must_use]
pub fn enabled(config: &Config) -> Vec<Feature> {
    let mut features = vec![
        system::feature(),
        email_password::feature(),
        email_verification::feature(),
        password_reset::feature(),
        session::feature(),
        user::feature(),
        delete_user::feature(),
        account::feature(),
        social::feature(),
        services::feature(),
        oauth::feature(),
    ];
    if config.plugins.bearer {
        features.push(bearer::feature());
    }
    if config.plugins.jwt {
        features.push(jwt::feature());
    }
    if config.revocation.is_on() {
        features.push(revocation::feature(config));
    }
    features
}

/// Every error that this server can answer, by id. A feature that is off keeps its ids.
#[must_use]
pub fn error_codes() -> Vec<ErrorCode> {
    let features = [
        system::feature(),
        email_password::feature(),
        email_verification::feature(),
        password_reset::feature(),
        session::feature(),
        user::feature(),
        delete_user::feature(),
        account::feature(),
        social::feature(),
        services::feature(),
        oauth::feature(),
        bearer::feature(),
        jwt::feature(),
    ];
    let features = features.iter().map(|feature| feature.codes).chain([revocation::codes::ALL]);
    let general = [error::codes::ALL, fields::codes::ALL, limits::codes::ALL, mail::codes::ALL];
    let mut codes: Vec<ErrorCode> = general.concat();
    codes.extend(features.flatten());
    codes.sort_by_key(|code| code.id);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_ids_are_unique_and_well_formed() {
        let codes = error_codes();
        let ids: std::collections::BTreeSet<_> = codes.iter().map(|code| code.id).collect();
        assert_eq!(ids.len(), codes.len());
        for id in ids {
            let digits = id.strip_prefix("AUTH-").unwrap();
            assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()), "{id}");
        }
    }
}
