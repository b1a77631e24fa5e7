//! What a board holds and what it refuses, the same on the memory and the SQLite log. The cases stand in
//! `vectors.toml`; `tests/content_server.rs` holds boards on servers to them.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]
#![expect(clippy::panic, reason = "test code: a failed expectation is a failed test")]

mod vectors;

#[cfg(test)]
mod memory {
    /// JSON-3, JSON-7: what is accepted comes back byte for byte, what is refused leaves nothing.
    #[tokio::test]
    async fn holds_what_all_hold() {
        super::vectors::hold("memory:").await;
    }
}

#[cfg(test)]
mod sqlite {
    /// JSON-3, JSON-7: what is accepted comes back byte for byte, what is refused leaves nothing.
    #[tokio::test]
    async fn holds_what_all_hold() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("board.db").display());
        super::vectors::hold(&url).await;
    }
}
