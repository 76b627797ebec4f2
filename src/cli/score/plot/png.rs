//! Pixels to a PNG file: eight bits a channel, no palette. Format: <https://www.w3.org/TR/png-3/>.

use std::io::{self, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// `rgb` holds `width` × `height` pixels of three bytes, row by row from the top.
pub(super) fn encode(width: u32, height: u32, rgb: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::with_capacity(13);
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    // Eight bits, colour, and the only compression, filter set and order there is without interlacing.
    head.extend([8, 2, 0, 0, 0]);
    chunk(&mut out, *b"IHDR", &head);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in rgb.chunks_exact(3 * width.max(1) as usize) {
        // Filter 0: the row as it is. Plots are areas of one colour, which compress well without.
        packed.write_all(&[0])?;
        packed.write_all(row)?;
    }
    chunk(&mut out, *b"IDAT", &packed.finish()?);
    chunk(&mut out, *b"IEND", &[]);
    Ok(out)
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(data);
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(kind);
    out.extend(data);
    out.extend(sum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_pixels_come_back() {
        let rgb: Vec<u8> = (0..2 * 3 * 3).collect();
        let file = encode(3, 2, &rgb).unwrap();
        assert_eq!(file[..8], *b"\x89PNG\r\n\x1a\n");
        let (mut rest, mut kinds, mut data) = (&file[8..], Vec::new(), Vec::new());
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let (kind, body) = (&rest[4..8], &rest[8..8 + length]);
            let mut sum = Crc::new();
            sum.update(&rest[4..8 + length]);
            assert_eq!(rest[8 + length..12 + length], sum.sum().to_be_bytes());
            kinds.push(kind.to_vec());
            if kind == b"IDAT" {
                flate2::read::ZlibDecoder::new(body).read_to_end(&mut data).unwrap();
            }
            rest = &rest[12 + length..];
        }
        assert_eq!(kinds, [b"IHDR", b"IDAT", b"IEND"]);
        assert_eq!(data, [&[0], &rgb[..9], &[0], &rgb[9..]].concat());
        // The checksum of an empty IEND chunk is the same in every PNG there is.
        assert!(file.ends_with(&[0xae, 0x42, 0x60, 0x82]));
    }
}
