//! What each command puts on stdout with `--output json`: said beside the command, by the type that is printed. The published
//! schemas (`docs/schema/commands.json`, `neuron schema`) are made of it.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value as Json};

use super::Verb;
use super::output::Failed;

/// The shape of a document: that of a type, as serde writes it.
#[derive(Debug, Clone, Copy)]
pub struct Shape(fn(&mut SchemaGenerator) -> Schema);

impl Shape {
    /// That of `T`.
    #[must_use]
    pub const fn of<T: JsonSchema>() -> Self {
        Self(T::json_schema)
    }
}

/// What a command puts on stdout with `--output json`.
#[derive(Debug, Clone, Copy)]
pub enum Prints {
    /// No document: pages for a shell or a reader, and what serves until it is stopped.
    Nothing,
    /// A document of one shape.
    One(Shape),
    /// A document of one of two shapes.
    Either(Shape, Shape),
    /// Each command of this group says it.
    Group(&'static [Verb]),
    /// By the command's name within the group; the group's own document stands under no name.
    Each(&'static [(&'static str, Self)]),
}

impl Prints {
    /// A document of this type.
    #[must_use]
    pub const fn one<T: JsonSchema>() -> Self {
        Self::One(Shape::of::<T>())
    }

    /// A document of one of these types.
    #[must_use]
    pub const fn either<A: JsonSchema, B: JsonSchema>() -> Self {
        Self::Either(Shape::of::<A>(), Shape::of::<B>())
    }

    /// Adds what `name` and the commands below it print.
    fn collect(self, name: &str, found: &mut Vec<(String, Vec<Shape>)>) {
        let below = |part: &str| [name, part].join(" ").trim().to_owned();
        match self {
            Self::Nothing => found.push((name.to_owned(), Vec::new())),
            Self::One(shape) => found.push((name.to_owned(), vec![shape])),
            Self::Either(one, other) => found.push((name.to_owned(), vec![one, other])),
            Self::Group(verbs) => {
                for Verb { name, prints, .. } in verbs {
                    prints.collect(&below(name), found);
                }
            }
            Self::Each(parts) => parts.iter().for_each(|(part, prints)| prints.collect(&below(part), found)),
        }
    }
}

/// The command that stands for all when they fail.
const ERROR: &str = "error";

/// The published schemas.
#[derive(Debug)]
pub struct Published {
    /// By command, in the order of the alphabet; `error` is what each prints instead when it fails.
    pub commands: Vec<(String, Json)>,
    /// What they refer to, as `#/$defs/NAME`.
    pub definitions: Map<String, Json>,
}

impl Published {
    /// Of all commands.
    #[must_use]
    pub fn of_all() -> Self {
        let mut found = vec![(ERROR.to_owned(), vec![Shape::of::<Failed>()])];
        Prints::Group(super::VERBS).collect("", &mut found);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let mut generator = settings.with_transform(RecursiveTransform(plain_words)).into_generator();
        let mut commands = Vec::new();
        for (name, shapes) in found {
            let shapes: Vec<Json> = shapes.iter().map(|Shape(schema)| schema(&mut generator).to_value()).collect();
            let schema = match <[Json; 1]>::try_from(shapes) {
                Ok([one]) => one,
                Err(none) if none.is_empty() => continue,
                Err(several) => serde_json::json!({ "anyOf": several }),
            };
            commands.push((name, in_plain_words(schema)));
        }
        Self { commands, definitions: generator.take_definitions(true) }
    }

    /// The commands that print no document.
    #[must_use]
    pub fn silent() -> Vec<String> {
        let mut found = Vec::new();
        Prints::Group(super::VERBS).collect("", &mut found);
        found.into_iter().filter(|(_, shapes)| shapes.is_empty()).map(|(name, _)| name).collect()
    }

