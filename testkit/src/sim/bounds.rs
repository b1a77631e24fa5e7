//! The bounds of a simulated board, drawn from its seed: those of every board, or much smaller ones,
//! so that what happens at a bound happens.

use artel::Bounds;

use crate::dice::Dice;

pub(super) fn draw(dice: &mut Dice) -> Bounds {
    let mut bounds = Bounds::default();
    if dice.percent(40) {
        return bounds;
    }
    let mut between = |least: u64, most: u64| least + dice.below(most - least + 1);
    let count = |drawn: u64| usize::try_from(drawn).unwrap_or(usize::MAX);
    let small = |drawn: u64| u32::try_from(drawn).unwrap_or(u32::MAX);
    bounds.agenda_len = count(between(6, 60));
    bounds.agent_agenda_len = count(between(3, 30));
    bounds.correlation_artifacts = small(between(4, 60));
    bounds.depth = u16::try_from(between(1, 8)).unwrap_or(u16::MAX);
    bounds.outputs = count(between(2, 6));
    bounds.steps = count(between(1, 4));
    bounds.concurrency = small(between(1, 8));
    bounds.recent_len = count(between(1, 40));
    // Attempts that run never wait outside of the lane of what is owed.
    bounds.inbox_len = count(between(16, 40));
    bounds.cache_len = count(between(0, 4_000));
    bounds.snapshot_events = between(1, 120);
    bounds
}
