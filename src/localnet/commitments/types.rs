//! What a hotkey commits, with the encoding of the real chain: the first byte is the kind, and for short bytes their number too.

use codec::{Decode, DecodeWithMemTracking, Encode, Error, Input, MaxEncodedLen, Output};
use frame_support::{BoundedVec, traits::ConstU32};
use scale_info::{
    Path, Type, TypeInfo,
    build::{Fields, Variants},
};

/// The longest short bytes.
const MOST_RAW: usize = 128;

/// One field of a commitment.
#[derive(Clone, Debug, PartialEq, Eq, DecodeWithMemTracking)]
pub enum Data {
    /// Nothing.
    None,
    /// Bytes, in the open.
    Raw(BoundedVec<u8, ConstU32<128>>),
    /// The hash of something.
    BlakeTwo256([u8; 32]),
    /// The hash of something.
    Sha256([u8; 32]),
    /// The hash of something.
    Keccak256([u8; 32]),
    /// The hash of something.
    ShaThree256([u8; 32]),
    /// Bytes that open when the beacon's round comes.
    TimelockEncrypted {
        /// The sealed bytes.
        encrypted: BoundedVec<u8, ConstU32<1024>>,
        /// The round.
        reveal_round: u64,
    },
    /// The miner starts anew: bonds to it are to be cleared.
    ResetBondsFlag,
    /// More bytes, in the open.
    BigRaw(BoundedVec<u8, ConstU32<512>>),
}

