//! Where the scratch board lies, and what has to be there or not.

use std::path::{Path, PathBuf};

use super::error::Error;

/// Where the scratch board lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In this process, or where only the library knows.
    Elsewhere,
    /// In a file.
    File(PathBuf),
    /// On a PostgreSQL server.
    Server,
    /// On a Redis server.
    Redis,
}

impl Place {
    /// Takes a URL apart as far as a file has to be found. What is wrong with it is said by whoever
    /// opens the board.
    pub(super) fn of(url: &str) -> Self {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::Server;
        }
        if url.starts_with("redis://") || url.starts_with("rediss://") {
            return Self::Redis;
        }
        let Some(rest) = url.strip_prefix("sqlite:") else { return Self::Elsewhere };
        let path = rest.split('?').next().unwrap_or(rest);
        Self::File(path.strip_prefix("//").unwrap_or(path).into())
    }

    /// Refuses a place at which something lies.
    pub(super) async fn refuse_taken(&self, url: &str) -> Result<(), Error> {
        if matches!(self, Self::Server | Self::Redis)
            && let Ok(reader) = artel::Reader::open(url).await
        {
            reader.log().close().await;
            return Err(Error::Exists { place: artel::without_secrets(url) });
        }
        let Self::File(path) = self else { return Ok(()) };
        for path in [path.clone(), beside(path, "-wal"), baseline(path)] {
            if path.symlink_metadata().is_ok() {
                return Err(Error::Exists { place: path.display().to_string() });
            }
        }
        Ok(())
    }

    /// Bytes on the disk.
    pub(super) fn len(&self) -> Option<u64> {
        let Self::File(path) = self else { return None };
        let len = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        Some(len(path) + len(&beside(path, "-wal")))
    }
}

/// Where the baseline writes, for a board in this file.
pub(super) fn baseline(board: &Path) -> PathBuf {
    beside(board, "-baseline")
}

/// A path beside a file: its name and a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_its_url() {
        let file = |path: &str| Place::File(path.into());
        assert_eq!(Place::of("memory:"), Place::Elsewhere);
        assert_eq!(Place::of("postgres://me@host/db?board=bench"), Place::Server);
        assert_eq!(Place::of("sqlite:a b.db"), file("a b.db"));
        assert_eq!(Place::of("sqlite:///x/y.db?synchronous=normal"), file("/x/y.db"));
    }
}
