//! The register against a model of instances, verifiers that keep key sets, and signatures.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::public_key::PublicKey;

const MAX_AGE: Duration = Duration::from_secs(300);
const LONGEST: JwtLife = JwtLife(Duration::from_secs(3_600));

fn key(byte: u8) -> SigningKeyId {
    SigningKeyId::of(&PublicKey::Ed25519([byte; 32]))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn instance(instance: u64) -> Announcer {
    Announcer { instance, beside_older: false, feed: [1; 16] }
}

fn announce(published: &[u8], wanted: &[u8]) -> SigningChange {
    let keys = |bytes: &[u8]| bytes.iter().copied().map(key).collect();
    let (published, wanted) = (keys(published), keys(wanted));
    SigningChange::Announce(Announcement { published, wanted, max_age: MAX_AGE, longest: LONGEST })
}

fn signs(standing: &SigningStanding) -> Option<SigningKeyId> {
    standing.signs.map(|lease| lease.key)
}

#[test]
fn the_first_key_signs_at_once_and_a_further_one_when_each_instance_has_published_it_long_enough() {
    let mut register = SigningRegister::default();
    let mut say = |number, published: &[u8], wanted: &[u8], seconds| {
        register.change(instance(number), &announce(published, wanted), at(seconds))
    };
    assert_eq!(signs(&say(1, &[1], &[1], 10)), Some(key(1)));
    assert_eq!(signs(&say(2, &[1], &[1], 10)), Some(key(1)));
    let waiting = say(1, &[1, 2], &[2, 1], 20);
    assert_eq!(signs(&waiting), Some(key(1)), "the key before goes on");
    assert_eq!(waiting.waiting, Some(WaitingKey { key: key(2), instances: 2 }));
    say(2, &[1, 2], &[1], 100);
    assert_eq!(signs(&say(1, &[1, 2], &[2, 1], 409)), Some(key(1)));
    assert_eq!(signs(&say(1, &[1, 2], &[2, 1], 410)), Some(key(2)));
    assert_eq!(say(3, &[1], &[1], 411).missing, [key(2)], "an instance that lacks it");
    assert_eq!(signs(&say(3, &[1, 2], &[2], 412)), Some(key(2)), "with it, at once");
}

#[test]
fn an_instance_that_publishes_nothing_holds_up_the_first_key_until_it_publishes_it() {
    let mut register = SigningRegister::default();
    let mut say = |number, published: &[u8], wanted: &[u8], seconds| {
        register.change(instance(number), &announce(published, wanted), at(seconds))
    };
    say(2, &[], &[], 10);
    assert_eq!(signs(&say(1, &[1], &[1], 11)), None);
    say(2, &[1], &[1], 12);
    assert_eq!(signs(&say(1, &[1], &[1], 12)), Some(key(1)));
}

#[test]
fn an_instance_that_is_gone_holds_up_nobody_once_its_sets_are_gone() {
    let mut register = SigningRegister::default();
    register.change(instance(1), &announce(&[1], &[1]), at(0));
    register.change(instance(2), &announce(&[1], &[1]), at(0));
    register.change(instance(1), &announce(&[1, 2], &[2, 1]), at(0));
    register.change(instance(2), &SigningChange::Withdraw, at(200));
    let mut later =
        |seconds| signs(&register.change(instance(1), &announce(&[1, 2], &[2, 1]), at(seconds)));
    assert_eq!((later(509), later(510)), (Some(key(1)), Some(key(2))));
}

#[test]
fn an_instance_of_an_older_release_holds_up_a_new_key() {
    let mut register = SigningRegister::default();
    let beside = Announcer { beside_older: true, ..instance(1) };
    let held_up = register.change(beside, &announce(&[1], &[1]), at(0));
    assert_eq!((held_up.signs, held_up.waiting.map(|waiting| waiting.instances)), (None, Some(1)));
    assert_eq!(signs(&register.change(instance(1), &announce(&[1], &[1]), at(1))), Some(key(1)));
    let goes_on = register.change(beside, &announce(&[1], &[1]), at(2));
    assert_eq!(signs(&goes_on), Some(key(1)), "one that signed before");
}

#[test]
fn a_process_alone_may_lack_a_key_that_is_needed_and_knows_it() {
    let mut register = SigningRegister::default();
    register.change(instance(ALONE), &announce(&[1], &[1]), at(0));
    let lacks = register.change(instance(ALONE), &announce(&[2], &[2]), at(60));
    assert_eq!((lacks.missing, lacks.signs, lacks.published_until), (vec![key(1)], None, None));
    let later = register.change(instance(ALONE), &announce(&[2], &[2]), at(370));
    assert_eq!(later.signs.map(|lease| lease.key), Some(key(2)));
    let end = 600 + LONGEST.0.as_secs() + READ_AGAIN.as_secs();
    let needed = |register: &mut SigningRegister, seconds| {
        let standing = register.change(instance(ALONE), &announce(&[2], &[2]), at(seconds));
        standing.needed.iter().any(|needed| needed.key == key(1))
    };
    assert!(needed(&mut register, end - 1) && !needed(&mut register, end));
}

#[test]
fn a_clock_that_goes_back_makes_a_key_wait_no_longer_than_anew() {
    let mut register = SigningRegister::default();
    register.change(instance(1), &announce(&[1], &[1]), at(10_000_000));
    register.change(instance(1), &announce(&[1, 2], &[2, 1]), at(10_000_001));
    let mut later =
        |seconds| signs(&register.change(instance(1), &announce(&[1, 2], &[2, 1]), at(seconds)));
    assert_eq!(later(1_000), Some(key(1)));
    assert_eq!(later(1_310), Some(key(2)));
}

#[test]
fn a_feed_is_whole_since_it_was_met_first_and_another_one_since_its_own_beginning() {
    let mut register = SigningRegister::default();
    let mut start = |feed, seconds| {
        let by = Announcer { feed: [feed; 16], ..instance(1) };
        register.change(by, &announce(&[1], &[1]), at(seconds));
        register.feed_start().map(|start| (start.feed[0], start.since))
    };
    assert_eq!((start(1, 10), start(1, 20)), (Some((1, at(10))), Some((1, at(10)))));
    assert_eq!((start(2, 30), start(2, 40)), (Some((2, at(30))), Some((2, at(30)))));
}

#[test]
fn a_feed_whose_events_were_freed_is_whole_since_the_last_of_them() {
    let mut register = SigningRegister::default();
    let trim = |seconds| SigningChange::Trim(at(seconds));
    register.change(instance(ALONE), &trim(1), at(5));
    assert_eq!(register.feed_start().map(|start| start.since), Some(at(5)), "its beginning");
    for (until, expected) in [(70, 70), (60, 70), (80, 80)] {
        register.change(instance(ALONE), &trim(until), at(90));
        assert_eq!(register.feed_start().map(|start| start.since), Some(at(expected)));
    }
}

#[test]
fn the_text_reads_back_and_other_text_is_none() {
    let mut register = SigningRegister::default();
    register.change(instance(7), &announce(&[1, 2], &[1]), at(5));
    assert_eq!(SigningRegister::parse(&register.to_text()), Ok(register));
    assert_eq!(SigningRegister::parse(""), Ok(SigningRegister::default()));
    for text in ["{", "[]", r#"{"sets":[],"needed":[{"key":"short","until":1}]}"#] {
        assert_eq!(SigningRegister::parse(text), Err(Corrupt), "{text}");
    }
}

/// A running instance of the model: its ring, and what it was answered last.
#[derive(Clone, Debug)]
struct Instance {
    number: u64,
    ring: BTreeSet<u8>,
    wanted: Vec<u8>,
    standing: SigningStanding,
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Start(BTreeSet<u8>),
    Add(usize, u8),
    Remove(usize, u8),
    Want(usize, u8),
    Stop(usize),
    Kill(usize),
}

/// All instances, the sets that they served, and what was signed.
#[derive(Default)]
struct World {
    register: SigningRegister,
    instances: Vec<Instance>,
    started: u64,
    now: u64,
    /// Sets that were served, each with the time.
    served: Vec<(u64, BTreeSet<u8>)>,
    /// Keys that signed, each with the time.
    signed: Vec<(u64, u8)>,
}

impl World {
    fn announce(&mut self, place: usize, ring: &BTreeSet<u8>) -> bool {
        let Instance { number, wanted, .. } = &self.instances[place];
        let said = announce(&ring.iter().copied().collect::<Vec<_>>(), wanted);
        let standing = self.register.change(instance(*number), &said, at(self.now));
        let taken = standing.missing.is_empty();
        self.instances[place].standing = standing;
        taken
    }

    fn step(&mut self, step: &Step) {
        let place = |who: &usize| who.checked_rem(self.instances.len());
        match step {
            Step::Pass(seconds) => self.now += seconds,
            Step::Start(ring) if self.instances.len() < 4 => {
                self.started += 1;
                let (number, ring) = (self.started, ring.clone());
                let standing = SigningStanding::default();
                self.instances.push(Instance { number, ring, wanted: Vec::new(), standing });
                let place = self.instances.len() - 1;
                let ring = self.instances[place].ring.clone();
                // A start that lacks a key is refused.
                if !self.announce(place, &ring) {
                    self.instances.pop();
                }
            }
            Step::Start(_) => {}
            Step::Add(who, key) => {
                let Some(place) = place(who) else { return };
                // Published first, announced then.
                self.instances[place].ring.insert(*key);
                self.serve();
                let ring = self.instances[place].ring.clone();
                self.announce(place, &ring);
            }
            Step::Remove(who, key) => {
                let Some(place) = place(who) else { return };
                let mut ring = self.instances[place].ring.clone();
                ring.remove(key);
                if self.announce(place, &ring) {
                    self.instances[place].ring = ring;
                }
            }
            Step::Want(who, key) => {
                let Some(place) = place(who) else { return };
                let wanted = &mut self.instances[place].wanted;
                wanted.retain(|wanted| wanted != key);
                wanted.insert(0, *key);
                let ring = self.instances[place].ring.clone();
                self.announce(place, &ring);
            }
            Step::Stop(who) => {
                let Some(place) = place(who) else { return };
                let gone = self.instances.swap_remove(place);
                self.register.change(instance(gone.number), &SigningChange::Withdraw, at(self.now));
            }
            Step::Kill(who) => {
                let Some(place) = place(who) else { return };
                self.instances.swap_remove(place);
            }
        }
        self.serve();
        self.sign();
    }

    /// Every instance serves its set, if it may: each has all keys whose tokens can be good.
    fn serve(&mut self) {
        for instance in &self.instances {
            let until = instance.standing.published_until;
            if until.is_none_or(|until| at(self.now) >= until) || instance.ring.is_empty() {
                continue;
            }
            for (time, key) in &self.signed {
                let good = at(*time).after(LONGEST.0) > at(self.now);
                assert!(!good || instance.ring.contains(key), "{instance:?} lacks {key}");
            }
            self.served.push((self.now, instance.ring.clone()));
        }
    }

    /// Every instance signs, if it may: each set that a verifier can have has the key.
    fn sign(&mut self) {
        let now = self.now;
        for instance in &self.instances {
            let Some(lease) = instance.standing.signs.filter(|lease| at(now) < lease.until) else {
                continue;
            };
            let signer = instance.ring.iter().find(|held| key(**held) == lease.key);
            let signer = *signer.expect("a key of its own");
            for (time, set) in
                self.served.iter().filter(|(time, _)| now - time <= MAX_AGE.as_secs())
            {
                assert!(set.contains(&signer), "a set of {time} lacks {signer} at {now}");
            }
            self.signed.push((now, signer));
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (place, byte) = (0..4_usize, 1..4_u8);
    let step = prop_oneof![
        4 => prop_oneof![0..30_u64, 100..400_u64, 3_000..5_000_u64].prop_map(Step::Pass),
        2 => prop::collection::btree_set(byte.clone(), 0..3).prop_map(Step::Start),
        3 => (place.clone(), byte.clone()).prop_map(|(place, key)| Step::Add(place, key)),
        1 => (place.clone(), byte.clone()).prop_map(|(place, key)| Step::Remove(place, key)),
        4 => (place.clone(), byte).prop_map(|(place, key)| Step::Want(place, key)),
        1 => place.clone().prop_map(Step::Stop),
        1 => place.prop_map(Step::Kill),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    /// No verifier that keeps a set for its time meets a signature of a key that the set lacks, and no set
    /// is served without a key that signed something good.
    #[test]
    fn a_key_is_published_everywhere_before_it_signs_anywhere(steps in steps()) {
        let mut world = World::default();
        for step in &steps {
            world.step(step);
        }
    }
}
