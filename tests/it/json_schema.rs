//! A validator for the part of JSON Schema that `docs/schema` uses; an unknown keyword is a fault of the schema.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Checks `value` against `docs/schema/FILE` at `#/$defs/NAME`.
pub fn check(file: &str, name: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    check_in(&document, &document["$defs"][name], name, value);
}

/// Checks `value` against a schema of a document.
pub fn check_in(document: &Value, schema: &Value, name: &str, value: &Value) {
    assert!(schema.is_object(), "there is no definition `{name}`");
    let mut faults = Vec::new();
    validate(document, schema, value, name, &mut faults);
    assert!(faults.is_empty(), "{}\nin {value:#}", faults.join("\n"));
}

fn validate(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "description" | "default" => {}
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
                assert_eq!(wanted, "date-time", "only times are understood");
                if value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_err()) {
                    faults.push(format!("{at}: {value} is no time"));
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
            "additionalProperties" => {
                assert_eq!(wanted, false, "only false is understood");
                for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    if schema["properties"].get(name).is_none() {
                        faults.push(format!("{at}: {name} is not documented"));
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    validate(document, wanted, value, &format!("{at}[{index}]"), faults);
                }
            }
            "anyOf" => {
                let fits = wanted.as_array().unwrap().iter().any(|schema| {
                    let mut own = Vec::new();
                    validate(document, schema, value, at, &mut own);
                    own.is_empty()
                });
                if !fits {
                    faults.push(format!("{at}: fits none of the alternatives"));
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
}