impl Data {
    /// Bytes of it that count as used space.
    #[must_use]
    pub fn space(&self) -> u64 {
        let bytes = match self {
            Self::None | Self::ResetBondsFlag => 0,
            Self::Raw(bytes) => bytes.len(),
            Self::BlakeTwo256(_) | Self::Sha256(_) | Self::Keccak256(_) | Self::ShaThree256(_) => 32,
            Self::TimelockEncrypted { encrypted, .. } => encrypted.len(),
            Self::BigRaw(bytes) => bytes.len(),
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Encode for Data {
    fn encode_to<T: Output + ?Sized>(&self, out: &mut T) {
        match self {
            Self::None => out.push_byte(0),
            Self::Raw(bytes) => {
                out.push_byte(u8::try_from(bytes.len() + 1).unwrap_or(u8::MAX));
                out.write(bytes);
            }
            Self::BlakeTwo256(hash) => hashed(130, hash, out),
            Self::Sha256(hash) => hashed(131, hash, out),
            Self::Keccak256(hash) => hashed(132, hash, out),
            Self::ShaThree256(hash) => hashed(133, hash, out),
            Self::TimelockEncrypted { encrypted, reveal_round } => {
                out.push_byte(134);
                encrypted.encode_to(out);
                reveal_round.encode_to(out);
            }
            Self::ResetBondsFlag => out.push_byte(135),
            Self::BigRaw(bytes) => {
                out.push_byte(136);
                bytes.encode_to(out);
            }
        }
    }
}

fn hashed<T: Output + ?Sized>(kind: u8, hash: &[u8; 32], out: &mut T) {
    out.push_byte(kind);
    out.write(hash);
}

impl Decode for Data {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(match input.read_byte()? {
            0 => Self::None,
            length @ 1..=129 => {
                let mut bytes = vec![0; usize::from(length) - 1];
                input.read(&mut bytes)?;
                Self::Raw(bytes.try_into().map_err(|_| Error::from("too many bytes"))?)
            }
            130 => Self::BlakeTwo256(Decode::decode(input)?),
            131 => Self::Sha256(Decode::decode(input)?),
            132 => Self::Keccak256(Decode::decode(input)?),
            133 => Self::ShaThree256(Decode::decode(input)?),
            134 => Self::TimelockEncrypted { encrypted: Decode::decode(input)?, reveal_round: Decode::decode(input)? },
            135 => Self::ResetBondsFlag,
            136 => Self::BigRaw(Decode::decode(input)?),
            _ => return Err("no such kind of data".into()),
        })
    }
}

impl MaxEncodedLen for Data {
    fn max_encoded_len() -> usize {
        // Kind, compact length, bytes and round of the longest.
        1 + 2 + 1024 + 8
    }
}

macro_rules! raw_variants {
    ($variants:ident: $($length:literal)*) => {
        $(
            let $variants = $variants.variant(concat!("Raw", stringify!($length)), |variant| {
                variant
                    .index($length + 1)
                    .fields(Fields::unnamed().field(|field| field.ty::<[u8; $length]>().type_name(concat!("[u8; ", stringify!($length), "]"))))
            });
        )*
    };
}

impl TypeInfo for Data {
    type Identity = Self;

    fn type_info() -> Type {
        const { assert!(MOST_RAW == 128, "the list of lengths below ends there") };
        let variants = Variants::new().variant("None", |variant| variant.index(0));
        raw_variants!(variants:
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
                34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
                65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
                96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119
                120 121 122 123 124 125 126 127 128
        );
        let mut variants = variants;
        for (index, name) in [(130, "BlakeTwo256"), (131, "Sha256"), (132, "Keccak256"), (133, "ShaThree256")] {
            variants = variants.variant(name, |variant| {
                variant
                    .index(index)
                    .fields(Fields::unnamed().field(|field| field.ty::<[u8; 32]>().type_name("[u8; 32]")))
            });
        }
        let variants = variants
            .variant("TimelockEncrypted", |variant| {
                variant.index(134).fields(
                    Fields::named()
                        .field(|field| {
                            field.name("encrypted").ty::<BoundedVec<u8, ConstU32<1024>>>().type_name("BoundedVec")
                        })
                        .field(|field| field.name("reveal_round").ty::<u64>().type_name("u64")),
                )
            })
            .variant("ResetBondsFlag", |variant| variant.index(135))
            .variant("BigRaw", |variant| {
                variant.index(136).fields(
                    Fields::unnamed()
                        .field(|field| field.ty::<BoundedVec<u8, ConstU32<512>>>().type_name("BoundedVec")),
                )
            });
        Type::builder().path(Path::new("Data", "pallet_commitments::types")).variant(variants)
    }
}

/// What a hotkey commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct CommitmentInfo {
    /// Its fields.
    pub fields: BoundedVec<Data, ConstU32<3>>,
}

/// What is stored of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Registration {
    /// Always 0: commitments are free of deposit.
    pub deposit: u64,
    /// Block of the commitment.
    pub block: u32,
    /// What was committed.
    pub info: CommitmentInfo,
}

/// How much of the space of an epoch a hotkey has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct UsageTracker {
    /// The epoch.
    pub last_epoch: u64,
    /// Bytes used in it.
    pub used_space: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_comes_back_and_short_bytes_have_no_length() {
        let bytes = |length: usize| vec![7; length];
        let kinds = [
            Data::None,
            Data::Raw(bytes(0).try_into().unwrap()),
            Data::Raw(bytes(128).try_into().unwrap()),
            Data::Keccak256([1; 32]),
            Data::TimelockEncrypted { encrypted: bytes(300).try_into().unwrap(), reveal_round: 9 },
            Data::ResetBondsFlag,
            Data::BigRaw(bytes(512).try_into().unwrap()),
        ];
        for kind in kinds {
            assert_eq!(Data::decode(&mut &kind.encode()[..]).unwrap(), kind);
            assert!(kind.encode().len() <= Data::max_encoded_len());
        }
        assert_eq!(Data::Raw(b"abc".to_vec().try_into().unwrap()).encode(), [4, b'a', b'b', b'c']);
        for wrong in [&[200][..], &[5, 1, 2], &[]] {
            assert!(Data::decode(&mut &*wrong).is_err());
        }
    }
}
