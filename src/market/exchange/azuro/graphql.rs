//! As much of GraphQL as a Graph node's clients use for reading: one query, fields with arguments and variables, and nothing
//! that fragments, aliases or directives would need. What is asked for and not there is an error, as with the real one.

use serde_json::{Map, Value};

/// Longest query read, in bytes.
const LONGEST: usize = 16_384;
/// Fields within fields, and lists within lists.
const DEEPEST: usize = 16;

/// A field that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
}

/// The fields of the one query in `text`, with the values of `variables` in their places.
pub(super) fn parse(text: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, String> {
    if text.len() > LONGEST {
        return Err(format!("the query is longer than {LONGEST} bytes"));
    }
    let mut reader = Reader { tokens: tokens(text)?, next: 0, variables };
    if reader.takes("query") {
        if !reader.peek_is("{") && !reader.peek_is("(") {
            reader.name()?;
        }
        if reader.takes("(") {
            reader.declarations()?;
        }
    }
    let fields = reader.fields(0)?;
    match reader.tokens.get(reader.next) {
        None => Ok(fields),
        Some(token) => Err(format!("unexpected `{token}` after the query")),
    }
}

/// What `fields` ask for out of `object`, which is of type `kind`.
pub(super) fn project(object: &Value, fields: &[Field], kind: &str) -> Result<Value, String> {
    match object {
        Value::Array(items) => items.iter().map(|item| project(item, fields, kind)).collect(),
        Value::Object(map) if fields.is_empty() => {
            Err(format!("Field of type `{kind}` must have a selection of subfields, such as {:?}", map.keys().next()))
        }
        Value::Object(map) => {
            let mut chosen = Map::new();
            for field in fields {
                let value =
                    map.get(&field.name).ok_or_else(|| format!("Type `{kind}` has no field `{}`", field.name))?;
                let mut value = project(value, &field.fields, &field.name)?;
                if let (Value::Array(items), Some(first)) = (&mut value, field.arguments.get("first")) {
                    items.truncate(first.as_u64().and_then(|first| usize::try_from(first).ok()).unwrap_or(usize::MAX));
                }
                chosen.insert(field.name.clone(), value);
            }
            Ok(Value::Object(chosen))
        }
        Value::Null => Ok(Value::Null),
        _ if fields.is_empty() => Ok(object.clone()),
        _ => Err(format!("Field `{kind}` is a scalar and has no subfields")),
    }
}

/// Names, numbers, texts with their quotes, and punctuation, commas and comments left out.
fn tokens(text: &str) -> Result<Vec<&str>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let length = match first {
            c if c.is_whitespace() || c == ',' => {
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
            '"' => text_length(rest).ok_or("a text without its end")?,
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' => 1,
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => return Err(format!("unexpected character {c:?}")),
        };
        let (token, after) = rest.split_at_checked(length).ok_or("a text without its end")?;
        tokens.push(token);
        rest = after;
    }
    Ok(tokens)
}

