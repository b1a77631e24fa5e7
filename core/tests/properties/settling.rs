//! CORR-1, CORR-2, CANCEL-1, DLQ-1, DLQ-2, I2, I6: what became of every tree of work and of every
//! subscription, worked out anew from all events after each command.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use artel_core::board::{OpenStatus, Settled};
use artel_core::event::{AttemptEnd, Closure, Event, Next};
use artel_core::ids::{ActivationId, CorrelationId, SubscriptionNo};
use artel_core::log::Outcome;

use super::acts::{act, agents, perform};
use super::cases;
use super::desk::{Desk, new};

/// Where a unit of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    Running(u32),
    Done,
    Cancelled,
    Dead,
    Dropped,
}

impl Place {
    const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running(_))
    }
}

#[derive(Clone, Debug)]
struct Work {
    correlation: CorrelationId,
    subscription: SubscriptionNo,
    place: Place,
    attempts: u32,
}

/// The whole history of a board, as a person would tell it from its events.
#[derive(Clone, Debug, Default)]
struct Story {
    work: BTreeMap<ActivationId, Work>,
    /// Trees of which an artifact is on the board.
    known: BTreeSet<CorrelationId>,
    cancelled: BTreeSet<CorrelationId>,
}

impl Story {
    fn of(desk: &Desk) -> Self {
        let mut story = Self::default();
        let mut seq = 0;
        for event in desk.log.iter().flat_map(|one| &one.events) {
            seq += 1;
            story.hear(seq, event);
        }
        story
    }

    fn hear(&mut self, seq: u64, event: &Event) {
        match event {
            Event::ArtifactCommitted(draft) => {
                self.known.insert(draft.envelope.correlation);
            }
            Event::ActivationCreated { subscription, correlation, .. } => {
                let (correlation, subscription) = (*correlation, *subscription);
                let work = Work { correlation, subscription, place: Place::Waiting, attempts: 0 };
                self.work.insert(ActivationId(artel_core::ids::Seq(seq)), work);
            }
            Event::AttemptStarted { attempt, .. } => {
                let work = self.work.get_mut(&attempt.activation).unwrap();
                assert_eq!(work.place, Place::Waiting, "I6: {attempt} begins");
                work.attempts += 1;
                assert_eq!(work.attempts, attempt.attempt.get(), "attempts are numbered");
                work.place = Place::Running(work.attempts);
            }
            Event::AttemptEnded { attempt, end, next, .. } => {
                let work = self.work.get_mut(&attempt.activation).unwrap();
                assert_eq!(work.place, Place::Running(attempt.attempt.get()), "I6: {attempt} ends");
                work.place = match (end, next) {
                    (AttemptEnd::Done, _) => Place::Done,
                    // Also one that was cancelled in the middle of an irreversible step.
                    (_, Next::Dead(_)) => Place::Dead,
                    (AttemptEnd::Cancelled, _) => Place::Cancelled,
                    _ => Place::Waiting,
                };
            }
            Event::ActivationClosed { activation, why } => {
                let work = self.work.get_mut(activation).unwrap();
                assert_eq!(work.place, Place::Waiting, "only what waits is closed so");
                work.place = match why {
                    Closure::Cancelled => Place::Cancelled,
                    Closure::Dead(_) => Place::Dead,
                    Closure::Expired => unreachable!("nothing here waits for a time"),
                };
            }
            Event::ActivationRedriven(redriven) => {
                let work = self.work.get_mut(&redriven.activation).unwrap();
                assert_eq!(work.place, Place::Dead, "DLQ-2: only a dead letter is redriven");
                work.place = Place::Waiting;
            }
            Event::DeadLetterDropped { activation, .. } => {
                let work = self.work.get_mut(activation).unwrap();
                assert_eq!(work.place, Place::Dead, "DLQ-2: only a dead letter is dropped");
                work.place = Place::Dropped;
            }
            Event::CorrelationCancelled { correlation } => {
                self.cancelled.insert(*correlation);
            }
            _ => {}
        }
    }

    fn places(&self, correlation: CorrelationId) -> impl Iterator<Item = Place> {
        let mine = self.work.values().filter(move |work| work.correlation == correlation);
        mine.map(|work| work.place)
    }

    fn is_open(&self, correlation: CorrelationId) -> bool {
        self.places(correlation).any(Place::is_open)
    }

    /// The trees that settle with the last decision: touched by it, and nothing is open after it.
    fn settling(&self, desk: &Desk) -> BTreeMap<CorrelationId, bool> {
        let mut touched = BTreeMap::new();
        for (_, event) in desk.last_events() {
            let of = |activation: &ActivationId| self.work[activation].correlation;
            let correlation = match event {
                Event::ArtifactCommitted(draft) => draft.envelope.correlation,
                Event::AttemptEnded { attempt, .. } => of(&attempt.activation),
                Event::ActivationClosed { activation, .. } => of(activation),
                _ => continue,
            };
            touched.insert(correlation, false);
        }
        for (_, event) in desk.last_events() {
            if let Event::CorrelationCancelled { correlation } = event {
                touched.insert(*correlation, true);
            }
        }
        touched.retain(|&correlation, _| !self.is_open(correlation));
        touched
    }
}

