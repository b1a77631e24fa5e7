//! Alert webhooks: whoever looks after a board is told over HTTP of an agent's dead letters. What is owed
//! is in the board's state ([`artel_core::board::Alert`]); this is what sends it.

mod body;
mod courier;
mod options;
mod post;
mod sign;

pub(crate) use body::Sender;
pub(crate) use courier::{Courier, run};
pub(crate) use options::{Receiver, give};
pub(crate) use post::Client;

pub use options::Webhook;
