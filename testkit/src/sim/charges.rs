//! Irreversible steps of simulated agents: what must not be done twice, done in every way in which it can
//! go wrong.

use std::time::Duration;

use artel::{Context, Error};
use artel_core::ids::AttemptId;
use artel_core::names::StepName;

use super::agents::Around;
use crate::dice::Dice;

/// Takes one, now and then.
pub(super) async fn charge(cx: &Context, mut dice: Dice, around: &Around) -> Result<(), Error> {
    if !dice.percent(25) {
        return Ok(());
    }
    let attempt = AttemptId { activation: cx.activation(), attempt: cx.attempt() };
    let name = format!("charge-{}", dice.below(2));
    let step = StepName::new(&name).map_err(Error::permanent)?;
    let (drawn, fate) = (dice.below(u64::MAX), dice.below(100));
    let time = if dice.percent(60) { Duration::ZERO } else { dice.up_to(7_000) };
    let (late, goes_on) = (dice.percent(40), dice.percent(10));
    let charged = cx.irreversible(&name, |_| async {
        let done = || around.look(|audit| audit.charge(attempt, &step, drawn));
        // An attempt that ends while it waits has done it or not.
        if late {
            tokio::time::sleep(time).await;
            done();
        } else {
            done();
            tokio::time::sleep(time).await;
        }
        match fate {
            0..10 => Err(Error::transient("drawn")),
            10..25 => {
                around.look(|audit| audit.spare(attempt, &step));
                Err(Error::transient("drawn").nothing_happened())
            }
            25..28 => {
                around.panics(attempt);
                panic!("drawn")
            }
            28..30 => std::future::pending().await,
            _ => Ok::<u64, Error>(drawn),
        }
    });
    match charged.await {
        Ok(result) => {
            around.saw(&cx.step_key(&name), result);
            Ok(())
        }
        Err(_) if goes_on => Ok(()),
        Err(error) => {
            around.refused(attempt, &error);
            Err(error)
        }
    }
}
