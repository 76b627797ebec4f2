//! What every page has: head, navigation, foot.

use std::time::Duration;

use maud::{DOCTYPE, Markup, html};

use super::Source;
use crate::ledger::Place;

/// The pages of a source, in the order of the navigation: address and name.
pub(super) fn places(source: &Source) -> Vec<(String, String)> {
    let mut places = vec![("/".to_owned(), "Overview".to_owned())];
    if let (Some(views), Some(_)) = (source.kind.views, &source.ledger) {
        places.push((format!("/{}", views.things), capital(views.things)));
        places.push(("/miners".to_owned(), "Miners".to_owned()));
        places.push(("/weights".to_owned(), "Weights".to_owned()));
    }
    if let Some(watch) = &source.watch {
        if watch.axon.is_some() {
            places.push(("/requests-served".to_owned(), "Requests".to_owned()));
        }
        for (path, name) in [("/chain", "Chain"), ("/tasks", "Tasks"), ("/log", "Log")] {
            places.push((path.to_owned(), name.to_owned()));
        }
    }
    places
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A whole page; `here` is the address in the navigation that it belongs to, `behind` how far the replica that was read for it is
/// behind the ledger.
pub(super) fn page(source: &Source, here: &str, title: &str, body: &Markup, behind: Option<Duration>) -> Markup {
    let role = source.watch.as_ref().map_or("ledger", |watch| watch.role);
    let who = match &source.watch {
        Some(watch) => format!("{role} · {} · subnet {} · {}", source.kind.name, watch.subnet.netuid(), watch.hotkey),
        None => {
            let name = match &source.ledger {
                Some(Place::File(path)) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                Some(Place::Database(address)) => address.schema().to_owned(),
                None => String::new(),
            };
            format!("{role} · {} · {name}", source.kind.name)
        }
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – neuron " (role) }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                script src="/page.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    div.bar {
                        div.brand {
                            strong { "neuron" }
                            span.who { (who) }
                            p #live .live role="status" { "not updated by itself" }
                        }
                        nav aria-label="Pages" {
                            ul {
                                @for (path, name) in places(source) {
                                    li { a href=(path) aria-current=[(path == here).then_some("page")] { (name) } }
                                }
                            }
                        }
                    }
                }
                main #main { (body) }
                footer {
                    "neuron " (env!("CARGO_PKG_VERSION")) ". Times are UTC. This page was read from the ledger and the \
                                                           running process when it was made."
                    @if let Some(behind) = behind {
                        " The ledger is a replica, " (format!("{:.1}", behind.as_secs_f64())) " s late at most."
                    }
                }
            }
        }
    }
}
