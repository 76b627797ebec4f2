//! A validator for the part of JSON Schema that the project's schemas use; an unknown keyword is a fault of the schema. And
//! the published schemas of the commands, with which tests compare what the commands really print.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

/// The published file.
static PUBLISHED: LazyLock<Value> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/commands.json");
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
});

/// Checks what `neuron ARGUMENTS --output json` printed against the published schema of that command, and that it holds
/// nothing which the schema does not speak of.
pub fn check_printed(arguments: &[&str], document: &Value) {
    let is_error = document.as_object().is_some_and(|object| object.len() == 1 && object.contains_key("error"));
    let schema = |name: &str| PUBLISHED["$defs"].get(format!("neuron {name}"));
    let name = if is_error {
        "error".to_owned()
    } else {
        let plain = |word: &&&str| !word.starts_with('-');
        let mut words: Vec<&str> = arguments.iter().take_while(plain).copied().collect();
        // What other tools call it.
        match words.as_mut_slice() {
            [word @ "query", _, ..] => *word = "storage",
            [word @ "hyperparams", ..] => *word = "hyperparameters",
            _ => {}
        }
        let of = |length: usize| words.iter().take(length).copied().collect::<Vec<_>>().join(" ");
        let name = (1..=words.len().min(3)).rev().map(of).find(|name| schema(name).is_some());
        name.unwrap_or_else(|| panic!("no schema is published for {arguments:?}"))
    };
    let schema = schema(&name).unwrap_or_else(|| panic!("no schema is published for {name}"));
    check_in(&PUBLISHED, schema, &name, document);
    let mut unknown = Vec::new();
    undocumented(&PUBLISHED, &[schema], document, &name, &mut unknown);
    assert!(unknown.is_empty(), "{}\nin {document:#}", unknown.join("\n"));
}

/// Checks `value` against a schema of a document.
pub fn check_in(document: &Value, schema: &Value, name: &str, value: &Value) {
    assert!(schema.is_object(), "there is no definition `{name}`");
    let mut faults = Vec::new();
    validate(document, schema, value, name, &mut faults);
    assert!(faults.is_empty(), "{}\nin {value:#}", faults.join("\n"));
}

