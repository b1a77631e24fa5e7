//! How boards are spread over the live processes that share them: the rule alone, which knows no server and
//! no clock. Every process follows it by itself, on what all of them tell, so that they come to the same
//! plan where they have heard the same; where they have not, owning decides.
//!
//! A board that nobody owns is for the process that wants it and owns the fewest. Where all want all boards, none
//! comes to more than ⌈boards / processes⌉ so; where a process wants few of them, the others take the rest. A
//! board is given over only to somebody who owns fewer by two at least: what a hand-over brings is never undone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

/// What a live process tells of the boards that it shares, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Those that it owns or stands by for.
    pub(crate) wants: BTreeSet<Arc<str>>,
    /// Those that it owns.
    pub(crate) owns: BTreeSet<Arc<str>>,
}

/// What is to be done, by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Boards that nobody owns, each with who is to own it.
    pub(crate) take: BTreeMap<Arc<str>, Uuid>,
    /// A board that is to be given over.
    pub(crate) give: Option<Give>,
}

/// A board that is to be given over, by its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Give {
    pub(crate) board: Arc<str>,
    pub(crate) from: Uuid,
}

/// How many more boards an owner has at least than whoever one of them is given to.
const SURPLUS: usize = 2;

/// The boards that somebody wants and nobody owns.
pub(crate) fn free(members: &BTreeMap<Uuid, Member>) -> BTreeSet<Arc<str>> {
    let owned: BTreeSet<&Arc<str>> = members.values().flat_map(|member| &member.owns).collect();
    let wanted = members.values().flat_map(|member| &member.wants);
    wanted.filter(|board| !owned.contains(board)).cloned().collect()
}

/// What is to be done. `late` are boards that have been free for so long that whoever was to take them
/// cannot: they hold nobody up, and anybody may take them.
pub(crate) fn plan(members: &BTreeMap<Uuid, Member>, late: &BTreeSet<Arc<str>>) -> Plan {
    let mut counts: BTreeMap<Uuid, usize> =
        members.iter().map(|(token, member)| (*token, member.owns.len())).collect();
    let free = free(members);
    let mut free: Vec<_> =
        free.difference(late).map(|board| (rivals(members, board), board)).collect();
    // What few want comes first: what many want can go to the others then.
    free.sort();
    let mut take = BTreeMap::new();
    for (_, board) in free {
        let Some(taker) = fewest(members, &counts, board) else { continue };
        *counts.entry(taker).or_default() += 1;
        take.insert(board.clone(), taker);
    }
    // One at a time: the next is given over when the last one was taken.
    let give = if take.is_empty() { surplus(members, &counts) } else { None };
    Plan { take, give }
}

fn rivals(members: &BTreeMap<Uuid, Member>, board: &Arc<str>) -> usize {
    members.values().filter(|member| member.wants.contains(board)).count()
}

/// Of those who want a board, the one that has the fewest.
fn fewest(
    members: &BTreeMap<Uuid, Member>,
    counts: &BTreeMap<Uuid, usize>,
    board: &Arc<str>,
) -> Option<Uuid> {
    let wants = members.iter().filter(|(_, member)| member.wants.contains(board));
    let counted = wants.filter_map(|(token, _)| Some((*counts.get(token)?, *token)));
    counted.min().map(|(_, token)| token)
}

