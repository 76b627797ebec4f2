//! Pages of the book that are made from the code: settings, metrics, tools that were tried; commands and schemas are in
//! `src/cli/generated.rs`. A page that differs is a failure; with `NEURON_WRITE_DOCS=1` in the environment it is written anew
//! instead.
//!
//! And what names metrics elsewhere, alerts and the Grafana dashboard, names only those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use neuron::config::table::Kind;
use neuron::subnets::registry;

use crate::page::{cell, root, same};

#[test]
fn the_page_of_settings_is_that_of_the_table() {
    let mut page = "# Settings\n\nMade from the code. Each may be said as a flag (`--axon.port 8091`; `.`, `_` and `-` are the \
                    same), in the environment, or in the file of `--config`; a flag wins over the environment, that over the \
                    file. `neuron config show` prints what is in force, and why.\n"
        .to_owned();
    let mut heading = "";
    for setting in registry::settings() {
        if setting.group.heading() != heading {
            heading = setting.group.heading();
            let _ = write!(
                page,
                "\n## {heading}\n\n| setting | looks like | default | environment | |\n|---|---|---|---|---|\n"
            );
        }
        let looks = match setting.kind {
            Kind::Text => "text".to_owned(),
            Kind::Path => "path".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::Integer { min, max: i64::MAX } => format!("whole number from {min}"),
            Kind::Integer { min, max } => format!("whole number, {min} to {max}"),
            Kind::Number { min, max } => format!("number, {min} to {max}"),
            Kind::Duration => "duration, as in 60s".to_owned(),
            Kind::List => "list".to_owned(),
            Kind::Choice(words) => words.join(", "),
        };
        let names: Vec<String> =
            std::iter::once(setting.own_env()).chain(setting.env.iter().map(|name| (*name).to_owned())).collect();
        let default = setting.default.map_or_else(String::new, |text| format!("`{}`", cell(text)));
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        let _ =
            writeln!(page, "| `{}` | {} | {default} | {names} | {} |", setting.key, cell(&looks), cell(setting.help));
    }
    same("docs/settings.md", &page);
}

/// The tools that walk on the development chain, and what each tries.
#[test]
fn the_table_of_tools_is_that_of_their_walks() {
    let page = fs::read_to_string(root().join("docs/localnet.md")).unwrap();
    let (before, rest) = page.split_once("| tool | ").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    same("docs/localnet.md", &format!("{before}{}\n{after}", crate::walks::table()));
}

/// Every metric of the code: its name as Prometheus has it, its kind, its help.
fn metrics() -> BTreeMap<String, (&'static str, String)> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let mut found = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for (at, _) in text.match_indices("\"neuron_") {
            let rest = &text[at + 1..];
            let Some((name, after)) = rest.split_once('"') else { continue };
            // A name is followed by its help.
            let Some(help) =
                after.trim_start().strip_prefix(',').and_then(|after| after.trim_start().strip_prefix('"'))
            else {
                continue;
            };
            let help = help.split('"').next().unwrap().to_owned();
            let kind = kind(text, at);
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            found.insert(name, (kind, help));
        }
    }
    assert!(found.len() > 40, "the reader is blind: {found:?}");
    found
}

/// The kind of the metric whose name stands at `at`: by the call it is in, or by that of the loop over a table of them.
fn kind(text: &str, at: usize) -> &'static str {
    let of = |word: &str| match word.trim_end_matches('s') {
        "counter" => Some("counter"),
        "gauge" => Some("gauge"),
        "histogram" => Some("histogram"),
        _ => None,
    };
    let before = text[..at].trim_end().trim_end_matches('(');
    let called = before.rsplit(|c: char| !c.is_alphanumeric()).next().and_then(of);
    let looped = || {
        let after = text[at..].split("sheet.").find_map(|part| part.split_once("(name, help").map(|(word, _)| word))?;
        of(after)
    };
    called.or_else(looped).unwrap_or("gauge")
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn the_page_of_metrics_is_that_of_the_code() {
    let mut page = "# Metrics\n\nMade from the code. A miner or validator serves them on `/metrics` once `--metrics.port` names a \
                    port; [operating](operating.md) says what their labels mean. `config/prometheus-alerts.yml` has alerts, \
                    `config/grafana.json` a dashboard.\n\n| metric | kind | |\n|---|---|---|\n"
        .to_owned();
    for (name, (kind, help)) in metrics() {
        let _ = writeln!(page, "| `{name}` | {kind} | {} |", cell(&help));
    }
    same("docs/metrics.md", &page);
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("neuron_"));
    words.map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_that_there_are() {
    let known = metrics();
    for file in ["config/prometheus-alerts.yml", "config/grafana.json", "docs/operating.md"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let used = named(&text);
        assert!(used.len() > 8, "{file}: {used:?}");
        for name in used {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let is_known = known.contains_key(&name) || base.is_some_and(|base| known.contains_key(base));
            assert!(is_known, "{file} names `{name}`, which no code writes");
        }
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let text = fs::read_to_string(root().join("config/prometheus-alerts.yml")).unwrap();
    let alerts: Vec<&str> = text.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 8);
    for alert in alerts {
        for part in ["expr:", "for:", "severity:", "summary:", "remedy:"] {
            assert!(alert.contains(part), "{} has no {part}", alert.lines().next().unwrap());
        }
    }
    let board: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root().join("config/grafana.json")).unwrap()).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{panel}");
        assert!(panel["title"].is_string() && panel["type"].is_string());
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert!(target["expr"].is_string() && target["refId"].is_string(), "{panel}");
        }
    }
    assert!(board["schemaVersion"].as_u64().unwrap() >= 36 && board["title"].is_string() && board["uid"].is_string());
}

/// The summary of the book names every page, and only pages that there are.
#[test]
fn the_book_has_every_page() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let linked: BTreeSet<String> = summary
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|link| link.trim_start_matches("./").to_owned())
        .collect();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(linked.contains(&name), "docs/{name} is in no chapter of docs/SUMMARY.md");
        }
    }
    for link in &linked {
        assert!(root().join("docs").join(link).exists(), "docs/SUMMARY.md leads to {link}, which is not there");
    }
}

/// Links between files of the project lead somewhere.
#[test]
fn links_of_the_pages_lead_to_files() {
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name)).into();
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut seen = 0;
    for page in pages.into_iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.contains(' ') {
                continue;
            }
            seen += 1;
            assert!(page.parent().unwrap().join(file).exists(), "{} leads to {link}", page.display());
        }
    }
    assert!(seen > 20, "{seen}");
}
