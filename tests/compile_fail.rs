//! What the compiler says to those who write a type, a predicate or a handler wrongly. The messages
//! are part of the interface: each is pinned beside its case, and
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes them anew for a reader to judge.

#[test]
fn mistakes_are_told_by_the_compiler() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
