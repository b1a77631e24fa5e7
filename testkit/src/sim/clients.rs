//! The clients of a simulation: they publish until they have a receipt, whatever becomes of the
//! process meanwhile, and remember what they were promised.

use std::sync::Arc;

use tokio::sync::watch;

use artel::{Publication, PublishError, Receipt, Running};
use artel_core::ids::ArtifactId;

use super::agents::Token;
use crate::dice::Dice;

/// The process that runs the board, when one does.
pub(super) type Process = watch::Receiver<Option<Arc<Running>>>;

/// Something that a client was promised.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) receipt: Receipt,
    pub(super) token: Token,
    pub(super) key: Option<String>,
}

/// Publishes so many times.
pub(super) async fn client(mut process: Process, mut dice: Dice, count: u64) -> Vec<Promise> {
    let mut promises = Vec::new();
    for _ in 0..count {
        tokio::time::sleep(dice.up_to(2_000)).await;
        let group = if dice.percent(20) { 1 + dice.below(4) } else { 1 };
        let drawn: Vec<_> = (0..group).map(|_| draw(&mut dice)).collect();
        let receipts = publish(&mut process, &drawn).await;
        assert_eq!(receipts.len(), drawn.len(), "as many receipts as artifacts");
        for (receipt, Drawn { token, key, .. }) in receipts.into_iter().zip(drawn) {
            promises.push(Promise { receipt, token, key });
        }
    }
    promises
}

struct Drawn {
    token: Token,
    id: ArtifactId,
    key: Option<String>,
}

fn draw(dice: &mut Dice) -> Drawn {
    // Few keys, so that they are used again; the same key always stands for the same token.
    let key = dice.percent(30).then(|| dice.below(12));
    let mut of_key = Dice::new(key.unwrap_or_else(|| dice.below(u64::MAX)));
    let token = Token {
        number: u32::try_from(of_key.below(1_000)).unwrap_or(0),
        hops: u8::try_from(of_key.below(4)).unwrap_or(0),
        taste: u32::try_from(of_key.below(12)).unwrap_or(0),
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&dice.below(u64::MAX).to_le_bytes());
    id[8..].copy_from_slice(&dice.below(u64::MAX).to_le_bytes());
    Drawn { token, id: ArtifactId::from_bytes(id), key: key.map(|key| format!("key {key}")) }
}

/// Publishes until there is an answer; the ids make a repetition harmless.
async fn publish(process: &mut Process, drawn: &[Drawn]) -> Vec<Receipt> {
    loop {
        let running = process.wait_for(Option::is_some).await.map(|running| running.clone());
        let running = running.ok().flatten().expect("there is a process until the clients end");
        let publications = drawn.iter().map(|drawn| {
            let publication = Publication::new(drawn.token.clone()).id(drawn.id);
            match &drawn.key {
                Some(key) => publication.idempotency_key(key.as_str()),
                None => publication,
            }
        });
        match running.publish_many(publications).await {
            Ok(receipts) => return receipts,
            Err(error) if error.retryable() || matches!(error, PublishError::Stopped(_)) => {
                drop(running);
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Err(error) => panic!("a publish is refused: {error:?}"),
        }
    }
}
