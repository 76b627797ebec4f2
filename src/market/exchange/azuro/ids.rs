//! Ids of Azuro's form for markets of any exchange, that lead back to them without a memory.
//!
//! An outcome is `{core address}_{condition id}_{outcome id}`, and a condition's id begins with that of its game. The game's
//! id is the market's own: 32 bytes in hex as the decimal number after a 1, anything else as three digits a byte after a 2.

use std::fmt::Write as _;

use sp_core::U256;

/// The contract of all our conditions; nobody's on any chain.
const CORE: &str = "0x000000000000000000000000000000000005a2f0";

/// A game has one condition, which is this one.
const CONDITION: &str = "000000001";

/// The sides' outcome ids: those of the winner of a match, as in Azuro's own list.
pub(super) const OUTCOMES: [&str; 2] = ["6979", "6980"];

/// The id of the game about market `id`. One that is an outcome of Azuro already keeps its own.
pub(super) fn game(id: &str) -> String {
    if let Some((_, condition, _)) = split(id) {
        return condition.get(..condition.len().saturating_sub(CONDITION.len())).unwrap_or(condition).to_owned();
    }
    let number =
        id.strip_prefix("0x").filter(|hex| is_canonical(hex)).and_then(|hex| U256::from_str_radix(hex, 16).ok());
    match number {
        Some(number) => format!("1{number}"),
        None => id.bytes().fold("2".to_owned(), |mut digits, byte| {
            // Writing to a text cannot fail.
            let _ = write!(digits, "{byte:03}");
            digits
        }),
    }
}

/// The id of the condition about market `id`.
pub(super) fn condition(id: &str) -> String {
    match split(id) {
        Some((_, condition, _)) => condition.to_owned(),
        None => game(id) + CONDITION,
    }
}

/// The id of side 0 or 1 of market `id`.
pub(super) fn outcome(id: &str, side: usize) -> String {
    match split(id) {
        Some(_) if side == 0 => id.to_owned(),
        // A recording holds one outcome of a condition; this is all the others.
        Some((core, condition, _)) => format!("{core}_{condition}_0"),
        None => format!("{CORE}_{}_{}", condition(id), OUTCOMES.get(side).unwrap_or(&"0")),
    }
}

/// The market and the side of an outcome's id, if it is one of ours.
pub(super) fn read(outcome: &str) -> Option<(String, usize)> {
    let (core, condition, number) = split(outcome)?;
    let side = OUTCOMES.iter().position(|own| *own == number)?;
    let digits = condition.strip_suffix(CONDITION).filter(|_| core == CORE)?;
    let id = match digits.split_at_checked(1)? {
        ("1", number) => format!("0x{:0>64}", format!("{:x}", U256::from_dec_str(number).ok()?)),
        ("2", bytes) => {
            let codes = (0..bytes.len()).step_by(3).map(|at| bytes.get(at..at + 3)?.parse().ok());
            String::from_utf8(codes.collect::<Option<Vec<u8>>>()?).ok()?
        }
        _ => return None,
    };
    // Only one spelling of an id is ours.
    (self::outcome(&id, side) == outcome).then_some((id, side))
}

/// Whether the hex of 32 bytes is written as it is written back.
fn is_canonical(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The three parts of an outcome's id.
fn split(id: &str) -> Option<(&str, &str, &str)> {
    let mut parts = id.split('_');
    let (core, condition, outcome) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = parts.next().is_none() && core.len() == 42 && core.starts_with("0x");
    (is_whole && is_number(condition) && is_number(outcome)).then_some((core, condition, outcome))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_market(id in prop_oneof!["0x[0-9a-f]{64}", "0x[0-9A-F]{64}", ".{0,40}", "kalshi-[A-Z0-9-]{1,20}"], side in 0..2usize) {
            prop_assume!(split(&id).is_none());
            prop_assert_eq!(read(&outcome(&id, side)), Some((id.clone(), side)));
            prop_assert!(condition(&id).starts_with(&game(&id)));
        }

        #[test]
        fn other_ids_lead_nowhere(id in "(0x000000000000000000000000000000000005a2f0|0x1)_[12]?[0-9]{0,30}_(6979|29)", any in ".{0,60}") {
            for id in [id, any] {
                if let Some((market, side)) = read(&id) {
                    prop_assert_eq!(outcome(&market, side), id);
                }
            }
        }
    }

    #[test]
    fn an_outcome_of_azuro_keeps_its_id() {
        let id = format!("0x{}_100610060000000000267304920000000000000640393189_29", "7f".repeat(20));
        assert_eq!(outcome(&id, 0), id);
        assert_eq!(condition(&id), "100610060000000000267304920000000000000640393189");
        assert_eq!(game(&id), "100610060000000000267304920000000000000");
        assert_ne!(outcome(&id, 1), id);
    }
}
