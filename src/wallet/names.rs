//! Names of wallets and hotkeys, which become names of files.

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or one that would leave the wallets folder or surprise a shell.
    #[error("`{name}` cannot name a {kind}: {reason}")]
    Unusable {
        /// `wallet` or `hotkey`.
        kind: &'static str,
        /// The name, shortened and without control characters.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `WALLET/HOTKEY` together with a hotkey named elsewhere.
    #[error("the hotkey is given twice: in `{wallet}` and as `{hotkey}`; give it once")]
    HotkeyTwice {
        /// The wallet argument.
        wallet: String,
        /// The other hotkey argument.
        hotkey: String,
    },
}

/// Endings of files that lie beside hotkeys and are none.
const NOT_HOTKEYS: [&str; 3] = ["pub.txt", ".lock", ".tmp"];

/// Checks a wallet name.
///
/// # Errors
/// [`NameError::Unusable`].
pub fn check_wallet_name(name: &str) -> Result<(), NameError> {
    check("wallet", name)
}

/// Checks a hotkey name.
///
/// # Errors
/// [`NameError::Unusable`].
pub fn check_hotkey_name(name: &str) -> Result<(), NameError> {
    check("hotkey", name)?;
    if is_not_a_hotkey(name) {
        return Err(unusable("hotkey", name, "files that end in pub.txt, .lock, .tmp or .bak-TIME are not hotkeys"));
    }
    Ok(())
}

/// Whether a file of the hotkeys folder is something else than a hotkey's secret.
fn is_not_a_hotkey(name: &str) -> bool {
    name.starts_with('.') || NOT_HOTKEYS.iter().any(|end| name.ends_with(end)) || is_backup(name)
}

/// Whether it is a file we kept when another took its place: `NAME.bak-20260102T030405Z`.
fn is_backup(name: &str) -> bool {
    name.rsplit_once(".bak-").is_some_and(|(_, stamp)| stamp.starts_with(|c: char| c.is_ascii_digit()))
}

fn check(kind: &'static str, name: &str) -> Result<(), NameError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.contains(['/', '\\']) {
        "it contains a slash; names are not paths (use --wallet.path for the folder)"
    } else if name.chars().any(char::is_control) {
        "it contains a control character"
    } else if name.starts_with(['.', '-']) {
        "it starts with `.` or `-`"
    } else if name.len() > 128 {
        "it is longer than 128 bytes"
    } else {
        return Ok(());
    };
    Err(unusable(kind, name, reason))
}

fn unusable(kind: &'static str, name: &str, reason: &'static str) -> NameError {
    let name = name.chars().filter(|c| !c.is_control()).take(40).collect();
    NameError::Unusable { kind, name, reason }
}

/// Splits `WALLET` or `WALLET/HOTKEY`; `hotkey` is one named elsewhere.
///
/// # Errors
/// [`NameError::HotkeyTwice`], or [`NameError::Unusable`] for either part.
pub fn split_name(wallet: &str, hotkey: Option<&str>) -> Result<(String, Option<String>), NameError> {
    let (name, inner) = match wallet.split_once('/') {
        Some((name, inner)) => (name, Some(inner)),
        None => (wallet, None),
    };
    check_wallet_name(name)?;
    let hotkey = match (inner, hotkey) {
        (Some(inner), Some(other)) if inner != other => {
            return Err(NameError::HotkeyTwice { wallet: wallet.to_owned(), hotkey: other.to_owned() });
        }
        (inner, other) => inner.or(other),
    };
    hotkey.map(check_hotkey_name).transpose()?;
    Ok((name.to_owned(), hotkey.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_folder() {
        for bad in ["", ".", "..", "../x", "/etc", "a/b", "a\\b", "a\0b", "a\nb", "-x", ".x"] {
            assert!(check_wallet_name(bad).is_err(), "{bad:?}");
            assert!(check_hotkey_name(bad).is_err(), "{bad:?}");
        }
        for bad in ["xpub.txt", "x.lock", "x.tmp", "x.bak-20260101T000000Z"] {
            assert!(check_hotkey_name(bad).is_err(), "{bad:?}");
        }
        for good in ["default", "my-wallet", "My.Wallet v2", "日本", "x.bak"] {
            assert!(check_wallet_name(good).is_ok() && check_hotkey_name(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn wallet_and_hotkey_in_one_argument() {
        assert_eq!(split_name("w", None).unwrap(), ("w".into(), None));
        assert_eq!(split_name("w/h", None).unwrap(), ("w".into(), Some("h".into())));
        assert_eq!(split_name("w", Some("h")).unwrap(), ("w".into(), Some("h".into())));
        assert!(split_name("w/h", Some("other")).is_err());
        for bad in ["w/", "/h", "w/h/x", "../w"] {
            assert!(split_name(bad, None).is_err(), "{bad}");
        }
    }
}
