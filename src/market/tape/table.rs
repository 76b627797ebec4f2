//! Tables with a header line, as spreadsheets write them (RFC 4180).

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};

/// A table whose cells are asked for by column name.
pub(super) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<StringRecord>,
}

impl Table {
    /// Reads a whole file; `None` without a header. Lines may be shorter or longer than the header; blank ones are left out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut rows =
            reader.into_records().filter_map(Result::ok).filter(|row| row.iter().any(|cell| !cell.is_empty()));
        let columns = rows.next()?.iter().enumerate().map(|(place, name)| (name.trim().to_owned(), place)).collect();
        Some(Self { columns, rows: rows.collect() })
    }

    pub(super) fn has(&self, columns: &[&str]) -> bool {
        columns.iter().all(|column| self.columns.contains_key(*column))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }
}

/// One line of a [`Table`].
pub(super) struct Row<'a> {
    table: &'a Table,
    cells: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// The cell, unless missing or blank.
    pub(super) fn text(&self, column: &str) -> Option<&'a str> {
        let cell = self.cells.get(*self.table.columns.get(column)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    pub(super) fn number(&self, column: &str) -> Option<f64> {
        self.text(column)?.parse().ok()
    }

    pub(super) fn integer(&self, column: &str) -> Option<i64> {
        self.text(column)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_with_their_quotes_and_line_ends() {
        let table = Table::parse("\u{feff}a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n2\n,last").unwrap();
        let cells: Vec<_> = table.rows().map(|row| (row.integer("a"), row.text("b"))).collect();
        assert_eq!(cells, [(Some(1), Some("x, \"y\"\nz")), (Some(2), None), (None, Some("last"))]);
        assert!(table.has(&["a", "b"]) && !table.has(&["c"]));
        assert!(Table::parse("").is_none());
    }
}
