//! Who says which licences a text contains: this program itself, or a service in a process of its own.
//!
//! The service stands for what a review would depend on in the outside world: it can be away, and comes
//! back. What is asked of it is one line of JSON, a list of texts; what it answers is one line, a list
//! of SPDX ids for each text. A connection is for as many questions as somebody likes to ask.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use artel::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;
use crate::blocking::blocking;
use crate::licence;

/// What people, breakers and the log call the service.
pub(crate) const NAME: &str = "classifier";

/// How long a line may be.
const LINE_MAX: u64 = 16 << 20;

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Classifier {
    /// This program.
    Here,
    /// The service at this address.
    At(SocketAddr),
}

impl Classifier {
    /// The SPDX ids of the licences that each text contains. The service is asked even if there is no
    /// text: an attempt that ends well without a call would say that the service is well.
    ///
    /// # Errors
    /// When the service is not there, goes away or does not make sense. All of these may pass.
    pub(crate) async fn recognise(self, texts: Vec<String>) -> Result<Vec<Vec<String>>, Error> {
        let asked = texts.len();
        let ids = match self {
            Self::Here => blocking(move || all(&texts)).await?,
            Self::At(address) => ask(address, &texts).await?,
        };
        if ids.len() == asked {
            return Ok(ids);
        }
        Err(Error::transient(format!("{NAME} answered for {} of {asked} texts", ids.len())))
    }
}

fn all(texts: &[String]) -> Vec<Vec<String>> {
    texts.iter().map(|text| licence::recognise(text)).collect()
}

async fn ask(address: SocketAddr, texts: &[String]) -> Result<Vec<Vec<String>>, Error> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&line(texts)?).await?;
    let mut answer = String::new();
    BufReader::new(stream).take(LINE_MAX).read_line(&mut answer).await?;
    // Whoever is killed in the middle of a line has answered nothing.
    let whole = answer.strip_suffix('\n').ok_or_else(|| {
        Error::transient(format!("{NAME} at {address} went away before it had answered"))
    })?;
    serde_json::from_str(whole)
        .map_err(|error| Error::transient(format!("{NAME} at {address} makes no sense: {error}")))
}

/// A value as a line of JSON.
fn line(value: &(impl serde::Serialize + ?Sized)) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Is the service, until the process ends. Says where it listens once it does.
///
/// # Errors
/// When it cannot listen there.
pub(crate) async fn serve(listen: SocketAddr) -> Result<std::convert::Infallible, Failure> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen at {listen}: {error}"))?;
    println!("{NAME}: listening at {}", listener.local_addr()?);
    let answering = Arc::new(tokio::sync::Semaphore::new(64));
    loop {
        let permit = Arc::clone(&answering).acquire_owned().await?;
        let (stream, _) = listener.accept().await?;
        #[expect(clippy::disallowed_methods, reason = "a service has a task for each connection")]
        tokio::spawn(async move {
            // Whoever hung up, or asked for nonsense, is not told.
            let _ = answer(stream).await;
            drop(permit);
        });
    }
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut question = String::new();
        let read = (&mut stream).take(LINE_MAX).read_line(&mut question).await?;
        if read == 0 {
            return Ok(());
        }
        let texts: Vec<String> = serde_json::from_str(&question)?;
        let ids = blocking(move || all(&texts)).await?;
        stream.write_all(&line(&ids)?).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listener() -> (TcpListener, Classifier) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, Classifier::At(address))
    }

    #[tokio::test]
    async fn the_service_says_what_this_program_says() {
        let texts = ["CC0 1.0 Universal", "All rights reserved."].map(str::to_owned).to_vec();
        let (listener, there) = listener().await;
        let asked = there.recognise(texts.clone());
        let answered = async { answer(listener.accept().await.unwrap().0).await };
        let (asked, answered) = tokio::join!(asked, answered);
        answered.unwrap();
        let asked = asked.unwrap();
        assert_eq!(asked, [vec!["CC0-1.0".to_owned()], vec![]]);
        assert_eq!(asked, Classifier::Here.recognise(texts).await.unwrap());
    }

    #[tokio::test]
    async fn half_an_answer_is_none_and_may_be_asked_for_again() {
        let (listener, there) = listener().await;
        let asked = there.recognise(vec![String::new()]);
        let answered = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"[[\"MIT\"]").await.unwrap();
        };
        let (asked, ()) = tokio::join!(asked, answered);
        let error = asked.unwrap_err();
        assert_eq!(error.kind(), artel::ErrorKind::Transient, "{error}");
    }
}
