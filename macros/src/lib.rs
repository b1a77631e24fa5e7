//! The derives of Artel: `Artifact` for types whose values lie on boards, and `Outputs` for enums
//! of what a handler may return. Users take both from the package `artel`; what is derived refers
//! to that package and to nothing else.

mod artifact;
mod attributes;
mod fields;
mod outputs;
mod serde_attributes;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a type an artifact: its values can be put on a board.
///
/// The type is a struct with named fields, a struct without fields, or an enum, and derives
/// `Serialize`, `Deserialize` and `JsonSchema` as well.
///
/// # On the type
/// - `#[artifact(name = "review.Verdict")]`: what the type is called on every board. Without it,
///   its Rust name.
/// - `#[artifact(version = 2)]`: the version of its schema. Without it, 1.
/// - `#[artifact(upcast_from = VerdictV1)]`: the Rust type that is the version before, which this
///   one implements `From` or `TryFrom` of. It has the same name and a lower version, and says itself
///   what it is upcast from.
/// - `#[artifact(upcast(1 = from_1, 2 = from_2))]`: a function for each older version, from the
///   `serde_json::Value` of a payload of it to that of the next one, or of the type's own:
///   `fn(Value) -> Result<Value, E>`, where `E` converts into a boxed error.
/// - `#[artifact(tags("a", "b"))]`: tags of every value.
/// - `#[artifact(tags = labels)]`, `#[artifact(idempotency_key = key)]`,
///   `#[artifact(ordering_key = key)]`: the tags, or the key, of a value. A lone name is a method
///   of the type; anything else is an expression in which `self` is the value. Both may be written
///   as a string. Tags are a list of what can be printed; a key is text, an integer, or an option
///   of one.
///
/// # On a field
/// - `#[artifact(tag)]`: what the field holds is a tag. It can be printed, or is an `Option`, a
///   list or a set of what can be printed.
/// - `#[artifact(idempotency_key)]`, `#[artifact(ordering_key)]`: what the field holds is the key.
///   It can be printed, or is an `Option` of what can be printed.
///
/// # Handles of fields
/// A struct gets a function `fields()`, which gives a handle for each field, for predicates:
/// `Review::fields().score.gt(80)`. Handles name fields as serde writes them. A field that serde
/// flattens, skips or writes with a function of its own has no handle, and a struct that serde
/// writes as another type has none at all.
#[proc_macro_derive(Artifact, attributes(artifact))]
pub fn derive_artifact(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    artifact::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes an enum something that a handler may return: each variant holds an artifact, or whatever
/// else a handler may return; a variant that holds nothing publishes nothing.
#[proc_macro_derive(Outputs)]
pub fn derive_outputs(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    outputs::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
