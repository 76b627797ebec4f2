//! The connections of a listener. What is said to one is gathered before it is sent: a hundred short answers that are there
//! at once are one write or two instead of a hundred, and wake their reader as few times.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

/// Most bytes that wait to be sent; who has more to say waits.
const GATHERED: usize = 64 * 1024;
/// How long no connection is taken after one could not be: there may be no file handle left.
const PAUSE: Duration = Duration::from_millis(50);

/// Hands over every connection, for as long as it is polled.
pub(super) async fn connections(listener: TcpListener, mut each: impl FnMut(TcpStream)) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => each(stream),
            Err(error) => {
                tracing::debug!(target: "neuron::localnet::rpc", %error, "a connection was not taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The stream, with a task that sends what is written to it.
///
/// # Errors
/// When the connection is gone already.
pub(super) fn gathering(stream: TcpStream) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    stream.set_nodelay(true)?;
    let (reading, writing) = stream.into_split();
    let (said, gathered) = tokio::io::duplex(GATHERED);
    tokio::spawn(async move {
        // A peer that is gone; whoever writes next hears that the pipe is broken.
        let _ = send(gathered, writing).await;
    });
    Ok(tokio::io::join(reading, said))
}

async fn send(mut gathered: DuplexStream, mut writing: OwnedWriteHalf) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(GATHERED);
    while gathered.read_buf(&mut bytes).await? > 0 {
        // Those who are ready to say something say it now.
        tokio::task::yield_now().await;
        gathered.read_buf(&mut bytes).now_or_never().transpose()?;
        writing.write_all(&bytes).await?;
        bytes.clear();
    }
    writing.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gathering stream, and its peer.
    async fn pair() -> (impl AsyncRead + AsyncWrite + Unpin + Send, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (gathering(listener.accept().await.unwrap().0).unwrap(), peer)
    }

    #[tokio::test]
    async fn what_is_said_at_once_is_sent_at_once() {
        let (mut stream, mut peer) = pair().await;
        let mut said = Vec::new();
        for number in 0..50 {
            let answer = format!("answer {number};");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            said.extend(answer.into_bytes());
        }
        let mut heard = vec![0; said.len() + 1];
        let first = peer.read(&mut heard).await.unwrap();
        assert_eq!(heard[..first], said, "in one piece");
    }

    #[tokio::test]
    async fn the_last_word_is_heard_and_a_peer_that_is_gone_is_noticed() {
        let (mut stream, mut peer) = pair().await;
        let large = vec![7; 5 * GATHERED];
        let (sent, heard) = tokio::join!(
            async {
                stream.write_all(&large).await.unwrap();
                drop(stream);
            },
            async {
                let mut heard = Vec::new();
                peer.read_to_end(&mut heard).await.map(|_| heard).unwrap()
            }
        );
        assert_eq!((sent, heard.as_slice()), ((), large.as_slice()));

        let (mut stream, peer) = pair().await;
        drop(peer);
        let failed = async {
            loop {
                if let Err(error) = stream.write_all(&large).await {
                    return error.kind();
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), failed).await.unwrap(), io::ErrorKind::BrokenPipe);
    }
}
