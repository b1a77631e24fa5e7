//! The rules of schemas: what counts in a comparison, what a diff says, what a check refuses.

mod checking;
mod comparing;
mod properties;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Change, Changed, Error, NoUpcaster, Schema, TypeSchema, What, diff, valid_by_construction,
};
use crate::names::TypeName;
use crate::policy::limits::PAYLOAD_LEN;

fn normal(schema: &Value) -> Schema {
    Schema::from_json_schema(schema).unwrap()
}

fn changes(old: &Schema, new: &Schema) -> Vec<String> {
    diff(old, new).iter().map(Change::to_string).collect()
}

fn type_schema(schema: Schema) -> TypeSchema {
    TypeSchema::new(TypeName::new("review.Verdict").unwrap(), 2, schema).unwrap()
}

/// A type, its documented twin whose parts have other names and another order, and what came of it
/// later.
mod types {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Review {
        pub(super) score: u8,
        pub(super) title: String,
        pub(super) verdict: Verdict,
        pub(super) finding: Option<Finding>,
        pub(super) findings: Vec<Finding>,
        pub(super) outcome: Outcome,
        #[serde(default)]
        pub(super) labels: BTreeMap<String, f64>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Verdict {
        Approve,
        Reject,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Finding {
        pub(super) line: u32,
        pub(super) text: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Outcome {
        Pending,
        Skipped,
        Done { at: i64 },
        Failed(Finding),
    }

    /// A review.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct ReviewTwin {
        outcome: OutcomeTwin,
        #[serde(default)]
        labels: BTreeMap<String, f64>,
        /// All that was found.
        #[schemars(example = 3)]
        findings: Vec<FindingTwin>,
        #[schemars(title = "The worst")]
        finding: Option<FindingTwin>,
        /// The verdict.
        verdict: VerdictTwin,
        title: String,
        score: u8,
    }

    /// A verdict.
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum VerdictTwin {
        /// No.
        Reject,
        /// Yes.
        Approve,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct FindingTwin {
        /// What.
        text: String,
        /// Where.
        line: u32,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[schemars(inline)]
    enum OutcomeTwin {
        /// It did not work.
        Failed(FindingTwin),
        /// It worked.
        Done {
            /// When.
            at: i64,
        },
        /// Not now.
        Skipped,
        /// Not yet.
        Pending,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct ReviewLater {
        score: f64,
        verdict: VerdictLater,
        finding: Option<FindingLater>,
        findings: Vec<FindingLater>,
        outcome: OutcomeLater,
        labels: BTreeMap<String, String>,
        reviewer: String,
        note: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum VerdictLater {
        Approve,
        Defer,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct FindingLater {
        #[schemars(range(min = 1, max = 1000))]
        line: u32,
        text: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum OutcomeLater {
        Pending,
        Done { at: i64, by: String },
        Lost(String),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Tree {
        pub(super) value: u8,
        pub(super) children: Vec<Self>,
        pub(super) twin: Option<Box<Self>>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Wood {
        pub(super) a_tree: Tree,
        pub(super) trees: BTreeMap<String, Tree>,
    }

    /// The same shape by way of another type.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Bush {
        /// Documented.
        twin: Option<Box<Self>>,
        children: Vec<Self>,
        value: u8,
    }
}
