//! A thread that signs: the async threads have better things to do, and nonces come out in order.

use std::sync::Arc;
use std::thread;

use http::HeaderMap;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::synapse::request::{Addressee, Prepared};
use crate::wallet::Keypair;

use super::Target;
use super::dialect::Dialect;

/// Requests waiting for a signature at 15 µs each; more wait before the queue.
const QUEUE: usize = 1024;

/// A request to be signed for one target.
struct Job {
    prepared: Arc<Prepared>,
    target: Target,
    dialect: Dialect,
    uuid: String,
    reply: oneshot::Sender<HeaderMap>,
}

/// The way to the signing thread, which ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    jobs: mpsc::Sender<Job>,
}

impl Signer {
    /// Starts the thread. `own_ip` is what axons are told as the caller's address.
    pub(super) fn spawn(key: Arc<Keypair>, own_ip: Option<String>) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        thread::Builder::new().name("dendrite-sign".into()).spawn(move || {
            let mut last = 0;
            while let Some(job) = queue.blocking_recv() {
                // Strictly increasing, whatever the clock does.
                last = clock::wall_ns().max(last + 1);
                let headers = sign(&key, &job, last, own_ip.as_deref());
                // Nobody waits any more when the deadline passed meanwhile.
                let _ = job.reply.send(headers);
            }
        })?;
        Ok(Self { jobs })
    }

    /// The headers of a request, signed now; `None` when the thread is gone.
    pub(super) async fn headers(
        &self,
        prepared: &Arc<Prepared>,
        target: &Target,
        dialect: Dialect,
        uuid: &str,
    ) -> Option<HeaderMap> {
        let (reply, headers) = oneshot::channel();
        let job = Job { prepared: Arc::clone(prepared), target: *target, dialect, uuid: uuid.to_owned(), reply };
        self.jobs.send(job).await.ok()?;
        headers.await.ok()
    }
}

fn sign(key: &Keypair, job: &Job, nonce: u64, own_ip: Option<&str>) -> HeaderMap {
    let hotkey = job.target.hotkey.ss58();
    match job.dialect {
        Dialect::BtAuth => job.prepared.btauth_headers(key, &hotkey, nonce),
        Dialect::Headers => {
            let ip = job.target.ip.to_string();
            let to = Addressee { hotkey: &hotkey, ip: &ip, port: job.target.port };
            job.prepared.headers(key, to, nonce, &job.uuid, own_ip)
        }
    }
}
