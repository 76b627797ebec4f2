//! The walk of docs/prompting.md, run as it is written there, on ports of this test.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::json_schema;
use crate::support::free_port;
use crate::wallet_walk::block_of;

#[test]
fn the_seeds_walk_ends_with_the_pieces_of_an_answer_and_their_times() {
    let home = tempfile::tempdir().unwrap();
    let script = block_of("docs/prompting.md", "prompting")
        .replace("9944", &free_port().to_string())
        .replace("8091", &free_port().to_string());
    let binaries = Path::new(env!("CARGO_BIN_EXE_neuron")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("timeout");
    command.args(["150", "bash", "-euc", &script]).env("HOME", home.path()).env("PATH", path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEURON_") || name.starts_with("BT_")) {
        command.env_remove(name);
    }
    // What it starts goes with it: one group, and the trap of the walk.
    let output = command.stdin(Stdio::null()).process_group(0).output().unwrap();
    let (said, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let shown = said.lines().find(|line| line.starts_with("[  1] ") && line.contains(" s  +"));
    assert!(shown.is_some_and(|line| line.ends_with("What is the meaning of life?")), "{said}\n{noted}");
    assert!(said.contains("first chunk s") && said.contains("uid 1:"), "{said}");
    assert!(noted.contains("hotkey") || output.status.success(), "{noted}");
}

/// A group of processes that ends with its test.
struct Group(std::process::Child);

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// The program that answers: what it was asked, as JSON. `$1` … are the ports of chain and of two axons.
const ASKED: &str = r#"
export BT_SUBTENSOR_NETWORK=ws://127.0.0.1:$1 NEURON_NETUID=155 NEURON_TASK=prompting
trap 'kill $(jobs -p)' EXIT
neuron localnet --port $1 --block-time 25ms 2> localnet.log &
until neuron metagraph > /dev/null 2>&1; do sleep 0.3; done
for name in m1 m2 asker; do
    neuron wallet new-coldkey --wallet.name $name --uri //Bob --no-password --yes
    neuron wallet new-hotkey --wallet.name $name --uri //Test//$name --no-password --yes
    neuron register --wallet.name $name --yes
done > wallets.log
printf 'read -r line\nprintf "%%s" "$line" | cut -c1-60\nsleep 0.2\nprintf more\n' > says.sh
open="--axon.ip 127.0.0.2 --blacklist.min_stake 0"
neuron miner --wallet.name m1 --backend exec --backend.command "sh says.sh" --streaming_batch_size 1 --axon.port $2 $open 2> m1.log &
neuron miner --wallet.name m2 --backend echo --axon.port $3 $open 2> m2.log &
ask="neuron query --wallet.name asker --dendrite.allow_private --uids"
until $ask 1 2 --message first > /dev/null 2>&1; do sleep 0.5; done
printf 'second\n\n' | $ask 1 2 --message first --chat --jsonl > chat.jsonl
printf 'one?\n\n  \ntwo?\n' > questions.txt
$ask 2 --file questions.txt --jsonl > file.jsonl
$ask 1 2 --message both --output json > one.json
$ask 1 2 --message lines > lines.txt
if python3 --version > /dev/null 2>&1; then
    COLUMNS=100 python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' $ask 1 2 --message columns > columns.txt
    COLUMNS=40 python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' $ask 1 2 --message narrow > narrow.txt
fi
$ask 1 --file nowhere.txt > refused.txt 2>&1 || echo "exit $?" >> refused.txt
echo > empty.txt
$ask 1 --file empty.txt >> refused.txt 2>&1 || echo "exit $?" >> refused.txt
"#;

#[test]
fn one_asks_with_a_file_in_a_chat_as_json_lines_and_in_columns() {
    let folder = tempfile::tempdir().unwrap();
    let ports: Vec<String> = (0..3).map(|_| free_port().to_string()).collect();
    let mut command = in_folder("timeout", folder.path());
    command.args(["200", "bash", "-euc", ASKED, "asked"]).args(&ports).process_group(0);
    let output = command.output().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}\n{}\n{}\n{}", read("localnet.log"), read("m1.log"), read("m2.log"));
    let lines = |name: &str| -> Vec<serde_json::Value> {
        read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let of = |lines: &[serde_json::Value], uid: u16| -> Vec<String> {
        let own = lines.iter().filter(|line| line["answer"]["uid"] == uid);
        own.map(|line| line["answer"]["completion"].as_str().unwrap().to_owned()).collect()
    };

    let chat = lines("chat.jsonl");
    let heard = of(&chat, 1);
    assert_eq!(heard.len(), 2, "{chat:?}");
    // The second question comes with the first one and with what the first of those asked has said to it.
    assert!(heard[0].starts_with(r#"{"messages":["first"]"#), "{heard:?}");
    assert!(heard[1].starts_with(r#"{"messages":["first","{\"messages\""#), "{heard:?}");
    assert_eq!(of(&chat, 2), ["first", "second"]);
    let chunks: Vec<&serde_json::Value> =
        chat.iter().map(|line| &line["chunk"]).filter(|chunk| chunk["uid"] == 1).collect();
    assert!(chunks.len() >= 4, "each piece has its line: {chat:?}");
    assert!(chunks[1]["at_s"].as_f64() >= chunks[0]["at_s"].as_f64(), "{chunks:?}");

    let asked = lines("file.jsonl");
    assert_eq!(of(&asked, 2), ["one?", "two?"], "every line that says something, one after the other");
    let messages: Vec<&str> = asked.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, ["one?", "two?"]);

    let one: serde_json::Value = serde_json::from_str(&read("one.json")).unwrap();
    json_schema::check_printed(&["query"], &one);
    assert_eq!((&one[0]["message"], one[0]["answers"].as_array().unwrap().len()), (&"both".into(), 2));
    assert!(one[0]["answers"][0]["total_s"].as_f64() >= one[0]["answers"][0]["first_s"].as_f64());

    let plain = read("lines.txt");
    assert!(plain.lines().any(|line| line.starts_with("[  2] ") && line.ends_with("s  lines")), "{plain}");
    let refused = read("refused.txt");
    for words in ["nowhere.txt: ", "exit 4", "empty.txt: the file has no question", "exit 2"] {
        assert!(refused.contains(words), "{refused}");
    }
    let (columns, narrow) = (read("columns.txt"), read("narrow.txt"));
    if !columns.is_empty() {
        let both = columns.lines().find(|line| line.contains("{\"messages\"") && line.contains(" │ "));
        assert!(both.is_some_and(|line| line.contains("columns")), "side by side: {columns}");
        assert!(columns.contains("uid 1 ") && columns.contains(" s, all "), "{columns}");
        assert!(!narrow.contains(" │ ") && narrow.contains("[  2] "), "no room for columns: {narrow}");
    }
}

/// A program that sees nothing of our environment, in a folder that is its home.
fn in_folder(program: &str, folder: &Path) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_neuron")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEURON_") || name.starts_with("BT_")) {
        command.env_remove(name);
    }
    command.env("HOME", folder).env("PATH", path).current_dir(folder).stdin(Stdio::null());
    command
}

const QUESTIONS: &str = r#"{"task":"qa","challenge":"Why does the sea rise?","reference":"The moon pulls water towards itself twice a day"}
{"task":"math","challenge":"What is six times seven?","reference":"42"}
"#;

const KNOWS: &str = r#"read -r line
case "$line" in
    *sea*) printf 'The moon pulls water '; sleep 0.05; printf 'towards itself twice a day';;
    *) printf 'It is 42.';;
