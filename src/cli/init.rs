//! `neuron init`: the four things that a newcomer must decide, checked, written down, and what to type next.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, IsTerminal as _, Write as _, stdin};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit as _, Prints, Verb, block_on};
use crate::config::Layers;
use crate::config::table::{Group, Kind as Value, Setting};
use crate::subnets::registry::{self, KINDS};
use crate::subnets::work::Kind;
use crate::subtensor::{Subtensor, SubtensorConfig};
use crate::units::NetUid;
use crate::wallet::{Wallet, check_hotkey_name, check_wallet_name};

pub(super) const VERB: Verb = Verb { name: "init", command, run, prints: Prints::one::<Begun>() };

const ROLES: [&str; 2] = ["miner", "validator"];
const NETWORKS: [&str; 3] = ["test", "finney", "local"];
/// How long the chain may take to say whether it is there.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

const AFTER: &str = "\
Asks for the role, the kind of work, the network and the wallet. What a flag says is not asked. Without a terminal \
nothing is asked: flags and defaults are used. Nothing is registered and no key is created: the last line says what to \
type next.";

fn command() -> Command {
    let choice = |name: &'static str, values: Vec<&'static str>, help: &'static str| {
        Arg::new(name).long(name).value_name("CHOICE").value_parser(values).help(help)
    };
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let text = |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("TEXT").help(help);
    Command::new("init")
        .about("Asks what must be decided first, writes a settings file, and says what to type next")
        .after_help(AFTER)
        .arg(choice("role", ROLES.to_vec(), "miner answers questions, validator asks and scores [default: miner]"))
        .arg(choice("task", kinds, "The kind of work [default: the first]"))
        .arg(text("subtensor.network", "test, finney, local, or ws://… [default: test]").alias("network"))
        .arg(
            Arg::new("netuid")
                .long("netuid")
                .value_name("N")
                .value_parser(value_parser!(u16))
                .help("The subnet's number [default: that of the kind of work on this network]"),
        )
        .arg(text("wallet.name", "The wallet's folder name [default: the role]").short('w').alias("wallet"))
        .arg(text("wallet.hotkey", "The name of the wallet's hotkey [default: default]").short('H').alias("hotkey"))
        .arg(text("wallet.path", "The folder of wallets [default: ~/.bittensor/wallets]").short('p'))
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The settings file to write [default: ROLE.toml]; an existing file is not replaced"),
        )
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
struct Decided {
    role: String,
    task: &'static str,
    network: String,
    netuid: NetUid,
    wallet: String,
    hotkey: String,
    #[serde(skip)]
    wallets: Option<String>,
}

/// What came of it.
#[derive(Debug, JsonSchema, Serialize)]
struct Begun {
    file: PathBuf,
    #[serde(flatten)]
    decided: Decided,
    /// What was looked at, in words.
    checks: Vec<String>,
    /// What to type next, in this order.
    next: Vec<String>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let ask = stdin().is_terminal() && !output.yes;
    let decided = decide(matches, ask, output)?;
    let file = matches.get_one::<PathBuf>("to").cloned().unwrap_or_else(|| format!("{}.toml", decided.role).into());
    write(&file, &settings_file(&decided)?)?;
    let (checks, next) = block_on(async { Ok(look(&decided, &file).await) })?;
    let begun = Begun { file, decided, checks, next };
    Ok(output.result(&begun, |begun| {
        let mut lines = vec![format!("wrote {}", begun.file.display())];
        lines.extend(begun.checks.iter().map(|check| format!("  {check}")));
        lines.push("next:".to_owned());
        lines.extend(begun.next.iter().map(|command| format!("  {command}")));
        lines.join("\n")
    })?)
}

fn decide(matches: &ArgMatches, ask: bool, output: Output) -> Result<Decided, Failure> {
    let said = |name: &str| matches.get_one::<String>(name).cloned();
    let question = |name: &str, text: &str, default: &str| -> Result<String, Failure> {
        match said(name) {
            Some(said) => Ok(said),
            None if ask => answer(output, text, default),
            None => Ok(default.to_owned()),
        }
    };
    let role = one_of(question("role", "Role, miner or validator?", "miner")?, &ROLES)?;
    let names: Vec<&'static str> = KINDS.iter().map(|kind| kind.name).collect();
    let first = names.first().copied().unwrap_or_default();
    let task = question("task", &format!("Kind of work, {}?", names.join(", ")), first)?;
    let kind = registry::kind(&one_of(task, &names)?).or_exit(Exit::Usage)?;
    let text = format!("Network, {}, or ws://…?", NETWORKS.join(", "));
    let network = question("subtensor.network", &text, "test")?;
    let default = usual(kind, &network);
    let netuid = match (matches.get_one::<u16>("netuid"), default) {
        (Some(netuid), _) => NetUid(*netuid),
        (None, Some(default)) => default,
        (None, None) => return Err(Failure::new(Exit::Usage, anyhow::anyhow!("give the subnet with --netuid N"))),
    };
    let wallet = question("wallet.name", "Name of the wallet?", &role)?;
    check_wallet_name(&wallet).or_exit(Exit::Usage)?;
    let hotkey = question("wallet.hotkey", "Name of its hotkey?", "default")?;
    check_hotkey_name(&hotkey).or_exit(Exit::Usage)?;
    Ok(Decided { role, task: kind.name, network, netuid, wallet, hotkey, wallets: said("wallet.path") })
}

