//! Another machine that tries our axon, since a machine cannot see its own firewall.

use std::net::SocketAddr;

use reqwest::Url;

use super::Patient;
use crate::axon::call_back::{self, CallMe, CalledBack};
use crate::axon::probe::Verdict;
use crate::market::{BrokenBody, body_of, client_of};
use crate::subnets::finding::Finding;
use crate::units::Foreign;

const AREA: &str = "reachability";
const WHAT: &str = "a peer's call";
/// Room for the words of an honest peer, many times over.
const MAX_ANSWER: usize = 64 * 1024;

/// Asks `peer` to call our axon back.
pub(super) async fn look(patient: &Patient<'_>, peer: SocketAddr) -> Vec<Finding> {
    let Some(hotkey) = patient.hotkey else {
        let remedy = "name the hotkey of the axon with --wallet.name and --wallet.hotkey";
        return vec![Finding::bad(AREA, WHAT, "not asked: no hotkey is known", remedy)];
    };
    let axon = &patient.settings.axon;
    match ask(peer, CallMe { port: axon.external_port.unwrap_or(axon.port), hotkey }).await {
        Ok(called) => told(&called),
        Err(error) => {
            let remedy = "check that `neuron axon call-back` runs there, and that its firewall lets this machine in";
            vec![Finding::bad(AREA, WHAT, format!("{peer}: {error}"), remedy)]
        }
    }
}

async fn ask(peer: SocketAddr, question: CallMe) -> anyhow::Result<CalledBack> {
    let url = Url::parse(&format!("http://{peer}{}", call_back::PATH))?;
    let client = client_of(&url).timeout(call_back::LONGEST * 2).no_proxy().build()?;
    let answer = client.post(url).json(&question).send().await?;
    let status = answer.status();
    let body = body_of(answer, MAX_ANSWER).await.map_err(|broken| match broken {
        BrokenBody::Line(error) => error.into(),
        BrokenBody::TooLong => anyhow::anyhow!("it answers with more than {MAX_ANSWER} bytes"),
    })?;
    if !status.is_success() {
        anyhow::bail!("{status}: {}", Foreign::from(String::from_utf8_lossy(&body).into_owned()));
    }
    Ok(serde_json::from_slice(&body)?)
}

/// What it heard: each step that was not as it should be, or that all were.
fn told(called: &CalledBack) -> Vec<Finding> {
    let address = called.address;
    let mut findings: Vec<Finding> = Vec::new();
    for tried in called.steps.iter().filter(|tried| tried.verdict != Verdict::Good) {
        let seen = format!("{}: {}", tried.step, tried.heard);
        let remedy = tried.advice.as_ref().map_or_else(|| "read the log of the axon".to_owned(), ToString::to_string);
        findings.push(match tried.verdict {
            Verdict::Bad => Finding::bad(AREA, format!("{WHAT} to {address}"), seen, remedy),
            _ => Finding::odd(AREA, format!("{WHAT} to {address}"), seen, remedy),
        });
    }
    if findings.is_empty() {
        findings.push(Finding::good(AREA, WHAT, format!("{address} answers it as an axon should")));
    }
    findings
}
