//! Tables with a header line, as spreadsheets write them (RFC 4180).

use std::collections::HashMap;

/// A table whose cells are asked for by column name.
pub(super) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a whole file; `None` without a header.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text)).into_iter();
        let columns =
            rows.next()?.into_iter().enumerate().map(|(place, name)| (name.trim().to_owned(), place)).collect();
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
    cells: &'a [String],
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

/// Cells by line; quoted cells may hold commas, line ends and doubled quotes. Blank lines are left out.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted && characters.peek().is_none_or(|next| *next == '\n') => {}
            other => cell.push(other),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
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