esac
"#;

/// `$1` … are the ports of chain, two axons and metrics.
const JOB: &str = r#"
export BT_SUBTENSOR_NETWORK=ws://127.0.0.1:$1 NEURON_NETUID=155 NEURON_TASK=prompting
neuron localnet --port $1 --block-time 25ms 2> localnet.log &
until neuron metagraph > /dev/null 2>&1; do sleep 0.5; done
for name in v m0 m1; do
    neuron wallet new-coldkey --wallet.name $name --uri //Bob --no-password --yes
    neuron wallet new-hotkey --wallet.name $name --uri //Test//$name --no-password --yes
    neuron register --wallet.name $name --yes
done
neuron stake add --wallet.name v --amount 1000 --yes
neuron miner --wallet.name m0 --backend exec --backend.command "sh knows.sh" --axon.ip 127.0.0.2 --axon.port $2 --blacklist.min_stake 100 2> m0.log &
neuron miner --wallet.name m1 --backend phrase --axon.ip 127.0.0.2 --axon.port $3 --blacklist.min_stake 100 2> m1.log &
neuron validator --wallet.name v --dendrite.allow_private --db.directory db --metrics.port $4 --prompting.questions questions.jsonl \
    --prompting.every 500ms --prompting.timeout 3s --prompting.log rounds.jsonl --prompting.wandb runs 2> v.log &
