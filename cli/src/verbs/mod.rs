//! The verbs: each reads a board, or operates it, and tells what it found. A file for each noun.

mod activation;
mod adopt;
mod alerts;
mod artifact;
mod bench;
mod board;
mod boards;
mod carry_out;
mod correlation;
mod dead;
mod definition;
mod dlq;
mod doctor;
mod event;
mod happened;
mod irreversible;
mod line;
mod look;
mod moving;
mod operate;
mod remove;
mod settle;
mod show;
mod sweep;
mod turn;
mod types;
mod verify;

pub(crate) use carry_out::carry_out;
