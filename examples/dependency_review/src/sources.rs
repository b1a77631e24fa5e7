//! The Rust sources of a package, as far as a dependent compiles them.
//!
//! Called by the agent `sources`. Files are read one after another: an ordinary file on a blocking
//! thread, which it holds for as long as that one file takes; a named pipe by readiness on the
//! async threads. So an attempt that is cancelled while nobody writes to a pipe leaves no thread
//! behind that waits for it.

use std::fs::FileType;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::str::Utf8Error;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::JoinError;
use walkdir::{DirEntry, WalkDir};

use crate::blocking::blocking;
use crate::syntax::{self, Damage, Measures};

/// Folders at the top of a package that only its own developers compile.
const NOT_COMPILED: [&str; 5] = ["tests", "benches", "examples", "fuzz", "target"];

/// The numbers of all Rust files of a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How many files there are.
    pub(crate) files: u64,
    /// How many lines they have.
    pub(crate) lines: u64,
    /// How many bytes they have.
    pub(crate) bytes: u64,
    /// How often the keyword `unsafe` stands in their code.
    pub(crate) unsafe_count: u64,
}

/// Why the sources of a package cannot be counted. Paths are relative to the package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folder could not be walked through.
    #[error("could not list the sources")]
    List(#[source] walkdir::Error),
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file is not text.
    #[error("`{path}` is not UTF-8")]
    NotText {
        /// The file.
        path: String,
        /// Where it goes wrong.
        #[source]
        source: Utf8Error,
    },
    /// A file cannot be Rust that was ever compiled.
    #[error("`{path}` is damaged")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Damage,
    },
    /// The thread that read a file panicked, or the runtime is shutting down.
    #[error("the reading of a file was cut short")]
    CutShort(#[from] JoinError),
}

impl Error {
    /// Whether the same files would fail in the same way again.
    pub(crate) const fn is_permanent(&self) -> bool {
        match self {
            Self::NotText { .. } | Self::Damaged { .. } => true,
            Self::List(_) | Self::Read { .. } | Self::CutShort(_) => false,
        }
    }
}

/// Surveys the sources of the package in `dir`.
///
/// # Errors
/// When a file cannot be read, is not UTF-8, or is damaged.
///
/// # Cancel safety
/// Dropping the future reads on to the end of one ordinary file at most.
pub(crate) async fn survey(dir: &Path) -> Result<Survey, Error> {
    let root = dir.to_owned();
    let sources = blocking(move || list(&root)).await?.map_err(Error::List)?;
    let mut survey = Survey::default();
    for source in sources {
        let path = dir.join(&source.path);
        let (bytes, measures) = if source.is_pipe {
            let text = read_pipe(&path).await;
            blocking(move || measure(&source.path, text)).await??
        } else {
            blocking(move || measure(&source.path, std::fs::read(path))).await??
        };
        survey.files += 1;
        survey.bytes += bytes;
        survey.lines += measures.lines;
        survey.unsafe_count += measures.unsafe_count;
    }
    Ok(survey)
}

/// A Rust file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SourceFile {
    /// Relative to the package.
    path: PathBuf,
    is_pipe: bool,
}

/// Every Rust file under the folder, in the order of their names. Blocks.
fn list(dir: &Path) -> Result<Vec<SourceFile>, walkdir::Error> {
    let mut sources = Vec::new();
    let walk = WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(is_compiled);
    for entry in walk {
        let entry = entry?;
        let is_source = |kind: FileType| kind.is_file() || kind.is_fifo();
        if is_source(entry.file_type()) && entry.path().extension().is_some_and(|end| end == "rs") {
            let path = entry.path().strip_prefix(dir).unwrap_or_else(|_| entry.path()).to_owned();
            sources.push(SourceFile { path, is_pipe: entry.file_type().is_fifo() });
        }
    }
    Ok(sources)
}

/// Whether a dependent compiles what is in there: not the package's own tests, and not another
/// package that happens to lie inside.
fn is_compiled(entry: &DirEntry) -> bool {
    if entry.depth() == 0 || !entry.file_type().is_dir() {
        return true;
    }
    let name = entry.file_name().to_string_lossy();
    let own = entry.depth() == 1 && NOT_COMPILED.contains(&&*name);
    let other_package = entry.path().join("Cargo.toml").exists();
    !(own || other_package || name.starts_with('.'))
}