/// The board that goes from one who has the most to one who has the fewest, if that brings anything.
fn surplus(members: &BTreeMap<Uuid, Member>, counts: &BTreeMap<Uuid, usize>) -> Option<Give> {
    let mut owners: Vec<_> = members.iter().collect();
    owners.sort_by_key(|(_, member)| std::cmp::Reverse(member.owns.len()));
    owners.into_iter().find_map(|(from, member)| {
        // What it does not want any more it gives up by itself.
        let owns = member.owns.intersection(&member.wants);
        let takers = owns.filter_map(|board| {
            let taker = fewest(members, counts, board)?;
            Some((*counts.get(&taker)?, board))
        });
        let (count, board) = takers.min()?;
        let is_surplus = member.owns.len() >= count + SURPLUS;
        is_surplus.then(|| Give { board: board.clone(), from: *from })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(number: usize) -> Uuid {
        Uuid::from_u128(number as u128 + 1)
    }

    fn boards(names: &str) -> BTreeSet<Arc<str>> {
        names.split_whitespace().map(Arc::from).collect()
    }

    /// Processes by what they want and what they own.
    fn members(told: &[(&str, &str)]) -> BTreeMap<Uuid, Member> {
        let member =
            |(wants, owns): &(&str, &str)| Member { wants: boards(wants), owns: boards(owns) };
        told.iter().enumerate().map(|(number, it)| (token(number), member(it))).collect()
    }

    /// How many boards each owns.
    fn counts(members: &BTreeMap<Uuid, Member>) -> Vec<usize> {
        members.values().map(|member| member.owns.len()).collect()
    }

    /// The same, from the most to the fewest.
    fn sorted(members: &BTreeMap<Uuid, Member>) -> Vec<usize> {
        let mut counts = counts(members);
        counts.sort_by_key(|count| std::cmp::Reverse(*count));
        counts
    }

    /// Does what the plan says until it says nothing; how many boards were given over.
    fn settle(members: &mut BTreeMap<Uuid, Member>) -> usize {
        let mut given = 0;
        loop {
            let Plan { take, give } = plan(members, &BTreeSet::new());
            assert!(take.is_empty() || give.is_none(), "one at a time");
            for (board, taker) in &take {
                assert!(
                    members[taker].wants.contains(board),
                    "{board} for one that does not want it"
                );
                members.get_mut(taker).unwrap().owns.insert(board.clone());
            }
            if let Some(Give { board, from }) = give {
                given += 1;
                assert!(members.get_mut(&from).unwrap().owns.remove(&board));
            } else if take.is_empty() {
                return given;
            }
        }
    }

    /// POSTGRES-17, REDIS-14: seven boards on three processes; one dies, and another one joins.
    #[test]
    fn boards_are_spread_evenly() {
        let all = "a b c d e f g";
        let mut three = members(&[(all, all), (all, ""), (all, "")]);
        assert_eq!(settle(&mut three), 4);
        assert_eq!(sorted(&three), [3, 2, 2]);
        three.remove(&token(0));
        assert_eq!(settle(&mut three), 0);
        assert_eq!(sorted(&three), [4, 3]);
        three.insert(token(7), Member { wants: boards(all), owns: BTreeSet::new() });
        assert_eq!(settle(&mut three), 2);
        assert_eq!(sorted(&three), [3, 2, 2]);
    }

    /// POSTGRES-17, REDIS-14: a board that only a process with its share wants is its own all the same, and it gives
    /// others away instead.
    #[test]
    fn a_board_that_one_process_wants_is_never_left() {
        let mut two = members(&[("a b c d", "a b"), ("a b", "")]);
        settle(&mut two);
        assert_eq!(counts(&two), [2, 2]);
        assert!(two[&token(0)].owns.is_superset(&boards("c d")));
        let mut apart = members(&[("a b c d e", ""), ("x", "")]);
        settle(&mut apart);
        assert_eq!(counts(&apart), [5, 1]);
    }

    /// POSTGRES-17, REDIS-14: what nobody took in time holds up nobody, and what is not wanted any more is not given over.
    #[test]
    fn what_stays_free_holds_nobody_up() {
        let two = members(&[("a b c d", "a b c"), ("a b c d", "")]);
        assert_eq!(plan(&two, &BTreeSet::new()).give, None);
        let give = plan(&two, &boards("d")).give;
        assert_eq!(give, Some(Give { board: "a".into(), from: token(0) }));
        let leaving = members(&[("", "a b c"), ("a b c", "")]);
        assert_eq!(plan(&leaving, &BTreeSet::new()), Plan::default());
    }

    proptest! {
        /// POSTGRES-17, REDIS-14: where all want all boards, whoever owns what at first, no process ends with more than
        /// ⌈boards / processes⌉, none takes more, and no board is given over that need not be.
        #[test]
        fn nobody_has_more_than_its_share(owners in prop::collection::vec(0usize..6, 0..40), processes in 1usize..6) {
            let names: Vec<Arc<str>> = (0..owners.len()).map(|it| format!("b{it:02}").into()).collect();
            let wants: BTreeSet<_> = names.iter().cloned().collect();
            let mut all: BTreeMap<_, _> = (0..processes)
                .map(|it| (token(it), Member { wants: wants.clone(), owns: BTreeSet::new() }))
                .collect();
            for (board, owner) in names.iter().zip(&owners) {
                if let Some(member) = all.get_mut(&token(*owner)) {
                    member.owns.insert(board.clone());
                }
            }
            let share = names.len().div_ceil(processes);
            let surplus: usize = counts(&all).iter().map(|count| count.saturating_sub(share)).sum();
            let before = counts(&all);
            let taken = plan(&all, &BTreeSet::new()).take;
            for (count, token) in before.iter().zip(all.keys()) {
                let more = taken.values().filter(|taker| *taker == token).count();
                prop_assert!(more == 0 || count + more <= share, "{count} and {more} of {share}");
            }
            let given = settle(&mut all);
            let ended = counts(&all);
            let (most, least) = (ended.iter().max().unwrap(), ended.iter().min().unwrap());
            prop_assert!(*most <= share && most - least <= 1, "{ended:?}");
            prop_assert_eq!(ended.iter().sum::<usize>(), names.len());
            // Those above the share, and as many more as it takes for those who lack one of the lower share.
            prop_assert!(given >= surplus && given <= surplus + processes, "{given} for {surplus}");
        }

        /// POSTGRES-17, REDIS-14: whatever each process wants, every board that somebody wants has an owner in the end,
        /// and nobody could give one to somebody with fewer by two.
        #[test]
        fn every_board_has_an_owner(wanted in prop::collection::vec(prop::collection::btree_set(0usize..12, 0..12), 1..6)) {
            let name = |it: &usize| Arc::from(format!("b{it:02}"));
            let mut all: BTreeMap<_, _> = wanted.iter().enumerate().map(|(number, wants)| {
                (token(number), Member { wants: wants.iter().map(name).collect(), owns: BTreeSet::new() })
            }).collect();
            settle(&mut all);
            prop_assert!(free(&all).is_empty());
            for (one, other) in all.values().flat_map(|one| all.values().map(move |other| (one, other))) {
                let could = one.owns.intersection(&other.wants).next().is_some();
                prop_assert!(!could || one.owns.len() < other.owns.len() + SURPLUS);
            }
        }
    }
}
