//! A proxy for a store that speaks S3, which fails on purpose: answers with errors, cuts uploads, loses answers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The answer is an error, and the store never hears of it.
    Status(u16),
    /// The line breaks when so many bytes of the body were sent.
    Cut(usize),
    /// The store does it, and the line breaks before it can say so.
    LostAnswer,
}

/// Which requests suffer: those whose first line has this text, after some that pass, some times.
#[derive(Debug, Clone)]
struct Plan {
    fault: Fault,
    of: String,
    pass: usize,
    times: usize,
}

/// The proxy; dropping it closes it.
pub struct Proxy {
    pub url: String,
    plan: Arc<Mutex<Option<Plan>>>,
    suffered: Arc<Mutex<usize>>,
    _listening: AbortOnDropHandle<()>,
}

impl Proxy {
    /// In front of the server at `port`.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (plan, suffered) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(0)));
        let (its_plan, counter) = (Arc::clone(&plan), Arc::clone(&suffered));
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (plan, counter) = (Arc::clone(&its_plan), Arc::clone(&counter));
                // A line that breaks is what this is for.
                tokio::spawn(async move { drop(one(client, port, &plan, &counter).await) });
            }
        });
        Self { url, plan, suffered, _listening: AbortOnDropHandle::new(listening) }
    }

    /// From now on: of the requests whose first line contains `of`, `pass` are left alone, and `times` suffer.
    pub fn fail(&self, fault: Fault, of: &str, pass: usize, times: usize) {
        *self.plan.lock().unwrap() = Some(Plan { fault, of: of.to_owned(), pass, times });
        *self.suffered.lock().unwrap() = 0;
    }

    /// From now on all is well.
    pub fn heal(&self) {
        *self.plan.lock().unwrap() = None;
    }

    /// How many requests have suffered since [`Proxy::fail`].
    pub fn suffered(&self) -> usize {
        *self.suffered.lock().unwrap()
    }
}

fn fault_of(line: &str, plan: &Mutex<Option<Plan>>) -> Option<Fault> {
    let mut plan = plan.lock().unwrap();
    let plan = plan.as_mut().filter(|plan| line.contains(&plan.of) && plan.times > 0)?;
    if plan.pass > 0 {
        plan.pass -= 1;
        return None;
    }
    plan.times -= 1;
    Some(plan.fault)
}

/// One request and its answer; then the connection ends.
async fn one(
    mut client: TcpStream,
    port: u16,
    plan: &Mutex<Option<Plan>>,
    suffered: &Mutex<usize>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let whole = end + length.unwrap_or(0);
    let fault = fault_of(head.lines().next().unwrap(), plan);
    *suffered.lock().unwrap() += usize::from(fault.is_some());
    let wanted = if let Some(Fault::Cut(sent)) = fault { whole.min(end + sent) } else { whole };
    while bytes.len() < wanted {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    match fault {
        Some(Fault::Cut(_)) => return Ok(()),
        Some(Fault::Status(status)) => {
            let answer = format!("HTTP/1.1 {status} Out of order\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return client.write_all(answer.as_bytes()).await;
        }
        Some(Fault::LostAnswer) | None => {}
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = head.trim_end_matches("\r\n");
    server.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    server.write_all(&bytes[end..]).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    if fault.is_none() { client.write_all(&answer).await } else { Ok(()) }
}
