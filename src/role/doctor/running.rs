//! A role that runs on this machine, asked by its own health page: what failed last.

use reqwest::Url;
use serde_json::Value;

use super::{PATIENCE, Patient};
use crate::market::client_of;
use crate::subnets::finding::Finding;

const AREA: &str = "running";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let metrics = &patient.settings.metrics;
    let Some(port) = metrics.port.filter(|port| *port != 0) else {
        let remedy = "set --metrics.port: then the last errors of a running role are shown here";
        return vec![Finding::odd(AREA, "role", "not asked: no --metrics.port is set", remedy)];
    };
    let url = format!(
        "http://{}/health",
        std::net::SocketAddr::new(metrics.ip.parse().unwrap_or(std::net::Ipv4Addr::LOCALHOST.into()), port,)
    );
    let asked = async {
        let page = Url::parse(&url)?;
        let client = client_of(&page).timeout(PATIENCE / 4).build()?;
        anyhow::Ok(client.get(page).send().await?.json::<Value>().await?)
    };
    match asked.await {
        Ok(health) => told(&health),
        Err(error) => {
            let seen = format!("{url} does not answer: {error}");
            vec![Finding::odd(
                AREA,
                "role",
                seen,
                "start the role, or correct --metrics.port; its log says why it ended",
            )]
        }
    }
}

/// What its health says.
fn told(health: &Value) -> Vec<Finding> {
    let role = health["role"].as_str().unwrap_or("role").to_owned();
    let mut findings = Vec::new();
    findings.push(match health["status"].as_str() {
        Some("ok") => Finding::good(AREA, role, format!("well, at block {}", health["block"])),
        status => Finding::bad(
            AREA,
            role,
            format!("{} at block {}", status.unwrap_or("gives no details"), health["block"]),
            "read the log of the role",
        ),
    });
    for (name, duty) in health["duties"].as_object().into_iter().flatten() {
        if let Some(error) = duty["last_error"].as_str() {
            let seen = format!("{error} ({} of {} passes failed)", duty["failures"], duty["passes"]);
            findings.push(Finding::bad(
                AREA,
                format!("task {name}"),
                seen,
                "the role tries again by itself; read its log if this repeats",
            ));
        }
    }
    for (mechanism, view) in health.pointer("/weights/mechanisms").and_then(Value::as_object).into_iter().flatten() {
        if let Some(trouble) = view["trouble"].as_str() {
            let what = format!("weights of mechanism {mechanism}");
            findings.push(Finding::bad(AREA, what, trouble, "`neuron weights explain` says more"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subnets::finding::Verdict;

    #[test]
    fn the_last_errors_of_a_role_are_findings() {
        let health = json!({
            "status": "failing", "role": "validator", "block": 7,
            "duties": {
                "tick": { "passes": 3, "failures": 2, "last_error": "the disk is full" },
                "pruning": { "passes": 1, "failures": 0, "last_error": null },
            },
            "weights": { "mechanisms": { "0": { "trouble": "too soon" } } },
        });
        let found = told(&health);
        let texts: Vec<&str> = found.iter().map(|finding| finding.seen.as_str()).collect();
        assert_eq!(texts, ["failing at block 7", "the disk is full (2 of 3 passes failed)", "too soon"]);
        assert!(found.iter().all(|finding| finding.verdict == Verdict::Bad && finding.remedy.is_some()));
        assert_eq!(told(&json!({ "status": "ok", "role": "miner", "block": 1 }))[0].verdict, Verdict::Good);
    }
}