wait
"#;

#[test]
fn a_validator_asks_judges_and_pays_the_one_who_knows() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("questions.jsonl"), QUESTIONS).unwrap();
    std::fs::write(folder.path().join("knows.sh"), KNOWS).unwrap();
    let ports: Vec<String> = (0..4).map(|_| free_port().to_string()).collect();
    let clean = |program: &str| in_folder(program, folder.path());
    let log = std::fs::File::create(folder.path().join("job.log")).unwrap();
    let mut job = clean("bash");
    job.args(["-euc", JOB, "job"]).args(&ports).stdout(Stdio::null()).stderr(log).process_group(0);
    let _group = Group(job.spawn().unwrap());

    let network = format!("ws://127.0.0.1:{}", ports[0]);
    let incentives = || -> Vec<f64> {
        let mut command = clean("neuron");
        let output = command.args(["metagraph", "--netuid", "155", "--network", &network, "--output", "json"]).output();
        let document: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap_or_default();
        let neurons = document["neurons"].as_array().cloned().unwrap_or_default();
        neurons.iter().map(|neuron| neuron["incentive"].as_f64().unwrap()).collect()
    };
    let logs = || -> String {
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        ["job.log", "v.log", "m0.log", "m1.log"].map(|name| format!("== {name}\n{}\n", read(name))).concat()
    };
    let begin = std::time::Instant::now();
    // uid 0 is the subnet's owner, 1 the validator, 2 the one who knows, 3 the other.
    while incentives().get(2).is_none_or(|incentive| *incentive <= 0.5) {
        assert!(begin.elapsed().as_secs() < 150, "{:?}\n{}", incentives(), logs());
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert!(incentives()[3] < 0.3, "{:?}", incentives());

    let rounds = std::fs::read_to_string(folder.path().join("rounds.jsonl")).unwrap();
    let rounds: Vec<serde_json::Value> = rounds.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = rounds.iter().find(|round| round["uids"].as_array().is_some_and(|uids| uids.len() == 2)).unwrap();
    for field in ["completions", "status_codes", "timings", "stream_results_chunks_timings", "rewards"] {
        assert_eq!(answered[field].as_array().unwrap().len(), 2, "{field}: {answered}");
    }
    let run = std::fs::read_dir(folder.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let summary = std::fs::read_to_string(run.join("files/wandb-summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert!(summary["_step"].as_u64().is_some_and(|step| step > 0) && summary["step_time"].is_f64(), "{summary}");

    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{}", ports[3])).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("neuron_validator_stream_first_chunk_seconds_bucket{"), "{page}");
    assert!(page.contains("neuron_validator_questions_total "), "{page}");
}
