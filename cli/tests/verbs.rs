//! The verbs of `artel` as people and programs meet them: a board is made through the library, the
//! program is run on it, and what it prints and how it exits is looked at.

#[cfg(test)]
mod verbs {
    mod activation;
    mod alerts;
    mod artifact;
    mod bench;
    mod board;
    mod dlq;
    mod doctor;
    mod event;
    mod failing;
    mod fixture;
    mod step;
    mod turn;
    mod types;
    mod usage;
}
