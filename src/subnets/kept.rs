//! Since when a ledger has everything, where it forgets what is old: noted by who forgets, in the same transaction, and asked by a
//! lake, which must not take a part for the whole.

use crate::lake::table::Cell;
use crate::lake::{Grain, Read};
use crate::ledger::sql::{Connection, Transaction};
use crate::ledger::{Fault, notes};
use crate::units::{Identity, UnixMs};

const KEPT_SINCE: &str = "kept_since";

/// Notes that what was before `time` is forgotten.
///
/// # Errors
/// Those of the database.
pub(super) fn forgotten_before(transaction: &Transaction<'_>, time: UnixMs) -> Result<(), Fault> {
    notes::set(transaction, KEPT_SINCE, &time.0.to_string())
}

/// Since when everything is there; `None` where nothing was ever forgotten.
///
/// # Errors
/// Those of the database; the note is no time.
pub(super) fn since(connection: &Connection) -> Result<Option<UnixMs>, Fault> {
    let Some(text) = notes::get(connection, KEPT_SINCE)? else { return Ok(None) };
    let wrong = |_| Fault::Damaged(format!("`{KEPT_SINCE}` is `{text}`, and no time"));
    text.parse().map(|ms| Some(UnixMs(ms))).map_err(wrong)
}

/// Where the first stretch of a table begins: that of its `first` row, or the first of which nothing may be forgotten, when rows
/// lie up to `late_ms` behind the time by which is forgotten.
///
/// # Errors
/// As [`since`].
pub(super) fn begins(
    connection: &Connection,
    grain: Grain,
    first: Option<i64>,
    late_ms: i64,
) -> Result<Option<UnixMs>, Fault> {
    let whole = since(connection)?.map(|kept| grain.ceil(kept.plus_ms(late_ms)));
    Ok(first.map(|first| grain.floor(UnixMs(first))).map(|first| whole.map_or(first, |whole| whole.max(first))))
}

/// What reading a stretch that begins at `from` came to.
///
/// # Errors
/// As [`since`].
pub(super) fn read_from(connection: &Connection, from: UnixMs) -> Result<Read, Fault> {
    let is_whole = since(connection)?.is_none_or(|kept| kept <= from);
    Ok(if is_whole { Read::Whole } else { Read::Forgotten })
}

/// Who, in two columns of a lake: `hotkey`, `registered_at`.
pub(super) fn who(identity: Identity) -> [Cell; 2] {
    [Cell::Text(identity.hotkey.ss58()), Cell::Long(i64::try_from(identity.registered_at).unwrap_or(i64::MAX))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    #[tokio::test]
    async fn what_was_forgotten_is_not_told_as_if_it_were_all() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("a.sqlite"), &[]).unwrap();
        let read = |from: i64| ledger.read(move |connection| read_from(connection, UnixMs(from)));
        assert_eq!(read(5).await.unwrap(), Read::Whole);
        ledger.write(|transaction| forgotten_before(transaction, UnixMs(10))).await.unwrap();
        assert_eq!([read(9).await.unwrap(), read(10).await.unwrap()], [Read::Forgotten, Read::Whole]);
    }
}
