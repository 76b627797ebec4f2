//! The streams of several miners side by side: a column for each, a row for each piece with its time.

use unicode_width::UnicodeWidthStr as _;

use super::SHOWN;
use crate::cli::live::in_columns;
use crate::subnets::prompting::query::{Answered, Piece};
use crate::units::Uid;

/// The narrowest column that is worth reading.
const NARROWEST: usize = 22;
/// Of a row, what the time takes.
const TIME: usize = 8;
const BETWEEN: &str = " │ ";

/// See the module.
#[derive(Debug)]
pub(super) struct Columns {
    width: usize,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    uid: Uid,
    head: String,
    chunks: usize,
    first_s: Option<f64>,
    rows: Vec<String>,
}

impl Columns {
    /// Room for these miners in a terminal of so many columns; `None` where they do not fit.
    pub(super) fn within(terminal: usize, uids: &[Uid]) -> Option<Self> {
        let between = BETWEEN.width() * uids.len().saturating_sub(1);
        // The last column of a terminal stays free: some wrap when it is written to.
        let width = terminal.saturating_sub(1 + between).checked_div(uids.len())?;
        let column =
            |uid: &Uid| Column { uid: *uid, head: "waiting".to_owned(), chunks: 0, first_s: None, rows: Vec::new() };
        (width >= NARROWEST).then(|| Self { width, columns: uids.iter().map(column).collect() })
    }

    /// A piece has come.
    pub(super) fn add(&mut self, piece: &Piece) {
        let room = self.width - TIME;
        let Some(column) = self.columns.iter_mut().find(|column| column.uid == piece.uid) else { return };
        column.chunks += 1;
        let first_s = *column.first_s.get_or_insert(piece.at_s);
        column.head = format!("first {first_s:.3} s, {} so far", column.chunks);
        let mut time = format!("{:>7.3} ", piece.at_s);
        for line in piece.text.lines_up_to(SHOWN) {
            let line = line.to_string();
            let mut rest = line.as_str();
            loop {
                let part = in_columns(rest, room);
                column.rows.push(std::mem::replace(&mut time, " ".repeat(TIME)) + part);
                rest = rest.get(part.len()..).unwrap_or_default();
                if rest.is_empty() || part.is_empty() {
                    break;
                }
            }
        }
        if piece.text.as_raw().is_empty() {
            column.rows.push(time);
        }
    }

    /// An answer is over.
    pub(super) fn end(&mut self, answer: &Answered) {
        let Some(column) = self.columns.iter_mut().find(|column| column.uid == answer.uid) else { return };
        column.head = match answer.first_s {
            Some(first_s) => format!("first {first_s:.3} s, all {:.3} s", answer.total_s),
            None => format!("nothing in {:.3} s", answer.total_s),
        };
    }

    /// The lines of the whole, or of each column's last `rows`.
    pub(super) fn frame(&self, rows: Option<usize>) -> String {
        let longest = self.columns.iter().map(|column| column.rows.len()).max().unwrap_or_default();
        let shown = rows.map_or(longest, |rows| rows.min(longest));
        let line = |cell: &dyn Fn(&Column) -> String| {
            let cells: Vec<String> = self.columns.iter().map(|column| self.padded(&cell(column))).collect();
            format!("{}\n", cells.join(BETWEEN).trim_end())
        };
        let mut frame = line(&|column| format!("uid {}", column.uid));
        frame += &line(&|column| column.head.clone());
        for row in 0..shown {
            let behind = |column: &Column| column.rows.len().saturating_sub(shown);
            frame += &line(&|column| column.rows.get(behind(column) + row).cloned().unwrap_or_default());
        }
        frame
    }

    /// A cell as wide as its column.
    fn padded(&self, text: &str) -> String {
        let text = in_columns(text, self.width);
        format!("{text}{}", " ".repeat(self.width.saturating_sub(text.width())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::is_harmful;

    fn piece(uid: u16, at_s: f64, text: &str) -> Piece {
        Piece { uid: Uid(uid), at_s, after_s: 0.0, text: text.into() }
    }

    #[test]
    fn pieces_stand_in_the_column_of_whoever_said_them_with_their_times() {
        let mut columns = Columns::within(79, &[Uid(3), Uid(7)]).unwrap();
        assert!(columns.frame(None).contains("waiting"));
        columns.add(&piece(3, 0.25, "Hello"));
        columns.add(&piece(7, 0.5, "Good day"));
        columns.add(&piece(3, 1.0, " world"));
        let answer = Answered {
            uid: Uid(3),
            hotkey: crate::units::Account([0; 32]),
            completion: "Hello world".into(),
            chunks: 2,
            first_s: Some(0.25),
            total_s: 1.5,
            status: 200,
            partial: None,
        };
        columns.end(&answer);
        let frame = columns.frame(None);
        let rows: Vec<(&str, &str)> =
            frame.lines().map(|line| line.split_once(BETWEEN).unwrap_or((line, ""))).collect();
        let rows: Vec<(&str, &str)> =
            rows.iter().map(|(left, right)| (left.trim_end_matches([' ', '│']), *right)).collect();
        assert_eq!(
            rows,
            [
                ("uid 3", "uid 7"),
                ("first 0.250 s, all 1.500 s", "first 0.500 s, 1 so far"),
                ("  0.250 Hello", "  0.500 Good day"),
                ("  1.000  world", ""),
            ]
        );
    }

    #[test]
    fn every_line_fits_whatever_is_said_and_the_last_rows_are_shown() {
        assert!(Columns::within(40, &[Uid(1), Uid(2)]).is_none(), "too narrow to be read");
        assert!(Columns::within(80, &[]).is_none());
        let mut columns = Columns::within(60, &[Uid(1), Uid(2)]).unwrap();
        let (long, wide) = ("w".repeat(200), "漢字".repeat(60));
        for hostile in [long.as_str(), &wide, "\x1b[2J\u{9b}2J", "a\r\nb\n\nc", "\u{202e}\u{200b}", ""] {
            columns.add(&piece(1, 9.0, hostile));
        }
        for rows in [None, Some(5)] {
            let frame = columns.frame(rows);
            assert!(frame.lines().all(|line| line.width() < 60), "{frame}");
            assert!(!frame.chars().any(|c| c != '\n' && is_harmful(c)), "{frame:?}");
        }
        assert_eq!(columns.frame(Some(5)).lines().count(), 7);
        columns.add(&piece(1, 10.0, "the end"));
        assert!(columns.frame(Some(5)).contains("10.000 the end"));
    }
}