/// The kind's subnet: of the main network its first number, elsewhere that of the test network.
fn usual(kind: &Kind, network: &str) -> Option<NetUid> {
    let (main, test) = (kind.subnets.first().copied(), kind.subnets.get(1).copied());
    if ["finney", "archive"].contains(&network) { main } else { test.or(main) }
}

fn one_of(word: String, known: &[&str]) -> Result<String, Failure> {
    if known.contains(&word.as_str()) {
        return Ok(word);
    }
    Err(Failure::new(Exit::Usage, anyhow::anyhow!("`{word}` is not one of {}", known.join(", "))))
}

/// What a person at the terminal says; nothing means the default.
fn answer(output: Output, question: &str, default: &str) -> Result<String, Failure> {
    output.say(&format!("{question} [{default}]"));
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    let line = line.trim();
    Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
}

/// Writes a file that was not there.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        let (exit, advice) = match e.kind() {
            std::io::ErrorKind::AlreadyExists => (Exit::Exists, "name another file with --to, or move this one away"),
            _ => (Exit::Permission, "name another file with --to"),
        };
        Failure::new(exit, anyhow::anyhow!("{}: {e}; {advice}", path.display()))
    };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// The settings of the role, each with its help: what was decided in force, the rest as comments with their defaults.
fn settings_file(decided: &Decided) -> Result<String, Failure> {
    let kind = registry::kind(decided.task).or_exit(Exit::Usage)?;
    let mut text = format!(
        "# Settings of a {} of {}, written by `neuron init`. A line that begins with `# ` and a name shows a \
         default.\n\
         # `neuron config show --config THIS_FILE` prints the settings in force, and where each comes from.\n",
        decided.role, decided.task,
    );
    let wanted = |setting: &&'static Setting| {
        let is_of_role = match decided.role.as_str() {
            "miner" => setting.group.is_for_miners(),
            _ => setting.group.is_for_validators(),
        };
        let is_of_kind =
            !matches!(setting.group, Group::Work(_)) || kind.settings.iter().any(|own| own.key == setting.key);
        is_of_role && is_of_kind
    };
    let mut heading = "";
    for setting in registry::settings().into_iter().filter(wanted) {
        if setting.group.heading() != heading {
            heading = setting.group.heading();
            let _ = write!(text, "\n## {heading}\n");
        }
        let _ = writeln!(text, "\n# {}", setting.help);
        let line = match in_force(setting.key, decided) {
            Some(value) => format!("{} = {value}", setting.key),
            None => format!("# {} = {}", setting.key, shown(setting)),
        };
        let _ = writeln!(text, "{line}");
    }
    // What cannot be read back must not be handed out.
    let table: toml::Table = text.parse()?;
    Layers { file: Some(("init".into(), table)), ..registry::layers() }.resolve().or_exit(Exit::Failed)?;
    Ok(text)
}

fn in_force(key: &str, decided: &Decided) -> Option<String> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    match key {
        "netuid" => Some(decided.netuid.0.to_string()),
        "task" => Some(quoted(decided.task)),
        "subtensor.network" => Some(quoted(&decided.network)),
        "wallet.name" => Some(quoted(&decided.wallet)),
        "wallet.hotkey" => Some(quoted(&decided.hotkey)),
        "wallet.path" => decided.wallets.as_deref().map(quoted),
        _ => None,
    }
}

fn shown(setting: &Setting) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    match (setting.kind, setting.default) {
        (Value::List, default) => {
            let words: Vec<String> = default.into_iter().flat_map(|text| text.split(',')).map(quoted).collect();
            format!("[{}]", words.join(", "))
        }
        (Value::Bool | Value::Integer { .. } | Value::Number { .. }, Some(default)) => default.to_owned(),
        (Value::Bool, None) => "false".to_owned(),
        (Value::Integer { .. } | Value::Number { .. }, None) => "…".to_owned(),
        (_, default) => quoted(default.unwrap_or_default()),
    }
}

