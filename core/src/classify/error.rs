//! The error that handlers return unless they have one of their own.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::Classify;
use super::causes::Texts;
use super::known::known_kind;
use crate::policy::ErrorKind;
use crate::time::millis_ceil;

/// Any error, with what it means for the next attempt.
///
/// `?` turns every error into one and classifies it by the [known types](super::kind_of) in its
/// chain; an error of which nothing is known is transient. The constructors say it outright.
///
/// It is no `std::error::Error` itself: that is what lets `?` take every type that is.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    /// Whether the kind was said, or follows from the type of the error.
    classified: bool,
    /// Whether it is sure that what was attempted did not happen.
    nothing_happened: bool,
    /// What was attempted, the innermost first.
    context: Vec<String>,
    source: Box<dyn StdError + Send + Sync>,
}

/// An answer that is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answered with HTTP status {0}")]
struct HttpStatus(u16);

impl Error {
    /// An error of this kind: a message, or an error with its causes.
    pub fn new(kind: ErrorKind, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let (context, source) = (Vec::new(), error.into());
        let nothing_happened = false;
        Self(Box::new(Inner { kind, classified: true, nothing_happened, context, source }))
    }

    /// An error that may be gone next time.
    pub fn transient(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Transient, error)
    }

    /// An error that will be the same next time: the activation is not tried again.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Permanent, error)
    }

    /// The other side asks to wait: for this long, if it said so.
    pub fn rate_limited(
        retry_after: impl Into<Option<Duration>>,
        error: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let retry_after_ms = retry_after.into().map(millis_ceil);
        Self::new(ErrorKind::RateLimited { retry_after_ms }, error)
    }

    /// What was to be returned cannot be.
    pub fn invalid_output(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::InvalidOutput, error)
    }

    /// An HTTP answer that is a failure, with its `Retry-After`, if it has one.
    ///
    /// 429, and 503 with a `Retry-After`, are rate-limited; 408, 425 and the other 5xx are
    /// transient; everything else is permanent.
    #[must_use]
    pub fn http(status: u16, retry_after: Option<Duration>) -> Self {
        let kind = match status {
            429 => ErrorKind::RateLimited { retry_after_ms: retry_after.map(millis_ceil) },
            503 if retry_after.is_some() => {
                ErrorKind::RateLimited { retry_after_ms: retry_after.map(millis_ceil) }
            }
            408 | 425 | 500..=599 => ErrorKind::Transient,
            _ => ErrorKind::Permanent,
        };
        Self::new(kind, HttpStatus(status))
    }

    /// An error that classifies itself, where `?` would look at its type only.
    pub fn classified<E: Classify + StdError + Send + Sync + 'static>(error: E) -> Self {
        Self::new(error.kind(), error)
    }

    /// The same error, meaning something else for the next attempt.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self.0.classified = true;
        self
    }

    /// Says that what was attempted did not happen, for sure: an irreversible step that fails like this
    /// leaves nobody in doubt.
    #[must_use]
    pub fn nothing_happened(mut self) -> Self {
        self.0.nothing_happened = true;
        self
    }

    /// Whether it was said that what was attempted did not happen.
    #[must_use]
    pub const fn happened_nothing(&self) -> bool {
        self.0.nothing_happened
    }

    /// Says what was attempted when the error came up. The kind stays.
    #[must_use]
    pub fn context(mut self, text: impl fmt::Display) -> Self {
        self.0.context.push(text.to_string());
        self
    }

    /// What the error means for the next attempt.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The error inside, without the contexts.
    #[must_use]
    pub fn source(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0.source
    }

    /// What was attempted, then the error inside, then its causes. Together they have at most
    /// [`ERROR_TEXT_LEN_MAX`](crate::policy::limits::ERROR_TEXT_LEN_MAX) bytes.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut texts = Texts::default();
        for text in self.0.context.iter().rev() {
            texts.push(text.clone());
        }
        texts.push_chain(self.source());
        texts.finish()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let known = known_kind(&error);
        let mut made = Self::new(known.unwrap_or(ErrorKind::Transient), error);
        made.0.classified = known.is_some();
        made
    }
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    fn unknown(&self) -> Option<&(dyn StdError + 'static)> {
        (!self.0.classified).then_some(&*self.0.source)
    }
}

