//! A websocket that sends requests which were made before, and waits for as many answers: what the client's side of a measure
//! costs is a copy of bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// See the module.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

/// Requests as they go over the line.
#[derive(Default)]
pub struct Requests {
    frames: Vec<u8>,
    count: usize,
}

impl Requests {
    /// Adds a call with one parameter that is a text.
    pub fn push(&mut self, method: &str, parameter: &str) {
        let (id, mask) = (self.count, [0x5a, 0xc3, 0x0f, 0x96]);
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":["{parameter}"]}}"#);
        // A text of 126 to 65,535 bytes.
        self.frames.extend([0x81, 0x80 | 126]);
        self.frames.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        self.frames.extend(mask);
        self.frames.extend(text.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.count += 1;
    }
}

impl Wire {
    pub fn to(port: u16) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        stream.get_ref().set_nodelay(true).unwrap();
        let hello = format!(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.get_mut().write_all(hello.as_bytes()).unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(stream.read_line(&mut line).unwrap() > 0, "the server hung up");
        }
        Self { stream }
    }

    /// Sends all and waits until all are answered; those answers that are errors.
    pub fn ask(&mut self, requests: &Requests) -> Vec<String> {
        let mut sending = self.stream.get_ref().try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || sending.write_all(&requests.frames).unwrap());
            (0..requests.count).map(|_| self.answer()).filter(|answer| answer.contains(r#""error""#)).collect()
        })
    }

    fn answer(&mut self) -> String {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).unwrap();
            let length = match head[1] {
                126 => {
                    let mut length = [0; 2];
                    self.stream.read_exact(&mut length).unwrap();
                    u16::from_be_bytes(length).into()
                }
                short => usize::from(short),
            };
            let mut text = vec![0; length];
            self.stream.read_exact(&mut text).unwrap();
            // Not a ping.
            if head[0] == 0x81 {
                return String::from_utf8(text).unwrap();
            }
        }
    }
}
