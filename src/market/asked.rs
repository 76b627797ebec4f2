//! How the text of an event says which outcome's probability is asked: by its last sentence, whatever the market.

/// How every event's text ends, before the outcome's label, a quotation mark and a full stop.
const OUTCOME_ASKED: &str = "The probability asked is that of the outcome \"";

/// The lines that are not blank, then the sentence that names the outcome.
#[must_use]
pub fn text(lines: &[&str], label: &str) -> String {
    let asked = format!("{OUTCOME_ASKED}{}\".", label.trim());
    let lines = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    lines.chain([asked.as_str()]).collect::<Vec<_>>().join("\n")
}

/// An event's text without its last sentence, and the label of the outcome asked for.
pub(crate) fn split_outcome(text: &str) -> (&str, Option<&str>) {
    let Some((text_before, label)) = text.rsplit_once(OUTCOME_ASKED) else { return (text, None) };
    (text_before.trim_end(), Some(label.strip_suffix("\".").unwrap_or(label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_outcome_asked_for() {
        let text = text(&["A vs. B?", " "], "B");
        assert_eq!(text, "A vs. B?\nThe probability asked is that of the outcome \"B\".");
        assert_eq!(split_outcome(&text), ("A vs. B?", Some("B")));
        assert_eq!(split_outcome("Will it?"), ("Will it?", None));
    }
}
