//! Turning a caller away for want of room, so that it hears why.
//!
//! An answer that comes before a request is a fault to most HTTP clients, and a connection that is closed with unread bytes is
//! reset: then the caller sees a broken connection. So the caller's first byte is waited for, the answer is written, the line is
//! closed for writing only, and what the caller still sends is read and dropped. Time and size are bounded, and so is the
//! number of callers that get this much care: they are there because there is no room.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// How long a caller may take to begin its request.
const FIRST_BYTE: Duration = Duration::from_millis(500);
/// How long all of it may take.
const IN_ALL: Duration = Duration::from_secs(3);
/// How much of a request is read and dropped, in bytes.
const DROPPED: usize = 4 << 20;
/// Callers that are heard out at once; those beyond are answered and closed at once.
const AT_ONCE: usize = 128;
/// Bytes read at a time.
const PIECE: usize = 8192;

/// The answer of a server that has no room for one more connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct TurnAway {
    answer: Arc<[u8]>,
    heard_out: Arc<Semaphore>,
}

impl TurnAway {
    /// Status 503 with a body of JSON; `headers` are whole lines, beside those that every such answer has.
    pub(crate) fn with(headers: &str, json: &str) -> Self {
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\n\
             content-type: application/json\r\n\
             content-length: {}\r\n\
             retry-after: 5\r\n\
             connection: close\r\n\
             {headers}\r\n{json}",
            json.len()
        );
        Self { answer: answer.into_bytes().into(), heard_out: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Answers on `stream` and closes it; `has_begun` says that a part of the request was read already.
    pub(crate) async fn tell(&self, mut stream: TcpStream, has_begun: bool) {
        let turn = self.heard_out.try_acquire();
        let telling = async {
            if turn.is_ok() && !has_begun {
                // A caller that says nothing is answered all the same.
                let _ = tokio::time::timeout(FIRST_BYTE, stream.peek(&mut [0])).await;
            }
            stream.write_all(&self.answer).await?;
            stream.shutdown().await?;
            if turn.is_ok() { drop_the_rest(&mut stream).await } else { Ok(()) }
        };
        // Nobody has to hear it.
        let _ = tokio::time::timeout(IN_ALL, telling).await;
    }
}

/// Reads until the caller has said everything, or too much.
async fn drop_the_rest(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut piece, mut dropped) = (vec![0; PIECE], 0);
    while dropped < DROPPED {
        match stream.read(&mut piece).await? {
            0 => break,
            read => dropped += read,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// The server's end of a connection that is turned away, and the client's.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    async fn heard(client: &mut TcpStream) -> String {
        let mut text = Vec::new();
        client.read_to_end(&mut text).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_caller_with_a_megabyte_to_say_hears_the_answer() {
        let (server, mut client) = pair().await;
        let away = TurnAway::with("x-why: full\r\n", "{}");
        let telling = tokio::spawn(async move { away.tell(server, false).await });
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n").await.unwrap();
        for _ in 0..16 {
            // The answer is on its way long before the last piece is.
            tokio::time::sleep(Duration::from_millis(5)).await;
            client.write_all(&[b'x'; 65_536]).await.expect("the line is open to the last byte");
        }
        let said = heard(&mut client).await;
        assert!(
            said.starts_with("HTTP/1.1 503 ") && said.contains("x-why: full\r\n") && said.ends_with("\r\n\r\n{}"),
            "{said}"
        );
        drop(client);
        telling.await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_said_before_the_caller_begins_and_a_silent_one_is_not_waited_for_long() {
        let (server, mut client) = pair().await;
        let away = TurnAway::with("", "{}");
        let telling = tokio::spawn(async move { away.tell(server, false).await });
        let early = tokio::time::timeout(FIRST_BYTE / 4, client.peek(&mut [0])).await;
        assert!(early.is_err(), "an answer before a request is a fault to a client");
        assert!(heard(&mut client).await.starts_with("HTTP/1.1 503 "));
        // This client never closes: the server does.
        let began = crate::clock::monotonic();
        telling.await.unwrap();
        assert!(began.elapsed() < IN_ALL + Duration::from_secs(2));
    }

    #[tokio::test]
    async fn when_many_are_turned_away_the_rest_is_closed_at_once() {
        let away = TurnAway::with("", "{}");
        let all = away.heard_out.clone().acquire_many_owned(AT_ONCE as u32).await.unwrap();
        let (server, mut client) = pair().await;
        let began = crate::clock::monotonic();
        away.tell(server, false).await;
        assert!(began.elapsed() < FIRST_BYTE);
        assert!(heard(&mut client).await.starts_with("HTTP/1.1 503 "));
        drop(all);
    }
}
