//! How a row that SQL does not look into is stored: a format number, the value in postcard form,
//! and the first bytes of the BLAKE3 hash of both, so that a damaged row shows when it is read.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use artel_core::content::Content;
use artel_core::envelope::Envelope;
use artel_core::hash::{Hash, Salt};
use artel_core::ids::Seq;
use artel_core::log::{ClosedActivation, ContentRow, Error, Existing, StoredArtifact};
use artel_core::time::Timestamp;

/// The format number of rows that this release writes.
const FORMAT: u8 = 1;
/// How much of the hash is stored.
const CHECK_LEN: usize = 8;

/// Appends the row to a buffer.
pub(crate) fn encode(row: &impl Serialize, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    let mut bytes = std::mem::take(buffer);
    bytes.push(FORMAT);
    *buffer = postcard::to_extend(row, bytes).expect("a row has no value of unknown length");
    let hash = Hash::of(&buffer[start..]);
    buffer.extend_from_slice(&hash.0[..CHECK_LEN]);
}

/// Why a stored row cannot be what was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it does not have its recorded check sum")]
    Check,
    #[error("it has format {0}, this release reads up to {FORMAT}")]
    Format(u8),
    #[error("it cannot be decoded: {0}")]
    Decode(postcard::Error),
    #[error("its payload does not have the recorded hash")]
    Payload,
}

pub(crate) fn decode<T: DeserializeOwned>(stored: &[u8]) -> Result<T, Problem> {
    let split = stored.len().checked_sub(CHECK_LEN).ok_or(Problem::Check)?;
    let (bytes, check) = stored.split_at(split);
    if Hash::of(bytes).0[..CHECK_LEN] != *check {
        return Err(Problem::Check);
    }
    match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(Problem::Decode),
        Some((&format, _)) => Err(Problem::Format(format)),
        None => Err(Problem::Check),
    }
}

/// A stored row of a log that is not what was written.
pub(crate) fn damaged(place: &str, what: &str, seq: Seq, problem: &Problem) -> Error {
    Error::Damaged { place: place.to_owned(), problem: format!("{what} {seq}: {problem}") }
}

/// An artifact out of what is stored of it: a payload is checked against its hash.
pub(crate) fn artifact(
    place: &str,
    (seq, at): (Seq, Timestamp),
    envelope: &[u8],
    salt: Option<&[u8]>,
    payload: Option<Vec<u8>>,
) -> Result<StoredArtifact, Error> {
    let bad = |problem| damaged(place, "artifact", seq, &problem);
    let envelope: Envelope = decode(envelope).map_err(bad)?;
    if let Some(payload) = &payload {
        let salt =
            salt.and_then(|salt| salt.try_into().ok()).ok_or_else(|| bad(Problem::Payload))?;
        if Content::hash_of(Salt(salt), payload) != envelope.payload_hash {
            return Err(bad(Problem::Payload));
        }
    }
    Ok(StoredArtifact { seq, at, envelope, payload: payload.map(Bytes::from) })
}

/// What was found by an id or a key, out of the stored envelope and salt.
pub(crate) fn existing(
    place: &str,
    seq: Seq,
    envelope: &[u8],
    salt: Option<&[u8]>,
) -> Result<Existing, Error> {
    let envelope: Envelope =
        decode(envelope).map_err(|problem| damaged(place, "artifact", seq, &problem))?;
    Ok(Existing {
        seq,
        id: envelope.id,
        type_no: envelope.type_no,
        correlation: envelope.correlation,
        salt: salt.and_then(|salt| salt.try_into().ok()).map(Salt),
        hash: envelope.payload_hash,
    })
}

/// A content out of what is stored of it, checked against its hash.
pub(crate) fn content(
    place: &str,
    seq: Seq,
    (salt, hash): (&[u8], Hash),
    bytes: Vec<u8>,
) -> Result<ContentRow, Error> {
    let bad = || damaged(place, "content", seq, &Problem::Check);
    let salt = salt.try_into().map(Salt).map_err(|_| bad())?;
    if Content::hash_of(salt, &bytes) != hash {
        return Err(bad());
    }
    Ok(ContentRow { seq, salt, bytes: Bytes::from(bytes) })
}

/// A closed activation out of its stored row.
pub(crate) fn closed(place: &str, activation: Seq, body: &[u8]) -> Result<ClosedActivation, Error> {
    decode(body).map_err(|problem| damaged(place, "closed activation", activation, &problem))
}

/// A seq out of a column.
pub(crate) fn seq(place: &str, number: i64) -> Result<Seq, Error> {
    u64::try_from(number).map(Seq).map_err(|_| Error::Damaged {
        place: place.to_owned(),
        problem: format!("{number} stands where a seq should be"),
    })
}

