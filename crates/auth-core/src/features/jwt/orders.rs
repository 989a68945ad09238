//! Changes of the stored keys: the upkeep that every server does now and then, and what operators order.

use std::collections::BTreeSet;

use auth_jose::{KeyError, Timestamp};

use super::keyring::{KeyInfo, Keyring, KeyringError};
use super::lifecycle::{self, Phase};
use super::upkeep::{Draft, Spare};
use crate::app::App;
use crate::hooks::RevokedKey;

/// A key that takes over, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Its name.
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// When it begins to sign.
    pub signs_from: Timestamp,
}

/// What became of a key that was to be retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retired {
    /// It signs nothing any more, and is published until this moment.
    Until(Timestamp),
    /// It is not published any more.
    Gone,
    /// There is no key of this name.
    Unknown,
    /// It signs the tokens of this server: only a rotation replaces it.
    Signs,
}

impl Keyring {
    /// Reads the stored keys, takes in those that other servers made, and adds the keys that are missing or due.
    /// Called at start and in the background. Servers that are about to make a key make one: the table is locked
    /// from the look to the insert.
    ///
    /// # Errors
    /// When the database does not answer or no key can be made.
    pub async fn load_or_create(&self, app: &App) -> Result<(), KeyringError> {
        let now = app.clock.now();
        let mut db = app.store.db().await?;
        let mut draft = Draft::read(&mut db, self, app, now, Spare::default()).await?;
        drop(db);
        draft.keep_up()?;
        if !draft.is_changed() {
            let (rows, lives) = draft.finish();
            self.take_over(&rows, lives, now);
            return Ok(());
        }
        // The keys were made before the lock is taken: an RSA key takes a second.
        self.change(app, draft.into_spare(), |_| Ok(())).await?;
        Ok(())
    }

