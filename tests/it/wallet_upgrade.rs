//! `neuron wallet upgrade` on key files of old tools.

use std::path::Path;

use serde_json::Value;

use crate::needs::{lacks, shared};
use crate::wallet_cli::json;

tests! { blocking: upgrade_renews_what_old_tools_wrote_and_new_ones_spoiled }

fn upgrade_renews_what_old_tools_wrote_and_new_ones_spoiled() {
    let folder = shared("vectors/wallet");
    let file: Value = serde_json::from_slice(&std::fs::read(folder.join("keyfiles.json")).unwrap()).unwrap();
    let of = |what: &str, has: &dyn Fn(&Value, &str) -> bool| {
        let found = file["cases"].as_array().unwrap().iter().find(|case| {
            let content = std::fs::read(folder.join(case["file"].as_str().unwrap())).unwrap();
            has(case, &String::from_utf8_lossy(&content))
        });
        found.unwrap_or_else(|| lacks("shared", &format!("this set of key files has none {what}"))).clone()
    };
    let locked = of("of Ansible", &|case, _| case["format"] == "ansible");
    let numbered = of("with a number for its scheme", &|case, content| {
        case["format"] == "plaintext" && fields(content)["cryptoType"].is_number()
    });
    // Its seed happens to be readable text, which old tools wrote as such.
    let as_text = of("with a seed as text", &|case, content| {
        let seed = fields(content)["secretSeed"].as_str().map(|seed| hex::decode(seed.trim_start_matches("0x")));
        case["format"] == "plaintext" && seed.is_some_and(|seed| seed.is_err())
    });
    let copy = |case: &Value, to: &Path| std::fs::copy(folder.join(case["file"].as_str().unwrap()), to).unwrap();
    let root = tempfile::tempdir().unwrap();
    let wallet = root.path().join("w");
    std::fs::create_dir_all(wallet.join("hotkeys")).unwrap();
    copy(&locked, &wallet.join("coldkey"));
    copy(&numbered, &wallet.join("hotkeys/number"));
    copy(&as_text, &wallet.join("hotkeys/as-text"));
    std::fs::write(wallet.join("hotkeys/broken"), "{").unwrap();
    let password = root.path().join("pw");
    std::fs::write(&password, locked["password"].as_str().unwrap()).unwrap();
    let upgrade = ["upgrade", "w", "--wallet.password_file", password.to_str().unwrap()];
    let (records, status) = json(root.path(), &upgrade);
    assert_eq!(status, 1, "one hotkey is broken");
    let record = |name: &str| records.as_array().unwrap().iter().find(|r| r["name"] == name).unwrap().clone();
    assert_eq!((&record("coldkey")["from"], &record("coldkey")["format"]), (&"ansible".into(), &"nacl".into()));
    assert!(record("broken")["error"].is_string());
    for name in ["number", "as-text"] {
        assert_eq!(record(name)["changed"], true, "{name}");
        let content = std::fs::read_to_string(wallet.join("hotkeys").join(name)).unwrap();
        let written = fields(&content);
        assert!(written["cryptoType"].is_null(), "{name}");
        let seed = written["secretSeed"].as_str().map(|seed| hex::decode(seed.trim_start_matches("0x")));
        assert!(seed.is_none_or(|seed| seed.is_ok()), "{name}");
    }
    let (report, _) = json(root.path(), &["verify-keys", "w", "--wallet.password_file", password.to_str().unwrap()]);
    assert_eq!((&report["proven"], &report["broken"]), (&3.into(), &1.into()));
    let (again, _) = json(root.path(), &upgrade);
    assert!(again.as_array().unwrap().iter().all(|record| record["changed"] == false));
}

/// The fields of a plain key file; null where it is none.
fn fields(content: &str) -> Value {
    serde_json::from_str(content).unwrap_or_default()
}