/// A hash out of a column.
pub(crate) fn hash(place: &str, bytes: &[u8]) -> Result<Hash, Error> {
    bytes.try_into().map(Hash).map_err(|_| Error::Damaged {
        place: place.to_owned(),
        problem: format!("{} bytes stand where a hash should be", bytes.len()),
    })
}

/// A number as SQL has it. Nothing lies beyond the greatest one.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use artel_core::envelope::{NotBefore, Producer};
    use artel_core::event::DeadReason;
    use artel_core::fingerprint::Fingerprint;
    use artel_core::ids::{
        ActivationId, AgentNo, ArtifactId, AttemptId, AttemptNo, CorrelationId, SubscriptionNo,
        TypeNo,
    };
    use artel_core::log::{ClosedActivation, Death, Outcome};
    use artel_core::policy::ErrorKind;
    use artel_core::step::{Step, StepMark};
    use artel_core::time::Elapsed;
    use artel_core::trace::TraceContext;
    use artel_core::visibility::Visibility;

    use super::*;

    /// Rows as format 1 has them. They never change: another form is another format number.
    #[test]
    fn rows_of_format_1_are_read_for_ever() {
        let attempt = AttemptId { activation: ActivationId(Seq(300)), attempt: AttemptNo(2) };
        let envelope = Envelope {
            id: ArtifactId::from_bytes([1; 16]),
            type_no: TypeNo(7),
            producer: Producer::Agent { agent: AgentNo(3), attempt },
            correlation: CorrelationId::from_bytes([2; 16]),
            parents: vec![CorrelationId::from_bytes([3; 16])],
            causes: [Seq(5), Seq(70_000)].into_iter().collect(),
            depth: 4,
            tags: vec!["red".parse().unwrap()],
            visibility: Visibility::PUBLIC,
            ordering_key: Some("order".parse().unwrap()),
            idempotency_key: Some("once".parse().unwrap()),
            not_before: Some(Box::new(NotBefore::After(300))),
            expires_at: Some(Timestamp(-1)),
            trace: Some(Box::new(TraceContext { trace_id: [4; 16], span_id: [5; 8], flags: 1 })),
            payload_len: 100,
            payload_hash: Hash([6; 32]),
        };
        golden(&envelope, ENVELOPE);
        let closed = ClosedActivation {
            activation: ActivationId(Seq(300)),
            agent: AgentNo(3),
            subscription: SubscriptionNo(9),
            inputs: [Seq(5)].into_iter().collect(),
            correlation: CorrelationId::from_bytes([2; 16]),
            key: Some("order".parse().unwrap()),
            outcome: Outcome::Dropped(DeadReason::Limit),
            ended: Seq(400),
            at: Timestamp(1_700_000_000_000),
            attempts: 2,
            trail: vec![Seq(301), Seq(302)],
            steps: vec![Step {
                name: "mail".parse().unwrap(),
                seq: Seq(303),
                mark: StepMark::Irreversible,
            }],
            death: Some(Death {
                kind: Some(ErrorKind::RateLimited { retry_after_ms: Some(300) }),
                fingerprint: Fingerprint([7; 8]),
            }),
            members: Box::from([AgentNo(4), AgentNo(300)]),
            not_before: Some(Elapsed(300)),
        };
        golden(&closed, CLOSED);
    }

    const ENVELOPE: &str = "0101010101010101010101010101010101070103ac020202020202020202020202020202020202010303\
         03030303030303030303030303030205f0a2040401037265640001056f7264657201046f6e63650101ac\
         020101010404040404040404040404040404040405050505050505050164060606060606060606060606\
         0606060606060606060606060606060606060606aada787b750cf05e";
    const CLOSED: &str = "01ac02030901050202020202020202020202020202020201056f726465720305900380a0abfef9620202\
         ad02ae0201046d61696caf020201010201ac0207070707070707070204ac0201ac02b84e31641f372117";

    fn golden<T>(row: &T, stored: &str)
    where
        T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let mut encoded = Vec::new();
        encode(row, &mut encoded);
        let hex = encoded.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex, stored);
        assert_eq!(decode::<T>(&encoded).as_ref(), Ok(row));
    }

    #[test]
    fn a_damaged_row_shows() {
        let mut stored = Vec::new();
        encode(&(7_u32, "seven"), &mut stored);
        assert_eq!(decode::<(u32, String)>(&stored), Ok((7, "seven".to_owned())));
        for place in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[place] ^= 1;
            assert_eq!(decode::<(u32, String)>(&flipped), Err(Problem::Check), "byte {place}");
        }
        assert_eq!(decode::<(u32, String)>(&stored[..3]), Err(Problem::Check));
    }

    #[test]
    fn a_row_of_a_later_format_is_refused_by_its_number() {
        let mut stored = vec![9, 9, 9];
        let check = Hash::of(&stored);
        stored.extend_from_slice(&check.0[..CHECK_LEN]);
        assert_eq!(decode::<u32>(&stored), Err(Problem::Format(9)));
    }
}
