//! The life of a signing key: published, signing, retiring, gone. Pure functions of stored times and the clock.
//!
//! A key is published before it signs, so that whoever caches the key set has fetched it by then, and stays
//! published until the last token that it signed has expired. No phase is ever gone back to, whatever the clock
//! does.

use std::str::FromStr;

use auth_jose::{Algorithm, Timestamp};

/// Where a key stands. Later phases are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// In the key set, and signs nothing yet.
    Published,
    /// Signs; one of each algorithm does.
    Signing,
    /// In the key set, and signs nothing any more.
    Retiring,
    /// Neither in the key set nor ever again.
    Gone,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Published, Self::Signing, Self::Retiring, Self::Gone];

    /// The name in the database and in `keys list`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Retiring => "retiring",
            Self::Gone => "gone",
        }
    }
}

impl FromStr for Phase {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text).ok_or(())
    }
}

/// What is stored of one key beside upstream's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) kid: String,
    pub(super) alg: Algorithm,
    /// Counts the keys of the algorithm; of those whose time has come the last one signs.
    pub(super) generation: i32,
    pub(super) phase: Phase,
    pub(super) published_at: Timestamp,
    pub(super) signs_from: Timestamp,
    /// When it stops signing, once that is known.
    pub(super) retires_at: Option<Timestamp>,
    /// When it leaves the key set, once that is known.
    pub(super) gone_at: Option<Timestamp>,
    /// Taken out of use at once, because others may know it.
    pub(super) revoked_at: Option<Timestamp>,
}

impl Life {
    fn may_sign(&self, now: Timestamp) -> bool {
        let has_come = self.phase == Phase::Signing || self.signs_from <= now;
        self.phase <= Phase::Signing && has_come && self.retires_at.is_none_or(|at| at > now)
    }

    /// From now on it signs nothing; `keep` seconds later it is gone.
    pub(super) fn retire(&mut self, at: Timestamp, keep: i64) {
        self.phase = Phase::Retiring;
        self.retires_at = Some(at);
        self.gone_at = Some(at.plus_seconds(keep));
    }

    /// From now on nobody is to trust it.
    pub(super) fn revoke(&mut self, now: Timestamp) {
        self.phase = Phase::Gone;
        self.retires_at = self.retires_at.filter(|at| *at <= now).or(Some(now));
        self.gone_at = Some(now);
        self.revoked_at = Some(now);
    }
}

/// The spans that the configuration decides, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    /// How long a key signs; without, until it is replaced by hand.
    pub(super) interval: Option<i64>,
    /// How long a key is published before it signs.
    pub(super) ahead: i64,
    /// How long a key stays published after it has stopped signing.
    pub(super) keep: i64,
}

fn of(lives: &[Life], alg: Algorithm) -> impl Iterator<Item = &Life> {
    lives.iter().filter(move |life| life.alg == alg)
}

/// The key of an algorithm that signs, as the phases say.
pub(super) fn signing(lives: &[Life], alg: Algorithm) -> Option<&Life> {
    of(lives, alg).find(|life| life.phase == Phase::Signing)
}

/// Published keys that will sign: none that a later key has overtaken.
pub(super) fn waiting(lives: &[Life], alg: Algorithm) -> impl Iterator<Item = &Life> {
    let after = signing(lives, alg).map_or(0, |life| life.generation);
    of(lives, alg).filter(move |life| life.phase == Phase::Published && life.generation > after)
}

/// The number of the algorithm's next key.
pub(super) fn next_generation(lives: &[Life], alg: Algorithm) -> i32 {
    of(lives, alg).map(|life| life.generation).max().unwrap_or(0).saturating_add(1)
}

/// What has happened has happened, also if nobody could write it down yet.
pub(super) fn remember(lives: &mut [Life], earlier: &[Life]) {
    for life in lives {
        let known = earlier.iter().find(|known| known.kid == life.kid);
        if let Some(known) = known.filter(|known| known.phase > life.phase) {
            *life = known.clone();
        }
    }
}

/// Moves every key into the phase that it has at `now`. Nothing moves back.
pub(super) fn advance(lives: &mut [Life], now: Timestamp, spans: Spans) {
    let mut signers: Vec<(Algorithm, i32, Timestamp)> = Vec::new();
    for life in lives.iter().filter(|life| life.may_sign(now)) {
        match signers.iter_mut().find(|(alg, ..)| *alg == life.alg) {
            Some(known) if known.1 < life.generation => *known = (life.alg, life.generation, life.signs_from),
            Some(_) => {}
            None => signers.push((life.alg, life.generation, life.signs_from)),
        }
    }
    for life in lives {
        let signer = signers.iter().find(|(alg, ..)| *alg == life.alg);
        let (is_signer, is_before) = match signer {
            Some((_, generation, _)) => (*generation == life.generation, life.generation < *generation),
            None => (false, false),
        };
        if life.phase <= Phase::Signing {
            let is_over = life.retires_at.is_some_and(|at| at <= now);
            if is_signer {
                life.phase = Phase::Signing;
            } else if is_over || (is_before && (life.phase == Phase::Signing || life.signs_from <= now)) {
                // It stopped when its successor began, which may be a while ago.
                let successor = signer.map_or(now, |(.., from)| *from).min(now).max(life.signs_from.min(now));
                let at = life.retires_at.filter(|_| is_over).unwrap_or(successor);
                life.retire(at, spans.keep);
            }
        }
        if life.gone_at.is_some_and(|at| at <= now) {
            life.phase = Phase::Gone;
        }
    }
}

/// When the algorithm's next key is to be published, and when it is to sign; nothing while there is no key.
pub(super) fn next_rotation(lives: &[Life], alg: Algorithm, spans: Spans) -> Option<(Timestamp, Timestamp)> {
    let last = waiting(lives, alg).max_by_key(|life| life.generation).or_else(|| signing(lives, alg))?;
    let signs_from = last.signs_from.plus_seconds(spans.interval?);
    Some((signs_from.plus_seconds(-spans.ahead), signs_from))
}

/// The next moment at which a key changes its phase or a new one is published.
pub(super) fn next_change(
    lives: &[Life],
    algorithms: &[Algorithm],
    now: Timestamp,
    spans: Spans,
) -> Option<Timestamp> {
    let times = lives.iter().filter(|life| life.phase != Phase::Gone).flat_map(|life| {
        let starts = (life.phase == Phase::Published).then_some(life.signs_from);
        let ends = life.retires_at.filter(|_| life.phase <= Phase::Signing);
        [starts, ends, life.gone_at]
    });
    let publications = algorithms.iter().map(|alg| Some(next_rotation(lives, *alg, spans)?.0));
    times.chain(publications).flatten().filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests;
