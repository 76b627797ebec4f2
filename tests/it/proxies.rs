//! An axon behind the proxies of `config/`: a probe passes every step through them, and is told when one drops the headers.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use neuron::axon::probe::{Probe, Step, Verdict};
use neuron::axon::{AdmissionPolicy, AxonConfig, Network, Proxies};
use neuron::synapse::request::Prepared;

use crate::axon_kit::{bob, key, one_event, open_bob};
use crate::needs;
use crate::support::{Process, free_port};

tests! { asynchronous: nginx_passes_everything, nginx_by_its_defaults_is_found_out, caddy_passes_everything, haproxy_says_who_is_behind_it }

/// The axon's port and the proxy's in the files of `config/`.
const PORTS: [&str; 2] = ["8091", "8443"];

/// A file of `config/` with other ports.
fn config(name: &str, axon: SocketAddr, listen: u16) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.replace(PORTS[0], &axon.port().to_string()).replace(PORTS[1], &listen.to_string())
}

/// Starts a proxy and waits until it serves.
async fn start(command: &mut Command, listen: u16) -> Process {
    let mut proxy = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    while tokio::net::TcpStream::connect(("127.0.0.1", listen)).await.is_err() {
        assert!(proxy.is_running(), "{command:?} ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy
}

async fn probe(listen: u16) -> Vec<Step> {
    let caller = key("//Alice");
    let synapse = Prepared::new(&one_event(), 5.0, &caller.account().ss58()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], listen));
    let patience = Duration::from_secs(10);
    let probe =
        Probe { address, hotkey: key("//Bob").account(), caller, is_stranger: false, synapse: Some(synapse), patience };
    probe.run().await.unwrap()
}

fn all_good(steps: &[Step]) {
    assert!(steps.len() == 5 && steps.iter().all(|step| step.verdict == Verdict::Good), "{steps:#?}");
}

/// `nginx` with our file as `change` makes it, and what a probe hears through it.
async fn behind_nginx(change: fn(String) -> String) -> Vec<Step> {
    let program = needs::proxy("NEURON_NGINX");
    let folder = tempfile::tempdir().unwrap();
    let (axon, listen) = (open_bob().await, free_port());
    let at = |name: &str| folder.path().join(name).display().to_string();
    // Where a packaged nginx keeps its files need not exist, or be ours.
    let paths: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {};", at(kind)))
        .collect();
    let text = change(config("nginx.conf", axon.local_addr(), listen))
        .replace("http {", &format!("http {{\n{}", paths.join("\n")));
    std::fs::write(at("nginx.conf"), text).unwrap();
    let globals = format!("daemon off; master_process off; pid {};", at("pid"));
    let mut command = Command::new(program);
    let _nginx = start(command.args(["-e", "stderr", "-g", &globals, "-c", &at("nginx.conf")]), listen).await;
    probe(listen).await
}

async fn nginx_passes_everything() {
    all_good(&behind_nginx(|text| text).await);
}

async fn nginx_by_its_defaults_is_found_out() {
    let steps = behind_nginx(|text| text.replace("underscores_in_headers on;", "")).await;
    let signed = steps.iter().find(|step| step.step == "signed echo").unwrap();
    assert_eq!(signed.verdict, Verdict::Bad, "{steps:#?}");
    for text in [signed.heard.as_raw(), signed.advice.unwrap()] {
        assert!(text.contains("underscores_in_headers on"), "{text}");
    }
}

async fn caddy_passes_everything() {
    let program = needs::proxy("NEURON_CADDY");
    let folder = tempfile::tempdir().unwrap();
    let (axon, listen) = (open_bob().await, free_port());
    let path = folder.path().join("Caddyfile");
    std::fs::write(&path, config("Caddyfile", axon.local_addr(), listen)).unwrap();
    let mut command = Command::new(program);
    let command = command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path).env("HOME", folder.path());
    let _caddy = start(command, listen).await;
    all_good(&probe(listen).await);
}

/// What a probe hears through HAProxy with our file as `change` makes it.
async fn behind_haproxy(change: fn(String) -> String) -> Vec<Step> {
    let program = needs::proxy("NEURON_HAPROXY");
    let folder = tempfile::tempdir().unwrap();
    let proxies = Proxies::from_iter(["127.0.0.1".parse::<Network>().unwrap()]);
    let believing = AxonConfig { proxies, proxy_protocol: true, ..AxonConfig::loopback() };
    let (axon, listen) = (bob(believing).policy(AdmissionPolicy::open()).spawn().await.unwrap(), free_port());
    let path = folder.path().join("haproxy.cfg");
    std::fs::write(&path, change(config("haproxy.cfg", axon.local_addr(), listen))).unwrap();
    let _haproxy = start(Command::new(program).arg("-db").arg("-f").arg(&path), listen).await;
    probe(listen).await
}

async fn haproxy_says_who_is_behind_it() {
    all_good(&behind_haproxy(|text| text).await);
    all_good(&behind_haproxy(|text| text.replace("send-proxy-v2", "send-proxy")).await);
    let silent = behind_haproxy(|text| text.replace("send-proxy-v2", "")).await;
    assert!(silent.iter().any(|step| step.verdict == Verdict::Bad), "the axon waits for the header: {silent:#?}");
}