/// Measures what was read. May take long enough to be kept off the async threads.
fn measure(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<(u64, Measures), Error> {
    let path = || path.to_string_lossy().into_owned();
    let bytes = bytes.map_err(|source| Error::Read { path: path(), source })?;
    let text = str::from_utf8(&bytes).map_err(|source| Error::NotText { path: path(), source })?;
    let measures =
        syntax::measure(text).map_err(|source| Error::Damaged { path: path(), source })?;
    Ok((bytes.len() as u64, measures))
}

/// Reads a named pipe from its first writer's first byte until its last writer has gone.
///
/// As long as no writer has come, the operating system would answer a read with the end of the
/// file. But a read of this kind begins only when the pipe is ready, and it becomes so by a byte, or
/// by a writer that comes and goes.
async fn read_pipe(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe::OpenOptions::new().open_receiver(path)?.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::pin::pin;
    use std::process::Command;
    use std::task::{Context, Poll, Waker};

    use tempfile::TempDir;

    use super::*;

    /// A package with these files.
    fn package(files: &[(&str, &[u8])]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    fn make_pipe(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[tokio::test]
    async fn only_what_a_dependent_compiles_is_counted() {
        let dir = package(&[
            ("Cargo.toml", b""),
            ("build.rs", b"fn main() {}\n"),
            ("src/lib.rs", b"unsafe fn f() {}\nfn g() {}\n"),
            ("src/tests/mod.rs", b"// a module of that name\n"),
            ("src/data.txt", b"unsafe"),
            ("tests/broken.rs", b"fn ("),
            ("other/Cargo.toml", b""),
            ("other/src/lib.rs", b"fn ("),
        ]);
        let survey = survey(dir.path()).await.unwrap();
        assert_eq!(survey, Survey { files: 3, lines: 4, bytes: 65, unsafe_count: 1 });
    }

    #[tokio::test]
    async fn a_damaged_file_is_named_and_permanent() {
        let dir = package(&[("src/lib.rs", b"mod m;\nfn f() {\n")]);
        let error = survey(dir.path()).await.unwrap_err();
        assert!(error.is_permanent());
        assert_eq!(error.to_string(), "`src/lib.rs` is damaged");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the file ends inside the `{` of line 2");

        let dir = package(&[("src/lib.rs", b"// \xff\n")]);
        let error = survey(dir.path()).await.unwrap_err();
        assert!(error.is_permanent());
        assert_eq!(error.to_string(), "`src/lib.rs` is not UTF-8");
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_no_damage() {
        let dir = package(&[]);
        let error = survey(&dir.path().join("gone")).await.unwrap_err();
        assert!(!error.is_permanent(), "{error}");
    }

    #[tokio::test]
    async fn a_pipe_is_read_when_somebody_writes_to_it_late() {
        let dir = package(&[("src/a.rs", b"fn a() {}\n")]);
        let pipe = dir.path().join("src/lib.rs");
        make_pipe(&pipe);
        // Longer than a pipe holds, so that writer and reader have to take turns.
        let text = "unsafe fn f() {}\n".repeat(10_000);
        let written = text.clone();
        let (survey, ()) = tokio::join!(survey(dir.path()), async move {
            let write = move || fs::write(pipe, written).unwrap();
            blocking(write).await.unwrap();
        });
        let survey = survey.unwrap();
        assert_eq!((survey.files, survey.unsafe_count), (2, 10_000));
        assert_eq!(survey.bytes, text.len() as u64 + 10);
    }

    #[tokio::test]
    async fn an_empty_pipe_is_an_empty_file() {
        let dir = package(&[]);
        let pipe = dir.path().join("lib.rs");
        make_pipe(&pipe);
        let (survey, ()) = tokio::join!(survey(dir.path()), async move {
            blocking(|| fs::write(pipe, "").unwrap()).await.unwrap();
        });
        assert_eq!(survey.unwrap(), Survey { files: 1, ..Survey::default() });
    }

    /// On this runtime one blocking thread is all there is: if the abandoned reader still held it,
    /// the second survey would never be read.
    #[test]
    fn an_abandoned_reader_of_a_pipe_holds_no_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let dir = package(&[]);
            let path = dir.path().join("lib.rs");
            make_pipe(&path);
            {
                let mut reading = pin!(read_pipe(&path));
                let mut context = Context::from_waker(Waker::noop());
                assert!(matches!(reading.as_mut().poll(&mut context), Poll::Pending));
            }
            let other = package(&[("lib.rs", b"fn f() {}\n")]);
            assert_eq!(survey(other.path()).await.unwrap().lines, 1);

            // The reader has let go of the pipe: a writer that does not wait finds nobody.
            let error = pipe::OpenOptions::new().open_sender(&path).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(6), "no such device or address: no reader");

            // And the next reader gets the whole file.
            let reading = read_pipe(&path);
            let writing = async {
                let mut sender = loop {
                    match pipe::OpenOptions::new().open_sender(&path) {
                        Ok(sender) => break sender,
                        Err(_) => tokio::task::yield_now().await,
                    }
                };
                tokio::io::AsyncWriteExt::write_all(&mut sender, b"whole").await.unwrap();
            };
            let (read, ()) = tokio::join!(reading, writing);
            assert_eq!(read.unwrap(), b"whole");
        });
    }
}
