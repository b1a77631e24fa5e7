//! What `#[derive(Outputs)]` makes of an enum.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel_core::outputs::{IntoOutputs, OutputSink};
use artel_macros::{Artifact, Outputs};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Licence {
    name: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Problem {
    text: String,
}

#[derive(Outputs)]
enum Found {
    Licence(Licence),
    Problems(Vec<Problem>),
    Nothing,
}

#[derive(Outputs)]
enum Only {
    Nothing,
}

fn published(found: impl IntoOutputs) -> Vec<&'static str> {
    let mut sink = OutputSink::default();
    found.into_outputs(&mut sink);
    sink.into_iter().map(|output| output.type_name()).collect()
}

/// OUT-1: an enum declares what all its variants hold, and publishes what the one at hand holds.
#[test]
fn an_enum_publishes_what_its_variant_holds() {
    let mut types = Vec::new();
    <Result<Found, ()> as Declares>::declare(&mut types);
    assert_eq!(types, ["Licence", "Problem"]);
    let problem = || Problem { text: "t".to_owned() };
    assert_eq!(published(Found::Licence(Licence { name: "n".to_owned() })), ["Licence"]);
    assert_eq!(published(Found::Problems(vec![problem(), problem()])), ["Problem", "Problem"]);
    assert_eq!(published(Found::Nothing), Vec::<&str>::new());
    assert_eq!(published(vec![Some(Found::Problems(vec![problem()])), None]), ["Problem"]);
    assert_eq!(published(Only::Nothing), Vec::<&str>::new());
}

trait Declares {
    fn declare(names: &mut Vec<String>);
}

impl<O: IntoOutputs> Declares for Result<O, ()> {
    fn declare(names: &mut Vec<String>) {
        let mut types = Vec::new();
        O::declare(&mut types);
        names.extend(types.iter().map(|one| one.name().to_string()));
    }
}
