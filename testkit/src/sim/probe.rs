//! Probes: what anybody may see of a board while it runs, compared with what its log had at that
//! moment. Nothing may be seen that is not durable.

use std::sync::Arc;

use tokio::sync::watch;

use artel::Running;
use artel_core::hash::Hash;
use artel_core::ids::Seq;

use super::audit::Auditor;
use super::clients::Process;
use crate::dice::Dice;

/// Looks at the live state now and then, until the end: the hashes that it had, by seq.
pub(super) async fn look(
    process: Process,
    mut dice: Dice,
    auditor: Arc<Auditor>,
    ended: watch::Receiver<bool>,
) -> Vec<(Seq, Hash)> {
    let mut seen = Vec::new();
    while !*ended.borrow() {
        tokio::time::sleep(dice.up_to(3_000)).await;
        let Some(running) = process.borrow().clone() else { continue };
        let looked = running.look(|state| (state.seq(), state.hash())).await;
        // Whoever asked a process that died asks the next one.
        let Ok((seq, hash)) = looked else { continue };
        let log = auditor.look().state.seq();
        let durable = running.durable();
        auditor.expect(
            seq <= log && durable <= log,
            format_args!("I1: seqs {seq} and {durable} were seen when the log ended at {log}"),
        );
        seen.push((seq, hash));
    }
    seen
}

/// Follows the log of each process, until the end.
pub(super) async fn follow(
    mut process: Process,
    auditor: Arc<Auditor>,
    mut ended: watch::Receiver<bool>,
) {
    loop {
        let tail =
            process.borrow_and_update().as_ref().map(|running: &Arc<Running>| running.tail(Seq(1)));
        if let Some(mut tail) = tail {
            let mut next = Seq(1);
            loop {
                let entry = tokio::select! {
                    biased;
                    _ = ended.wait_for(|ended| *ended) => return,
                    entry = tail.next() => entry,
                };
                let Ok(Some(entry)) = entry else { break };
                let log = auditor.look().state.seq();
                let told = entry.seq;
                auditor.expect(
                    told == next && told <= log,
                    format_args!("I5: a tail told seq {told} for {next}, the log ended at {log}"),
                );
                next = next.next();
            }
        }
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => return,
            changed = process.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
