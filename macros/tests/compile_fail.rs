//! What the compiler says to those who write a type, a predicate or a handler wrongly. The messages
//! are part of the interface: each is pinned beside its case. Written anew, for a reader to judge, by
//! `TRYBUILD=overwrite cargo test -p artel-macros --test compile_fail`.

#[test]
fn mistakes_are_told_by_the_compiler() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
