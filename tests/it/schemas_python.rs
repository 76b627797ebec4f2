//! The published schemas by a validator that is not ours: each is one, stands alone, and fits what its command prints.

use std::process::Command;

use crate::needs::python;

tests! { asynchronous: the_schemas_of_commands_are_json_schema }

async fn the_schemas_of_commands_are_json_schema() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(python("NEURON_PYTHON_OPENAPI31"));
    command.args(["-c", CHECK, env!("CARGO_BIN_EXE_neuron")]).arg(home.path());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema/commands.json"));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("ALL GOOD"), "{out}\n{err}");
}

const CHECK: &str = r##"
import json, os, subprocess, sys
from jsonschema.validators import Draft202012Validator

program, home, published = sys.argv[1:]
environment = {"HOME": home, "PATH": os.environ["PATH"]}

def neuron(*words):
    ran = subprocess.run([program, *words, "--output", "json"], env=environment, capture_output=True)
    return json.loads(ran.stdout)

def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)

whole = json.load(open(published))
Draft202012Validator.check_schema(whole)
names = neuron("schema")
assert len(names) > 90, names
for name in names:
    schema = neuron("schema", *name.split(" "))
    Draft202012Validator.check_schema(schema)
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"], (name, reference)
    assert "neuron " + name in whole["$defs"], name

for words in (["config", "show"], ["score", "incentives", "--seasons", "1", "--events", "10"], ["model", "list"], ["wallet", "list"],
              ["schema"], ["gateway", "--new-key", "a"]):
    name = [word for word in words if not word.startswith("-")][:2] if words[0] != "gateway" else ["gateway"]
    Draft202012Validator(neuron("schema", *name)).validate(neuron(*words))
Draft202012Validator(neuron("schema", "error")).validate(neuron("score", "verify"))
print("ALL GOOD", len(names))
"##;
