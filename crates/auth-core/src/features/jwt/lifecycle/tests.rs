use super::*;

const SPANS: Spans = Spans { interval: Some(1000), ahead: 100, keep: 300 };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn life(generation: i32, signs_from: i64) -> Life {
    Life {
        kid: format!("K{generation}"),
        alg: Algorithm::EdDsa,
        generation,
        phase: Phase::Published,
        published_at: at(signs_from - SPANS.ahead),
        signs_from: at(signs_from),
        retires_at: None,
        gone_at: None,
        revoked_at: None,
    }
}

fn phases(lives: &[Life]) -> Vec<Phase> {
    lives.iter().map(|life| life.phase).collect()
}

use Phase::{Gone, Published, Retiring, Signing};

#[test]
fn a_key_is_published_signs_retires_and_goes() {
    let mut lives = vec![life(1, 0), life(2, 1000)];
    advance(&mut lives, at(999), SPANS);
    assert_eq!(phases(&lives), [Signing, Published]);
    advance(&mut lives, at(1000), SPANS);
    assert_eq!(phases(&lives), [Retiring, Signing]);
    assert_eq!((lives[0].retires_at, lives[0].gone_at), (Some(at(1000)), Some(at(1300))));
    advance(&mut lives, at(1299), SPANS);
    assert_eq!(phases(&lives), [Retiring, Signing]);
    advance(&mut lives, at(1300), SPANS);
    assert_eq!(phases(&lives), [Gone, Signing]);
}

#[test]
fn a_look_that_comes_late_counts_from_the_right_moment() {
    let mut lives = vec![life(1, 0), life(2, 1000), life(3, 2000)];
    advance(&mut lives, at(2100), SPANS);
    assert_eq!(phases(&lives), [Retiring, Retiring, Signing]);
    assert_eq!(lives[1].retires_at, Some(at(2000)));
    // Kept too long rather than too short: when the first one really stopped is not known any more.
    assert_eq!(lives[0].retires_at, Some(at(2000)));
    let mut lives = vec![life(1, 0), life(2, 1000)];
    advance(&mut lives, at(5000), SPANS);
    assert_eq!(phases(&lives), [Gone, Signing]);
}

#[test]
fn a_clock_that_jumps_back_revives_nothing() {
    let mut lives = vec![life(1, 0), life(2, 1000), life(3, 2000)];
    advance(&mut lives, at(1400), SPANS);
    let before = phases(&lives);
    assert_eq!(before, [Gone, Signing, Published]);
    for earlier in [1200, 1000, 500, 0, -100_000] {
        advance(&mut lives, at(earlier), SPANS);
        assert_eq!(phases(&lives), before, "{earlier}");
    }
}

#[test]
fn a_key_signs_until_its_successor_does_however_late_that_is() {
    let mut lives = vec![life(1, 0)];
    advance(&mut lives, at(1_000_000), SPANS);
    assert_eq!(phases(&lives), [Signing]);
}

#[test]
fn a_key_with_an_end_of_its_own_stops_there_without_a_successor() {
    let mut lives = vec![life(1, 0)];
    lives[0].retires_at = Some(at(50));
    advance(&mut lives, at(49), SPANS);
    assert_eq!(phases(&lives), [Signing]);
    advance(&mut lives, at(60), SPANS);
    assert_eq!(phases(&lives), [Retiring]);
    assert_eq!((lives[0].retires_at, lives[0].gone_at), (Some(at(50)), Some(at(350))));
}

#[test]
fn a_key_that_was_overtaken_never_signs() {
    let mut lives = vec![life(1, 0), life(2, 1000), life(3, 500)];
    advance(&mut lives, at(600), SPANS);
    assert_eq!(phases(&lives), [Retiring, Published, Signing]);
    assert_eq!(waiting(&lives, Algorithm::EdDsa).count(), 0);
    advance(&mut lives, at(1000), SPANS);
    assert_eq!(phases(&lives), [Gone, Retiring, Signing], "{lives:?}");
}

#[test]
fn a_revoked_key_is_gone_at_once_and_for_ever() {
    let mut lives = vec![life(1, 0)];
    advance(&mut lives, at(10), SPANS);
    lives[0].revoke(at(20));
    for now in [20, 0, 10_000] {
        advance(&mut lives, at(now), SPANS);
        assert_eq!((lives[0].phase, lives[0].revoked_at), (Gone, Some(at(20))));
    }
}

#[test]
fn algorithms_do_not_touch_each_other() {
    let mut lives = vec![life(1, 0), Life { alg: Algorithm::Es256, ..life(2, 500) }];
    advance(&mut lives, at(600), SPANS);
    assert_eq!(phases(&lives), [Signing, Signing]);
    assert_eq!(next_generation(&lives, Algorithm::EdDsa), 2);
    assert_eq!(next_generation(&lives, Algorithm::Es256), 3);
    assert_eq!(next_generation(&lives, Algorithm::Rs256), 1);
}

#[test]
fn the_next_key_is_published_ahead_of_its_signing() {
    let mut lives = vec![life(1, 0)];
    advance(&mut lives, at(10), SPANS);
    let algs = [Algorithm::EdDsa];
    assert_eq!(next_rotation(&lives, algs[0], SPANS), Some((at(900), at(1000))));
    assert_eq!(next_change(&lives, &algs, at(10), SPANS), Some(at(900)));
    assert_eq!(next_change(&lives, &algs, at(900), SPANS), None, "it is due: nothing is known beyond");
    lives.push(life(2, 1000));
    assert_eq!(next_change(&lives, &algs, at(901), SPANS), Some(at(1000)));
    assert_eq!(next_rotation(&lives, algs[0], SPANS), Some((at(1900), at(2000))), "after the one that waits");
    advance(&mut lives, at(1000), SPANS);
    assert_eq!(next_change(&lives, &algs, at(1000), SPANS), Some(at(1300)), "the first one leaves");
    let never = Spans { interval: None, ..SPANS };
    assert_eq!(next_rotation(&lives, algs[0], never), None);
}
