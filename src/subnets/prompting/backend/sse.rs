//! The streamed answer of a chat completion: server-sent events with a JSON object each, `[DONE]` at the end.

use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;

use super::BackendError;
use crate::forecast::openai::words_of;

/// The longest event that is read, bytes: one of a piece of text has some hundred.
const MAX_EVENT: usize = 1 << 20;
/// The most text of one answer, bytes.
const MAX_TEXT: usize = 8 << 20;

/// Reads one answer. Dropped, the connection is closed and the model is told to stop.
pub(super) struct Events {
    what: String,
    response: Option<Response>,
    buffer: Vec<u8>,
    /// A reason to stop was given, so that an end is an end.
    finished: bool,
    text: usize,
}

/// What one event says.
#[derive(Debug, PartialEq)]
enum Event {
    Text(String),
    Nothing,
    Finished,
    Done,
}

impl Events {
    pub(super) const fn of(what: String, response: Response) -> Self {
        Self { what, response: Some(response), buffer: Vec::new(), finished: false, text: 0 }
    }

    /// The next piece that is not empty; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<String>, BackendError> {
        loop {
            while let Some(line) = self.line() {
                match event(&line).map_err(|reason| self.malformed(&reason))? {
                    Event::Text(text) => {
                        self.text += text.len();
                        if self.text > MAX_TEXT {
                            return Err(BackendError::TooMuch { what: self.what.clone(), limit: MAX_TEXT });
                        }
                        return Ok(Some(text));
                    }
                    Event::Nothing => {}
                    Event::Finished => self.finished = true,
                    Event::Done => {
                        self.response = None;
                        return Ok(None);
                    }
                }
            }
            let Some(response) = self.response.as_mut() else { return Ok(None) };
            match response.chunk().await {
                Ok(Some(piece)) => self.buffer.extend_from_slice(&piece),
                // The last line may lack its end.
                Ok(None) if !self.buffer.is_empty() && self.buffer.last() != Some(&b'\n') => self.buffer.push(b'\n'),
                Ok(None) if self.finished => self.response = None,
                Ok(None) => return Err(self.malformed("the connection ended before the end of the answer")),
                Err(error) => {
                    let reason = error.without_url().to_string().into();
                    return Err(BackendError::Unreachable { what: self.what.clone(), reason });
                }
            }
            if self.buffer.len() > MAX_EVENT && !self.buffer.contains(&b'\n') {
                return Err(BackendError::TooMuch { what: self.what.clone(), limit: MAX_EVENT });
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
        let rest = self.buffer.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Some(line)
    }

    fn malformed(&self, reason: &str) -> BackendError {
        BackendError::Malformed { what: self.what.clone(), reason: reason.into() }
    }
}

/// What one line says: comments and other fields than `data` say nothing.
fn event(line: &[u8]) -> Result<Event, String> {
    let Some(data) = line.strip_prefix(b"data:") else { return Ok(Event::Nothing) };
    let data = data.trim_ascii();
    if data == b"[DONE]" {
        return Ok(Event::Done);
    }
    if data.is_empty() {
        return Ok(Event::Nothing);
    }
    let part: Part = serde_json::from_slice(data).map_err(|e| format!("an event that is not JSON of a chat ({e})"))?;
    if let Some(error) = part.error {
        return Err(format!("error: {}", words_of(&error)));
    }
    let Some(choice) = part.choices.into_iter().next() else { return Ok(Event::Nothing) };
    match choice.delta.and_then(|delta| delta.content).filter(|text| !text.is_empty()) {
        Some(text) => Ok(Event::Text(text)),
        None if choice.finish_reason.is_some() => Ok(Event::Finished),
        None => Ok(Event::Nothing),
    }
}

/// A piece of a streamed answer, or the whole of one that is not.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    delta: Option<Message>,
    pub(super) message: Option<Message>,
    finish_reason: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) content: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_with_text_says_something() {
        let text = |line: &str| event(line.as_bytes()).unwrap();
        assert_eq!(text(r#"data: {"choices":[{"delta":{"content":"hé"}}]}"#), Event::Text("hé".into()));
        for silent in [
            "",
            ": ping",
            "event: x",
            "data:",
            r#"data: {"choices":[]}"#,
            r#"data: {"choices":[{"delta":{"content":null}}]}"#,
            r#"data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        ] {
            assert_eq!(text(silent), Event::Nothing, "{silent}");
        }
        assert_eq!(text(r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#), Event::Finished);
        assert_eq!(text("data: [DONE]"), Event::Done);
    }

    #[test]
    fn errors_and_nonsense_are_told_in_its_own_words() {
        let refused = event(br#"data: {"error":{"message":"overloaded","code":529}}"#).unwrap_err();
        assert_eq!(refused, "error: overloaded");
        for wrong in [&b"data: {"[..], b"data: 7", b"data: \xff", br#"data: {"choices":7}"#] {
            assert!(event(wrong).is_err());
        }
    }
}
