//! The files of the writer, read by the specification of the format.

use std::collections::BTreeMap;

use super::*;

/// A value of Thrift's compact protocol, read by a decoder that shares nothing with the writer.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Flag,
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Struct(BTreeMap<u8, Value>),
}

impl Value {
    fn at(&self, path: &[u8]) -> &Value {
        path.iter().fold(self, |value, number| match value {
            Value::Struct(fields) => &fields[number],
            Value::List(items) => &items[usize::from(*number)],
            other => panic!("{other:?} has no parts"),
        })
    }

    fn number(&self, path: &[u8]) -> i64 {
        let Value::Number(number) = self.at(path) else { panic!("{path:?} of {self:?} is no number") };
        *number
    }

    fn list(&self, path: &[u8]) -> &[Value] {
        let Value::List(items) = self.at(path) else { panic!("{path:?} is no list") };
        items
    }
}

fn unsigned(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

fn value(bytes: &mut &[u8], kind: u8) -> Value {
    match kind {
        1 => Value::Flag,
        5 | 6 => {
            let raw = unsigned(bytes);
            Value::Number((raw >> 1) as i64 ^ -((raw & 1) as i64))
        }
        8 => {
            let n = unsigned(bytes) as usize;
            let (text, rest) = bytes.split_at(n);
            *bytes = rest;
            Value::Text(String::from_utf8(text.to_vec()).unwrap())
        }
        9 => {
            let head = bytes[0];
            *bytes = &bytes[1..];
            let n = if head >> 4 == 15 { unsigned(bytes) } else { u64::from(head >> 4) };
            Value::List((0..n).map(|_| value(bytes, head & 15)).collect())
        }
        12 => {
            let (mut fields, mut number) = (BTreeMap::new(), 0);
            loop {
                let head = bytes[0];
                *bytes = &bytes[1..];
                if head == 0 {
                    return Value::Struct(fields);
                }
                number += head >> 4;
                fields.insert(number, value(bytes, head & 15));
            }
        }
        other => panic!("kind {other}"),
    }
}

const COLUMNS: [Column; 5] = [
    Column::of("name", Type::Text),
    Column::of("small", Type::Int),
    Column::of("large", Type::Long),
    Column::of("at", Type::Time).optional(),
    Column::of("x", Type::Double).optional(),
];

fn rows(n: i32) -> Vec<[Cell; 5]> {
    let row = |k: i32| {
        let x = if k % 3 == 1 { Cell::Empty } else { Cell::Double(f64::from(k) / 7.0) };
        let at = if k < 4 { Cell::Empty } else { Cell::Time(1_717_200_000_000 + i64::from(k)) };
        [Cell::Text(format!("Zeile „{k}“")), Cell::Int(-k), Cell::Long(i64::from(k) << 40), at, x]
    };
    (0..n).map(row).collect()
}

fn file(rows: &[[Cell; 5]], group: usize) -> Vec<u8> {
    let mut writer = Writer::with_groups(Vec::new(), &COLUMNS, group).unwrap();
    rows.iter().for_each(|row| writer.row(row).unwrap());
    writer.finish().unwrap()
}

/// The values of a page, by the rules of the format.
fn column(file: &[u8], meta: &Value, column: usize) -> Vec<Cell> {
    let mut bytes = &file[meta.number(&[9]) as usize..];
    let head = value(&mut bytes, 12);
    let n = head.number(&[5, 1]) as usize;
    assert_eq!((head.number(&[1]), head.number(&[2])), (0, head.number(&[3])));
    let mut page = &bytes[..head.number(&[2]) as usize];
    let mut present = Vec::new();
    if COLUMNS[column].optional {
        let (length, rest) = page.split_at(4);
        let (mut levels, rest) = rest.split_at(u32::from_le_bytes(length.try_into().unwrap()) as usize);
        page = rest;
        while !levels.is_empty() {
            let run = unsigned(&mut levels);
            assert_eq!(run & 1, 0, "runs only");
            present.extend(vec![levels[0] == 1; (run >> 1) as usize]);
            levels = &levels[1..];
        }
    } else {
        present = vec![true; n];
    }
    let mut take = |n: usize| {
        let (taken, rest) = page.split_at(n);
        page = rest;
        taken.to_vec()
    };
    let mut cell = |present: bool| match COLUMNS[column].of {
        _ if !present => Cell::Empty,
        Type::Text => {
            let n = u32::from_le_bytes(take(4).try_into().unwrap()) as usize;
            Cell::Text(String::from_utf8(take(n)).unwrap())
        }
        Type::Int => Cell::Int(i32::from_le_bytes(take(4).try_into().unwrap())),
        Type::Long => Cell::Long(i64::from_le_bytes(take(8).try_into().unwrap())),
        Type::Time => Cell::Time(i64::from_le_bytes(take(8).try_into().unwrap())),
        Type::Double => Cell::Double(f64::from_le_bytes(take(8).try_into().unwrap())),
    };
    let cells = present.into_iter().map(&mut cell).collect();
    assert!(page.is_empty());
    cells
}

#[test]
fn a_reader_that_follows_the_specification_gets_every_cell_back() {
    for (n, group) in [(0, 10), (1, 10), (23, 10), (20, 10), (23, 100)] {
        let rows = rows(n);
        let file = file(&rows, group);
        assert!(file.starts_with(MAGIC) && file.ends_with(MAGIC));
        let end = file.len() - 8;
        let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
        let mut footer = &file[end - length..end];
        let meta = value(&mut footer, 12);
        assert!(footer.is_empty());
        assert_eq!(meta.number(&[3]), i64::from(n));
        let names: Vec<_> = meta.list(&[2])[1..].iter().map(|column| column.at(&[4]).clone()).collect();
        assert_eq!(names, COLUMNS.map(|column| Value::Text(column.name.into())));
        let (mut seen, mut offset) = (0, 4);
        for group in meta.list(&[4]) {
            let count = group.number(&[3]) as usize;
            for (k, chunk) in group.list(&[1]).iter().enumerate() {
                // Chunks follow each other without a gap, and are as long as they say.
                assert_eq!(chunk.number(&[3, 9]), offset);
                offset += chunk.number(&[3, 7]);
                let expected: Vec<_> = rows[seen..seen + count].iter().map(|row| row[k].clone()).collect();
                assert_eq!(column(&file, chunk.at(&[3]), k), expected);
            }
            seen += count;
        }
        assert_eq!((seen, offset as usize), (rows.len(), end - length));
    }
}

#[test]
fn a_row_that_does_not_fit_is_refused() {
    let mut writer = Writer::new(Vec::new(), &COLUMNS[..2]).unwrap();
    assert!(writer.row(&[Cell::Text("a".into())]).is_err());
    assert!(writer.row(&[Cell::Int(1), Cell::Int(1)]).is_err());
    assert!(writer.row(&[Cell::Empty, Cell::Int(1)]).is_err());
}