/// The bytes from a quotation mark to the one that ends the text.
fn text_length(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Reader<'a> {
    tokens: Vec<&'a str>,
    next: usize,
    variables: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    fn peek_is(&self, token: &str) -> bool {
        self.tokens.get(self.next).is_some_and(|next| *next == token)
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_it = self.peek_is(token);
        self.next += usize::from(is_it);
        is_it
    }

    fn must(&mut self, token: &str) -> Result<(), String> {
        if self.takes(token) {
            Ok(())
        } else {
            Err(format!("expected `{token}`, found {:?}", self.tokens.get(self.next)))
        }
    }

    fn token(&mut self) -> Result<&'a str, String> {
        let token = self.tokens.get(self.next).copied().ok_or("the query ends too early")?;
        self.next += 1;
        Ok(token)
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let token = self.token()?;
        let is_name = token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if is_name { Ok(token) } else { Err(format!("expected a name, found `{token}`")) }
    }

    /// `$first: Int!, …)`: types are not checked.
    fn declarations(&mut self) -> Result<(), String> {
        while !self.takes(")") {
            self.token()?;
        }
        Ok(())
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEEPEST {
            return Err("fields are nested too deeply".to_owned());
        }
        self.must("{")?;
        let mut fields = Vec::new();
        while !self.takes("}") {
            let name = self.name()?.to_owned();
            let arguments = if self.takes("(") { self.pairs(")", depth)? } else { Map::new() };
            let nested = if self.peek_is("{") { self.fields(depth + 1)? } else { Vec::new() };
            fields.push(Field { name, arguments, fields: nested });
        }
        Ok(fields)
    }

    /// `name: value …` until `end`.
    fn pairs(&mut self, end: &str, depth: usize) -> Result<Map<String, Value>, String> {
        let mut pairs = Map::new();
        while !self.takes(end) {
            let name = self.name()?.to_owned();
            self.must(":")?;
            pairs.insert(name, self.value(depth + 1)?);
        }
        Ok(pairs)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("values are nested too deeply".to_owned());
        }
        match self.token()? {
            "$" => Ok(self.variables.get(self.name()?).cloned().unwrap_or_default()),
            "{" => self.pairs("}", depth).map(Value::Object),
            "[" => {
                let mut items = Vec::new();
                while !self.takes("]") {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::Array(items))
            }
            // Numbers, texts, true, false and null are those of JSON; what else is a word is the value of an enum.
            token => match serde_json::from_str(token) {
                Ok(value) => Ok(value),
                Err(_) if token.starts_with(|c: char| c.is_ascii_alphabetic()) => Ok(token.into()),
                Err(_) => Err(format!("`{token}` is no value")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str, variables: &Value) -> Result<Vec<Field>, String> {
        parse(text, variables.as_object().unwrap())
    }

    #[test]
    fn a_query_is_read_with_its_variables_in_their_places() {
        let text = "query Games($n: Int!) { # comment }\n games(first: $n, where: {status: Created, in: [1, \"a}\\\"\"]}) { id league { name } } }";
        let fields = read(text, &json!({"n": 7})).unwrap();
        assert_eq!(fields[0].name, "games");
        assert_eq!(
            Value::from(fields[0].arguments.clone()),
            json!({"first": 7, "where": {"status": "Created", "in": [1, "a}\""]}})
        );
        let games = json!([{"id": "1", "league": {"name": "L", "other": 1}, "more": 2}]);
        assert_eq!(project(&games, &fields[0].fields, "Game").unwrap(), json!([{"id": "1", "league": {"name": "L"}}]));
        assert_eq!(read("{ id }", &json!({})).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let ask = |text: &str| {
            project(&json!({"id": "1", "league": {"name": "L"}}), &read(text, &json!({})).unwrap(), "Game")
        };
        assert_eq!(ask("{ colour }").unwrap_err(), "Type `Game` has no field `colour`");
        assert!(ask("{ league }").unwrap_err().contains("selection of subfields"));
        assert!(ask("{ id { x } }").unwrap_err().contains("scalar"));
        for bad in [
            "",
            "{",
            "query",
            "query X {",
            "{ a(",
            "{ a(b) }",
            "{ a(b: ) }",
            "{ a } }",
            "{ a(b: \"x) }",
            "{ ... F }",
            "{ a(b: 1x) }",
        ] {
            assert!(read(bad, &json!({})).is_err(), "{bad}");
        }
        let deep = "{a".repeat(1000) + &"}".repeat(1000);
        assert!(read(&deep, &json!({})).unwrap_err().contains("deeply"));
        assert!(read(&format!("{{ a(b: {} ) }}", "[".repeat(1000)), &json!({})).unwrap_err().contains("deeply"));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "(query |[a-z]|[{}()\\[\\]:$!=, \"\\\\#\\n]|é|1){0,60}") {
            let _ = read(&text, &json!({}));
        }
    }
}
