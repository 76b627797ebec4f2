//! Wallet, ledger, disk.

use std::path::{Path, PathBuf};

use super::Patient;
use crate::ledger::{LedgerError, Place, ReadOnly, Schema};
use crate::role::setup;
use crate::subnets::finding::Finding;
use crate::wallet::{KeyKind, Unlock, Verdict, examine, split_name};

/// Below this, a ledger will be full within days.
const LITTLE: u64 = 2 << 30;

pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = wallet(patient);
    findings.extend(ledger(patient));
    findings.push(disk(&patient.settings.db.directory));
    findings
}

fn wallet(patient: &Patient<'_>) -> Vec<Finding> {
    const AREA: &str = "wallet";
    let settings = &patient.settings.wallet;
    let Ok((name, hotkey)) = split_name(&settings.name, None) else {
        return vec![Finding::bad(
            AREA,
            settings.name.clone(),
            "this is not a valid name for a wallet",
            "correct --wallet.name",
        )];
    };
    let hotkey = hotkey.unwrap_or_else(|| settings.hotkey.clone());
    let reports = match examine(&settings.path, &name, &Unlock::never_asking()) {
        Ok(reports) => reports,
        Err(error) => {
            let remedy = format!(
                "`neuron wallet create --wallet.name {name}` creates it, `neuron wallet list` shows the existing ones"
            );
            return vec![Finding::bad(AREA, name, error.to_string(), remedy)];
        }
    };
    let is_asked_for = |kind: KeyKind, of: &str| kind == KeyKind::Coldkey || of == hotkey;
    let mut findings = Vec::new();
    for report in reports.iter().filter(|report| is_asked_for(report.kind, &report.name)) {
        let what = format!("{name}/{}", report.name);
        let address = report.ss58.map(|account| account.to_string()).unwrap_or_default();
        for problem in &report.problems {
            let remedy = format!("`neuron wallet verify-keys {name}` says more");
            findings.push(Finding::bad(AREA, what.clone(), problem.clone(), remedy));
        }
        for warning in &report.warnings {
            findings.push(Finding::odd(AREA, what.clone(), warning.clone(), "see docs/wallets.md"));
        }
        if report.problems.is_empty() {
            let state = match report.verdict {
                Verdict::Locked => {
                    "encrypted: without a terminal, the password must come from a password file or the environment"
                }
                Verdict::PublicOnly => "only the public half is here",
                _ => "opens",
            };
            findings.push(match (report.kind, report.verdict) {
                (KeyKind::Hotkey, Verdict::PublicOnly) => Finding::bad(
                    AREA,
                    what,
                    format!("{address}: {state}"),
                    "a role signs with the hotkey: copy its file to this machine, or use `neuron wallet regen-hotkey`",
                ),
                _ => Finding::good(AREA, what, format!("{address}: {state}")),
            });
        }
    }
    if !reports.iter().any(|report| report.kind == KeyKind::Hotkey && report.name == hotkey) {
        let remedy = format!(
            "`neuron wallet new-hotkey --wallet.name {name} --wallet.hotkey {hotkey}`, or name another with --wallet.hotkey"
        );
        findings.push(Finding::bad(AREA, format!("{name}/{hotkey}"), "there is no such hotkey", remedy));
    }
    findings
}

fn ledger(patient: &Patient<'_>) -> Option<Finding> {
    const AREA: &str = "ledger";
    let (netuid, hotkey) = (patient.netuid?, patient.hotkey?);
    let (_, kind) = setup::subnet_and_kind(patient.settings).ok()?;
    let path = match setup::ledger_place(patient.settings, netuid, &hotkey) {
        Ok(Place::File(path)) => path,
        Ok(place) => return Some(database(&place, kind.schema?)),
        Err(error) => {
            return Some(Finding::bad(AREA, "validator's ledger", error.to_string(), "do what the message says"));
        }
    };
    if !path.exists() {
        let seen = format!("{} does not exist yet; a validator creates it when it starts", path.display());
        return Some(Finding::good(AREA, "validator's ledger", seen));
    }
    let size = std::fs::metadata(&path).map(|file| file.len()).unwrap_or(0);
    let seen = |more: &str| format!("{}, {:.1} MB{more}", path.display(), size as f64 / 1e6);
    Some(match ReadOnly::open(&path, kind.schema?) {
        Ok(file) => {
            let check = file.connection().query_row("PRAGMA quick_check(1)", [], |row| row.get::<String>(0));
            match check.as_deref() {
                Ok("ok") => Finding::good(AREA, "validator's ledger", seen("")),
                Ok(said) => Finding::bad(
                    AREA,
                    "validator's ledger",
                    seen(&format!(": {said}")),
                    "stop the validator, keep the damaged file, and restore an earlier copy",
                ),
                Err(error) => Finding::odd(AREA, "validator's ledger", seen(&format!(": {error}")), "look again later"),
            }
        }
        Err(error @ (LedgerError::TooNew { .. } | LedgerError::TooOld { .. })) => {
            Finding::odd(AREA, "validator's ledger", error.to_string(), "start the validator once with this version")
        }
        Err(error) => Finding::bad(AREA, "validator's ledger", error.to_string(), "do what the message says"),
    })
}

fn database(place: &Place, schema: Schema) -> Finding {
    let what = "validator's ledger";
    match ReadOnly::open(place, schema) {
        Ok(_) => Finding::good("ledger", what, place.to_string()),
        Err(LedgerError::Corrupt { .. }) => {
            Finding::good("ledger", what, format!("{place} does not exist yet; a validator creates it when it starts"))
        }
        Err(error @ LedgerError::Away { .. }) => Finding::bad("ledger", what, error.to_string(), "start the database"),
        Err(error) => Finding::bad("ledger", what, error.to_string(), "do what the message says; see docs/postgres.md"),
    }
}

fn disk(folder: &Path) -> Finding {
    const AREA: &str = "disk";
    let mut there: PathBuf = folder.to_owned();
    while !there.exists() {
        match there.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => there = parent.to_owned(),
            _ => there = PathBuf::from("."),
        }
    }
    let what = format!("free space in {}", folder.display());
    let space = match rustix::fs::statvfs(&there) {
        Ok(space) => space,
        Err(error) => {
            return Finding::bad(
                AREA,
                what,
                error.to_string(),
                "name a folder that can be written to with --db.directory",
            );
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let seen = format!("{:.1} GB free", free as f64 / 1e9);
    if free < LITTLE {
        return Finding::bad(AREA, what, seen, "free some space: a validator that cannot write stops asking miners");
    }
    Finding::good(AREA, what, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnets::finding::Verdict as Found;

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        let found = disk(&folder.path().join("a/b/c"));
        assert!(found.seen.ends_with("GB free"), "{found:?}");
        assert_ne!(found.verdict, Found::Odd);
    }
}
