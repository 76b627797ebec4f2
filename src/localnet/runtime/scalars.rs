//! The chain's scalar types as the metadata must show them.
//!
//! Transparent newtypes have the `TypeInfo` of their integer, so the registry never shows them, while a field declared
//! `netuid: NetUid` still carries the type name `NetUid`, by which code generators recognise it. `NetUid` itself is a type of
//! its own in the registry since spec 429; `metadata.rs` makes it transparent for older versions.

use codec::{CompactAs, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::{Path, Type, TypeInfo, build::Fields};

macro_rules! transparent {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
                 DecodeWithMemTracking, MaxEncodedLen, CompactAs)]
        pub struct $name(pub $inner);

        impl TypeInfo for $name {
            // The identity decides which entry of the registry is used.
            type Identity = <$inner as TypeInfo>::Identity;

            fn type_info() -> Type {
                <$inner as TypeInfo>::type_info()
            }
        }
    };
}

/// A subnet; 0 is root.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    CompactAs,
    TypeInfo,
)]
pub struct NetUid(pub u16);

transparent!(
    /// `netuid + 4096 × mechanism`: the key of what each mechanism has for itself (weights, bonds, incentive, last update).
    NetUidStorageIndex(u16)
);
transparent!(
    /// An amount of TAO in rao.
    TaoBalance(u64)
);
transparent!(
    /// An amount of a subnet's alpha in rao.
    AlphaBalance(u64)
);

impl NetUid {
    /// The root network.
    pub const ROOT: Self = Self(0);

    /// The key of a mechanism's storage.
    #[must_use]
    pub const fn mechanism(self, mechanism: MechId) -> NetUidStorageIndex {
        NetUidStorageIndex(self.0.saturating_add((mechanism.0 as u16).saturating_mul(4096)))
    }

    /// The key of the main mechanism's storage.
    #[must_use]
    pub const fn main_mechanism(self) -> NetUidStorageIndex {
        NetUidStorageIndex(self.0)
    }
}

/// A mechanism of a subnet; 0 is the main one.
///
/// `u8` has no compact form, so this newtype is written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct MechId(pub u8);

impl TypeInfo for MechId {
    type Identity = <u8 as TypeInfo>::Identity;

    fn type_info() -> Type {
        u8::type_info()
    }
}

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident, $registry:literal, $bits:ty, $fraction:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking,
                 MaxEncodedLen)]
        pub struct $name {
            /// The number times two to the power of the fraction's bits.
            pub bits: $bits,
        }

        impl $name {
            /// Bits after the binary point.
            pub const FRACTION_BITS: u32 = $fraction;

            /// The nearest number below `value`; for display and settings, not for consensus.
            #[must_use]
            pub fn from_f64(value: f64) -> Self {
                Self { bits: (value * (1u128 << $fraction) as f64) as $bits }
            }

            /// The number as a float, for display.
            #[must_use]
            pub fn as_f64(self) -> f64 {
                self.bits as f64 / (1u128 << $fraction) as f64
            }
        }

        impl TypeInfo for $name {
            type Identity = Self;

            fn type_info() -> Type {
                Type::builder()
                    .path(Path::new($registry, "substrate_fixed"))
                    .composite(Fields::named().field(|f| f.ty::<$bits>().name("bits").type_name(stringify!($bits))))
            }
        }
    };
}

fixed!(
    /// Signed, 32 bits after the point, in 64 bits.
    I32F32, "FixedI64", i64, 32
);
fixed!(
    /// Signed, 64 bits after the point, in 128 bits.
    I64F64, "FixedI128", i128, 64
);
fixed!(
    /// Signed, 32 bits after the point, in 128 bits.
    I96F32, "FixedI128", i128, 32
);
fixed!(
    /// Unsigned, 32 bits after the point, in 128 bits.
    U96F32, "FixedU128", u128, 32
);
fixed!(
    /// Unsigned, 64 bits after the point, in 128 bits.
    U64F64, "FixedU128", u128, 64
);

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Compact;

    #[test]
    fn newtypes_encode_as_their_integer() {
        assert_eq!(NetUid(8).encode(), 8u16.encode());
        assert_eq!(Compact(TaoBalance(500)).encode(), Compact(500u64).encode());
        assert_eq!(MechId(1).encode(), [1]);
    }

    #[test]
    fn fixed_point_numbers_are_their_bits() {
        assert_eq!(U64F64::from_f64(1.5).bits, 3 << 63);
        assert_eq!(I96F32 { bits: 1 << 31 }.as_f64(), 0.5);
        assert_eq!(I96F32::from_f64(-2.0).encode(), (-2i128 << 32).encode());
    }
}
