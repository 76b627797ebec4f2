//! The line between one process and a server, which can be cut, stalled or slow.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often a line that is silent looks whether it is still whole.
const LOOK: Duration = Duration::from_millis(10);

const WHOLE: u64 = 0;
const CUT: u64 = u64::MAX;
const STALLED: u64 = u64::MAX - 1;
const GONE: u64 = u64::MAX - 2;
const DEAF: u64 = u64::MAX - 3;

/// The line; dropping it closes its connections.
pub struct Cutter {
    /// The port that stands for the server's.
    pub port: u16,
    /// What is wrong; any other number is a delay in milliseconds.
    state: Arc<AtomicU64>,
    ways: Arc<AtomicU64>,
}

impl Cutter {
    /// A line to the server at `port`.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port_here = listener.local_addr().unwrap().port();
        let cutter = Self { port: port_here, state: Arc::new(AtomicU64::new(WHOLE)), ways: Arc::default() };
        let (state, ways) = (Arc::clone(&cutter.state), Arc::clone(&cutter.ways));
        thread::spawn(move || accept(&listener, port, &state, &ways));
        cutter
    }

    /// Breaks every connection; new ones break too.
    pub fn cut(&self) {
        self.state.store(CUT, Ordering::SeqCst);
    }

    /// Swallows nothing and passes nothing on, as a network does whose cable was pulled: whoever waits is not told.
    pub fn stall(&self) {
        self.state.store(STALLED, Ordering::SeqCst);
    }

    /// Passes on what the client says, and nothing that the server answers.
    pub fn deafen(&self) {
        self.state.store(DEAF, Ordering::SeqCst);
        // What was being passed on is through.
        thread::sleep(3 * LOOK);
    }

    /// Holds back each packet for so long.
    pub fn slow(&self, by: Duration) {
        self.state.store(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// How often a client has said something after it had heard something: ways there and back, of all connections.
    pub fn ways(&self) -> u64 {
        self.ways.load(Ordering::SeqCst)
    }

    /// All is well again.
    pub fn heal(&self) {
        self.state.store(WHOLE, Ordering::SeqCst);
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.state.store(GONE, Ordering::SeqCst);
    }
}

fn accept(listener: &TcpListener, port: u16, state: &Arc<AtomicU64>, ways: &Arc<AtomicU64>) {
    while state.load(Ordering::SeqCst) != GONE {
        match listener.accept() {
            Ok((client, _)) if matches!(state.load(Ordering::SeqCst), CUT | GONE) => drop(client),
            Ok((client, _)) => {
                client.set_nonblocking(false).unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else { continue };
                let (there, back, ways) = (Arc::clone(state), Arc::clone(state), Arc::clone(ways));
                let speaks = Arc::new(AtomicBool::new(false));
                let heard = Arc::clone(&speaks);
                let said = move || {
                    if !speaks.swap(true, Ordering::SeqCst) {
                        ways.fetch_add(1, Ordering::SeqCst);
                    }
                };
                thread::spawn(move || pass(from, to, &there, false, said));
                thread::spawn(move || pass(server, client, &back, true, move || heard.store(false, Ordering::SeqCst)));
            }
            Err(_) => thread::sleep(LOOK),
        }
    }
}

/// Passes bytes on until one side ends or the line is cut.
fn pass(mut from: TcpStream, mut to: TcpStream, state: &AtomicU64, answers: bool, heard: impl Fn()) {
    let _ = from.set_read_timeout(Some(LOOK));
    let mut packet = vec![0; 64 << 10];
    loop {
        match state.load(Ordering::SeqCst) {
            CUT | GONE => break,
            STALLED => {
                thread::sleep(LOOK);
                continue;
            }
            DEAF if answers => {
                thread::sleep(LOOK);
                continue;
            }
            WHOLE | DEAF => {}
            delay => thread::sleep(Duration::from_millis(delay)),
        }
        let read = match from.read(&mut packet) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => continue,
            Err(_) => break,
        };
        heard();
        if matches!(state.load(Ordering::SeqCst), CUT | GONE) || to.write_all(&packet[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