fn count(places: impl Iterator<Item = Place>, which: impl Fn(Place) -> bool) -> u64 {
    places.filter(|&place| which(place)).count() as u64
}

/// Trees of work: open or not, what of them, and what the store counts.
fn check_trees(desk: &Desk, story: &Story) -> Result<(), TestCaseError> {
    for &correlation in &story.known {
        let places = || story.places(correlation);
        let waiting = count(places(), |place| place == Place::Waiting);
        let running = count(places(), |place| matches!(place, Place::Running(_)));
        let open = desk.state.correlation(correlation).map(|entry| u64::from(entry.open));
        prop_assert_eq!(open, Some(waiting + running).filter(|&open| open > 0));
        match desk.state.open_status(correlation) {
            None => prop_assert_eq!(waiting + running, 0),
            Some(OpenStatus::Running { running: some, waiting: rest }) => {
                prop_assert_eq!((u64::from(some), u64::from(rest)), (running, waiting));
                prop_assert!(running > 0);
            }
            Some(OpenStatus::Owed { .. }) => {
                prop_assert!(false, "nobody is subscribed to notices");
            }
            Some(OpenStatus::Waiting { waiting: some, .. }) => {
                prop_assert_eq!((u64::from(some), running), (waiting, 0));
            }
        }
        // CORR-1: what is redriven or dropped no longer counts.
        let closed = desk.closed.values().filter(|one| one.correlation == correlation);
        let dead = closed.filter(|one| matches!(one.outcome, Outcome::Dead(_))).count() as u64;
        prop_assert_eq!(dead, count(places(), |place| place == Place::Dead));
        let cancelled = desk.cancelled.contains(&correlation);
        prop_assert_eq!(cancelled, story.cancelled.contains(&correlation));
    }
    prop_assert!(desk.state.correlations().all(|(id, _)| story.known.contains(&id)));
    Ok(())
}

/// I2: every placement of a subscription is somewhere.
fn check_subscriptions(desk: &Desk, story: &Story) -> Result<(), TestCaseError> {
    for (no, record) in desk.state.subscriptions() {
        let mine = || story.work.values().filter(move |work| work.subscription == no);
        let places = || mine().map(|work| work.place);
        let counters = record.counters;
        prop_assert_eq!(counters.placements, mine().count() as u64);
        prop_assert_eq!(counters.done, count(places(), |place| place == Place::Done));
        prop_assert_eq!(counters.cancelled, count(places(), |place| place == Place::Cancelled));
        let dead = count(places(), |place| matches!(place, Place::Dead | Place::Dropped));
        prop_assert_eq!(counters.dead, dead);
        let open = desk.state.activations().filter(|(_, one)| one.subscription == no).count();
        prop_assert_eq!(open as u64, count(places(), Place::is_open));
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn trees_of_work_are_what_their_events_tell(acts in prop::collection::vec(act(), 1..60)) {
        let mut desk = Desk::with(&agents(1), 3);
        for act in &acts {
            let decisions = desk.log.len();
            let nothing = perform(&mut desk, act).is_none();
            if nothing || desk.log.len() == decisions {
                continue;
            }
            let story = Story::of(&desk);
            check_trees(&desk, &story)?;
            check_subscriptions(&desk, &story)?;
            for (_, event) in desk.last_events() {
                if let Event::CorrelationCancelled { correlation } = event {
                    prop_assert!(!story.is_open(*correlation), "CANCEL-1: all of it has ended");
                }
            }
            if desk.log.len() == decisions + 1 {
                let settled = desk.settled.iter().map(|&Settled { correlation, cancelled }| {
                    (correlation, cancelled)
                });
                let settled: Vec<_> = settled.collect();
                let expected = story.settling(&desk);
                prop_assert_eq!(settled.len(), expected.len(), "{:?}, {:?}", settled, expected);
                prop_assert_eq!(settled.into_iter().collect::<BTreeMap<_, _>>(), expected);
            }
        }
    }

    /// Whatever happened, once nothing fails any more and time passes, everything settles.
    #[test]
    fn everything_settles_in_the_end(acts in prop::collection::vec(act(), 1..40)) {
        let mut desk = Desk::with(&agents(1), 3);
        for act in &acts {
            let _ = perform(&mut desk, act);
        }
        desk.register(&agents(1));
        let epoch = desk.state.header().epoch.next().get();
        desk.take_over(epoch);
        desk.open_session(u128::from(epoch), 3);
        for _ in 0..2_000 {
            match desk.leases.first().cloned() {
                Some(lease) => drop(desk.done(&lease, &[]).unwrap()),
                None if desk.state.activations().next().is_none() => break,
                None => desk.pass(1_000),
            }
        }
        let left: Vec<_> = desk.state.activations().collect();
        prop_assert!(left.is_empty(), "{left:?}");
        prop_assert_eq!(desk.state.correlations().count(), 0);
        prop_assert!(desk.state.is_idle());
        desk.publish_new(&[new("C")]).unwrap();
        prop_assert_eq!(desk.settled.len(), 1, "what wakes nobody settles at once");
    }
}
