//! What lies in a wallets folder, without unlocking anything.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;

use super::names::is_not_a_hotkey;

/// The names of the hotkeys in a wallet's folder, secret or public only, in natural order.
pub(super) fn hotkey_names(wallet: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(wallet.join("hotkeys")) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|name| name.strip_suffix("pub.txt").map_or_else(|| name.clone(), str::to_owned))
        .filter(|name| !name.is_empty() && !is_not_a_hotkey(name))
        .collect();
    names.sort_by(|a, b| natural(a, b));
    names.dedup();
    names
}

/// Order in which `hk2` comes before `hk10`.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one, other);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (in_a, in_b) = (digits(a), digits(b));
        if in_a > 0 && in_b > 0 {
            let ((number_a, rest_a), (number_b, rest_b)) = (a.split_at(in_a), b.split_at(in_b));
            let (plain_a, plain_b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
            let order = plain_a.len().cmp(&plain_b.len()).then_with(|| plain_a.cmp(plain_b));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (rest_a, rest_b);
            continue;
        }
        let (mut left, mut right) = (a.chars(), b.chars());
        match (left.next(), right.next()) {
            (None, None) => return one.cmp(other),
            (x, y) if x == y => (a, b) = (left.as_str(), right.as_str()),
            (x, y) => return x.cmp(&y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["hk10", "hk2", "a", "hk02", "hk", "b1x2", "b1x10"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "b1x2", "b1x10", "hk", "hk02", "hk2", "hk10"]);
    }
}
