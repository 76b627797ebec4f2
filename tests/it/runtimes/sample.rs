//! A value of any type of a registry: every number is 1, every flag set, every list has one element, every option is there.

use codec::{Compact, Encode};
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};

/// The SCALE bytes of the value.
pub fn bytes(types: &PortableRegistry, ty: u32) -> Vec<u8> {
    let mut out = Vec::new();
    write(types, ty, &mut out);
    out
}

fn write(types: &PortableRegistry, ty: u32, out: &mut Vec<u8>) {
    let ty = types.resolve(ty).unwrap();
    match &ty.type_def {
        TypeDef::Composite(composite) => composite.fields.iter().for_each(|field| write(types, field.ty.id, out)),
        TypeDef::Variant(variants) => {
            let some = variants.variants.iter().find(|variant| variant.name == "Some");
            let Some(variant) = some.or(variants.variants.first()) else { return };
            out.push(variant.index);
            variant.fields.iter().for_each(|field| write(types, field.ty.id, out));
        }
        TypeDef::Sequence(sequence) => {
            Compact(1_u32).encode_to(out);
            write(types, sequence.type_param.id, out);
        }
        TypeDef::Array(array) => (0..array.len).for_each(|_| write(types, array.type_param.id, out)),
        TypeDef::Tuple(tuple) => tuple.fields.iter().for_each(|field| write(types, field.id, out)),
        TypeDef::Primitive(primitive) => out.extend(one(primitive)),
        TypeDef::Compact(_) => Compact(1_u8).encode_to(out),
        TypeDef::BitSequence(_) => unimplemented!("none of what is read has bits"),
    }
}

fn one(primitive: &TypeDefPrimitive) -> Vec<u8> {
    let width = match primitive {
        TypeDefPrimitive::Bool | TypeDefPrimitive::U8 | TypeDefPrimitive::I8 => 1,
        TypeDefPrimitive::U16 | TypeDefPrimitive::I16 => 2,
        TypeDefPrimitive::U32 | TypeDefPrimitive::I32 | TypeDefPrimitive::Char => 4,
        TypeDefPrimitive::U64 | TypeDefPrimitive::I64 => 8,
        TypeDefPrimitive::U128 | TypeDefPrimitive::I128 => 16,
        TypeDefPrimitive::U256 | TypeDefPrimitive::I256 => 32,
        TypeDefPrimitive::Str => return "1".encode(),
    };
    let mut bytes = vec![0; width];
    bytes[0] = 1;
    bytes
}
