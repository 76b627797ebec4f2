//! Websockets of the markets' APIs, for worlds of our own: what a client says is heard, and what is new is told.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use hyper_util::rt::TokioIo;
use soketto::handshake::http::Server;
use soketto::{Data, Incoming};
use tokio::sync::mpsc;
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use super::{App, refusal};

/// How often the world is looked at, wall time.
const LOOK: Duration = Duration::from_millis(50);
/// Messages of a client that wait for an answer.
const WAITING: usize = 64;

/// One client's part of a conversation.
pub(super) trait Teller: Send + 'static {
    /// Hears what the client says; what is answered at once.
    fn hear(&mut self, app: &App, said: &str) -> Vec<String>;

    /// What is new in the world.
    fn news(&mut self, app: &App) -> Vec<String>;
}

/// Answers a request for a websocket, and talks over it until either side ends.
pub(super) fn serve(app: Arc<App>, mut request: Request, teller: impl Teller) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let mut server = Server::new();
    let Ok(response) = server.receive_request(&request) else {
        return refusal(StatusCode::BAD_REQUEST, "this is a websocket");
    };
    let stop = app.stop.clone();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (sender, receiver) = server.into_builder(TokioIo::new(upgraded).compat()).finish();
        let (said, hears) = mpsc::channel(WAITING);
        tokio::select! {
            () = listen(receiver, said) => {}
            () = tell(&app, sender, hears, teller) => {}
            () = stop.cancelled() => {}
        }
    });
    response.map(|()| axum::body::Body::empty())
}

type Plug = tokio_util::compat::Compat<TokioIo<hyper::upgrade::Upgraded>>;

async fn listen(mut receiver: soketto::Receiver<Plug>, said: mpsc::Sender<String>) {
    let mut frame = Vec::new();
    loop {
        frame.clear();
        match receiver.receive(&mut frame).await {
            Ok(Incoming::Data(Data::Text(_))) => {
                let text = String::from_utf8_lossy(&frame).into_owned();
                if said.send(text).await.is_err() {
                    return;
                }
            }
            Ok(Incoming::Closed(_)) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

async fn tell(
    app: &App,
    mut sender: soketto::Sender<Plug>,
    mut hears: mpsc::Receiver<String>,
    mut teller: impl Teller,
) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        let messages = tokio::select! {
            said = hears.recv() => match said {
                None => return,
                Some(said) => teller.hear(app, &said),
            },
            _ = look.tick() => teller.news(app),
        };
        for message in messages {
            if sender.send_text(message).await.is_err() {
                return;
            }
        }
        if sender.flush().await.is_err() {
            return;
        }
    }
}
