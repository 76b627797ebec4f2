//! Columns of packed statistics: whole numbers as what they are above the least of them, in as many bytes as the largest takes;
//! probabilities as they are, or, where few of them differ, as places in a list of those.

/// A list of probabilities that stands in for their column has so many at most: miners share the prices that they are compared
/// with, and some share their answers.
const MOST_WORDS: usize = 32;

/// A column of whole numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) start: usize,
    /// Bytes of each; at most 8.
    pub(super) width: usize,
    pub(super) least: i64,
}

impl Whole {
    /// What a column of these takes: the least, and the bytes of each.
    pub(super) fn shape(values: impl Iterator<Item = i64> + Clone) -> (i64, usize) {
        let least = values.clone().min().unwrap_or(0);
        let most = values.map(|value| value.wrapping_sub(least).cast_unsigned()).max().unwrap_or(0);
        (least, (u64::BITS - most.leading_zeros()).div_ceil(8) as usize)
    }

    pub(super) fn pack(values: impl Iterator<Item = i64>, (least, width): (i64, usize), out: &mut Vec<u8>) {
        for value in values {
            let eight = value.wrapping_sub(least).to_le_bytes();
            out.extend_from_slice(eight.get(..width).unwrap_or(&eight));
        }
    }

    /// The first `n` numbers. Eight bytes are read for each, of which there are enough: other columns follow.
    pub(super) fn values(self, bytes: &[u8], n: usize) -> impl Iterator<Item = i64> + use<'_> {
        let Self { start, width, least } = self;
        let kept = u64::MAX.checked_shr(u64::BITS.saturating_sub(8 * width as u32)).unwrap_or(0);
        let column = bytes.get(start..).unwrap_or_default();
        (0..n).map(move |place| {
            let eight = column.get(place * width..).and_then(|rest| rest.first_chunk::<8>());
            least.wrapping_add((eight.map_or(0, |eight| u64::from_le_bytes(*eight)) & kept).cast_signed())
        })
    }
}

/// A column of probabilities: `words` of them and places of one byte each, or none and the probabilities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Real {
    pub(super) start: usize,
    pub(super) words: usize,
}

impl Real {
    /// Appends a column; says how many words it begins with.
    pub(super) fn pack(values: &[f64], out: &mut Vec<u8>) -> u8 {
        let mut words: Vec<u64> = Vec::new();
        let mut places = Vec::with_capacity(values.len());
        for value in values {
            let bits = value.to_bits();
            let place = words.iter().position(|word| *word == bits).unwrap_or(words.len());
            if place == words.len() {
                words.push(bits);
            }
            if words.len() > MOST_WORDS || Self::length(words.len(), values.len()) >= 8 * values.len() {
                out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                return 0;
            }
            places.push(place as u8);
        }
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        out.extend(places);
        words.len() as u8
    }

    /// Bytes of a column of `n`.
    pub(super) const fn length(words: usize, n: usize) -> usize {
        if words == 0 { 8 * n } else { 8 * words + n }
    }

    pub(super) fn values(self, bytes: &[u8], n: usize) -> impl Iterator<Item = f64> + use<'_> {
        let (words, places) = (bytes.get(self.start..).unwrap_or_default(), self.start + 8 * self.words);
        let places = bytes.get(places..places + n).unwrap_or_default();
        (0..n).map(move |number| {
            let place =
                if self.words == 0 { number } else { places.get(number).map_or(0, |place| usize::from(*place)) };
            words
                .get(8 * place..)
                .and_then(|rest| rest.first_chunk::<8>())
                .map_or(f64::NAN, |word| f64::from_le_bytes(*word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(values: &[i64]) -> (usize, Vec<i64>) {
        let (least, width) = Whole::shape(values.iter().copied());
        let mut out = vec![7];
        Whole::pack(values.iter().copied(), (least, width), &mut out);
        assert_eq!(out.len(), 1 + width * values.len());
        out.extend([0xff; 8]);
        (width, Whole { start: 1, width, least }.values(&out, values.len()).collect())
    }

    #[test]
    fn whole_numbers_take_what_lies_between_them() {
        for (values, width) in [
            (&[][..], 0),
            (&[5, 5, 5], 0),
            (&[-3, 252, 0], 1),
            (&[1_767_225_600_000, 1_767_240_000_000], 3),
            (&[i64::MIN, i64::MAX, 0], 8),
        ] {
            assert_eq!(whole(values), (width, values.to_vec()));
        }
    }

    #[test]
    fn probabilities_survive_to_the_last_bit_whether_few_differ_or_many() {
        let many: Vec<f64> = (0..400).map(|n| f64::from(n) / 399.0).collect();
        let few: Vec<f64> = (0..400).map(|n| f64::from(n % 32) / 31.0 * if n % 7 == 0 { -0.0 } else { 1.0 }).collect();
        for (values, some_words) in
            [(many, false), (few[..300].to_vec(), false), (vec![0.1; 3], true), (vec![0.3], false)]
        {
            let mut out = vec![1];
            let words = Real::pack(&values, &mut out).into();
            assert_eq!(out.len(), 1 + Real::length(words, values.len()));
            let read: Vec<u64> = Real { start: 1, words }.values(&out, values.len()).map(f64::to_bits).collect();
            assert_eq!(read, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
            assert_eq!(words > 0, some_words, "{words}");
        }
    }
}
