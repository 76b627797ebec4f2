//! The wallet commands through the real binary: channels, JSON as documented, exit statuses, nothing secret by accident.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::json_schema;
use crate::support::neuron;

const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
const ADDRESS: &str = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";

/// Runs `neuron wallet ARGUMENTS` on the wallets of `root`, with nobody to ask.
fn run(root: &Path, arguments: &[&str]) -> Output {
    let path = root.to_str().unwrap();
    let mut command = neuron();
    command.arg("wallet").args(arguments).args(["--wallet.path", path]).stdin(Stdio::null());
    command.output().unwrap()
}

/// Runs it with `--output json`, checks the document against its schema, and gives it with the status.
pub fn json(root: &Path, arguments: &[&str]) -> (Value, i32) {
    let output = run(root, &[arguments, &["--output", "json"]].concat());
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", String::from_utf8_lossy(&output.stderr)));
    json_schema::check_printed(&[&["wallet"], arguments].concat(), &document);
    (document, output.status.code().unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A wallet `w` with the development coldkey and a hotkey `h`, both plain.
fn made() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let regen = ["regen-coldkey", "-w", "w", "--mnemonic", PHRASE, "--no-password"];
    let (document, status) = json(root.path(), &regen);
    assert_eq!((status, document["coldkey"]["ss58"].as_str()), (0, Some(ADDRESS)));
    assert_eq!(json(root.path(), &["new-hotkey", "-w", "w", "-H", "h"]).1, 0);
    root
}

#[test]
fn every_json_document_is_as_documented() {
    let root = made();
    let root = root.path();
    let (list, _) = json(root, &["list"]);
    assert_eq!(list["wallets"][0]["coldkey"]["ss58"], ADDRESS);
    assert_eq!(json(root, &["show", "w"]).1, 0);
    assert_eq!(json(root, &["verify-keys"]).0["proven"], 2);
    let (signed, _) = json(root, &["sign", "w", "--message", "0x1234"]);
    assert_eq!(signed["signer_address"], ADDRESS);
    let signature = signed["signed_message"].as_str().unwrap();
    let verify = |message: &str, extra: &[&str]| {
        let base = ["verify", "--message", message, "--signature", signature, "--address", "w"];
        json(root, &[&base, extra].concat())
    };
    assert_eq!(verify("0x1234", &[]).1, 0);
    let (refused, status) = verify("0x1234", &["--hex"]);
    assert_eq!((status, &refused["valid"]), (1, &Value::Bool(false)), "the characters were signed, not the bytes");
    let (public, _) = json(root, &["regen-coldkeypub", "-w", "watch", "--ss58", "w"]);
    assert_eq!(public["ss58"], ADDRESS);
    assert_eq!(json(root, &["show", "watch"]).0["coldkey"]["public_only"], true);
    assert_eq!(json(root, &["upgrade", "w"]).0[0]["changed"], false);
    let (error, status) = json(root, &["show", "nobody"]);
    assert_eq!((status, &error["error"]["class"]), (4, &Value::from("missing")));
}

#[test]
fn secrets_are_shown_only_when_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let create = ["create", "-w", "w", "--no-password"];
    let plain = run(root.path(), &create);
    assert!(plain.status.success(), "{}", text(&plain.stderr));
    let phrase = json(root.path(), &["show", "w", "--show-mnemonic"]).0["mnemonic"].as_str().unwrap().to_owned();
    assert_eq!(phrase.split(' ').count(), 12);
    assert!(!text(&plain.stdout).contains(&phrase) && !text(&plain.stderr).contains(&phrase), "stdout is no terminal");
    assert!(text(&plain.stderr).contains("--mnemonic-out"));
    let (document, _) = json(root.path(), &["create", "-w", "v", "--no-password"]);
    assert!(document["coldkey"].get("mnemonic").is_none());
    let (document, _) = json(root.path(), &["create", "-w", "u", "--no-password", "--show-mnemonic"]);
    assert!(document["coldkey"]["mnemonic"].is_string() && document["hotkey"]["mnemonic"].is_string());
    let file = root.path().join("phrases");
    let out = ["create", "-w", "t", "--no-password", "--mnemonic-out", file.to_str().unwrap()];
    assert!(run(root.path(), &out).status.success());
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with("coldkey: ") && kept.contains("\nhotkey: "));
}

