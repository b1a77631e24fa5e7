//! The load generator behind `artel bench`: a scratch board with agents that do nothing (`stage`),
//! publishers that keep it busy (`load`), what is measured meanwhile (`latency`, `resident`), and
//! the bare loop that writes the same rows afterwards (`baseline`). It stands on the library as any
//! program does and reaches into nothing.

mod baseline;
mod census;
mod disk;
mod error;
mod latency;
mod load;
mod place;
mod resident;
mod run;
mod stage;

pub(crate) use error::Error;
pub(crate) use latency::Latency;
pub(crate) use run::{Measured, Progress, run};
pub(crate) use stage::{DEPTHS, PAYLOAD_LENS};
