//! What the walks of other tools do, read from their scripts: the table in `docs/localnet.md`, and how many steps a run must
//! tell of.

use std::fmt::Write as _;
use std::path::Path;

/// A script that types the commands of a tool, or calls a library.
pub struct Walk {
    /// The tool, as people call it.
    tool: &'static str,
    /// The variable under which `scripts/python-peers.sh` installs it.
    pub peer: &'static str,
    /// Below `tests`.
    pub script: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Commands are typed: `run("stake add --netuid 155")`.
    Typed,
    /// Something is tried: `check("a balance", …)`.
    Checked,
}

#[rustfmt::skip]
pub const ALL: [Walk; 6] = [
    Walk { tool: "btcli", peer: "NEURON_BTCLI9", script: "python/btcli9_walk.py", kind: Kind::Typed },
    Walk { tool: "btcli", peer: "NEURON_BTCLI11", script: "python/btcli11_walk.py", kind: Kind::Typed },
    Walk { tool: "SDK", peer: "NEURON_PYTHON", script: "python/sdk10_walk.py", kind: Kind::Checked },
    Walk { tool: "SDK", peer: "NEURON_PYTHON11", script: "python/sdk11_walk.py", kind: Kind::Checked },
    Walk { tool: "polkadot-js", peer: "NEURON_NODE", script: "node/polkadot_walk.mjs", kind: Kind::Checked },
    Walk { tool: "polkadot-api", peer: "NEURON_PAPI", script: "node/papi_walk.mjs", kind: Kind::Checked },
];

/// How the scripts type a command, and what stands in front of what they type. What is called by other names is no step.
const TYPED: [(&str, &str); 3] = [("run(", ""), ("tx(", ""), ("crowd(", "crowd ")];
/// Groups below groups: their commands have three words.
const DEEP: [&str; 4] = ["stake child", "subnets mechanisms", "wallet swap-coldkey", "proxy book"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

impl Walk {
    /// The walk with this script.
    pub fn of(script: &str) -> &'static Self {
        ALL.iter().find(|walk| walk.script == script).unwrap_or_else(|| panic!("there is no walk {script}"))
    }

    /// Its steps in their order: commands without what they are given, or what is looked at.
    pub fn steps(&self) -> Vec<String> {
        let script = read(&format!("tests/{}", self.script));
        let step = |line: &str| {
            let line = line.trim_start();
            if self.kind == Kind::Checked {
                return line.strip_prefix("check(").map(first_text);
            }
            let (rest, before) = TYPED.iter().find_map(|(call, before)| Some((line.strip_prefix(call)?, before)))?;
            Some(command(&format!("{before}{}", words(rest))))
        };
        let steps: Vec<String> = script.lines().filter_map(step).filter(|step| !step.is_empty()).collect();
        assert!(steps.len() >= 14, "{}: the reader is blind: {steps:?}", self.script);
        steps
    }

    /// Which version is installed.
    fn version(&self) -> String {
        let script = read("scripts/python-peers.sh");
        let line = script.lines().find(|line| line.split_whitespace().nth(1) == Some(self.peer));
        let package = line.and_then(|line| line.split_whitespace().nth(3)).unwrap_or_else(|| panic!("{}", self.peer));
        package.rsplit(['=', '@']).next().unwrap_or_default().to_owned()
    }

    /// Commands by their groups, or everything in its order.
    fn told(&self) -> String {
        let steps = self.steps();
        let mut unique: Vec<&str> = Vec::new();
        for step in &steps {
            if !unique.contains(&step.as_str()) {
                unique.push(step);
            }
        }
        if self.kind == Kind::Checked {
            return unique.join(", ");
        }
        let group = |step: &str| step.split(' ').next().unwrap_or_default().to_owned();
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for step in unique {
            let name = step.split_once(' ').map_or(step, |(_, name)| name);
            match groups.iter_mut().find(|(other, _)| *other == group(step)) {
                Some((_, names)) => names.push(name),
                None => groups.push((group(step), vec![name])),
            }
        }
        groups.iter().map(|(group, names)| format!("`{group}` {}", names.join(", "))).collect::<Vec<_>>().join("; ")
    }
}

/// The text in the first quotes.
fn first_text(code: &str) -> String {
    code.split('"').nth(1).unwrap_or_default().to_owned()
}

/// What is typed: one text, or a list of words.
fn words(code: &str) -> String {
    let code = code.trim_start_matches('f');
    match code.strip_prefix('[') {
        Some(list) => list.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" "),
        None if code.starts_with('"') => first_text(code),
        None => String::new(),
    }
}

/// The words of a command by which it is known.
fn command(typed: &str) -> String {
    let plain = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let words: Vec<&str> = typed.split_whitespace().take_while(plain).collect();
    let two = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    if DEEP.contains(&two.as_str()) { words.iter().take(3).copied().collect::<Vec<_>>().join(" ") } else { two }
}

/// The table of the page.
pub fn table() -> String {
    let mut table = "| tool | steps | what it does |\n|---|---|---|\n".to_owned();
    for walk in &ALL {
        let _ = writeln!(table, "| {} {} | {} | {} |", walk.tool, walk.version(), walk.steps().len(), walk.told());
    }
    table
}

#[test]
fn commands_are_known_by_their_words() {
    assert_eq!(command(&words("f\"stake child set --netuid {EVENTS} --children x\", None)")), "stake child set");
    assert_eq!(command(&words("\"wallet swap-hotkey second --all-netuids\", lambda a: a)")), "wallet swap-hotkey");
    assert_eq!(command(&words("[\"tx\", \"set-children\", \"--netuid\", \"155\"])")), "tx set-children");
    assert_eq!(command(&words("words, check, wallet=wallet)")), "");
}
