//! The mark of a board that is moved: it stands with the head of its log, is looked at whenever a log is
//! opened or owned, and keeps two boards from going on with one identity.

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
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod stored {
    use artel_core::log::Error;

    use super::Mark;

    const ARRIVING: &str = "arriving ";
    const MOVED: &str = "moved ";

    impl Mark {
        /// As it is stored.
        pub(crate) fn text(&self) -> String {
            match self {
                Self::Arriving { from } => format!("{ARRIVING}{from}"),
                Self::Moved { to } => format!("{MOVED}{to}"),
            }
        }

        /// Out of what is stored; the error is what is none.
        pub(crate) fn parse(place: &str, text: &str) -> Result<Self, Error> {
            let from =
                text.strip_prefix(ARRIVING).map(|from| Self::Arriving { from: from.to_owned() });
            let to = || text.strip_prefix(MOVED).map(|to| Self::Moved { to: to.to_owned() });
            from.or_else(to).ok_or_else(|| Error::Damaged {
                place: place.to_owned(),
                problem: format!("it is marked `{text}`, which is no mark"),
            })
        }

        /// Why a board with this mark is not owned, or not opened at all.
        pub(crate) fn refusal(self, place: &str) -> Error {
            let place = place.to_owned();
            match self {
                Self::Arriving { from } => Error::Unfinished { place, from },
                Self::Moved { to } => Error::Moved { place, to },
            }
        }

        /// Whether a board with this mark may be opened by somebody who does not move it.
        pub(crate) fn admit(self, place: &str, read_only: bool) -> Result<(), Error> {
            match self {
                Self::Moved { .. } if read_only => Ok(()),
                Self::Moved { .. } | Self::Arriving { .. } => Err(self.refusal(place)),
            }
        }
    }
}
