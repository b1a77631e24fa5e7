//! Reading ahead: what a batch brought, as the commands that write it to the baseline's keys.

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, cmd, pipe};

use artel::envelope::Producer;
use artel::ids::{CorrelationId, Seq};
use artel::log::{ClosedActivation, Outcome, StoredArtifact};
use artel::record::BatchHeader;

use super::place::Keys;
use crate::bench::error::Error;

/// What reads the board's keys.
pub(super) struct Reader {
    connection: MultiplexedConnection,
    keys: Keys,
}

impl Reader {
    pub(super) const fn new(connection: MultiplexedConnection, keys: Keys) -> Self {
        Self { connection, keys }
    }

    /// One transaction with everything that a batch brought, in as few commands as there are keys.
    pub(super) async fn batch(
        &mut self,
        header: &BatchHeader,
        artifacts: &[StoredArtifact],
        closed: &[ClosedActivation],
    ) -> Result<Pipeline, Error> {
        let mut to = pipe();
        to.atomic();
        let place = format!("{}-0", header.last);
        let log = format!("{}log", self.keys.board);
        let found: Vec<(String, Vec<Vec<u8>>)> = cmd("XRANGE")
            .arg(log)
            .arg(&place)
            .arg(&place)
            .query_async(&mut self.connection)
            .await?;
        let (_, entry) = found.into_iter().next().ok_or_else(|| lost("log", place.as_bytes()))?;
        to.add_command(self.to("XADD", "log").arg(place).arg(entry).take());
        let at = header.at.as_millis();
        to.add_command(self.to("ZADD", "times").arg(at).arg(&packed(header.last)[..]).take());
        let head = self.to("HSET", "head").arg("seq").arg(header.last.get()).take();
        to.add_command(head.clone().arg("hash").arg(&header.hash.0[..]).arg("at").arg(at).take());
        self.artifacts(&mut to, artifacts).await?;
        self.closed(&mut to, closed).await?;
        Ok(to)
    }

    async fn artifacts(&mut self, to: &mut Pipeline, all: &[StoredArtifact]) -> Result<(), Error> {
        if all.is_empty() {
            return Ok(());
        }
        let mut ids = self.to("HSET", "id");
        for one in all {
            ids.arg(&one.envelope.id.as_bytes()[..]).arg(one.seq.get());
        }
        to.add_command(ids);
        let seqs: Vec<Vec<u8>> = all.iter().map(|one| text(one.seq)).collect();
        self.copy(to, "artifact", &seqs).await?;
        self.copy(to, "payload", &seqs).await?;
        let mut stretches = self.to("ZADD", "stretch");
        for ((kind, no), (first, last)) in stretches_of(all) {
            let (no, [last, first]) = (no.to_be_bytes(), [last, first].map(packed));
            stretches.arg(0).arg([&[kind][..], &no, &last, &first].concat());
        }
        to.add_command(stretches);
        let of_artifact = |one: &StoredArtifact| (one.envelope.correlation, one.seq);
        self.grouped(to, "correlation", all.iter().map(of_artifact));
        Ok(())
    }

    async fn closed(&mut self, to: &mut Pipeline, all: &[ClosedActivation]) -> Result<(), Error> {
        let seqs: Vec<Vec<u8>> = all.iter().map(|one| text(one.activation.0)).collect();
        self.copy(to, "closed", &seqs).await?;
        let place = |one: &ClosedActivation| (one.correlation, one.activation.0);
        let undone = || all.iter().filter(|one| one.outcome != Outcome::Done);
        self.sorted(to, "order", all.iter().map(|one| one.activation.0));
        self.sorted(to, "undone", undone().map(|one| one.activation.0));
        self.grouped(to, "closed", all.iter().map(place));
        let dead = all.iter().filter(|one| matches!(one.outcome, Outcome::Dead(_)));
        self.grouped(to, "dead", dead.map(place));
        self.worked_on(to, all).await
    }

