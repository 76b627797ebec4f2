//! Endpoints, clock, registration, weights, and whether others reach the axon.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Patient};
use crate::clock;
use crate::subnets::finding::{Finding, took};
use crate::subtensor::{AxonInfo, Metagraph, Neuron, Subtensor, SubtensorConfig};
use crate::units::{BlockNumber, UnixMs};

const AREA: &str = "chain";
/// Blocks of the main network by which an endpoint may lag behind another.
const LAG: BlockNumber = 3;
/// A block's time is that of its making: it is seen up to a block and a bit later.
const BLOCK_MS: i64 = 12_000;
/// Behind the chain by more than this, other neurons find our requests too old, or from the future.
const SKEW_MS: i64 = 3_000;
/// Answers slower than this cost a validator time in every tick.
const SLOW_MS: u128 = 2_000;
/// Epochs without weights after which the chain counts a validator as inactive, as the default cutoff has it.
const OLD_BLOCKS: BlockNumber = 5_000;

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let config = match SubtensorConfig::from_settings(&patient.settings.subtensor) {
        Ok(config) => config,
        Err(error) => return vec![Finding::bad(AREA, "network", error.to_string(), "correct --subtensor.network")],
    };
    let (mut findings, best) = endpoints(&config).await;
    let Some((chain, block)) = best else { return findings };
    findings.push(clock_of(&chain).await);
    let Some(netuid) = patient.netuid else {
        findings.push(Finding::odd(AREA, "subnet", "no subnet is chosen", "choose one with --netuid N"));
        return findings;
    };
    match timeout(PATIENCE, chain.metagraph(netuid)).await {
        Ok(Ok(metagraph)) => findings.extend(neuron(patient, &metagraph, block).await),
        Ok(Err(error)) => {
            findings.push(Finding::bad(AREA, format!("subnet {netuid}"), error.to_string(), "check --netuid"));
        }
        Err(_) => findings.push(late(format!("subnet {netuid}"))),
    }
    findings
}

fn late(what: String) -> Finding {
    let seen = format!("no answer within {} s", PATIENCE.as_secs());
    Finding::bad(AREA, what, seen, "try another endpoint with --subtensor.chain_endpoint")
}

/// Each endpoint by itself; and one that answers, with its height.
async fn endpoints(config: &SubtensorConfig) -> (Vec<Finding>, Option<(Subtensor, BlockNumber)>) {
    let mut findings = Vec::new();
    let mut heights: Vec<(String, BlockNumber)> = Vec::new();
    let mut best: Option<(Subtensor, BlockNumber)> = None;
    for (place, endpoint) in config.endpoints.iter().enumerate() {
        let alone = SubtensorConfig { endpoints: vec![endpoint.clone()], ..config.clone() };
        let began = clock::monotonic();
        let asked = timeout(PATIENCE, async {
            let chain = Subtensor::connect(alone).await?;
            let connected = began.elapsed();
            let asked = clock::monotonic();
            let block = chain.block_number().await?;
            Ok::<_, crate::subtensor::SubtensorError>((chain, connected, block, asked.elapsed()))
        });
        // What may be secret in an address is left out of it by whoever connects; of one that fails, the error says which.
        let number = format!("endpoint {} of {}", place + 1, config.endpoints.len());
        match asked.await {
            Ok(Ok((chain, connected, block, answer))) => {
                let name = chain.endpoint().unwrap_or_else(|| number.clone());
                let seen = format!("block {block}; connected in {}, an answer takes {}", took(connected), took(answer));
                findings.push(if answer.as_millis() > SLOW_MS {
                    Finding::odd(
                        AREA,
                        name.clone(),
                        seen,
                        "choose an endpoint that is nearer with --subtensor.chain_endpoint",
                    )
                } else {
                    Finding::good(AREA, name.clone(), seen)
                });
                heights.push((name, block));
                if best.as_ref().is_none_or(|(_, height)| block > *height) {
                    best = Some((chain, block));
                }
            }
            Ok(Err(error)) => {
                let remedy = "name another endpoint with --subtensor.chain_endpoint, or check the network of this \
                              machine";
                findings.push(Finding::bad(AREA, number, error.to_string(), remedy));
            }
            Err(_) => findings.push(late(number)),
        }
    }
    let highest = heights.iter().map(|(_, block)| *block).max().unwrap_or(0);
    for (name, block) in heights.iter().filter(|(_, block)| *block + LAG < highest) {
        let seen = format!("{} blocks behind another endpoint", highest - block);
        findings.push(Finding::odd(AREA, name.clone(), seen, "the node is late: do not list it first"));
    }
    (findings, best)
}

async fn clock_of(chain: &Subtensor) -> Finding {
    const WHAT: &str = "this machine's clock";
    let asked = timeout(PATIENCE, chain.time()).await;
    let now = UnixMs(i64::try_from(clock::wall_ns() / 1_000_000).unwrap_or(i64::MAX));
    match asked {
        Ok(Ok(chain)) => skew(now.since(chain)),
        Ok(Err(error)) => Finding::odd(AREA, WHAT, format!("not compared: {error}"), "try again later"),
        Err(_) => late(WHAT.to_owned()),
    }
}

