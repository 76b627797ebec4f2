//! The storefront's document by a validator that is not ours, and every answer by the schemas in it.

use std::process::Command;

use neuron::units::UnixMs;

use crate::dashboard::{HOSTILE, filled, miner};
use crate::needs::python;
use crate::storefront::{Front, part};

tests! { asynchronous: the_document_is_openapi_and_every_answer_is_what_it_says }

async fn the_document_is_openapi_and_every_answer_is_what_it_says() {
    let python = python("NEURON_PYTHON_OPENAPI31");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &HOSTILE).await);
    let front = Front::over(&path, UnixMs(1_767_225_600_000 + 1_800_000)).await;
    let script = r##"
import json, sys, urllib.error, urllib.request
from jsonschema import FormatChecker
from jsonschema.validators import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

base, key, event, hotkey = sys.argv[1:]

def ask(path, key=key):
    request = urllib.request.Request(base + path, headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)

_, document = ask("/openapi.json", None)
validate(document, cls=OpenAPIV31SpecValidator)

def resolved(node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node

def check(path, place, status, query="", key=key):
    got, value = ask(place + query, key)
    assert got == status, (place, got, value)
    answer = resolved(document["paths"][path]["get"]["responses"][str(status)])
    schema = answer["content"]["application/json"]["schema"]
    checker = Draft202012Validator({**schema, "components": document["components"]}, format_checker=FormatChecker())
    checker.validate(value)

seen = 0
for path in document["paths"]:
    if path == "/api/stream":
        continue
    place = path.replace("{unique_event_id}", event).replace("{hotkey}", hotkey)
    query = "?event_ids=" + event if path.endswith("community_predictions") else ""
    check(path, place, 200, query)
    seen += 1
    if document["paths"][path]["get"].get("security") == []:
        continue
    check(path, place, 401, query, key=None)
    check(path, place, 403, query, key="nk-guess")
    if "404" in document["paths"][path]["get"]["responses"]:
        check(path, path.replace("{unique_event_id}", "none").replace("{hotkey}", "none"), 404)
    if "limit" in [parameter["name"] for parameter in document["paths"][path]["get"].get("parameters", [])]:
        check(path, place, 200, "?limit=1")
        check(path, place, 422, "?limit=0")
print("checked", seen)
"##;
    let url = front.url("");
    let hotkey = miner(1).hotkey.ss58();
    let arguments = [url, front.key.clone(), part(0), hotkey];
    let run = tokio::task::spawn_blocking(move || Command::new(python).args(["-c", script]).args(arguments).output());
    let output = run.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "checked 14");
}
