//! What a handler may return: nothing, one artifact, an option, a list, a tuple, or an enum of them
//! that derives `Outputs`.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::artifact::{Artifact, ErasedArtifact, TypeDescriptor, descriptor};

/// What a handler may return when it succeeds. Says by its type alone which artifacts there can be,
/// so that an agent's outputs are declared by its handler's signature.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not something that a handler returns",
    note = "a handler returns nothing, one artifact, an Option, a Vec, a tuple or an enum that derives `Outputs`"
)]
pub trait IntoOutputs: Send {
    /// Appends the types of all artifacts that there can be.
    fn declare(types: &mut Vec<TypeDescriptor>);

    /// Hands the artifacts over, in order.
    fn into_outputs(self, outputs: &mut OutputSink);
}

/// The artifacts that a handler returned, in order.
#[derive(Debug, Default)]
pub struct OutputSink(SmallVec<[Arc<dyn ErasedArtifact>; 1]>);

impl OutputSink {
    /// Adds an artifact.
    pub fn push<T: Artifact>(&mut self, artifact: T) {
        self.push_shared(Arc::new(artifact));
    }

    /// Adds an artifact that others share.
    pub fn push_shared(&mut self, artifact: Arc<dyn ErasedArtifact>) {
        self.0.push(artifact);
    }

    /// How many artifacts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for OutputSink {
    type Item = Arc<dyn ErasedArtifact>;
    type IntoIter = smallvec::IntoIter<[Arc<dyn ErasedArtifact>; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Artifact> IntoOutputs for T {
    fn declare(types: &mut Vec<TypeDescriptor>) {
        types.push(descriptor::<T>());
    }

    fn into_outputs(self, outputs: &mut OutputSink) {
        outputs.push(self);
    }
}

impl<O: IntoOutputs> IntoOutputs for Option<O> {
    fn declare(types: &mut Vec<TypeDescriptor>) {
        O::declare(types);
    }

    fn into_outputs(self, outputs: &mut OutputSink) {
        if let Some(output) = self {
            output.into_outputs(outputs);
        }
    }
}

impl<O: IntoOutputs> IntoOutputs for Vec<O> {
    fn declare(types: &mut Vec<TypeDescriptor>) {
        O::declare(types);
    }

    fn into_outputs(self, outputs: &mut OutputSink) {
        for output in self {
            output.into_outputs(outputs);
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*))*) => {$(
        impl<$($name: IntoOutputs),*> IntoOutputs for ($($name,)*) {
            fn declare(types: &mut Vec<TypeDescriptor>) {
                $($name::declare(types);)*
                let _ = types;
            }

            fn into_outputs(self, outputs: &mut OutputSink) {
                $(self.$index.into_outputs(outputs);)*
                let _ = outputs;
            }
        }
    )*};
}

tuples! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    macro_rules! artifacts {
        ($($name:ident),*) => {$(
            #[derive(Serialize, Deserialize, JsonSchema)]
            struct $name(u8);

            impl Artifact for $name {
                const NAME: &'static str = stringify!($name);
                const VERSION: u32 = 1;
            }
        )*};
    }

    artifacts!(Licence, Finding);

    fn check<O: IntoOutputs>(returned: O, declared: &[&str], payloads: &[&str]) {
        let mut types = Vec::new();
        O::declare(&mut types);
        let names: Vec<_> = types.iter().map(|one| one.name().as_str()).collect();
        assert_eq!(names, declared);
        let mut sink = OutputSink::default();
        returned.into_outputs(&mut sink);
        assert_eq!((sink.len(), sink.is_empty()), (payloads.len(), payloads.is_empty()));
        let found: Vec<_> = sink
            .into_iter()
            .map(|output| {
                let payload = output.canonical_unchecked(100).unwrap();
                format!("{output:?} {}", str::from_utf8(&payload).unwrap())
            })
            .collect();
        assert_eq!(found, payloads);
    }

    /// OUT-1: a signature says which artifacts there can be; they come in order.
    #[test]
    fn a_signature_declares_what_a_handler_returns() {
        check((), &[], &[]);
        check(Licence(1), &["Licence"], &["Licence v1 1"]);
        check(None::<Licence>, &["Licence"], &[]);
        check(Some(Licence(2)), &["Licence"], &["Licence v1 2"]);
        check(vec![Licence(1), Licence(2)], &["Licence"], &["Licence v1 1", "Licence v1 2"]);
        check(
            (Finding(1), (), Some(vec![(Licence(2), Finding(3))])),
            &["Finding", "Licence", "Finding"],
            &["Finding v1 1", "Licence v1 2", "Finding v1 3"],
        );
        let eight = || Licence(0);
        let all = (eight(), eight(), eight(), eight(), eight(), eight(), eight(), Finding(7));
        let expected = ["Licence v1 0"; 7].into_iter().chain(["Finding v1 7"]).collect::<Vec<_>>();
        let names = ["Licence"; 7].into_iter().chain(["Finding"]).collect::<Vec<_>>();
        check(all, &names, &expected);
    }

    /// OUT-2: the value itself is handed on, not a second parse of it.
    #[test]
    fn the_value_itself_is_handed_on() {
        let value = Arc::new(Licence(5));
        let mut sink = OutputSink::default();
        sink.push_shared(value.clone());
        let handed_on = sink.into_iter().next().unwrap().into_any().downcast::<Licence>().unwrap();
        assert!(Arc::ptr_eq(&value, &handed_on));
    }
}
