//! What a handler is given beside its artifact: who it is, when it is, and what it may do.

mod cx;
mod reads;
mod step;

pub use cx::Context;
pub(crate) use cx::Host;
pub use reads::BoardView;