/// `ahead_ms`: our time less the time of the newest block.
fn skew(ahead_ms: i64) -> Finding {
    const WHAT: &str = "this machine's clock";
    const REMEDY: &str = "let the system keep time: `timedatectl set-ntp true`";
    let seconds = ahead_ms as f64 / 1000.0;
    if ahead_ms < -SKEW_MS {
        let seen = format!("{:.1} s behind the time of the newest block", -seconds);
        return Finding::bad(AREA, WHAT, seen, REMEDY);
    }
    let seen = format!("{seconds:.1} s after the newest block's time; a block comes every 12 s");
    if ahead_ms > 5 * BLOCK_MS {
        let remedy = format!("either the chain makes no blocks, or this machine's clock is ahead: {REMEDY}");
        return Finding::odd(AREA, WHAT, seen, remedy);
    }
    Finding::good(AREA, WHAT, seen)
}

async fn neuron(patient: &Patient<'_>, metagraph: &Metagraph, block: BlockNumber) -> Vec<Finding> {
    let Some(hotkey) = patient.hotkey else { return Vec::new() };
    let netuid = metagraph.netuid;
    let what = format!("registration on subnet {netuid}");
    let Some(neuron) = metagraph.neurons.iter().find(|neuron| neuron.hotkey == hotkey) else {
        let wallet = &patient.settings.wallet;
        let remedy = format!(
            "`neuron register --netuid {netuid} --wallet.name {} --wallet.hotkey {}`; if it was registered before, it \
             has lost its slot",
            wallet.name, wallet.hotkey,
        );
        return vec![Finding::bad(AREA, what, format!("{hotkey} is not registered"), remedy)];
    };
    let permit = if neuron.validator_permit { "validator permit" } else { "no validator permit" };
    let seen = format!(
        "uid {}, {permit}, stake {:.3}, incentive {:.4}, dividends {:.4}",
        neuron.uid.0,
        neuron.total_stake.as_tao(),
        neuron.incentive,
        neuron.dividends,
    );
    let mut findings = vec![Finding::good(AREA, what, seen)];
    if neuron.validator_permit {
        findings.push(weights(neuron, block));
    }
    findings.push(axon(neuron).await);
    findings
}

fn weights(neuron: &Neuron, block: BlockNumber) -> Finding {
    const WHAT: &str = "age of the weights";
    let age = block.saturating_sub(neuron.last_update);
    let seen = format!("{age} blocks");
    if age > OLD_BLOCKS {
        let remedy = "a validator sets weights once per tempo: `neuron weights status` and `neuron weights explain` \
                      say what prevents it";
        return Finding::bad(AREA, WHAT, seen, remedy);
    }
    Finding::good(AREA, WHAT, seen)
}

/// Whether the published axon takes connections, as far as this machine can tell.
async fn axon(neuron: &Neuron) -> Finding {
    const WHAT: &str = "published axon";
    let Some(address) = neuron.axon.as_ref().map(AxonInfo::socket) else {
        let seen = "no axon is published: a validator needs none, but nobody can ask a miner without one";
        if neuron.validator_permit {
            return Finding::good(AREA, WHAT, seen);
        }
        return Finding::odd(AREA, WHAT, seen, "for a miner, start it: it publishes its address");
    };
    reach(WHAT, address).await
}

async fn reach(what: &str, address: SocketAddr) -> Finding {
    let began = clock::monotonic();
    match timeout(PATIENCE / 4, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Finding::good(AREA, what, format!("{address} accepts connections in {}", took(began.elapsed()))),
        Ok(Err(error)) => Finding::bad(
            AREA,
            what,
            format!("{address}: {error}"),
            "start the miner, or correct --axon.external_ip and --axon.external_port",
        ),
        Err(_) => Finding::odd(
            AREA,
            what,
            format!("{address}: no answer from here; some routers do not let a machine call its own address"),
            "open the port in the firewall and forward it in the router; to be sure, run `neuron axon call-back` on \
             another machine and `neuron doctor --peer` here",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnets::finding::Verdict;

    #[test]
    fn a_clock_is_judged_by_the_newest_block() {
        assert_eq!(skew(4_000).verdict, Verdict::Good);
        assert_eq!(skew(-1_000).verdict, Verdict::Good);
        assert_eq!(skew(-10_000).verdict, Verdict::Bad);
        assert_eq!(skew(600_000).verdict, Verdict::Odd);
        assert!(skew(-10_000).remedy.is_some());
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(reach("axon", address).await.verdict, Verdict::Good);
        drop(listener);
        let gone = reach("axon", address).await;
        assert!(gone.verdict == Verdict::Bad && gone.seen.contains(&address.to_string()), "{gone:?}");
    }
}
