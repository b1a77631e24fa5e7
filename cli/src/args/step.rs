//! The verbs of `artel step`, about side effects that must not be done twice.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;

use artel::ids::ActivationId;

use super::turn::Said;
use super::value::activation_id;

#[derive(Debug, Subcommand)]
pub(crate) enum StepVerb {
    /// Says whether the irreversible steps were done that a dead letter is in doubt about
    ///
    /// An attempt ended between the beginning of such a step and its record, so nobody but the outside
    /// knows. Look there: the key of a step is INCARNATION/ACTIVATION/NAME. Then say of every step that
    /// `dlq show` names as in doubt whether it was done. The activation is tried again: of a step that was
    /// done its handler gets the result that is given here; one that was not done, it does.
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it; the
    /// activation runs at the next start of the board's program.
    #[command(after_help = "\
Examples:
  artel step settle 43 --not-happened charge --reason 'the bank has no such charge'
  artel step settle 43 --happened 'charge={\"receipt\":\"r-7\"}' --reason 'found at the bank' --by anna")]
    Settle(StepSettle),
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("found").required(true).multiple(true))]
pub(crate) struct StepSettle {
    /// The dead letter
    #[arg(value_name = "ID", value_parser = activation_id)]
    pub(crate) id: ActivationId,
    /// A step that was done, and its result as JSON; give it again for another step
    #[arg(long, value_name = "STEP=JSON", value_parser = done, group = "found")]
    pub(crate) happened: Vec<(String, Value)>,
    /// A step that was not done; give it again for another step
    #[arg(long, value_name = "STEP", group = "found")]
    pub(crate) not_happened: Vec<String>,
    /// Also where younger ones of its ordering key may have run since
    #[arg(long)]
    pub(crate) out_of_order: bool,
    #[command(flatten)]
    pub(crate) said: Said,
}

/// A step and its result. A name may have a `=` in it: where JSON begins is where some parses.
fn done(text: &str) -> Result<(String, Value), String> {
    let places = text.match_indices('=').map(|(at, _)| at).filter(|at| *at > 0);
    let found = places.filter_map(|at| {
        let result = serde_json::from_str(&text[at + 1..]).ok()?;
        Some((text[..at].to_owned(), result))
    });
    let mut found = found.take(1);
    found.next().ok_or_else(|| {
        "write the step, `=` and its result as JSON, such as charge={\"receipt\":\"r-7\"}, or charge=null"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_and_its_result_are_told_apart() {
        let found = |text: &str| done(text).ok();
        assert_eq!(found("charge=7"), Some(("charge".to_owned(), json!(7))));
        assert_eq!(found("a=b=null"), Some(("a=b".to_owned(), json!(null))));
        let text = r#"charge={"a":"b=c"}"#;
        assert_eq!(found(text), Some(("charge".to_owned(), json!({"a": "b=c"}))));
        for wrong in ["charge", "charge=", "=7", "charge=r-7"] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
