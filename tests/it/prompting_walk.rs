//! The walk of docs/prompting.md, run as it is written there, on ports of this test.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

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
    --prompting.every 500ms --prompting.timeout 3s --prompting.log rounds.jsonl 2> v.log &
wait
"#;

#[test]
fn a_validator_asks_judges_and_pays_the_one_who_knows() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("questions.jsonl"), QUESTIONS).unwrap();
    std::fs::write(folder.path().join("knows.sh"), KNOWS).unwrap();
    let ports: Vec<String> = (0..4).map(|_| free_port().to_string()).collect();
    let binaries = Path::new(env!("CARGO_BIN_EXE_neuron")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let clean = |program: &str| {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEURON_") || name.starts_with("BT_")) {
            command.env_remove(name);
        }
        command.env("HOME", folder.path()).env("PATH", &path).current_dir(folder.path()).stdin(Stdio::null());
        command
    };
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
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{}", ports[3])).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("neuron_validator_stream_first_chunk_seconds_bucket{"), "{page}");
    assert!(page.contains("neuron_validator_questions_total "), "{page}");
}
