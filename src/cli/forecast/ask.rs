//! `neuron forecast ask`: one question, with reasons, sources and cost.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::{models, parse_moment, pipeline, with_models};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, block_on};
use crate::clock::Clock;
use crate::forecast::llm::abstain::Rule;
use crate::forecast::llm::calibrate::Calibration;
use crate::forecast::llm::conditional::Link;
use crate::forecast::llm::desk::{Account, Cost};
use crate::forecast::llm::pipeline::{Asking, Record};
use crate::market::asked_text;
use crate::units::{Foreign, UnixMs};

pub(super) const VERB: Verb = Verb { name: "ask", command, run, prints: Prints::one::<Told>() };

/// Characters of a chain of reasons that a person is shown.
const REASONS: usize = 6000;

fn command() -> Command {
    let moment = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("DATE").value_parser(parse_moment).help(help)
    };
    let command =
        Command::new("ask")
            .about(
                "Forecasts one question with language models: prints the probability, the reasons, the sources and the \
             cost",
            )
            .arg(Arg::new("question").value_name("QUESTION").required(true).help("The question, with its rules"))
            .arg(moment("date", "Forecast as of this time: nothing is read that became known later [default: now]"))
            .arg(moment("closes", "When the question closes"))
            .arg(
                Arg::new("price")
                    .long("price")
                    .value_name("P")
                    .value_parser(value_parser!(f64))
                    .help("The market's price, which the answer starts from"),
            )
            .arg(Arg::new("if").long("if").value_name("QUESTION").help(
                "Another question: also forecasts this one for the case that the other ends with yes, and with no",
            ))
            .arg(
                Arg::new("always")
                    .long("always")
                    .action(ArgAction::SetTrue)
                    .help("Answer also where the miner would abstain"),
            );
    with_models(command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let settings = models(matches)?;
    let text = matches.get_one::<String>("question").cloned().unwrap_or_default();
    let asking = Asking {
        key: text.clone(),
        text: asked_text(&[&text], "Yes").into(),
        closes: matches.get_one::<UnixMs>("closes").copied(),
        at: matches.get_one::<UnixMs>("date").copied().unwrap_or_else(|| Clock::wall().now()),
        price: matches.get_one::<f64>("price").copied().filter(|price| (0.0..=1.0).contains(price)),
    };
    block_on(async {
        let (mut pipeline, _script) = pipeline(&settings).await?;
        if matches.get_flag("always") {
            pipeline.plan.rule = Rule::NEVER;
        }
        let record = pipeline.forecast(&asking, &Calibration::Identity).await;
        let conditional = match matches.get_one::<String>("if") {
            Some(other) => {
                let other = asked_text(&[other], "Yes").into();
                let account = Account::default();
                let link = pipeline.conditional(&asking, &other, &account).await.or_exit(Exit::Failed)?;
                Some(Given { link, cost: account.cost() })
            }
            None => None,
        };
        output.result(&Told { record, conditional }, told)?;
        Ok(())
    })
}

#[derive(JsonSchema, Serialize)]
struct Told {
    #[serde(flatten)]
    record: Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditional: Option<Given>,
}

/// What the question is, given the other one.
#[derive(JsonSchema, Serialize)]
struct Given {
    /// None when no model gave both numbers.
    link: Option<Link>,
    cost: Cost,
}

fn told(all: &Told) -> String {
    let record = &all.record;
    let mut lines = vec![Foreign::from(record.question.as_str()).to_string(), String::new()];
    for thought in &record.thoughts {
        let said = thought.probability.map_or_else(
            || format!("no probability: {}", thought.failure.as_deref().unwrap_or_default()),
            |p| format!("{p:.3}"),
        );
        lines.push(format!("— {} by {}: {said}", thought.model, thought.prompt));
        lines.extend(thought.text.lines_up_to(REASONS).map(|line| format!("  {line}")));
        lines.push(String::new());
    }
    lines.push(format!(
        "{} articles read of {} found; {} left out as later or without a date, {} because they give orders to a model",
        record.sources.len(),
        record.found,
        record.late,
        record.hostile
    ));
    for source in &record.sources {
        let when = source.published.map_or_else(|| "no date".to_owned(), UnixMs::rfc3339);
        lines.push(format!("  {:.0}/6  {when}  {} ({})  {}", source.rating, source.title, source.source, source.url));
    }
    lines.extend(record.failures.iter().map(|failure| format!("failed: {failure}")));
    let cost = record.cost;
    lines.push(format!(
        "cost: {} for {} calls ({} failed), {} replies from the cache, {:.1} s",
        cost.micro_usd, cost.calls, cost.failed, cost.remembered, record.seconds
    ));
    let models =
        record.models_said.map_or_else(String::new, |p| format!("; the models say {p:.3}, {:.3} apart", record.spread));
    lines.push(match (record.answer, record.silence) {
        (Some(answer), _) => format!("answer: {answer:.3}{models}"),
        (None, Some(silence)) => format!("answer: none, because {}{models}", silence.as_str()),
        (None, None) => format!("answer: none{models}"),
    });
    if let Some(given) = &all.conditional {
        let said = given.link.map_or_else(
            || "no model said what the other question changes".to_owned(),
            |link| format!("if the other ends with yes: {:.3}, with no: {:.3}", link.if_yes, link.if_no),
        );
        lines.push(format!("{said}; cost: {}", given.cost.micro_usd));
    }
    lines.join("\n") + "\n"
}