/// The outermost text; with `{:#}`, all of them in one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(&self.chain().join(": "));
        }
        match self.0.context.last() {
            Some(text) => f.write_str(text),
            None => self.0.source.fmt(f),
        }
    }
}

/// The whole chain, a line each, as a `main` that returns this error prints it, with the kind where
/// one is known.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = self.chain();
        for (index, text) in chain.iter().enumerate() {
            match index {
                0 if self.0.classified => write!(f, "{text} ({})", self.kind())?,
                0 => f.write_str(text)?,
                1 => write!(f, "\n\nCaused by:\n    {text}")?,
                _ => write!(f, "\n    {text}")?,
            }
        }
        Ok(())
    }
}

/// Says what was attempted, where a result is passed on.
pub trait ResultExt<T> {
    /// Turns the error into an [`Error`] that says what was attempted.
    ///
    /// # Errors
    /// The error of the result, with the text before it.
    fn context(self, text: impl fmt::Display) -> Result<T, Error>;

    /// The same with a text that is made only if it is needed.
    ///
    /// # Errors
    /// The error of the result, with the text before it.
    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T, Error>;
}

impl<T, E: Into<Error>> ResultExt<T> for Result<T, E> {
    fn context(self, text: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| error.into().context(text))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T, Error> {
        self.map_err(|error| error.into().context(text()))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::Failed;
    use super::*;

    fn check(error: impl Into<Error>, kind: ErrorKind) {
        let error = error.into();
        assert_eq!(error.kind(), kind, "{error:?}");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the manifest")]
    struct Wrapped(#[source] Box<dyn StdError + Send + Sync>);

    fn wrapped(error: impl StdError + Send + Sync + 'static) -> Wrapped {
        Wrapped(Box::new(error))
    }

    const LIMITED: ErrorKind = ErrorKind::RateLimited { retry_after_ms: None };

    /// KIND-3: known errors are classified by their types, wherever in the chain they are.
    #[test]
    fn known_errors_are_classified() {
        use ErrorKind::{Permanent, Transient};
        for kind in [
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::InvalidData,
            io::ErrorKind::IsADirectory,
        ] {
            check(io::Error::from(kind), Permanent);
            check(wrapped(wrapped(io::Error::from(kind))), Permanent);
        }
        for kind in [
            io::ErrorKind::TimedOut,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::Interrupted,
            io::ErrorKind::UnexpectedEof,
        ] {
            check(io::Error::from(kind), Transient);
        }
        check(serde_json::from_str::<u8>("x").unwrap_err(), Permanent);
        check(serde_json::from_str::<u8>("-1").unwrap_err(), Permanent);
        check(serde_json::from_str::<u8>("").unwrap_err(), Permanent);
        check(wrapped("x".parse::<u8>().unwrap_err()), Permanent);
        check("x".parse::<f64>().unwrap_err(), Permanent);
        check("x".parse::<bool>().unwrap_err(), Permanent);
        check("x".parse::<uuid::Uuid>().unwrap_err(), Permanent);
        let bytes = vec![0xff];
        check(str::from_utf8(&bytes).unwrap_err(), Permanent);
        check(String::from_utf8(bytes).unwrap_err(), Permanent);
        let broken = serde_json::from_reader::<_, u8>(Broken).unwrap_err();
        check(broken, Transient);
    }

    struct Broken;

    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    /// KIND-4: an error of which nothing is known is transient.
    #[test]
    fn an_unknown_error_is_transient() {
        check(fmt::Error, ErrorKind::Transient);
        check(wrapped(fmt::Error), ErrorKind::Transient);
        check(io::Error::other(fmt::Error), ErrorKind::Transient);
    }

    /// KIND-3: the outermost known type decides; what an io::Error wraps counts where its own kind
    /// says nothing.
    #[test]
    fn the_outermost_known_type_decides() {
        let parse = || "x".parse::<u8>().unwrap_err();
        check(io::Error::other(parse()), ErrorKind::Permanent);
        check(io::Error::other(wrapped(parse())), ErrorKind::Permanent);
        check(io::Error::new(io::ErrorKind::TimedOut, parse()), ErrorKind::Transient);
    }

    /// KIND-5: HTTP statuses.
    #[test]
    fn http_statuses_are_classified() {
        use ErrorKind::{Permanent, Transient};
        let wait = Some(Duration::from_millis(1_500));
        let limited = ErrorKind::RateLimited { retry_after_ms: Some(1_500) };
        for (status, retry_after, kind) in [
            (500, None, Transient),
            (503, None, Transient),
            (599, wait, Transient),
            (503, wait, limited),
            (429, wait, limited),
            (429, None, LIMITED),
            (408, None, Transient),
            (425, None, Transient),
            (400, None, Permanent),
            (404, wait, Permanent),
            (499, None, Permanent),
            (302, None, Permanent),
            (600, None, Permanent),
        ] {
            assert_eq!(Error::http(status, retry_after).kind(), kind, "{status}");
        }
        let error = Error::http(503, None).to_string();
        assert_eq!(error, "the server answered with HTTP status 503");
    }

    /// KIND-6: a program can say it outright, and a kind stays through contexts.
    #[test]
    fn a_program_can_say_the_kind() {
        check(Error::transient("x").context("y"), ErrorKind::Transient);
        check(Error::permanent(wrapped(fmt::Error)).context("y"), ErrorKind::Permanent);
        check(Error::invalid_output("x"), ErrorKind::InvalidOutput);
        check(Error::rate_limited(None, "x"), LIMITED);
        let limited = ErrorKind::RateLimited { retry_after_ms: Some(2_000) };
        check(Error::rate_limited(Duration::from_secs(2), "x".to_owned()), limited);
        check(Error::permanent("x").with_kind(LIMITED), LIMITED);

        #[derive(Debug, thiserror::Error)]
        #[error("own")]
        struct Own;
        impl Classify for Own {
            fn kind(&self) -> ErrorKind {
                LIMITED
            }
        }
        check(Own, ErrorKind::Transient);
        check(Error::classified(Own), LIMITED);
        assert_eq!(Failed::of(&Own), Failed::new(LIMITED, vec!["own".to_owned()]));
        let io = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(Failed::of(&io).kind(), ErrorKind::Permanent);
        assert_eq!(Failed::of_unclassified(&wrapped(io)).kind(), ErrorKind::Permanent);
    }

    /// KIND-7: what was attempted comes first, then the error, then its causes.
    #[test]
    fn a_chain_begins_with_what_was_attempted() {
        fn read() -> Result<(), Error> {
            Err(wrapped("x".parse::<u8>().unwrap_err())).context("reading")?;
            Ok(())
        }
        let error = read().with_context(|| format!("attempt {}", 2)).unwrap_err();
        let texts =
            ["attempt 2", "reading", "cannot read the manifest", "invalid digit found in string"];
        assert_eq!(error.chain(), texts);
        assert_eq!(Failed::of(&error), Failed::new(ErrorKind::Permanent, error.chain()));
        assert_eq!(error.to_string(), "attempt 2");
        assert_eq!(format!("{error:#}"), texts.join(": "));
        assert_eq!(
            format!("{error:?}"),
            "attempt 2 (permanent)\n\nCaused by:\n    reading\n    cannot read the manifest\n    \
             invalid digit found in string"
        );
        assert!(error.source().is::<Wrapped>());
        let unknown = Error::from(wrapped(fmt::Error));
        assert!(!format!("{unknown:?}").contains('('), "nobody said a kind: {unknown:?}");
        let said = Error::from(fmt::Error).with_kind(ErrorKind::Transient);
        assert!(format!("{said:?}").ends_with(" (transient)"));
        assert_eq!(Error::permanent("no folder").chain(), ["no folder"]);
    }
}
