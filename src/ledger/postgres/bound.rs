//! How many connections this process may have to a server, and who waits when there are none left.
//!
//! Those that write come first: readers leave them [`FOR_WRITERS`] of the number. Who waits goes on as soon as another is done, and
//! is refused after a while: a page may be asked for again.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::live::Live;
use super::pool;
use crate::clock;
use crate::ledger::place::Address;

/// What only the writer of a ledger, its lease, and tables beside it get.
const FOR_WRITERS: u16 = 3;
/// How long is waited for one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one line is enough.
const TOLD_FOR: Duration = Duration::from_secs(60);
/// How often it is looked whether somebody has left a connection idle.
const LOOK: Duration = Duration::from_millis(50);

/// Connections by server.
static OPEN: Mutex<BTreeMap<Arc<str>, Use>> = Mutex::new(BTreeMap::new());
static FREED: Condvar = Condvar::new();

#[derive(Debug, Default)]
struct Use {
    open: u16,
    /// Those of them that only read.
    readers: u16,
    /// When it was said last that there are none left.
    told: Option<Instant>,
}

fn in_use() -> MutexGuard<'static, BTreeMap<Arc<str>, Use>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to one connection. It ends with the connection.
#[derive(Debug)]
pub(super) struct Permit {
    server: Arc<str>,
    only_reads: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut all = in_use();
        if let Some(server) = all.get_mut(&self.server) {
            server.open = server.open.saturating_sub(1);
            server.readers = server.readers.saturating_sub(u16::from(self.only_reads));
        }
        drop(all);
        FREED.notify_all();
    }
}

/// What a wait came to.
pub(super) enum Turn {
    /// Another connection may be made.
    New(Permit),
    /// One was left idle meanwhile.
    Idle(Box<Live>),
    /// There are so many, and all of them are used.
    Over(u16),
}

/// A permit for another connection to the server of `address`, waited for if need be; `idle` looks for a connection that will do as
/// well.
pub(super) fn permit(address: &Address, only_reads: bool, idle: impl Fn() -> Option<Live>) -> Turn {
    within(PATIENCE, address, only_reads, idle)
}

fn within(patience: Duration, address: &Address, only_reads: bool, idle: impl Fn() -> Option<Live>) -> Turn {
    let limit = address.connections();
    let until = clock::monotonic() + patience;
    loop {
        if let Some(permit) = try_permit(address, only_reads) {
            return Turn::New(permit);
        }
        if let Some(live) = idle() {
            return Turn::Idle(Box::new(live));
        }
        // Another schema's may lie there unused.
        if pool::clear() > 0 {
            continue;
        }
        if clock::monotonic() >= until {
            tell(address, limit);
            return Turn::Over(limit);
        }
        let _ = FREED.wait_timeout(in_use(), LOOK).map(drop);
    }
}

fn try_permit(address: &Address, only_reads: bool) -> Option<Permit> {
    let limit = address.connections();
    let for_readers = limit.saturating_sub(FOR_WRITERS).max(1);
    let name: Arc<str> = address.server().into();
    let mut all = in_use();
    let server = all.entry(Arc::clone(&name)).or_default();
    if server.open >= limit || (only_reads && server.readers >= for_readers) {
        return None;
    }
    server.open += 1;
    server.readers += u16::from(only_reads);
    Some(Permit { server: name, only_reads })
}

/// One line a minute while they are used up.
fn tell(address: &Address, limit: u16) {
    let mut all = in_use();
    let server = all.entry(address.server().into()).or_default();
    if server.told.is_none_or(|at| at.elapsed() > TOLD_FOR) {
        server.told = Some(clock::monotonic());
        tracing::warn!(
            ledger = %address,
            connections = limit,
            "all connections that this process may have to the database are in use, and a reader was refused; what is recorded is \
             not concerned; raise `db.connections` if this comes often"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(server: &str) -> Address {
        format!("postgres://me@{server}.example/d").parse::<Address>().unwrap().with_connections(5)
    }

    fn at_once(address: &Address, only_reads: bool) -> Option<Permit> {
        match within(Duration::ZERO, address, only_reads, || None) {
            Turn::New(permit) => Some(permit),
            Turn::Idle(_) | Turn::Over(_) => None,
        }
    }

    #[test]
    fn readers_leave_some_to_writers_and_what_is_given_back_is_had_again() {
        let one = address("one");
        let readers: Vec<Permit> = (0..2).map(|_| at_once(&one, true).unwrap()).collect();
        assert!(at_once(&one, true).is_none(), "two of five are for readers");
        let writers: Vec<Permit> = (0..3).map(|_| at_once(&one, false).unwrap()).collect();
        assert!(at_once(&one, false).is_none(), "five are five");
        assert!(at_once(&address("two"), true).is_some(), "another server has its own number");
        assert!(at_once(&one.clone().in_schema("other".into()).unwrap(), false).is_none(), "a schema is no server");
        drop(writers);
        assert!(at_once(&one, true).is_none() && at_once(&one, false).is_some());
        drop(readers);
        assert!(at_once(&one, true).is_some());
    }

    #[test]
    fn who_waits_goes_on_when_another_is_done() {
        let place = address("waited");
        let held: Vec<Permit> = (0..2).map(|_| at_once(&place, true).unwrap()).collect();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| matches!(within(Duration::from_secs(20), &place, true, || None), Turn::New(_)));
            std::thread::sleep(Duration::from_millis(100));
            drop(held);
            assert!(waits.join().unwrap());
        });
    }
}
