//! The msgpack map around an array: what of msgpack it takes, and nothing else.

use super::TensorError;

/// The msgpack map of an array, as the SDK writes it.
pub(super) fn pack(numpy_type: &str, shape: &[u64], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x85];
    pack_bin(b"nd", &mut out);
    out.push(0xc3);
    pack_bin(b"type", &mut out);
    out.push(0xa0 | numpy_type.len() as u8);
    out.extend_from_slice(numpy_type.as_bytes());
    pack_bin(b"kind", &mut out);
    pack_bin(b"", &mut out);
    pack_bin(b"shape", &mut out);
    if shape.len() < 16 {
        out.push(0x90 | shape.len() as u8);
    } else {
        out.push(0xdc);
        out.extend_from_slice(&(shape.len() as u16).to_be_bytes());
    }
    for side in shape {
        pack_uint(*side, &mut out);
    }
    pack_bin(b"data", &mut out);
    pack_bin(data, &mut out);
    out
}

fn pack_bin(bytes: &[u8], out: &mut Vec<u8>) {
    // The key `data` itself and its content: the latter is what may be long.
    match bytes.len() {
        len @ 0..=0xff => out.extend_from_slice(&[0xc4, len as u8]),
        len @ 0x100..=0xffff => {
            out.push(0xc5);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0xc6);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

fn pack_uint(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// The array of a msgpack map, still bytes.
#[derive(Debug)]
pub(super) struct Inner<'a> {
    pub(super) numpy_type: &'a str,
    pub(super) shape: Vec<u64>,
    pub(super) data: &'a [u8],
}

impl<'a> Inner<'a> {
    pub(super) fn unpack(packed: &'a [u8]) -> Result<Self, TensorError> {
        let mut reader = Unpacker { rest: packed };
        let (mut nd, mut numpy_type, mut shape, mut data) = (false, None, None, None);
        for _ in 0..reader.map_len()? {
            let key = reader.item()?;
            let value = reader.item()?;
            match (key, value) {
                (Item::Bin(b"nd"), Item::Bool(flag)) => nd = flag,
                (Item::Bin(b"type"), Item::Text(text)) => numpy_type = Some(text),
                (Item::Bin(b"kind"), Item::Bin([])) => {}
                (Item::Bin(b"kind"), _) => return Err(TensorError::Msgpack("structured or pickled data is not read")),
                (Item::Bin(b"shape"), Item::List(sides)) => shape = Some(sides),
                (Item::Bin(b"data"), Item::Bin(bytes)) => data = Some(bytes),
                _ => return Err(TensorError::Msgpack("the buffer is not an array")),
            }
        }
        if !reader.rest.is_empty() {
            return Err(TensorError::Msgpack("bytes after the array"));
        }
        match (nd, numpy_type, shape, data) {
            (true, Some(numpy_type), Some(shape), Some(data)) => Ok(Self { numpy_type, shape, data }),
            _ => Err(TensorError::Msgpack("the buffer is not a whole array")),
        }
    }
}

/// What a key or a value of the map can be.
#[derive(Debug)]
enum Item<'a> {
    Bool(bool),
    Bin(&'a [u8]),
    Text(&'a str),
    List(Vec<u64>),
}

struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], TensorError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(TensorError::Msgpack("the buffer ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, TensorError> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// A big-endian integer of `len` bytes.
    fn uint(&mut self, len: usize) -> Result<u64, TensorError> {
        Ok(self.take(len)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn bytes(&mut self, len_of_len: usize) -> Result<&'a [u8], TensorError> {
        let len = self.uint(len_of_len)?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn map_len(&mut self) -> Result<usize, TensorError> {
        match self.byte()? {
            byte @ 0x80..=0x8f => Ok(usize::from(byte & 0xf)),
            _ => Err(TensorError::Msgpack("the buffer is not an array")),
        }
    }

    fn side(&mut self) -> Result<u64, TensorError> {
        match self.byte()? {
            byte @ 0..=0x7f => Ok(u64::from(byte)),
            0xcc => self.uint(1),
            0xcd => self.uint(2),
            0xce => self.uint(4),
            0xcf => self.uint(8),
            _ => Err(TensorError::Msgpack("a side of the shape is not a count")),
        }
    }

    fn item(&mut self) -> Result<Item<'a>, TensorError> {
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| TensorError::Msgpack("text is not UTF-8"));
        let sides = match self.byte()? {
            0xc2 => return Ok(Item::Bool(false)),
            0xc3 => return Ok(Item::Bool(true)),
            0xc4 => return self.bytes(1).map(Item::Bin),
            0xc5 => return self.bytes(2).map(Item::Bin),
            0xc6 => return self.bytes(4).map(Item::Bin),
            byte @ 0xa0..=0xbf => return utf8(self.take(usize::from(byte & 0x1f))?).map(Item::Text),
            0xd9 => return utf8(self.bytes(1)?).map(Item::Text),
            byte @ 0x90..=0x9f => u64::from(byte & 0xf),
            0xdc => self.uint(2)?,
            _ => return Err(TensorError::Msgpack("the buffer is not an array")),
        };
        if sides > 64 {
            return Err(TensorError::Msgpack("the shape has more than 64 sides"));
        }
        (0..sides).map(|_| self.side()).collect::<Result<_, _>>().map(Item::List)
    }
}