#[test]
fn creating_again_changes_nothing_and_overwriting_keeps_the_old() {
    let root = made();
    let read = || std::fs::read(root.path().join("w/coldkey")).unwrap();
    let before = read();
    let (again, status) = json(root.path(), &["create", "-w", "w/h", "--no-password"]);
    assert_eq!((status, &again["coldkey"]["written"], &again["hotkey"]["written"]), (0, &false.into(), &false.into()));
    let refused = run(root.path(), &["new-coldkey", "-w", "w", "--no-password"]);
    assert_eq!(refused.status.code(), Some(10));
    assert!(text(&refused.stderr).contains("--overwrite"));
    assert_eq!(read(), before);
    let regen = ["regen-coldkey", "-w", "w", "--mnemonic", PHRASE, "--no-password"];
    assert_eq!(json(root.path(), &regen).0["coldkey"]["written"], false, "the same key is there already");
    let over = ["new-coldkey", "-w", "w", "--no-password", "--overwrite_coldkey"];
    let (document, status) = json(root.path(), &over);
    assert_eq!(status, 0);
    let kept = document["coldkey"]["kept"].as_array().unwrap();
    assert!(kept.iter().any(|path| std::fs::read(path.as_str().unwrap()).unwrap() == before));
    assert_eq!(json(root.path(), &["verify-keys", "w"]).0["broken"], 0);
}

#[test]
fn each_class_of_failure_has_its_status() {
    let root = made();
    let path = root.path();
    std::fs::create_dir_all(path.join("bad/hotkeys")).unwrap();
    std::fs::write(path.join("bad/coldkey"), "$NACL").unwrap();
    std::fs::write(path.join("bad/hotkeys/h"), "{\"secretPhrase\": 5}").unwrap();
    std::fs::write(path.join("bad/hotkeys/enc"), [b"$NACL".as_slice(), &[0; 100]].concat()).unwrap();
    let message = ["--message", "x"];
    for (status, arguments) in [
        (2, vec!["sign", "w"]),
        (2, vec!["new-hotkey", "-w", "../escape"]),
        (2, vec!["regen-hotkey", "-w", "w", "-H", "n", "--seed", "0x12"]),
        (2, vec!["regen-hotkey", "-w", "w", "-H", "n"]),
        (3, [&["sign", "bad/enc"][..], &message].concat()),
        (3, vec!["create", "-w", "new"]),
        (4, [&["sign", "nobody"][..], &message].concat()),
        (4, [&["sign", "w/nobody"][..], &message].concat()),
        (8, [&["sign", "bad"][..], &message, &["--password", "x"]].concat()),
        (8, [&["sign", "bad/h"][..], &message].concat()),
        (8, vec!["verify-keys", "bad", "--password", "x"]),
    ] {
        let output = run(path, &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(!said.contains(PHRASE), "{said}");
    }
    assert!(!path.join("new").exists(), "a create without password leaves nothing");
    assert!(!path.parent().unwrap().join("escape").exists());
}

#[test]
fn one_broken_key_stops_no_batch() {
    let root = made();
    std::fs::create_dir(root.path().join("a-bad")).unwrap();
    std::fs::write(root.path().join("a-bad/coldkeypub.txt"), "nonsense").unwrap();
    let (report, status) = json(root.path(), &["verify-keys"]);
    assert_eq!((status, &report["broken"], &report["proven"]), (8, &1.into(), &2.into()));
    let (list, status) = json(root.path(), &["list"]);
    assert_eq!((status, list["wallets"].as_array().unwrap().len()), (0, 2));
    assert_eq!(run(root.path(), &["list", "--strict"]).status.code(), Some(1));
    std::fs::create_dir(root.path().join("other")).unwrap();
    std::fs::write(root.path().join("other/coldkey"), "$ANSIBLE_VAULT;1.1;AES256\n").unwrap();
    let (report, status) = json(root.path(), &["verify-keys", "other"]);
    assert_eq!((status, &report["locked"]), (0, &1.into()), "without a password nothing can be said");
}

#[test]
fn spellings_of_three_generations_mean_the_same() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_str().unwrap();
    let words: Vec<&str> = PHRASE.split(' ').collect();
    let numbered: Vec<String> = words.iter().enumerate().map(|(i, word)| format!("{}-{word}", i + 1)).rev().collect();
    let numbered = numbered.join(" ");
    let lines: Vec<Vec<&str>> = vec![
        // 2023: the verb itself, dotted flags, bare words.
        [
            &[
                "regen_coldkey",
                "--wallet.name",
                "a",
                "--no_password",
                "--no_prompt",
                "--wallet.path",
                path,
                "--mnemonic",
            ][..],
            &words,
        ]
        .concat(),
        // btcli 9.
        vec!["w", "regen_coldkey", "--wallet-name", "b", "-p", path, "--no-use-password", "--mnemonic", &numbered],
        // btcli 11.
        vec![
            "wallet",
            "regen-coldkey",
            "-w",
            "c",
            "--wallet-path",
            path,
            "--no-password",
            "--yes",
            "--mnemonic",
            PHRASE,
        ],
        vec!["wallets", "regen-coldkeypub", "--name", "d", "--wallet_path", path, "--ss58_address", ADDRESS],
        // The legacy grammar, with flags that key files have no use for.
        vec![
            "btcli",
            "w",
            "regen_coldkeypub",
            "-w",
            "e",
            "-p",
            path,
            "--ss58",
            ADDRESS,
            "--no-overwrite",
            "-n",
            "test",
        ],
        vec![
            "btcli",
            "wallet",
            "update",
            "--wallet.name",
            "c",
            "-p",
            path,
            "--verbose",
            "--quiet",
            "--no_version_checking",
        ],
        vec!["wallet", "list", "-p", path, "--network", "finney", "-v"],
    ];
    for line in &lines {
        let output = neuron().args(line).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{line:?}: {}", text(&output.stderr));
    }
    let (list, _) = json(root.path(), &["list"]);
    let addresses: Vec<_> = list["wallets"].as_array().unwrap().iter().map(|w| w["coldkey"]["ss58"].clone()).collect();
    assert_eq!(addresses, [ADDRESS; 5]);
}

