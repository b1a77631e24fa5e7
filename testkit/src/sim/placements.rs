//! Placements: whom every token woke, compared with whom it should have, told from what the agents of a
//! simulation subscribe to.

use std::collections::{BTreeMap, BTreeSet};

use artel::{Query, Running};
use artel_core::envelope::{Clause, Producer};
use artel_core::event::Event;
use artel_core::ids::{AgentNo, Seq, SubscriptionNo, TypeNo};
use artel_core::record::Decision;

use super::agents::{self, Token};
use super::audit::Auditor;
use super::cases::Case;
use super::{secrets, versions};

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 1024 * 1024;

/// An agent as it is at some moment.
struct Agent {
    /// None for the one that is subscribed to notices, and the one that is to notes.
    number: Option<u32>,
    /// Whether it is subscribed to notes.
    reads: bool,
    subscriptions: Vec<SubscriptionNo>,
    registered: bool,
    is_group: bool,
    /// Whether it is a member of the group.
    is_member: bool,
}

/// What is known of a log while it is read.
struct Placements<'a> {
    tokens: &'a BTreeMap<Seq, Token>,
    agents: BTreeMap<AgentNo, Agent>,
    /// The numbers of all versions of notes.
    notes: BTreeSet<TypeNo>,
    /// Whether tokens are not for everybody.
    secrets: bool,
}

/// I2: in the decision that commits it, each token wakes every subscription that is current and to
/// whose taste it is, once, and each notice of a dead letter wakes who is subscribed to them; nobody wakes
/// on anything else; its producer does not wake itself.
pub(super) async fn complete(running: &Running, auditor: &Auditor, secrets: bool) {
    let tokens = tokens(running).await;
    let (agents, notes) = (BTreeMap::new(), BTreeSet::new());
    let mut placements = Placements { tokens: &tokens, agents, notes, secrets };
    let log = running.log();
    let mut next = Seq(1);
    loop {
        let batches = log.read(next, READ_LEN).await.expect("the log can be read");
        let Some(last) = batches.last() else { return };
        let after = last.header.last.next();
        for batch in &batches {
            for decision in batch.decisions().expect("I10: a batch is damaged") {
                let (woken, due) = placements.of(next, &decision);
                if decision.events.iter().any(is_hidden) {
                    auditor.look().cases.count(Case::Hidden);
                }
                auditor.expect(
                    woken == due,
                    format_args!("I2: from seq {next} on, {woken:?} were woken, and not {due:?}"),
                );
                next = Seq(next.get() + decision.span());
            }
        }
        auditor.expect(next == after, format_args!("I5: a batch ends with {after}, not {next}"));
        next = after;
    }
}

/// Whether an artifact did not wake somebody who may not see it.
fn is_hidden(event: &Event) -> bool {
    let Event::ArtifactCommitted(draft) = event else { return false };
    draft.verdicts.declined.iter().any(|(_, clause)| *clause == Clause::Visibility)
}

/// Every token that is on the board.
async fn tokens(running: &Running) -> BTreeMap<Seq, Token> {
    let mut query = Query::of::<Token>().limit(1_000);
    let mut tokens = BTreeMap::new();
    loop {
        let listing = running.artifacts(&query).await.expect("the log can be read");
        for stored in &listing.artifacts {
            let token = stored.decode().expect("I1: what is stored as a token is one");
            tokens.insert(stored.seq(), token);
        }
        match listing.next {
            Some(after) => query = query.after(after),
            None => return tokens,
        }
    }
}

/// An artifact and a subscription that it woke.
type Placement = (Seq, SubscriptionNo);

impl Placements<'_> {
    /// The placements that a decision made, and those that it had to make.
    fn of(&mut self, first: Seq, decision: &Decision) -> (Vec<Placement>, Vec<Placement>) {
        let (mut woken, mut due) = (Vec::new(), Vec::new());
        for (seq, event) in (first.get()..).map(Seq).zip(&decision.events) {
            match event {
                Event::AgentDefined { agent, definition, subscriptions } => {
                    let number = agents::number_of(definition.name.as_str());
                    let subscriptions = subscriptions.clone();
                    let reads = definition.name.as_str() == versions::READER;
                    let mut wanted = definition.subscriptions.iter();
                    let now = Agent {
                        number,
                        reads,
                        subscriptions,
                        registered: true,
                        is_group: definition.is_group(),
                        is_member: wanted.any(|it| it.group.is_some()),
                    };
                    self.agents.insert(*agent, now);
                }
                Event::TypeRegistered { type_no, name, .. } if name.as_str() == versions::NOTE => {
                    self.notes.insert(*type_no);
                }
                Event::AgentRetired { agent } => {
                    if let Some(agent) = self.agents.get_mut(agent) {
                        agent.registered = false;
                    }
                }
                Event::ArtifactCommitted(draft) => {
                    let notice = draft.envelope.producer == Producer::Board;
                    let note = self.notes.contains(&draft.envelope.type_no);
                    if notice || note {
                        let all = self.agents.values();
                        let all = all.filter(|agent| agent.registered && !agent.is_group);
                        let told =
                            all.filter(|agent| agent.number.is_none() && agent.reads == note);
                        let told = told.flat_map(|agent| agent.subscriptions.iter().copied());
                        due.extend(told.map(|subscription| (seq, subscription)));
                    }
                    if let Some(token) = self.tokens.get(&seq) {
                        let all = self.takers(token, &draft.envelope.producer);
                        due.extend(all.into_iter().map(|subscription| (seq, subscription)));
                    }
                }
                Event::ActivationCreated { subscription, inputs, .. } => {
                    woken.extend(inputs.iter().map(|input| (*input, *subscription)));
                }
                _ => {}
            }
        }
        woken.sort_unstable();
        due.sort_unstable();
        (woken, due)
    }

    /// Who takes a token: each agent for itself, and the group for all of its members, of whom none made it.
    fn takers(&self, token: &Token, producer: &Producer) -> BTreeSet<SubscriptionNo> {
        let maker = match producer {
            Producer::Agent { agent, .. } => Some(*agent),
            Producer::Program(_) | Producer::Operator(_) | Producer::Board => None,
        };
        let (taste, number, secrets) = (token.taste, token.number, self.secrets);
        let by_member = maker.and_then(|maker| self.agents.get(&maker));
        let by_member = by_member.is_some_and(|maker| maker.is_member);
        let takes = move |(no, agent): &(&AgentNo, &Agent)| {
            let takes = agent.number.is_some_and(|no| {
                agents::takes(no, taste) && (!secrets || secrets::may_see(no, number))
            });
            agent.registered && Some(**no) != maker && !(agent.is_member && by_member) && takes
        };
        let group = self.agents.values().find(|agent| agent.is_group && agent.registered);
        let takers = self.agents.iter().filter(takes).flat_map(|(_, agent)| {
            let woken = if agent.is_member { group } else { Some(agent) };
            woken.into_iter().flat_map(|agent| agent.subscriptions.iter().copied())
        });
        takers.collect()
    }
}
