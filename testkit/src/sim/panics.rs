//! Panics of a simulation. Agents panic on purpose, and say so; any other panic, in whatever task of
//! the board it happens and whoever catches it, is a violation. While a simulation runs on a thread,
//! its panics are kept instead of printed.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

/// What a panic on purpose says.
pub(super) const ON_PURPOSE: &str = "drawn";

/// How many panics are kept: the first says what is wrong.
const KEPT_MAX: usize = 3;

thread_local! {
    /// The panics of the simulation that runs on this thread; none when none does.
    static KEPT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs a simulation and returns what it came to, with the panics that were not on purpose.
pub(super) fn during<T>(simulate: impl FnOnce() -> T) -> (T, Vec<String>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = KEPT.with(|kept| {
                let mut kept = kept.borrow_mut();
                let Some(kept) = kept.as_mut() else { return false };
                let text = info.payload_as_str().unwrap_or("a panic without a text");
                if text != ON_PURPOSE && kept.len() < KEPT_MAX {
                    let place = info.location().map(ToString::to_string).unwrap_or_default();
                    kept.push(format!("{text} ({place})"));
                }
                true
            });
            if !kept {
                others(info);
            }
        }));
    });
    KEPT.with(|kept| *kept.borrow_mut() = Some(Vec::new()));
    let came = simulate();
    let panics = KEPT.with(|kept| kept.borrow_mut().take()).unwrap_or_default();
    (came, panics)
}