/// Properties that none of `schemas`, all of which speak of `value`, knows by name, where at least one names any.
fn undocumented(document: &Value, schemas: &[&Value], value: &Value, at: &str, found: &mut Vec<String>) {
    let mut all = Vec::new();
    schemas.iter().for_each(|schema| parts(document, schema, &mut all));
    let among = |keyword: &'static str| all.iter().filter_map(move |schema| schema.get(keyword));
    match value {
        Value::Object(object) => {
            let is_closed = among("properties").next().is_some() && !all.iter().any(|schema| is_open(schema));
            for (name, value) in object {
                let mut own: Vec<&Value> = among("properties").filter_map(|known| known.get(name)).collect();
                let patterns = among("patternProperties").filter_map(Value::as_object).flatten();
                own.extend(patterns.filter(|(pattern, _)| fits(pattern, name)).map(|(_, schema)| schema));
                if own.is_empty() && is_closed {
                    found.push(format!("{at}: {name} is not documented"));
                }
                if own.is_empty() {
                    own.extend(among("additionalProperties"));
                }
                undocumented(document, &own, value, &format!("{at}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut own: Vec<&Value> = among("prefixItems").filter_map(|items| items.get(index)).collect();
                own.extend(among("items"));
                undocumented(document, &own, item, &format!("{at}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// Whether a schema allows what it does not name.
fn is_open(schema: &Value) -> bool {
    let says_nothing = || schema.as_object().is_some_and(|it| it.keys().all(|key| key == "description"));
    *schema == true || says_nothing() || schema.get("additionalProperties").is_some_and(|others| *others != false)
}

/// A schema with all that it is made of.
fn parts<'a>(document: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(schema);
    let referred = schema["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    let several = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| schema[keyword].as_array());
    for part in referred.into_iter().chain(several.flatten()) {
        parts(document, part, found);
    }
}

/// The patterns that the schemas use: digits, and an end.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern {
        r"^\d+$" => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
        r"^-?\d+$" => fits(r"^\d+$", name.strip_prefix('-').unwrap_or(name)),
        _ => {
            let end = pattern.strip_suffix('$').filter(|end| end.chars().all(|c| c.is_alphanumeric() || c == '_'));
            name.ends_with(end.unwrap_or_else(|| panic!("the schema uses the pattern `{pattern}`")))
        }
    }
}

fn validate(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    // `true` and `{}` say "anything".
    for (keyword, wanted) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "$defs" | "$schema" | "default" | "description" | "title" => {}
            "allOf" => {
                for schema in wanted.as_array().unwrap() {
                    validate(document, schema, value, at, faults);
                }
            }
            "unevaluatedProperties" => {
                assert_eq!(wanted, false, "only false is understood");
                let known = properties(document, schema);
                for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    if !known.contains(name) {
                        faults.push(format!("{at}: {name} is not documented"));
                    }
                }
            }
            "const" => {
                if value != wanted {
                    faults.push(format!("{at}: {value} is not {wanted}"));
                }
            }
            "minimum" | "maximum" => {
                let (Some(number), Some(bound)) = (value.as_f64(), wanted.as_f64()) else { continue };
                if (keyword == "minimum" && number < bound) || (keyword == "maximum" && number > bound) {
                    faults.push(format!("{at}: {number} is beyond the {keyword} {bound}"));
                }
            }
            "format" => {
                if !has_format(value, wanted.as_str().unwrap()) {
                    faults.push(format!("{at}: {value} is no {wanted}"));
                }
            }
            "$ref" => {
                let target = wanted.as_str().unwrap().trim_start_matches('#');
                let schema = document.pointer(target).unwrap_or_else(|| panic!("{target} is not defined"));
                validate(document, schema, value, at, faults);
            }
            "type" => {
                let types = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                if !types.iter().any(|kind| has_type(value, kind.as_str().unwrap())) {
                    faults.push(format!("{at}: not of type {wanted}"));
                }
            }
            "enum" => {
                if !wanted.as_array().unwrap().contains(value) {
                    faults.push(format!("{at}: {value} is not one of {wanted}"));
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        faults.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        validate(document, schema, value, &format!("{at}.{name}"), faults);
                    }
                }
            }
            "patternProperties" => {
                for (pattern, schema) in wanted.as_object().unwrap() {
                    for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| fits(pattern, name))
                    {
                        validate(document, schema, value, &format!("{at}.{name}"), faults);
                    }
                }
            }
            "additionalProperties" => {
                let patterns = || schema["patternProperties"].as_object().into_iter().flatten();
                let is_known = |name: &str| {
                    schema["properties"].get(name).is_some() || patterns().any(|(pattern, _)| fits(pattern, name))
                };
                for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !is_known(name)) {
                    if wanted == false {
                        faults.push(format!("{at}: {name} is not documented"));
                    }
                    validate(document, wanted, value, &format!("{at}.{name}"), faults);
                }
            }
            "prefixItems" => {
                for (index, (schema, value)) in
                    wanted.as_array().unwrap().iter().zip(value.as_array().into_iter().flatten()).enumerate()
                {
                    validate(document, schema, value, &format!("{at}[{index}]"), faults);
                }
            }
            "minItems" | "maxItems" => {
                let (Some(items), Some(bound)) = (value.as_array(), wanted.as_u64()) else { continue };
                let length = items.len() as u64;
                if (keyword == "minItems" && length < bound) || (keyword == "maxItems" && length > bound) {
                    faults.push(format!("{at}: {length} items, {keyword} is {bound}"));
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    validate(document, wanted, value, &format!("{at}[{index}]"), faults);
                }
            }
            "anyOf" | "oneOf" => {
                let is_without_fault = |schema: &&Value| {
                    let mut own = Vec::new();
                    validate(document, schema, value, at, &mut own);
                    own.is_empty()
                };
                match wanted.as_array().unwrap().iter().filter(is_without_fault).count() {
                    0 => faults.push(format!("{at}: fits none of the alternatives")),
                    several if several > 1 && keyword == "oneOf" => {
                        faults.push(format!("{at}: fits {several} of the alternatives"));
                    }
                    _ => {}
                }
            }
            other => panic!("the schema uses `{other}`, which this validator does not know"),
        }
    }
}

