//! Statuses of the protocol. Every Python dendrite treats all but 200 alike; the code and message are for people.

/// The answer follows.
pub const SUCCESS: u16 = 200;
/// The headers, the body's content or its hash are wrong.
pub const BAD_REQUEST: u16 = 400;
/// Nonce or signature do not convince.
pub const UNVERIFIED: u16 = 401;
/// The caller is known and not wanted.
pub const FORBIDDEN: u16 = 403;
/// No such synapse here.
pub const NOT_FOUND: u16 = 404;
/// Neither POST nor GET.
pub const METHOD_NOT_ALLOWED: u16 = 405;
/// The handler did not answer in time.
pub const TIMEOUT: u16 = 408;
/// The body is larger than allowed.
pub const TOO_LARGE: u16 = 413;
/// The body is not JSON.
pub const UNPROCESSABLE: u16 = 422;
/// Too many requests of this caller.
pub const TOO_MANY_REQUESTS: u16 = 429;
/// A fault of ours.
pub const INTERNAL_ERROR: u16 = 500;
/// The queue is full.
pub const UNAVAILABLE: u16 = 503;

/// The message of a success.
pub const SUCCESS_MESSAGE: &str = "Success";

/// A status message fit for a header: one line of visible ASCII, at most 1,000 bytes; other characters become `?`.
#[must_use]
pub fn header_message(message: &str) -> String {
    message.chars().take(1000).map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// The message of a 403.
#[must_use]
pub fn forbidden_message(reason: &str) -> String {
    format!("Forbidden. Key is blacklisted: {reason}.")
}

/// The message of a 404.
#[must_use]
pub fn not_found_message(name: &str, available: &[&str]) -> String {
    let available: Vec<_> = available.iter().map(|name| format!("'{name}'")).collect();
    let name: String = name.chars().take(64).collect();
    format!("Synapse name '{name}' not found. Available synapses [{}]", available.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_a_header() {
        assert_eq!(header_message("a\r\nb é"), "a??b ?");
        assert_eq!(header_message(&"x".repeat(5000)).len(), 1000);
        assert_eq!(
            not_found_message("X", &["Synapse", "Y"]),
            "Synapse name 'X' not found. Available synapses ['Synapse', 'Y']"
        );
    }
}
