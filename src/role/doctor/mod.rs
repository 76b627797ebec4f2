//! What an operator pastes into a support channel: everything that a role needs, looked at once, each with what to do.
//!
//! Nothing is unlocked, written or sent to the chain. Every look has a deadline, and none waits for another to go well.

mod chain;
mod files;
mod peer;
mod running;

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::setup;
use crate::clock::Clock;
use crate::config::{Resolved, Settings};
use crate::subnets::finding::{Finding, Verdict};
use crate::units::{Account, NetUid};
use crate::wallet::{Wallet, split_name};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that was found.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Checkup {
    /// This program's version.
    pub version: &'static str,
    /// What it was built with.
    pub features: Vec<&'static str>,
    /// The machine it was built for.
    pub platform: String,
    /// What somebody said: key, value with what is secret masked, and where from.
    pub settings: Vec<Said>,
    /// What was looked at, in this order.
    pub findings: Vec<Finding>,
}

/// A setting that is not at its default.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Said {
    /// Its key.
    pub key: &'static str,
    /// Its value, harmless to show.
    #[schemars(with = "Option<serde_json::Value>")]
    pub value: Option<toml::Value>,
    /// The layer.
    pub from: String,
}

/// Who is looked at.
#[derive(Debug, Clone, Copy)]
struct Patient<'a> {
    settings: &'a Settings,
    netuid: Option<NetUid>,
    hotkey: Option<Account>,
}

impl Checkup {
    /// Looks at everything. `peer` is where `neuron axon call-back` runs on another machine.
    pub async fn of(resolved: &Resolved, settings: &Settings, peer: Option<SocketAddr>) -> Self {
        let hotkey = public_hotkey(settings);
        let patient = Patient { settings, netuid: settings.netuid.map(NetUid), hotkey };
        let mut findings = files::look(&patient);
        findings.extend(chain::look(&patient).await);
        if let Some(peer) = peer {
            findings.extend(peer::look(&patient, peer).await);
        }
        findings.extend(running::look(&patient).await);
        findings.extend(outside(resolved, settings).await);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            features: features(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            settings: said(resolved),
            findings,
        }
    }

    /// The worst of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Good)
    }
}

fn features() -> Vec<&'static str> {
    let all = [
        ("localnet", cfg!(feature = "localnet")),
        ("png", cfg!(feature = "png")),
        ("candle", cfg!(feature = "candle")),
        ("onnx", cfg!(feature = "onnx")),
    ];
    all.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
}

fn said(resolved: &Resolved) -> Vec<Said> {
    let spoken = resolved.values.iter().filter(|value| value.layer != crate::config::Layer::Default);
    spoken.map(|value| Said { key: value.setting.key, value: value.shown(), from: value.layer.to_string() }).collect()
}

/// The hotkey's address; nothing is unlocked.
fn public_hotkey(settings: &Settings) -> Option<Account> {
    if let Ok(account) = settings.wallet.hotkey.parse() {
        return Some(account);
    }
    let (name, hotkey) = split_name(&settings.wallet.name, None).ok()?;
    let hotkey = hotkey.as_deref().unwrap_or(&settings.wallet.hotkey);
    Some(Wallet::open(&settings.wallet.path, &name, hotkey).ok()?.hotkeypub().ok()?.account)
}

/// What the kind of work needs from others.
async fn outside(resolved: &Resolved, settings: &Settings) -> Vec<Finding> {
    const AREA: &str = "work";
    let (_, kind) = match setup::subnet_and_kind(settings) {
        Ok(found) => found,
        Err(error) => {
            return vec![Finding::odd(AREA, "kind of work", error.to_string(), "choose it with --netuid or --task")];
        }
    };
    let mut findings = vec![Finding::good(AREA, "kind of work", kind.name)];
    if let Some(part) = kind.validator
        && let Err(error) = (part.check)(resolved)
    {
        findings.push(Finding::bad(
            AREA,
            "settings of the work",
            error.to_string(),
            "correct the setting that it names",
        ));
    }
    if let Some(outside) = kind.outside {
        match tokio::time::timeout(PATIENCE * 2, outside(resolved, &Clock::wall())).await {
            Ok(found) => findings.extend(found),
            Err(_) => findings.push(Finding::bad(
                AREA,
                "what it needs from others",
                format!("no answer within {} s", (PATIENCE * 2).as_secs()),
                "check the network of this machine, and the addresses in the settings",
            )),
        }
    }
    findings
}