    /// The schema of one command, standing alone; `None` where none is published.
    #[must_use]
    pub fn document(&self, command: &str) -> Option<Json> {
        let (name, schema) = self.commands.iter().find(|(name, _)| name == command)?;
        let mut needed = Map::new();
        self.needs(schema, &mut needed);
        let mut document = serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("neuron {name} --output json"),
        });
        let (whole, own) = (document.as_object_mut()?, schema.as_object()?);
        whole.extend(own.clone());
        if !needed.is_empty() {
            whole.insert("$defs".to_owned(), Json::Object(needed));
        }
        Some(document)
    }

    /// All of them as one document: commands stand among its definitions as `neuron stake add`.
    #[must_use]
    pub fn whole(&self) -> Json {
        let commands = self.commands.iter().map(|(name, schema)| (format!("neuron {name}"), schema.clone()));
        serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "What the commands of neuron print with --output json",
            "$defs": self.definitions.clone().into_iter().chain(commands).collect::<Map<_, _>>(),
        })
    }

    /// The definitions that `schema` refers to, and those that they refer to.
    fn needs(&self, schema: &Json, needed: &mut Map<String, Json>) {
        match schema {
            Json::Object(object) => {
                let name = object.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
                if let Some((name, definition)) = name.and_then(|name| self.definitions.get_key_value(name))
                    && !needed.contains_key(name)
                {
                    needed.insert(name.clone(), definition.clone());
                    self.needs(definition, needed);
                }
                object.values().for_each(|value| self.needs(value, needed));
            }
            Json::Array(items) => items.iter().for_each(|item| self.needs(item, needed)),
            _ => {}
        }
    }
}

/// Descriptions are the doc comments of the types; what links them is of no use outside Rust.
fn plain_words(schema: &mut Schema) {
    if let Some(Json::String(text)) = schema.get_mut("description") {
        *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
    }
}

/// The same for a schema that the generator hands out as it is, and an object for `true`, which says "anything".
fn in_plain_words(schema: Json) -> Json {
    let Ok(mut schema) = Schema::try_from(schema) else { return Json::Object(Map::new()) };
    schemars::transform::Transform::transform(&mut RecursiveTransform(plain_words), &mut schema);
    schema.ensure_object();
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// Commands that print no document: what runs until it is stopped, and words for a shell.
    const SILENT: [&str; 6] = ["axon call-back", "completions", "dashboard", "miner", "storefront", "validator"];

    /// Every command of the tree, groups that do nothing themselves left out.
    fn leaves(command: &Command, name: &str, found: &mut Vec<String>) {
        if !name.is_empty() && !command.is_subcommand_required_set() {
            found.push(name.to_owned());
        }
        for sub in command.get_subcommands() {
            leaves(sub, [name, sub.get_name()].join(" ").trim(), found);
        }
    }

    #[test]
    fn every_command_says_what_it_prints() {
        let published = Published::of_all();
        let mut said: Vec<String> = published.commands.iter().map(|(name, _)| name.clone()).collect();
        said.retain(|name| name != ERROR);
        said.extend(Published::silent());
        said.sort();
        let mut there = Vec::new();
        leaves(&super::super::command(), "", &mut there);
        there.sort();
        assert_eq!(said, there);
        let mut silent = Published::silent();
        silent.retain(|name| !SILENT.contains(&name.as_str()));
        assert!(silent.is_empty(), "{silent:?} print no document: say what they print, or why nothing");
    }

    #[test]
    fn each_schema_stands_alone() {
        let published = Published::of_all();
        for (name, _) in &published.commands {
            let text = published.document(name).unwrap().to_string();
            for reference in text.split("\"$ref\":\"#/$defs/").skip(1) {
                let name = reference.split('"').next().unwrap();
                assert!(text.contains(&format!("\"{name}\":")), "{name} is missing in {text}");
            }
        }
        assert!(published.commands.len() > 90, "{}", published.commands.len());
        assert!(published.document("stake nothing").is_none());
    }
}