    /// Encrypts private parts anew that are encrypted with an older secret, and answers how many. To be called at
    /// start. Of several servers one writes each row; the key itself does not change.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reseal(&self, app: &App) -> Result<usize, KeyringError> {
        let mut db = app.store.db().await?;
        let mut count = 0;
        for row in db.list_keys().await? {
            if let Some(sealed) = self.vault.resealed(&row, &*app.entropy) {
                count += usize::from(db.update_private_key(&row.id, &row.private_key, &sealed).await?);
            }
        }
        Ok(count)
    }

    /// Publishes the next key of every algorithm, which signs as soon as everybody can know it. A key that is
    /// waiting already is not doubled: it signs as soon as it may.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub async fn rotate(&self, app: &App) -> Result<Vec<Successor>, KeyringError> {
        let mut successors = Vec::new();
        let order = |draft: &mut Draft<'_>| {
            let (now, ahead) = (draft.now, self.spans.ahead);
            for algorithm in &self.algorithms {
                let alg = (*algorithm).into();
                let first = lifecycle::waiting(&draft.lives, alg).min_by_key(|life| life.generation);
                let waiting = first.map(|life| life.kid.clone());
                let life = match draft.lives.iter_mut().find(|life| Some(&life.kid) == waiting.as_ref()) {
                    Some(life) => {
                        let soonest = life.published_at.plus_seconds(ahead).max(now);
                        life.signs_from = life.signs_from.min(soonest);
                        &*life
                    }
                    None => draft.add(*algorithm, now.plus_seconds(ahead))?,
                };
                successors.push(Successor {
                    kid: life.kid.clone(),
                    alg: life.alg.as_str().to_owned(),
                    signs_from: life.signs_from,
                });
            }
            Ok(())
        };
        let renamed = self.change(app, Spare::default(), order).await?;
        for successor in &mut successors {
            if let Some((_, kid)) = renamed.iter().find(|(before, _)| *before == successor.kid) {
                successor.kid.clone_from(kid);
            }
        }
        Ok(successors)
    }

    /// Takes every key out of use at once, because others may know them, and signs with fresh ones. Answers the
    /// names of those that were revoked: none when another server was faster.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub async fn rotate_at_once(&self, app: &App) -> Result<Vec<String>, KeyringError> {
        // Only what was there when the order was given, and not what another order made a moment ago: two orders at
        // once are one rotation.
        let now = app.clock.now();
        self.reload(&app.store, now).await?;
        let keys = self.keys(now);
        let moment = now.plus_seconds(-2 * self.check_every());
        let last = keys.iter().filter_map(|key| key.revoked_at).filter(|at| *at > moment).max();
        let is_meant = |key: &&KeyInfo| last.is_none_or(|at| key.published_at < at);
        let meant: BTreeSet<String> = keys.iter().filter(is_meant).map(|key| key.kid.clone()).collect();
        self.revoke(app, &meant).await
    }

    /// Takes one key out of use at once, because others may know it.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub async fn retire_at_once(&self, app: &App, kid: &str) -> Result<Retired, KeyringError> {
        let revoked = self.revoke(app, &BTreeSet::from([kid.to_owned()])).await?;
        let is_known = !revoked.is_empty() || self.keys(app.clock.now()).iter().any(|key| key.kid == kid);
        Ok(if is_known { Retired::Gone } else { Retired::Unknown })
    }

    /// Lets one key retire that this server does not need: one that waits is gone, one of another algorithm signs
    /// nothing any more and stays published for its tokens.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub async fn retire(&self, app: &App, kid: &str) -> Result<Retired, KeyringError> {
        let mut retired = Retired::Unknown;
        self.change(app, Spare::default(), |draft| {
            let (now, keep) = (draft.now, self.spans.keep);
            let Some(life) = draft.lives.iter_mut().find(|life| life.kid == kid) else { return Ok(()) };
            let is_needed = self.algorithms.iter().any(|it| auth_jose::Algorithm::from(*it) == life.alg);
            match life.phase {
                Phase::Published => {
                    life.phase = Phase::Gone;
                    life.retires_at = Some(now);
                    life.gone_at = Some(now);
                }
                Phase::Signing if is_needed => {
                    retired = Retired::Signs;
                    return Ok(());
                }
                Phase::Signing => life.retire(now, keep),
                Phase::Retiring | Phase::Gone => {}
            }
            let until = life.gone_at.filter(|_| life.phase == Phase::Retiring);
            retired = until.map_or(Retired::Gone, Retired::Until);
            Ok(())
        })
        .await?;
        Ok(retired)
    }

    async fn revoke(&self, app: &App, meant: &BTreeSet<String>) -> Result<Vec<String>, KeyringError> {
        let mut revoked = Vec::new();
        self.change(app, Spare::default(), |draft| {
            revoked.extend(meant.iter().filter(|kid| draft.revoke(kid)).cloned());
            Ok(())
        })
        .await?;
        Ok(revoked)
    }

    /// Changes the stored keys as one server at a time: upkeep, `order`, and again upkeep of what it left. Answers the
    /// keys that have got another name, which they have where the database makes the ids.
    async fn change(
        &self,
        app: &App,
        spare: Spare,
        order: impl FnOnce(&mut Draft<'_>) -> Result<(), KeyError>,
    ) -> Result<Vec<(String, String)>, KeyringError> {
        let now = app.clock.now();
        let mut tx = app.store.begin().await?;
        tx.lock_signing_keys().await?;
        let mut draft = Draft::read(&mut tx, self, app, now, spare).await?;
        draft.keep_up()?;
        order(&mut draft)?;
        draft.keep_up()?;
        if !draft.is_changed() {
            tx.rollback().await?;
        } else {
            draft.write(&mut tx).await?;
            let until = now.plus_seconds(self.spans.keep);
            for kid in draft.revoked() {
                app.hooks.key_revoked(&mut tx, RevokedKey { kid: kid.clone(), at: now, until }).await?;
            }
            tx.commit().await?;
            if !draft.revoked().is_empty() {
                app.announce_withdrawn();
            }
        }
        let renamed = std::mem::take(&mut draft.renamed);
        let (rows, lives) = draft.finish();
        self.take_over(&rows, lives, now);
        Ok(renamed)
    }
}
