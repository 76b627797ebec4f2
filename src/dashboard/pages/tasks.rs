//! What the role does again and again, and how that goes.

use maud::Markup;
use serde_json::Value;

use super::{Desk, Trouble, json};
use crate::subnets::shown::{Block, Cell, Table};

pub(super) fn page(desk: &Desk<'_>) -> Result<Markup, Trouble> {
    let health = (desk.watch()?.health)();
    let duties = health.facts.get("duties").and_then(Value::as_object).cloned().unwrap_or_default();
    let row = |(name, duty): (&String, &Value)| {
        let error = match &duty["last_error"] {
            Value::String(text) => Cell::Foreign(text.as_str().into()),
            _ => Cell::Nothing,
        };
        let well = duty["last_error"].is_null();
        vec![
            Cell::Word(name.clone()),
            Cell::State(if well { "well" } else { "failed" }.to_owned(), Some(well)),
            json(&duty["passes"]),
            json(&duty["failures"]),
            Cell::maybe(duty["last_age_s"].as_f64(), |age| Cell::Took(age * 1000.0)),
            error,
        ]
    };
    let scalars = health.facts.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
    let other = |(name, value): (&String, &Value)| vec![Cell::Word(name.replace('_', " ")), json(value)];
    let blocks = [
        Block::Table(Table {
            caption: "Tasks".to_owned(),
            heads: vec!["task", "last pass", "passes", "failed", "ago", "why it failed"],
            rows: duties.iter().map(row).collect(),
            ..Table::default()
        }),
        Block::Heading("Health, as /health shows it".to_owned()),
        Block::Table(Table {
            caption: "Facts".to_owned(),
            heads: vec!["fact", "value"],
            rows: scalars.map(other).collect(),
            ..Table::default()
        }),
    ];
    Ok(desk.page("/tasks", "Tasks", &blocks))
}
