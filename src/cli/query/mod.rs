//! `neuron query`: asks miners of text oneself, and shows how their answers come.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::live::{self, Redrawn};
use super::output::{Format, Output, TextTable};
use super::{Exit, Failure, OrExit, Prints, Verb, args, block_on, chain, interrupted};
use crate::clock;
use crate::config::Settings;
use crate::config::table::Group;
use crate::dendrite::{Dendrite, DendriteConfig};
use crate::subnets::prompting::conversation::{Conversation, Role};
use crate::subnets::prompting::query::{Answered, Asked, Piece, query};
use crate::subtensor::Metagraph;
use crate::units::{Account, Foreign, Uid};

mod columns;

use columns::Columns;

pub(super) const VERB: Verb = Verb { name: "query", command, run, prints: Prints::one::<Vec<Turn>>() };

const GROUPS: [Group; 4] = [Group::Subnet, Group::Wallet, Group::Chain, Group::Dendrite];
/// Neurons from which on the chain's usual miners answer validators only.
const CROWDED: usize = 64;
/// Characters of a piece that are shown on its line.
const SHOWN: usize = 400;
/// Rows of a column while it grows: with its head it fits the smallest terminal.
const ROWS: usize = 18;
/// How often columns are drawn at most.
const DRAWN_EVERY: Duration = Duration::from_millis(50);

fn command() -> Command {
    let query = Command::new("query")
        .about("Asks miners of text at the same time, and shows each piece of their answers with its time")
        .arg(
            Arg::new("uids")
                .long("uids")
                .value_name("UID")
                .num_args(1..)
                .required(true)
                .value_parser(value_parser!(u16))
                .help("The miners to ask"),
        )
        .arg(
            Arg::new("message")
                .long("message")
                .value_name("TEXT")
                .default_value("What is the meaning of life?")
                .help("The question"),
        )
        .arg(
            Arg::new("file")
                .long("file")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with_all(["message", "chat"])
                .help("Ask each line of this file, one after the other"),
        )
        .arg(
            Arg::new("chat")
                .long("chat")
                .action(ArgAction::SetTrue)
                .help("Continue the conversation: each line of stdin is the next question"),
        )
        .arg(
            Arg::new("jsonl")
                .long("jsonl")
                .action(ArgAction::SetTrue)
                .help("Print JSON lines: each piece when it comes, each answer at its end"),
        );
    args::with_settings(query, &GROUPS)
}

/// What is asked, in which way.
struct Asking {
    dendrite: Dendrite,
    asked: Vec<Asked>,
    timeout: Duration,
    output: Output,
    jsonl: bool,
}

/// The columns of a question that is being answered.
struct SideBySide {
    columns: Columns,
    block: Redrawn,
    drawn: Option<Instant>,
}

impl SideBySide {
    fn add(&mut self, piece: &Piece) {
        self.columns.add(piece);
        let now = clock::monotonic();
        if self.drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= DRAWN_EVERY) {
            self.drawn = Some(now);
            self.block.draw(&self.columns.frame(Some(ROWS)));
        }
    }
}

/// One question with its answers.
#[derive(Debug, JsonSchema, Serialize)]
struct Turn {
    message: Foreign,
    answers: Vec<Answered>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (_, settings) = args::resolve(matches)?;
    let uids: Vec<u16> = matches.get_many("uids").into_iter().flatten().copied().collect();
    let jsonl = matches.get_flag("jsonl");
    block_on(async {
        let asking = prepare(&settings, &uids, output, jsonl).await?;
        tokio::select! {
            done = asking.all(matches) => done,
            () = interrupted() => Err(Failure::new(Exit::Interrupted, anyhow::anyhow!("interrupted"))),
        }
    })
}

async fn prepare(settings: &Settings, uids: &[u16], output: Output, jsonl: bool) -> Result<Asking, Failure> {
    let netuid = chain::netuid(settings)?;
    let key = Arc::new(chain::hotkey(settings)?);
    let chain = chain::connect(settings).await?;
    let metagraph = chain.metagraph(netuid).await.map_err(chain::refused)?;
    if let Some(note) = standing(&metagraph, &key.account()) {
        output.note(&note);
    }
    let asked = uids.iter().map(|uid| find(&metagraph, Uid(*uid), &key.account())).collect::<Result<_, _>>()?;
    let config = DendriteConfig { allow_private: settings.dendrite.allow_private, ..DendriteConfig::default() };
    let dendrite = Dendrite::new(config, key)?;
    Ok(Asking { dendrite, asked, timeout: settings.dendrite.timeout, output, jsonl })
}

/// What is to be expected with this hotkey, before anybody refuses it.
fn standing(metagraph: &Metagraph, own: &Account) -> Option<String> {
    let netuid = metagraph.netuid;
    match metagraph.by_hotkey(own) {
        None => Some(format!(
            "note: hotkey {own} is not registered on subnet {netuid}: most miners will refuse it (`neuron register \
             --netuid {netuid}`)"
        )),
        Some(neuron) if !neuron.validator_permit && metagraph.neurons.len() > CROWDED => Some(format!(
            "note: hotkey {own} has no validator permit: with {} neurons on subnet {netuid}, most miners answer only \
             hotkeys with one",
            metagraph.neurons.len()
        )),
        Some(_) => None,
    }
}