/// The names of properties that a schema and what it is made of speak of.
fn properties(document: &Value, schema: &Value) -> BTreeSet<String> {
    let own = schema["properties"].as_object().into_iter().flat_map(|object| object.keys().cloned());
    let referred = schema["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    let parts = schema["allOf"].as_array().into_iter().flatten().chain(referred);
    own.chain(parts.flat_map(|part| properties(document, part))).collect()
}

fn has_format(value: &Value, format: &str) -> bool {
    let text = value.as_str();
    match format {
        "date-time" => text.is_none_or(|text| text.parse::<jiff::Timestamp>().is_ok()),
        "ip" => text.is_none_or(|text| text.parse::<std::net::IpAddr>().is_ok()),
        "double" | "float" => true,
        "int" | "int64" | "uint" | "uint64" => !value.is_f64(),
        "int32" => value.as_i64().is_none_or(|number| i32::try_from(number).is_ok()),
        "uint32" => value.as_u64().is_none_or(|number| u32::try_from(number).is_ok()),
        "uint16" => value.as_u64().is_none_or(|number| u16::try_from(number).is_ok()),
        "uint8" => value.as_u64().is_none_or(|number| u8::try_from(number).is_ok()),
        other => panic!("the schema names the format `{other}`"),
    }
}

fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schema names the type `{other}`"),
    }
}

#[test]
fn the_validator_sees_through_parts() {
    let document = serde_json::json!({ "$defs": { "part": { "type": "object", "required": ["b"], "properties": { "b": { "type": "integer" } } } } });
    let schema = serde_json::json!({
        "allOf": [{ "properties": { "a": { "type": "string" } } }, { "$ref": "#/$defs/part" }], "unevaluatedProperties": false
    });
    let faults = |value: Value| {
        let mut faults = Vec::new();
        validate(&document, &schema, &value, "x", &mut faults);
        faults.len()
    };
    assert_eq!(faults(serde_json::json!({ "a": "", "b": 1 })), 0);
    assert_eq!(faults(serde_json::json!({ "a": "", "b": "" })), 1);
    assert_eq!(faults(serde_json::json!({ "a": "" })), 1);
    assert_eq!(faults(serde_json::json!({ "b": 1, "c": 1 })), 1);
}

#[test]
fn what_a_schema_does_not_speak_of_is_found() {
    let document =
        serde_json::json!({ "$defs": { "part": { "oneOf": [{ "properties": { "b": {} } }, { "type": "null" }] } } });
    let schema = serde_json::json!({
        "properties": { "a": { "type": "array", "items": { "$ref": "#/$defs/part" } } }, "$ref": "#/$defs/part",
        "patternProperties": { "_scored$": { "type": "integer" } }
    });
    let unknown = |value: Value| {
        let mut found = Vec::new();
        undocumented(&document, &[&schema], &value, "x", &mut found);
        found
    };
    assert!(unknown(serde_json::json!({ "a": [{ "b": { "free": 1 } }, null], "b": 1, "events_scored": 2 })).is_empty());
    assert_eq!(unknown(serde_json::json!({ "a": [{ "c": 1 }] })), ["x.a[0]: c is not documented"]);
    assert_eq!(unknown(serde_json::json!({ "d": 1 })), ["x: d is not documented"]);
    let open = serde_json::json!({ "anyOf": [schema, { "type": "object", "additionalProperties": {} }] });
    let mut found = Vec::new();
    undocumented(&document, &[&open], &serde_json::json!({ "d": 1 }), "x", &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": ["string", "null"] }, "b": { "type": "array", "items": { "enum": [1, 2] } } }
    });
    let faults = |value: Value| {
        let mut faults = Vec::new();
        validate(&schema, &schema, &value, "x", &mut faults);
        faults.len()
    };
    assert_eq!(faults(serde_json::json!({ "a": null, "b": [1, 2] })), 0);
    for bad in [serde_json::json!({}), serde_json::json!({ "a": 1 }), serde_json::json!({ "a": "", "c": 1 })] {
        assert_eq!(faults(bad), 1);
    }
    assert_eq!(faults(serde_json::json!({ "a": "", "b": [3, "x"] })), 2);
    let schema = serde_json::json!({ "type": "object", "properties": {
        "n": { "minimum": 0, "maximum": 1 }, "t": { "format": "date-time" }, "c": { "const": "OK" } } });
    let value = serde_json::json!({ "n": 1.5, "t": "yesterday", "c": "no" });
    let mut found = Vec::new();
    validate(&schema, &schema, &value, "x", &mut found);
    assert_eq!(found.len(), 3, "{found:?}");
    let schema = serde_json::json!({ "prefixItems": [{ "type": "integer" }, { "format": "uint8" }], "minItems": 2, "maxItems": 2 });
    let faults = |value: Value| {
        let mut found = Vec::new();
        validate(&schema, &schema, &value, "x", &mut found);
        found.len()
    };
    assert_eq!(faults(serde_json::json!([1, 255])), 0);
    assert_eq!((faults(serde_json::json!(["1", 256, 3])), faults(serde_json::json!([1]))), (3, 1));
}
