//! What has to be written so that there is always a key that signs and a published one to follow it, and what an
//! operator orders. Decided on the stored rows, under a lock that one server holds at a time.

use std::sync::Arc;

use auth_jose::{Algorithm, KeyError, SigningKey, Timestamp};

use super::keyring::Keyring;
use super::lifecycle::{self, Life, Phase};
use super::store::KeyRow;
use super::vault::Known;
use crate::app::App;
use crate::config::JwtAlgorithm;
use crate::store::types::At;
use crate::store::{Db, Result};

/// Keys that were made before the lock was taken.
#[derive(Default)]
pub(super) struct Spare(Vec<(JwtAlgorithm, KeyRow, Arc<SigningKey>)>);

/// The stored keys, and what they are to become.
pub(super) struct Draft<'a> {
    keyring: &'a Keyring,
    app: &'a App,
    pub(super) now: Timestamp,
    rows: Vec<KeyRow>,
    known: Vec<Known>,
    before: Vec<Life>,
    pub(super) lives: Vec<Life>,
    spare: Spare,
    added: Vec<(JwtAlgorithm, KeyRow, Arc<SigningKey>)>,
    revoked: Vec<String>,
    /// Names that keys had before the database made their ids, and those ids.
    pub(super) renamed: Vec<(String, String)>,
}

impl<'a> Draft<'a> {
    pub(super) async fn read(
        db: &mut Db,
        keyring: &'a Keyring,
        app: &'a App,
        now: Timestamp,
        spare: Spare,
    ) -> Result<Self> {
        let (rows, before) = (db.list_keys().await?, db.list_lives().await?);
        let open = keyring.known();
        let known = rows.iter().map(|row| keyring.vault.read(row, &open)).collect();
        let mut lives = before.clone();
        keyring.remember(&mut lives);
        Ok(Self {
            keyring,
            app,
            now,
            rows,
            known,
            before,
            lives,
            spare,
            added: Vec::new(),
            revoked: Vec::new(),
            renamed: Vec::new(),
        })
    }

    /// Brings everything up to `now`: takes keys of other servers in, notes what has begun and ended, and adds the
    /// keys that are due.
    pub(super) fn keep_up(&mut self) -> std::result::Result<(), KeyError> {
        self.note_missing();
        self.adopt();
        let spans = self.keyring.spans;
        lifecycle::advance(&mut self.lives, self.now, spans);
        for algorithm in self.keyring.algorithms.clone() {
            let alg = algorithm.into();
            if self.keyring.signer(&self.lives, &self.known, alg, self.now).is_none() {
                self.add(algorithm, self.now)?;
                lifecycle::advance(&mut self.lives, self.now, spans);
            }
            while let Some((publish_at, signs_from)) = lifecycle::next_rotation(&self.lives, alg, spans) {
                if publish_at > self.now {
                    break;
                }
                self.add(algorithm, signs_from.max(self.now.plus_seconds(spans.ahead)))?;
            }
        }
        Ok(())
    }

    /// Somebody removed the row of a key: nobody can sign with it any more.
    fn note_missing(&mut self) {
        for life in self.lives.iter_mut().filter(|life| life.phase != Phase::Gone) {
            if !self.known.iter().any(|known| known.kid == life.kid) {
                tracing::warn!(kid = life.kid, "a signing key was removed from the table jwks");
                life.phase = Phase::Gone;
                life.retires_at = life.retires_at.or(Some(self.now));
                life.gone_at = Some(self.now);
            }
        }
    }

    /// Takes in rows that a Better Auth server made, or one of our versions that kept no lives. Rows that nobody
    /// here can sign with, and those that are too old to be published, are left alone.
    fn adopt(&mut self) {
        let is_strange = |known: &&Known| !self.lives.iter().any(|life| life.kid == known.kid);
        let spans = self.keyring.spans;
        let mut found: Vec<_> = self
            .known
            .iter()
            .filter(is_strange)
            .filter(|known| known.expires_at.is_none_or(|at| at.plus_seconds(spans.keep) > self.now))
            .filter_map(|known| {
                let key = known.key.as_ref().ok()?;
                Some((known.created_at, known.kid.clone(), key.algorithm(), known.expires_at))
            })
            .collect();
        found.sort();
        let mut first: Vec<Algorithm> = found.iter().map(|(_, _, alg, _)| *alg).collect();
        first.retain(|alg| lifecycle::signing(&self.lives, *alg).is_none());
        for (created_at, kid, alg, expires_at) in found {
            let mut life = Life {
                generation: lifecycle::next_generation(&self.lives, alg),
                kid,
                alg,
                phase: Phase::Published,
                published_at: created_at.min(self.now),
                signs_from: created_at.min(self.now),
                retires_at: expires_at,
                gone_at: None,
                revoked_at: None,
            };
            let signing = lifecycle::signing(&self.lives, alg);
            if first.contains(&alg) {
                // The newest one signs, as it does on the other server.
            } else if signing.is_some_and(|signing| created_at <= signing.signs_from) {
                life.retire(self.now, spans.keep);
            } else {
                // The other server signs with it at once; here it is published first.
                life.published_at = self.now;
                life.signs_from = self.now.plus_seconds(spans.ahead);
            }
            self.lives.push(life);
        }
    }

