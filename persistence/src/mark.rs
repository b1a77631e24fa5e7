//! The mark of a board that is moved, or whose log has lost its end: it stands with the head of its log, is
//! looked at whenever a log is opened or owned, keeps two boards from going on with one identity, and a board
//! from going on without what it has lost.

use artel_core::ids::Seq;

/// What a board is marked as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is on its way here and not whole yet: nobody opens it but whoever moves it.
    Arriving {
        /// Where it comes from, without secrets.
        from: String,
    },
    /// It goes on elsewhere: here it is only read.
    Moved {
        /// Where it goes on, without secrets.
        to: String,
    },
    /// It does not hold any more what was durable up to a seq: it is only read until a person has decided how
    /// it goes on.
    Regressed {
        /// How far it went.
        known: Seq,
    },
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod stored {
    use artel_core::ids::Seq;
    use artel_core::log::Error;

    use super::Mark;
    use crate::open::Moving;

    /// What the marks begin with where they are stored.
    pub(crate) const ARRIVING: &str = "arriving ";
    pub(crate) const MOVED: &str = "moved ";
    pub(crate) const REGRESSED: &str = "regressed ";

    impl Mark {
        /// As it is stored.
        pub(crate) fn text(&self) -> String {
            match self {
                Self::Arriving { from } => format!("{ARRIVING}{from}"),
                Self::Moved { to } => format!("{MOVED}{to}"),
                Self::Regressed { known } => format!("{REGRESSED}{known}"),
            }
        }

        /// Out of what is stored; the error is what is none.
        pub(crate) fn parse(place: &str, text: &str) -> Result<Self, Error> {
            let from =
                text.strip_prefix(ARRIVING).map(|from| Self::Arriving { from: from.to_owned() });
            let to = || text.strip_prefix(MOVED).map(|to| Self::Moved { to: to.to_owned() });
            let known = || {
                let known = text.strip_prefix(REGRESSED)?.parse().ok()?;
                Some(Self::Regressed { known: Seq(known) })
            };
            from.or_else(to).or_else(known).ok_or_else(|| Error::Damaged {
                place: place.to_owned(),
                problem: format!("it is marked `{text}`, which is no mark"),
            })
        }

        /// The mark of a log that is found not to hold any more what was durable up to a seq; none where the
        /// one that it has says that, or that the board goes on elsewhere.
        pub(crate) fn regressed(before: Option<&Self>, known: Seq) -> Option<Self> {
            match before {
                None => Some(Self::Regressed { known }),
                Some(Self::Regressed { known: before }) if *before < known => {
                    Some(Self::Regressed { known })
                }
                Some(_) => None,
            }
        }

        /// How far the log went before it lost its end.
        pub(crate) const fn known(&self) -> Option<Seq> {
            match self {
                Self::Regressed { known } => Some(*known),
                Self::Arriving { .. } | Self::Moved { .. } => None,
            }
        }

        /// Why a board with this mark is not owned, or not opened at all.
        pub(crate) fn refusal(self, place: &str) -> Error {
            let place = place.to_owned();
            match self {
                Self::Arriving { from } => Error::Unfinished { place, from },
                Self::Moved { to } => Error::Moved { place, to },
                Self::Regressed { known } => Error::Regressed { place, known },
            }
        }

        /// Whether a board with this mark may be opened.
        pub(crate) fn admit(
            self,
            place: &str,
            moving: &Moving,
            read_only: bool,
        ) -> Result<(), Error> {
            let bears = moving.bears();
            if !bears.is_empty() && self.text().starts_with(bears) {
                return Ok(());
            }
            match self {
                Self::Moved { .. } | Self::Regressed { .. } if read_only => Ok(()),
                Self::Moved { .. } | Self::Regressed { .. } | Self::Arriving { .. } => {
                    Err(self.refusal(place))
                }
            }
        }
    }
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
pub(crate) use stored::{ARRIVING, MOVED, REGRESSED};
