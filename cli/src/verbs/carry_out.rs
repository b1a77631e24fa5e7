//! Which function carries out which verb.

use artel::TypeDescriptor;

use super::{
    activation, adopt, alerts, artifact, bench, board, boards, correlation, dlq, doctor, event,
    moving, operate, remove, settle, turn, types, verify,
};
use crate::args::{
    ActivationVerb, AgentVerb, ArtifactVerb, BoardVerb, BreakerVerb, CorrelationVerb, DlqVerb,
    EventVerb, Noun, StepVerb, TypesVerb,
};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;

/// Carries out a verb, with the types of the program whose verbs these are.
pub(crate) async fn carry_out(
    noun: Noun,
    program: &[TypeDescriptor],
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    match noun {
        Noun::Board(BoardVerb::Ls) => boards::ls(config, out).await,
        Noun::Board(BoardVerb::Show) => board::show(config, out).await,
        Noun::Board(BoardVerb::Verify) => verify::verify(config, out).await,
        Noun::Board(BoardVerb::Hash) => board::hash(config, out).await,
        Noun::Board(BoardVerb::Pause(said)) => turn::board(true, &said, config, out).await,
        Noun::Board(BoardVerb::Resume(said)) => turn::board(false, &said, config, out).await,
        Noun::Board(BoardVerb::Move(args)) => moving::move_board(&args, out).await,
        Noun::Board(BoardVerb::Adopt(args)) => adopt::adopt(&args, config, out).await,
        Noun::Board(BoardVerb::Rm(args)) => remove::rm(&args, config, out).await,
        Noun::Agent(AgentVerb::Pause(args)) => turn::agent(true, &args, config, out).await,
        Noun::Agent(AgentVerb::Resume(args)) => turn::agent(false, &args, config, out).await,
        Noun::Artifact(ArtifactVerb::Ls(args)) => artifact::ls(&args, config, out).await,
        Noun::Artifact(ArtifactVerb::Show(args)) => artifact::show(&args, config, out).await,
        Noun::Types(TypesVerb::Ls) => types::ls(config, out).await,
        Noun::Types(TypesVerb::Check(args)) => types::check(&args, program, config, out).await,
        Noun::Correlation(CorrelationVerb::Show(args)) => {
            correlation::show(&args, config, out).await
        }
        Noun::Correlation(CorrelationVerb::Pause(args)) => {
            turn::correlation(true, &args, config, out).await
        }
        Noun::Correlation(CorrelationVerb::Resume(args)) => {
            turn::correlation(false, &args, config, out).await
        }
        Noun::Activation(ActivationVerb::Ls(args)) => activation::ls(&args, config, out).await,
        Noun::Activation(ActivationVerb::Show(args)) => activation::show(&args, config, out).await,
        Noun::Activation(ActivationVerb::Cancel(args)) => operate::cancel(&args, config, out).await,
        Noun::Breaker(BreakerVerb::Ls) => turn::breakers(config, out).await,
        Noun::Breaker(BreakerVerb::Open(args)) => turn::breaker(true, &args, config, out).await,
        Noun::Breaker(BreakerVerb::Close(args)) => turn::breaker(false, &args, config, out).await,
        Noun::Dlq(DlqVerb::Ls(args)) => dlq::ls(&args, config, out).await,
        Noun::Dlq(DlqVerb::Groups(args)) => dlq::groups(&args, config, out).await,
        Noun::Dlq(DlqVerb::Alerts) => alerts::ls(config, out).await,
        Noun::Dlq(DlqVerb::Show(args)) => dlq::show(&args, config, out).await,
        Noun::Dlq(DlqVerb::Redrive(args)) => operate::redrive(&args, config, out).await,
        Noun::Dlq(DlqVerb::Drop(args)) => operate::drop_dead(&args, config, out).await,
        Noun::Step(StepVerb::Settle(args)) => settle::settle(&args, config, out).await,
        Noun::Event(EventVerb::Tail(args)) => event::tail(&args, config, out).await,
        Noun::Doctor(args) => doctor::doctor(&args, config, out).await,
        Noun::Bench(args) => bench::bench(&args, config, out).await,
    }
}
