//! `neuron forecast retrieve`: articles for queries, with the cut-off held, for people and for programs.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{models, parse_moment, with_models};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, block_on};
use crate::clock::Clock;
use crate::forecast::llm::retrieval::{Found, MOST, retrieve};
use crate::units::{Foreign, UnixMs, millis};

pub(super) const VERB: Verb = Verb { name: "retrieve", command, run, prints: Prints::one::<Found>() };

fn command() -> Command {
    let command = Command::new("retrieve")
        .about("Searches the sources of `llm.*` for articles, none of them newer than a date; no model is asked")
        .arg(
            Arg::new("query")
                .value_name("QUERY")
                .required(true)
                .action(ArgAction::Append)
                .num_args(1..)
                .help("What to look for"),
        )
        .arg(
            Arg::new("until")
                .long("until")
                .alias("date")
                .value_name("DATE")
                .value_parser(parse_moment)
                .help("No article with any date after this [default: now]"),
        )
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("DATE")
                .value_parser(parse_moment)
                .help("No article published before this [default: `llm.window` earlier]"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("N")
                .default_value("10")
                .value_parser(value_parser!(u64).range(1..=MOST as u64))
                .help("The most articles for one query"),
        );
    with_models(command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let settings = models(matches)?;
    let queries: Vec<String> = matches.get_many::<String>("query").into_iter().flatten().cloned().collect();
    let until = matches.get_one::<UnixMs>("until").copied().unwrap_or_else(|| Clock::wall().now());
    let window = millis(settings.window);
    let from = matches.get_one::<UnixMs>("from").copied().unwrap_or_else(|| until.plus_ms(-window));
    let limit = matches.get_one::<u64>("limit").copied().and_then(|n| usize::try_from(n).ok()).unwrap_or(10);
    block_on(async {
        let sources = settings.sources().or_exit(Exit::Missing)?;
        if sources.is_empty() {
            let told = anyhow::anyhow!(
                "no source of articles is set: name one with --llm.articles, --llm.feeds, --llm.api or --llm.program"
            );
            return Err(Failure::new(Exit::Usage, told));
        }
        let found = retrieve(&sources, &queries, Some(from), until, limit).await;
        output.result(&found, told)?;
        if found.articles.is_empty() && !found.failures.is_empty() {
            let told = anyhow::anyhow!("no source of articles answered; see the failures above");
            return Err(Failure::new(Exit::Network, told).after_result());
        }
        Ok(())
    })
}

fn told(found: &Found) -> String {
    let mut lines: Vec<String> = Vec::new();
    for article in &found.articles {
        let when = article.published.map_or_else(|| "no date".to_owned(), UnixMs::rfc3339);
        let shown = |text: &str| Foreign::from(text).to_string();
        lines.push(format!("{when}  {}  {}", shown(&article.title), shown(&article.url)));
    }
    lines.push(format!(
        "{} articles; {} left out as later or without a date, {} because they give orders to a model",
        found.articles.len(),
        found.late,
        found.hostile
    ));
    lines.extend(found.failures.iter().map(|failure| format!("failed: {failure}")));
    lines.join("\n") + "\n"
}