/// Looks at wallet and chain; says what to type next.
async fn look(decided: &Decided, file: &Path) -> (Vec<String>, Vec<String>) {
    let (mut checks, mut next) = (Vec::new(), Vec::new());
    let Decided { role, network, netuid, wallet, hotkey, wallets, .. } = decided;
    let path = wallets.as_ref().map(|path| format!(" --wallet.path {path}")).unwrap_or_default();
    let folder = PathBuf::from(wallets.as_deref().unwrap_or("~/.bittensor/wallets"));
    let account = Wallet::open(&folder, wallet, hotkey).ok().and_then(|wallet| wallet.hotkeypub().ok());
    match &account {
        Some(key) => checks.push(format!("hotkey {wallet}/{hotkey} is {}", key.account)),
        None => {
            checks.push(format!("there is no hotkey {wallet}/{hotkey} yet"));
            next.push(format!("neuron wallet create --wallet.name {wallet} --wallet.hotkey {hotkey}{path}"));
        }
    }
    let registered = match (chain(network).await, &account) {
        (Ok(chain), Some(key)) => match tokio::time::timeout(PATIENCE, chain.uid(*netuid, &key.account)).await {
            Ok(Ok(Some(uid))) => {
                checks.push(format!("registered on subnet {netuid} as uid {}", uid.0));
                true
            }
            Ok(Ok(None)) => {
                checks.push(format!("not registered on subnet {netuid} yet"));
                false
            }
            Ok(Err(e)) => {
                checks.push(format!("subnet {netuid}: {e}"));
                false
            }
            Err(_) => {
                checks.push(format!("the chain does not say in {} s who is registered", PATIENCE.as_secs()));
                false
            }
        },
        (Ok(_), None) => {
            checks.push(format!("network {network} answers"));
            false
        }
        (Err(why), _) => {
            checks.push(format!("network {network}: {why}"));
            false
        }
    };
    if !registered {
        next.push(format!(
            "neuron register --netuid {netuid} --subtensor.network {network} --wallet.name {wallet} --wallet.hotkey {hotkey}{path}"
        ));
    }
    next.push(format!("neuron doctor --config {}", file.display()));
    next.push(format!("neuron {role} --config {}", file.display()));
    (checks, next)
}

async fn chain(network: &str) -> Result<Subtensor, String> {
    let settings = crate::config::SubtensorSettings {
        network: network.to_owned(),
        chain_endpoint: Vec::new(),
        archive: Vec::new(),
        timeout: PATIENCE,
    };
    let config = SubtensorConfig::from_settings(&settings).map_err(|e| e.to_string())?;
    match tokio::time::timeout(PATIENCE, Subtensor::connect(config)).await {
        Ok(connected) => connected.map_err(|e| e.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_understood_and_says_what_was_decided() {
        for kind in KINDS {
            for role in ROLES {
                let decided = Decided {
                    role: role.to_owned(),
                    task: kind.name,
                    network: "test".to_owned(),
                    netuid: usual(&kind, "test").unwrap(),
                    wallet: "a \"strange\" name".to_owned(),
                    hotkey: "h".to_owned(),
                    wallets: None,
                };
                let text = settings_file(&decided).unwrap();
                let table: toml::Table = text.parse().unwrap();
                let layers = Layers { file: Some(("x".into(), table)), ..registry::layers() };
                let settings = layers.resolve().unwrap().settings().unwrap();
                assert_eq!(
                    (settings.netuid, settings.wallet.name.as_str()),
                    (Some(decided.netuid.0), "a \"strange\" name")
                );
                assert!(text.contains("# dashboard.ip = \"127.0.0.1\""), "{text}");
                // Every line that is offered may be taken.
                for line in
                    text.lines().filter(|line| line.starts_with("# ") && line.contains(" = ") && !line.contains('…'))
                {
                    let (key, _) = line.trim_start_matches("# ").split_once(" = ").unwrap();
                    if registry::settings().iter().any(|setting| setting.key == key) {
                        assert!(line.trim_start_matches("# ").parse::<toml::Table>().is_ok(), "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_main_network_has_the_first_number() {
        let kind = KINDS.iter().find(|kind| kind.subnets.len() > 1).unwrap();
        assert_eq!(usual(kind, "finney"), kind.subnets.first().copied());
        assert_eq!(usual(kind, "test"), kind.subnets.get(1).copied());
    }
}