fn find(metagraph: &Metagraph, uid: Uid, own: &Account) -> Result<Asked, Failure> {
    let wrong =
        |exit: Exit, why: String| Failure::new(exit, anyhow::anyhow!("uid {uid} of subnet {} {why}", metagraph.netuid));
    let neuron = metagraph.neurons.iter().find(|neuron| neuron.uid == uid);
    let neuron = neuron.ok_or_else(|| wrong(Exit::Missing, "does not exist; see `neuron metagraph`".to_owned()))?;
    if neuron.hotkey == *own {
        let why = "is the hotkey that asks: a neuron does not answer itself; use another `--wallet.hotkey`";
        return Err(wrong(Exit::Usage, why.to_owned()));
    }
    let axon = neuron.axon.as_ref();
    let axon = axon.ok_or_else(|| wrong(Exit::Missing, "serves no axon".to_owned()))?;
    let target = crate::dendrite::Target { hotkey: neuron.hotkey, ip: axon.ip, port: axon.port };
    Ok(Asked { uid, target })
}

impl Asking {
    async fn all(&self, matches: &ArgMatches) -> Result<(), Failure> {
        let message = matches.get_one::<String>("message").cloned().unwrap_or_default();
        let mut turns = Vec::new();
        if let Some(path) = matches.get_one::<PathBuf>("file") {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|e| anyhow::anyhow!("{}: {e}", path.display())).or_exit(Exit::Missing)?;
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                turns.push(self.once(line, &Conversation::asking(line)).await?);
            }
            if turns.is_empty() {
                let error = anyhow::anyhow!("{}: the file has no question", path.display());
                return Err(Failure::new(Exit::Usage, error));
            }
        } else {
            let mut said = Conversation::asking(&message);
            turns.push(self.once(&message, &said).await?);
            while matches.get_flag("chat") {
                let Some(next) = next_line(self.output).await? else { break };
                let answer = turns.last().and_then(|turn| turn.answers.first()).map(|answer| answer.completion.clone());
                said = said.then(Role::Assistant, answer.unwrap_or_default()).then(Role::User, next.as_str());
                turns.push(self.once(&next, &said).await?);
            }
        }
        self.end(&turns)
    }

    async fn once(&self, message: &str, said: &Conversation) -> Result<Turn, Failure> {
        let mut view = self.view();
        let answers =
            query(&self.dendrite, &self.asked, said, self.timeout, |piece| self.show(&mut view, piece)).await?;
        if let Some(mut side) = view {
            answers.iter().for_each(|answer| side.columns.end(answer));
            side.block.draw(&side.columns.frame(None));
        }
        if self.jsonl {
            for answer in &answers {
                self.line(&serde_json::json!({ "answer": answer, "message": message }));
            }
        } else if self.output.format == Format::Text {
            self.output.progress(&summary(&answers))?;
        }
        Ok(Turn { message: message.into(), answers })
    }

    /// Columns, where somebody watches several miners and there is room for all; lines otherwise.
    fn view(&self) -> Option<SideBySide> {
        if self.jsonl || self.asked.len() < 2 || !self.output.is_terminal() {
            return None;
        }
        let uids: Vec<Uid> = self.asked.iter().map(|asked| asked.uid).collect();
        let columns = Columns::within(live::width(), &uids)?;
        Some(SideBySide { columns, block: Redrawn::default(), drawn: None })
    }

    /// A piece when it comes.
    fn show(&self, view: &mut Option<SideBySide>, piece: &Piece) {
        if self.jsonl {
            return self.line(&serde_json::json!({ "chunk": piece }));
        }
        if let Some(side) = view {
            return side.add(piece);
        }
        let line =
            format!("[{:>3}] {:>7.3} s  +{:.3} s  {}", piece.uid.0, piece.at_s, piece.after_s, piece.text.up_to(SHOWN));
        // Nobody is left to tell when stdout is closed; the end will say so.
        let _ = self.output.progress(&line);
    }

    fn line(&self, value: &serde_json::Value) {
        let line = crate::units::harmless_json(&value.to_string());
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    /// The JSON document, and whether anybody answered.
    fn end(&self, turns: &[Turn]) -> Result<(), Failure> {
        if !self.jsonl && self.output.format == Format::Json {
            self.output.result(&turns, |_| String::new())?;
        }
        if turns.iter().flat_map(|turn| &turn.answers).any(|answer| answer.chunks > 0) {
            return Ok(());
        }
        Err(Failure::new(Exit::Network, anyhow::anyhow!("nobody answered")).after_result())
    }
}

fn summary(answers: &[Answered]) -> String {
    let mut table = TextTable::new(["uid", "first chunk s", "total s", "chunks", "status", ""]);
    for answer in answers {
        table.row([
            answer.uid.to_string(),
            answer.first_s.map_or_else(|| "-".to_owned(), |first| format!("{first:.3}")),
            format!("{:.3}", answer.total_s),
            answer.chunks.to_string(),
            answer.status.to_string(),
            answer.partial.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    let mut text = format!("\n{}", table.render());
    for answer in answers {
        text += &format!("\nuid {}:\n", answer.uid);
        for line in answer.completion.lines_up_to(SHOWN) {
            text += &format!("  {line}\n");
        }
    }
    text
}

/// The next question; `None` at the end of stdin.
async fn next_line(output: Output) -> Result<Option<String>, Failure> {
    output.note("the next question, or an empty line to end:");
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = read.await??;
    let line = line.trim();
    Ok((!line.is_empty()).then(|| line.to_owned()))
}
