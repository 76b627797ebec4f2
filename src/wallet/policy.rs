//! What a new password must be. Nothing of it concerns interchange: every tool opens what any password sealed.

use super::error::WalletError;
use super::secret::Secret;

/// Below this many characters a password is refused.
const SHORTEST: usize = 8;

/// The passwords that every list of guesses starts with, 8 characters or longer.
const COMMON: [&str; 24] = [
    "password",
    "password1",
    "password123",
    "passw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "11111111",
    "00000000",
    "qwertyui",
    "qwerty123",
    "qwertyuiop",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "bittensor",
    "opentensor",
    "subtensor",
    "changeme",
    "letmein1",
];

/// Checks a new password.
///
/// # Errors
/// [`WalletError::WeakPassword`]: empty always; short or common unless `weak_is_fine`.
pub fn check_new_password(password: &Secret, weak_is_fine: bool) -> Result<(), WalletError> {
    let text = password.expose();
    if text.is_empty() {
        return Err(WalletError::WeakPassword("it is empty"));
    }
    if weak_is_fine {
        return Ok(());
    }
    if text.chars().count() < SHORTEST {
        return Err(WalletError::WeakPassword("it has fewer than 8 characters, and all wallets use the same salt"));
    }
    if COMMON.contains(&text.to_lowercase().as_str()) {
        return Err(WalletError::WeakPassword("it is one of the most common passwords"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_common_passwords_need_a_word() {
        let check = |text: &str, weak| check_new_password(&Secret::new(text.to_owned()), weak).is_ok();
        assert!(check("correct horse", false));
        for weak in ["short", "Password", "12345678"] {
            assert!(!check(weak, false) && check(weak, true), "{weak}");
        }
        assert!(!check("", true));
    }
}
