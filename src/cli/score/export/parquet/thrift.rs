//! Thrift's compact protocol, as far as the footers of Parquet files need it: writing structs, lists, numbers, texts.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// The kinds of values, as fields and lists name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    True = 1,
    I32 = 5,
    I64 = 6,
    Binary = 8,
    List = 9,
    Struct = 12,
}

/// A struct on its way; fields are written with ascending numbers.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(mut self, number: u8, kind: Kind) -> Self {
        // Numbers ascend by less than 16 in every struct of Parquet that is written here: the short form does.
        self.bytes.push(number.saturating_sub(self.last) << 4 | kind as u8);
        self.last = number;
        self
    }

    pub(super) fn i32(self, number: u8, value: i32) -> Self {
        let mut to = self.field(number, Kind::I32);
        varint(&mut to.bytes, zigzag(value.into()));
        to
    }

    pub(super) fn i64(self, number: u8, value: i64) -> Self {
        let mut to = self.field(number, Kind::I64);
        varint(&mut to.bytes, zigzag(value));
        to
    }

    /// A flag that is set.
    pub(super) fn yes(self, number: u8) -> Self {
        self.field(number, Kind::True)
    }

    pub(super) fn text(self, number: u8, text: &str) -> Self {
        let mut to = self.field(number, Kind::Binary);
        to.bytes.extend(binary(text));
        to
    }

    pub(super) fn nested(self, number: u8, value: Struct) -> Self {
        let mut to = self.field(number, Kind::Struct);
        to.bytes.extend(value.finish());
        to
    }

    /// A list of `kind` of values that are encoded already.
    pub(super) fn list(self, number: u8, kind: Kind, values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut to = self.field(number, Kind::List);
        let values: Vec<_> = values.into_iter().collect();
        match u8::try_from(values.len()) {
            Ok(n) if n < 15 => to.bytes.push(n << 4 | kind as u8),
            _ => {
                to.bytes.push(0xf0 | kind as u8);
                varint(&mut to.bytes, values.len() as u64);
            }
        }
        values.into_iter().for_each(|value| to.bytes.extend(value));
        to
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A text as an element of a list.
pub(super) fn binary(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1);
    varint(&mut out, text.len() as u64);
    out.extend(text.as_bytes());
    out
}

/// A number as an element of a list.
pub(super) fn number(value: i32) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, zigzag(value.into()));
    out
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_specification() {
        assert_eq!(number(0), [0]);
        assert_eq!(number(-1), [1]);
        assert_eq!(number(150), [0xac, 0x02]);
        assert_eq!(zigzag(i64::MIN), u64::MAX);
        let made = Struct::default().i32(1, 1).text(4, "ab").list(5, Kind::I32, [number(3)]).finish();
        assert_eq!(made, [0x15, 2, 0x38, 2, b'a', b'b', 0x19, 0x15, 6, 0]);
        let long = Struct::default().list(1, Kind::I32, (0..15).map(number)).finish();
        assert_eq!(long[..3], [0x19, 0xf5, 15]);
    }
}