    /// What worked on each artifact so far: later batches may have added to it.
    async fn worked_on(
        &mut self,
        to: &mut Pipeline,
        closed: &[ClosedActivation],
    ) -> Result<(), Error> {
        // In the order in which a batch adds them, which is that of their ids.
        let mut last: BTreeMap<Seq, Seq> = BTreeMap::new();
        for one in closed {
            for input in &one.inputs {
                let last = last.entry(*input).or_default();
                *last = one.activation.0.max(*last);
            }
        }
        let inputs: Vec<Vec<u8>> = last.keys().map(|&input| text(input)).collect();
        let mut write = self.to("HSET", "worked_on");
        for ((field, by), last) in self.fields("worked_on", &inputs).await?.zip(last.values()) {
            let all = by.chunks(8).position(|by| by == packed(*last));
            let so_far = all.map_or(0, |at| 8 * (at + 1));
            write.arg(field).arg(&by[..so_far]);
        }
        if !inputs.is_empty() {
            to.add_command(write);
        }
        Ok(())
    }

    /// Fields of a hash with their values.
    async fn fields<'a>(
        &mut self,
        key: &str,
        fields: &'a [Vec<u8>],
    ) -> Result<impl Iterator<Item = (&'a Vec<u8>, Vec<u8>)> + use<'a>, Error> {
        let mut found: Vec<Option<Vec<u8>>> = Vec::new();
        if !fields.is_empty() {
            let from = format!("{}{key}", self.keys.board);
            found = cmd("HMGET").arg(from).arg(fields).query_async(&mut self.connection).await?;
        }
        let pairs = fields.iter().zip(found);
        let pairs = pairs.map(|(field, value)| Ok((field, value.ok_or_else(|| lost(key, field))?)));
        Ok(pairs.collect::<Result<Vec<_>, Error>>()?.into_iter())
    }

    async fn copy(
        &mut self,
        to: &mut Pipeline,
        key: &str,
        fields: &[Vec<u8>],
    ) -> Result<(), Error> {
        let mut write = self.to("HSET", key);
        for (field, value) in self.fields(key, fields).await? {
            write.arg(field).arg(value);
        }
        if !fields.is_empty() {
            to.add_command(write);
        }
        Ok(())
    }

    fn sorted(&self, to: &mut Pipeline, key: &str, seqs: impl Iterator<Item = Seq>) {
        let seqs: Vec<Seq> = seqs.collect();
        if seqs.is_empty() {
            return;
        }
        let mut write = self.to("ZADD", key);
        for seq in seqs {
            write.arg(seq.get()).arg(seq.get());
        }
        to.add_command(write);
    }

    /// What belongs to each tree of work.
    fn grouped(
        &self,
        to: &mut Pipeline,
        key: &str,
        all: impl Iterator<Item = (CorrelationId, Seq)>,
    ) {
        let mut groups: BTreeMap<CorrelationId, Vec<Seq>> = BTreeMap::new();
        for (correlation, seq) in all {
            groups.entry(correlation).or_default().push(seq);
        }
        for (correlation, seqs) in groups {
            self.sorted(to, &format!("{key}:{correlation}"), seqs.into_iter());
        }
    }

    /// A command on a key of the baseline.
    fn to(&self, command: &str, key: &str) -> Cmd {
        cmd(command).arg(format!("{}{key}", self.keys.baseline)).take()
    }
}

/// From the first to the last artifact of a batch that is of a type (0), or by an agent (1).
fn stretches_of(all: &[StoredArtifact]) -> BTreeMap<(u8, u32), (Seq, Seq)> {
    let mut stretches = BTreeMap::new();
    for one in all {
        let of_type = Some((0, one.envelope.type_no.get()));
        let by_agent = match &one.envelope.producer {
            Producer::Agent { agent, .. } => Some((1, agent.get())),
            Producer::Program(_) | Producer::Operator(_) | Producer::Board => None,
        };
        for kind in of_type.into_iter().chain(by_agent) {
            stretches.entry(kind).or_insert((one.seq, one.seq)).1 = one.seq;
        }
    }
    stretches
}

fn lost(key: &str, field: &[u8]) -> Error {
    let problem = format!("the board has no {} in {key}", String::from_utf8_lossy(field));
    Error::Differs { problem }
}

fn text(seq: Seq) -> Vec<u8> {
    seq.get().to_string().into_bytes()
}

const fn packed(seq: Seq) -> [u8; 8] {
    seq.get().to_be_bytes()
}
