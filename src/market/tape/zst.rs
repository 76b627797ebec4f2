//! Zstandard files made of many frames, and what can be read of one that ends in the middle.
//!
//! Each write is a frame of its own with a checksum, so that a process that is killed loses the frame that it was writing and no
//! other. `zstd -dc` reads such files like any other.

use std::io::{BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// How a compressed recording's name ends.
pub(super) const EXTENSION: &str = "zst";

/// `text` as one frame.
pub(super) fn frame(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

/// What is in a file of frames.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// The text, `most` bytes of it; of a broken frame up to the end of its last whole line.
    pub(super) bytes: Vec<u8>,
    /// Why it ends before the file does.
    pub(super) broken: Option<String>,
}

/// Unpacks up to `most` bytes. A file that breaks off, or is damaged, is read up to there.
pub(super) fn unpack(file: impl Read, most: u64) -> Unpacked {
    let mut source = BufReader::new(file);
    let mut decoder = FrameDecoder::new();
    let mut found = Unpacked::default();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    while found.broken.is_none() && found.bytes.len() < most {
        match source.fill_buf() {
            Ok([]) => break,
            Ok(_) => {}
            Err(error) => found.broken = Some(error.to_string()),
        }
        let room = (most - found.bytes.len()) as u64;
        if let Err(why) = next_frame(&mut source, &mut decoder, &mut found.bytes, room) {
            let whole = found.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            found.bytes.truncate(whole);
            found.broken = Some(why);
        }
    }
    found
}

fn next_frame(
    source: &mut impl BufRead,
    decoder: &mut FrameDecoder,
    text: &mut Vec<u8>,
    room: u64,
) -> Result<(), String> {
    let mut reader = match StreamingDecoder::new_with_decoder(&mut *source, &mut *decoder) {
        Ok(reader) => reader,
        // Frames for other programs, which the format allows anywhere.
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let skipped = std::io::copy(&mut source.take(u64::from(length)), &mut std::io::sink());
            return skipped.map(|_| ()).map_err(|error| error.to_string());
        }
        Err(error) => return Err(error.to_string()),
    };
    let read = reader.by_ref().take(room).read_to_end(text).map_err(|error| error.to_string())?;
    if read as u64 == room {
        // Nobody wants the rest, and the checksum is one of everything.
        return Ok(());
    }
    let (told, counted) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
    match told {
        Some(told) if decoder.is_finished() && counted != Some(told) => Err("a checksum does not fit".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: u64 = u64::MAX;

    fn lines(from: usize, to: usize) -> String {
        (from..to).map(|n| format!("{{\"seen\":{n},\"price\":0.{n}}}\n")).collect()
    }

    #[test]
    fn frames_are_read_as_one_text() {
        let file = [frame(lines(0, 300).as_bytes()), frame(b""), frame(lines(300, 301).as_bytes())].concat();
        assert_eq!(unpack(&*file, ALL), Unpacked { bytes: lines(0, 301).into_bytes(), broken: None });
        assert_eq!(unpack(&*file, 7).bytes.len(), 7);
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &*file].concat();
        assert_eq!(unpack(&*skippable, ALL).bytes, lines(0, 301).into_bytes());
        assert!(file.len() < lines(0, 301).len(), "{} bytes", file.len());
    }

    #[test]
    fn a_file_that_breaks_off_anywhere_is_read_up_to_there() {
        let frames = [frame(lines(0, 40).as_bytes()), frame(lines(40, 80).as_bytes())];
        let file = frames.concat();
        let whole = lines(0, 80);
        for length in 0..file.len() {
            let found = unpack(&file[..length], ALL);
            let text = String::from_utf8(found.bytes).unwrap();
            assert!(whole.starts_with(&text), "{length}");
            assert!(text.is_empty() || text.ends_with('\n'), "{length}");
            assert!(
                length < frames[0].len() || text.len() >= lines(0, 40).len(),
                "the first frame is whole at {length}"
            );
            assert_eq!(found.broken.is_none(), length == 0 || length == frames[0].len(), "{length}");
        }
    }

    #[test]
    fn a_damage_that_changes_a_word_is_said() {
        let whole = frame(lines(0, 200).as_bytes());
        for place in 12..whole.len() {
            for flip in [1, 0x80] {
                let mut file = whole.clone();
                file[place] ^= flip;
                let found = unpack(&*file, 1 << 20);
                assert!(found.broken.is_some() || found.bytes == lines(0, 200).as_bytes(), "{place}: {flip}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_comes_back(parts in prop::collection::vec("(\\PC{0,40}\n|price){0,30}", 0..6)) {
            let file: Vec<u8> = parts.iter().flat_map(|part| frame(part.as_bytes())).collect();
            prop_assert_eq!(unpack(&*file, ALL), Unpacked { bytes: parts.concat().into_bytes(), broken: None });
        }

        #[test]
        fn damage_is_said_and_never_a_panic(at in 0..500usize, with in any::<u8>()) {
            let mut file = frame(lines(0, 200).as_bytes());
            let place = at % file.len();
            let damaged = file[place] != with;
            file[place] = with;
            let found = unpack(&*file, 1 << 20);
            // A damage in the header may say that there is no checksum; some bits elsewhere mean nothing.
            let is_whole = found.bytes == lines(0, 200).as_bytes();
            prop_assert!(!damaged || is_whole || found.broken.is_some() || place < 12);
        }
    }
}