#[test]
fn a_word_of_another_tool_is_explained_and_quiet_is_quiet() {
    let output = neuron().args(["nominate", "--amount", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no longer exists"), "{}", text(&output.stderr));
    let root = made();
    let path = root.path().to_str().unwrap();
    let loud = neuron().args(["list", "-p", path]).output().unwrap();
    let quiet = neuron().args(["list", "-p", path, "-q"]).output().unwrap();
    assert!(text(&loud.stderr).contains("`list` is now `neuron wallet list`"));
    assert_eq!((text(&quiet.stdout), text(&quiet.stderr)), (text(&loud.stdout), String::new()));
}

#[test]
fn an_export_goes_out_and_comes_back() {
    let root = made();
    let (out, password) = (root.path().join("w.json"), root.path().join("password"));
    std::fs::write(&password, "correct horse\n").unwrap();
    let (out, password) = (out.to_str().unwrap(), password.to_str().unwrap());
    json(root.path(), &["export", "w", "--new-password-file", password, "--out", out]);
    let import = ["regen-coldkey", "-w", "back", "--json", out, "--json-password-file", password, "--no-password"];
    assert!(run(root.path(), &import).status.success());
    assert_eq!(json(root.path(), &["show", "back"]).0["coldkey"]["ss58"], ADDRESS);
    let wrong = ["import", "-w", "x", "--json-path", out, "--json-password", "wrong", "--no-password"];
    assert_eq!(run(root.path(), &wrong).status.code(), Some(3));
    json(root.path(), &["export", "w", "--new-password-file", password]);
}

#[test]
fn an_encrypted_coldkey_opens_by_file_descriptor_stdin_and_variables() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("pw");
    std::fs::write(&file, "correct horse\n").unwrap();
    let file = file.to_str().unwrap();
    let (made, _) = json(root.path(), &["create", "-w", "my-w", "--wallet.password_file", file]);
    assert_eq!(made["coldkey"]["encrypted"], true);
    let sign = ["sign", "my-w", "--message", "x"];
    json(root.path(), &[&sign[..], &["--wallet.password_file", file]].concat());
    let (line, _) = json(root.path(), &["env-password", "my-w", "--wallet-password-file", file]);
    assert_eq!(line["exportable"], false, "the name has a dash");
    let with = |name: &str, value: &str| {
        let mut command = neuron();
        command.args(["wallet"]).args(sign).args(["--wallet.path", root.path().to_str().unwrap()]);
        command.env(name, value).stdin(Stdio::null()).output().unwrap()
    };
    let variable = line["variable"].as_str().unwrap();
    assert!(with(variable, line["value"].as_str().unwrap()).status.success());
    let clear = with(variable, "correct horse");
    assert_eq!(clear.status.code(), Some(3));
    assert!(text(&clear.stderr).contains("env-password") && !text(&clear.stderr).contains("correct horse"));
    let mut child = neuron()
        .args([
            "wallet",
            "sign",
            "my-w",
            "--message",
            "x",
            "--password-stdin",
            "--wallet.path",
            root.path().to_str().unwrap(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    let passwd = ["passwd", "my-w", "--wallet.password_file", file, "--no-password"];
    assert_eq!(json(root.path(), &passwd).0["format"], "plain");
    json(root.path(), &sign);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_write_to_gets_no_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("w");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let output = run(root.path(), &["new-coldkey", "-w", "w", "--no-password"]);
    assert_eq!(output.status.code(), Some(9));
    assert!(text(&output.stderr).contains("chmod go-w"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run(root.path(), &["new-coldkey", "-w", "w", "--no-password"]).status.success());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder.join("coldkey")), mode(&folder)), (0o600, 0o755));
    assert!(run(root.path(), &["new-hotkey", "-w", "fresh"]).status.success());
    assert_eq!((mode(&root.path().join("fresh")), mode(&root.path().join("fresh/hotkeys"))), (0o700, 0o700));
}