    /// Adds a key that signs from `signs_from` on.
    pub(super) fn add(
        &mut self,
        algorithm: JwtAlgorithm,
        signs_from: Timestamp,
    ) -> std::result::Result<&Life, KeyError> {
        let alg: Algorithm = algorithm.into();
        let spare = self.spare.0.iter().position(|(of, ..)| *of == algorithm);
        let (mut row, key) = match spare.map(|index| self.spare.0.swap_remove(index)) {
            Some((_, row, key)) => (row, key),
            None => self.keyring.vault.make(algorithm, self.app.new_id(), &*self.app.entropy, self.now)?,
        };
        // A Better Auth server signs with the newest key: this one is not the newest before its time.
        let signing = lifecycle::signing(&self.lives, alg).map(|life| life.kid.clone());
        let newest = self.known.iter().find(|known| Some(&known.kid) == signing.as_ref());
        if signs_from > self.now
            && let Some(newest) = newest
        {
            row.created_at = At(newest.created_at.plus_seconds(-1));
        }
        let known = Known::of(&row, alg.as_str().to_owned(), Ok(key.clone()));
        self.known.push(Known { kid: key.kid().to_owned(), ..known });
        self.lives.push(Life {
            kid: key.kid().to_owned(),
            alg,
            generation: lifecycle::next_generation(&self.lives, alg),
            phase: Phase::Published,
            published_at: self.now,
            signs_from,
            retires_at: None,
            gone_at: None,
            revoked_at: None,
        });
        self.added.push((algorithm, row, key));
        self.lives.last().ok_or(KeyError::GenerationFailed)
    }

    /// Takes a key out of use at once, also one that nobody here can sign with. Answers whether there was one.
    pub(super) fn revoke(&mut self, kid: &str) -> bool {
        if let Some(life) = self.lives.iter_mut().find(|life| life.kid == kid) {
            let is_there = life.phase != Phase::Gone;
            if is_there {
                life.revoke(self.now);
                self.revoked.push(kid.to_owned());
            }
            return is_there;
        }
        let Some(known) = self.known.iter().find(|known| known.kid == kid) else { return false };
        if let Ok(alg) = known.alg.parse() {
            let mut life = Life {
                kid: kid.to_owned(),
                alg,
                generation: lifecycle::next_generation(&self.lives, alg),
                phase: Phase::Published,
                published_at: known.created_at.min(self.now),
                signs_from: known.created_at.min(self.now),
                retires_at: None,
                gone_at: None,
                revoked_at: None,
            };
            life.revoke(self.now);
            self.lives.push(life);
        }
        self.revoked.push(kid.to_owned());
        true
    }

    /// The keys that [`Self::revoke`] took out of use.
    pub(super) fn revoked(&self) -> &[String] {
        &self.revoked
    }

    /// Whether anything has to be written.
    pub(super) fn is_changed(&self) -> bool {
        self.lives != self.before || !self.doomed().is_empty()
    }

    /// The keys that this draft made, for another one.
    pub(super) fn into_spare(self) -> Spare {
        let mut spare = self.spare;
        spare.0.extend(self.added);
        spare
    }

    /// Rows of keys that are gone.
    fn doomed(&self) -> Vec<&KeyRow> {
        let is_gone = |row: &&KeyRow| {
            let is_dead =
                self.lives.iter().any(|life| life.kid == row.id.as_str() && life.phase == Phase::Gone);
            is_dead || self.revoked.iter().any(|kid| kid == row.id.as_str())
        };
        self.rows.iter().filter(is_gone).collect()
    }

    /// Writes what has changed, inside the transaction that read it.
    pub(super) async fn write(&mut self, db: &mut Db) -> Result<()> {
        for (_, row, key) in &mut self.added {
            db.insert_key(row).await?;
            if row.id.as_str() != key.kid() {
                let named = |life: &&mut Life| life.kid == key.kid();
                self.lives.iter_mut().filter(named).for_each(|life| life.kid = row.id.as_str().to_owned());
                self.renamed.push((key.kid().to_owned(), row.id.as_str().to_owned()));
            }
        }
        let earlier = |life: &Life| self.before.iter().find(|earlier| earlier.kid == life.kid);
        let mut changed: Vec<&Life> = self.lives.iter().filter(|life| earlier(life) != Some(life)).collect();
        // Whoever signs makes room first: the table holds one signing key of each algorithm.
        changed.sort_by_key(|life| life.phase == Phase::Signing);
        for life in changed {
            let phase = earlier(life).map(|earlier| earlier.phase);
            match phase {
                None => db.insert_life(life).await?,
                Some(_) => db.update_life(life).await?,
            }
            self.tell_other_servers(db, life, phase).await?;
            let (kid, alg, state) = (&life.kid, life.alg.as_str(), life.phase.as_str());
            tracing::info!(kid, alg, state, signs_from = %life.signs_from, "a signing key changes");
        }
        for row in self.doomed() {
            db.delete_key(&row.id).await?;
        }
        Ok(())
    }

    /// Writes into upstream's row what a Better Auth server has to know.
    async fn tell_other_servers(&self, db: &mut Db, life: &Life, before: Option<Phase>) -> Result<()> {
        let mut rows = self.rows.iter().chain(self.added.iter().map(|(_, row, _)| row));
        let Some(row) = rows.find(|row| row.id.as_str() == life.kid) else { return Ok(()) };
        match life.phase {
            Phase::Signing if before == Some(Phase::Published) => {
                db.update_key_start(&row.id, life.signs_from).await
            }
            Phase::Retiring => db.update_key_end(&row.id, life.retires_at.unwrap_or(self.now)).await,
            Phase::Published | Phase::Signing | Phase::Gone => Ok(()),
        }
    }

    /// The stored keys as they are after [`Self::write`], to be taken over without reading them again.
    pub(super) fn finish(self) -> (Vec<KeyRow>, Vec<Life>) {
        let doomed: Vec<_> = self.doomed().into_iter().map(|row| row.id.clone()).collect();
        let mut rows = self.rows;
        rows.extend(self.added.into_iter().map(|(_, row, _)| row));
        rows.retain(|row| !doomed.contains(&row.id));
        (rows, self.lives)
    }
}
