//! Between JSON and the chain's values, led by the types of the metadata.
//!
//! | on the chain | as JSON |
//! |---|---|
//! | number | a number; beyond 64 bits, and whatever was given as text, a text of digits |
//! | account, or address of one | ss58 text; read also from `0x…` |
//! | bytes | text when it is printable UTF-8, else `0x…`; fixed lengths always `0x…` |
//! | struct | an object; a struct around one value is that value |
//! | list, tuple | an array |
//! | option | `null`, or the value |
//! | variant | its name, or an object `{"Name": fields}` |

use scale_info::{Field, PortableRegistry, TypeDef, TypeDefPrimitive, form::PortableForm};
use serde_json::{Map, Value as Json};
use subxt::dynamic::Value;
use subxt::ext::scale_value::{Composite, Primitive, ValueDef};

use crate::units::{Account, is_harmful};

/// A value that does not fit its place: where, and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, got {got}")]
pub(super) struct Misfit {
    place: String,
    expected: String,
    got: String,
}

/// A chain's value from JSON. `place` is the name of the argument.
pub(super) fn value(json: &Json, ty: u32, types: &PortableRegistry, place: &str) -> Result<Value, Misfit> {
    let misfit = |expected: &str| {
        let mut got = json.to_string();
        got.truncate(got.char_indices().nth(80).map_or(got.len(), |(at, _)| at));
        Misfit { place: place.to_owned(), expected: expected.to_owned(), got }
    };
    let Some(found) = types.resolve(ty) else { return Err(misfit("a type of the metadata")) };
    let name = found.path.ident().unwrap_or_default();
    match (name.as_str(), json) {
        ("AccountId32", Json::String(text)) => {
            let account = account(text).ok_or_else(|| misfit("an account: an ss58 address or 0x and 64 digits"))?;
            return Ok(Value::from_bytes(account.0));
        }
        ("MultiAddress", Json::String(text)) => {
            let account = account(text).ok_or_else(|| misfit("an account: an ss58 address or 0x and 64 digits"))?;
            return Ok(Value::unnamed_variant("Id", [Value::from_bytes(account.0)]));
        }
        ("Option", Json::Null) => return Ok(Value::unnamed_variant("None", [])),
        _ => {}
    }
    match &found.type_def {
        TypeDef::Primitive(primitive) => scalar(json, primitive).ok_or_else(|| misfit(primitive_name(primitive))),
        TypeDef::Compact(inner) => value(json, inner.type_param.id, types, place),
        TypeDef::Sequence(of) => list(json, of.type_param.id, None, types, place),
        TypeDef::Array(of) => list(json, of.type_param.id, usize::try_from(of.len).ok(), types, place),
        TypeDef::Tuple(of) => {
            let items = match (json, of.fields.len()) {
                (Json::Array(items), n) if items.len() == n => items.as_slice(),
                (Json::Null, 0) => &[],
                (_, n) => return Err(misfit(&format!("an array of {n}"))),
            };
            let values = items
                .iter()
                .zip(&of.fields)
                .enumerate()
                .map(|(index, (item, field))| value(item, field.id, types, &format!("{place}[{index}]")));
            Ok(Value::unnamed_composite(values.collect::<Result<Vec<_>, _>>()?))
        }
        TypeDef::Composite(of) => fields(json, &of.fields, types, place)
            .map(|fields| Value { value: ValueDef::Composite(fields), context: () }),
        TypeDef::Variant(of) => {
            let (chosen, inside) = match json {
                Json::String(name) => (name.as_str(), &Json::Null),
                Json::Object(object) if object.len() == 1 => {
                    object.iter().next().map_or(("", &Json::Null), |(name, inside)| (name.as_str(), inside))
                }
                _ => ("", &Json::Null),
            };
            if name == "Option" {
                let some = of.variants.iter().find(|variant| variant.name == "Some");
                let some = some.ok_or_else(|| misfit("nothing"))?;
                return Ok(Value::variant("Some", fields(json, &some.fields, types, place)?));
            }
            let Some(variant) = of.variants.iter().find(|variant| variant.name == chosen) else {
                let names: Vec<&str> = of.variants.iter().map(|variant| variant.name.as_str()).collect();
                return Err(misfit(&format!("one of {}", names.join(", "))));
            };
            Ok(Value::variant(chosen, fields(inside, &variant.fields, types, &format!("{place}.{chosen}"))?))
        }
        TypeDef::BitSequence(_) => Err(misfit("no bits: they cannot be written here")),
    }
}

/// The fields of a struct or a variant.
fn fields(
    json: &Json,
    expected: &[Field<PortableForm>],
    types: &PortableRegistry,
    place: &str,
) -> Result<Composite<()>, Misfit> {
    let misfit = |expected: String| Misfit { place: place.to_owned(), expected, got: json.to_string() };
    match (expected, json) {
        ([], Json::Null) => Ok(Composite::unnamed([])),
        // A struct around one value is that value, unless it is named.
        ([only], json) if !has_field(json, only) => {
            let inner = value(json, only.ty.id, types, place)?;
            Ok(match &only.name {
                Some(name) => Composite::named([(name.clone(), inner)]),
                None => Composite::unnamed([inner]),
            })
        }
        (all, Json::Object(object)) if all.iter().all(|field| field.name.is_some()) => {
            let named = all.iter().filter_map(|field| Some((field.name.as_ref()?, field.ty.id)));
            let unknown = object.keys().find(|key| all.iter().all(|field| field.name.as_ref() != Some(key)));
            let names: Vec<&str> = all.iter().filter_map(|field| field.name.as_deref()).collect();
            if unknown.is_some() {
                return Err(misfit(format!("an object with {}", names.join(", "))));
            }
            let values = named.map(|(name, ty)| {
                let given = object.get(name).ok_or_else(|| misfit(format!("an object with {}", names.join(", "))))?;
                Ok((name.clone(), value(given, ty, types, &format!("{place}.{name}"))?))
            });
            Ok(Composite::named(values.collect::<Result<Vec<_>, _>>()?))
        }
        (all, Json::Array(items)) if items.len() == all.len() => {
            let values = all
                .iter()
                .zip(items)
                .enumerate()
                .map(|(index, (field, item))| value(item, field.ty.id, types, &format!("{place}[{index}]")));
            Ok(Composite::unnamed(values.collect::<Result<Vec<_>, _>>()?))
        }
        (all, _) => Err(misfit(format!("{} values, as an object or an array", all.len()))),
    }
}

fn has_field(json: &Json, field: &Field<PortableForm>) -> bool {
    let name = field.name.as_deref();
    json.as_object().is_some_and(|object| object.len() == 1 && name.is_some_and(|name| object.contains_key(name)))
}

fn list(json: &Json, ty: u32, length: Option<usize>, types: &PortableRegistry, place: &str) -> Result<Value, Misfit> {
    let expected = length.map_or_else(|| "a list".to_owned(), |n| format!("a list of {n}"));
    let misfit = || Misfit { place: place.to_owned(), expected: expected.clone(), got: json.to_string() };
    let fits = |given: usize| length.is_none_or(|length| length == given);
    let is_u8 = types.resolve(ty).is_some_and(|ty| matches!(ty.type_def, TypeDef::Primitive(TypeDefPrimitive::U8)));
    match json {
        Json::String(text) if is_u8 => {
            let bytes = match text.strip_prefix("0x") {
                Some(digits) => hex::decode(digits).map_err(|_| misfit())?,
                None => text.as_bytes().to_vec(),
            };
            if fits(bytes.len()) { Ok(Value::from_bytes(bytes)) } else { Err(misfit()) }
        }
        Json::Array(items) if fits(items.len()) => {
            let values =
                items.iter().enumerate().map(|(index, item)| value(item, ty, types, &format!("{place}[{index}]")));
            Ok(Value::unnamed_composite(values.collect::<Result<Vec<_>, _>>()?))
        }
        _ => Err(misfit()),
    }
}

fn scalar(json: &Json, primitive: &TypeDefPrimitive) -> Option<Value> {
    use TypeDefPrimitive as P;
    // A shell gives every word as text.
    let digits = match json {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) => Some(text.replace('_', "")),
        _ => None,
    };
    let unsigned = |max: u128| {
        let number: u128 = digits.as_ref()?.parse().ok()?;
        (number <= max).then(|| Value::u128(number))
    };
    let signed = |max: i128| {
        let number: i128 = digits.as_ref()?.parse().ok()?;
        (-max - 1..=max).contains(&number).then(|| Value::i128(number))
    };
    match primitive {
        P::Bool => match json {
            Json::Bool(is) => Some(Value::bool(*is)),
            Json::String(text) => text.parse().ok().map(Value::bool),
            _ => None,
        },
        P::Str => json.as_str().map(Value::string),
        P::Char => json.as_str().and_then(|text| text.parse().ok()).map(Value::char),
        P::U8 => unsigned(u8::MAX.into()),
        P::U16 => unsigned(u16::MAX.into()),
        P::U32 => unsigned(u32::MAX.into()),
        P::U64 => unsigned(u64::MAX.into()),
        P::U128 => unsigned(u128::MAX),
        P::I8 => signed(i8::MAX.into()),
        P::I16 => signed(i16::MAX.into()),
        P::I32 => signed(i32::MAX.into()),
        P::I64 => signed(i64::MAX.into()),
        P::I128 => signed(i128::MAX),
        P::U256 | P::I256 => None,
    }
}

const fn primitive_name(primitive: &TypeDefPrimitive) -> &'static str {
    use TypeDefPrimitive as P;
    match primitive {
        P::Bool => "true or false",
        P::Str => "a text",
        P::Char => "one character",
        P::U8 => "a whole number up to 255",
        P::U16 => "a whole number up to 65535",
        P::U32 => "a whole number up to 4294967295",
        P::U64 => "a whole number of 64 bits",
        P::U128 => "a whole number of 128 bits",
        P::I8 | P::I16 | P::I32 | P::I64 | P::I128 => "a whole number",
        P::U256 | P::I256 => "nothing: numbers of 256 bits cannot be written here",
    }
}

fn account(text: &str) -> Option<Account> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).ok()?.try_into().ok().map(Account),
        None => text.parse().ok(),
    }
}

/// A chain's value as JSON.
pub(super) fn json(value: &Value<u32>, types: &PortableRegistry) -> Json {
    let ty = types.resolve(value.context);
    match &value.value {
        ValueDef::Primitive(Primitive::Bool(is)) => Json::from(*is),
        ValueDef::Primitive(Primitive::Char(c)) => Json::from(c.to_string()),
        ValueDef::Primitive(Primitive::String(text)) => Json::from(text.as_str()),
        ValueDef::Primitive(Primitive::U128(n)) => {
            u64::try_from(*n).map_or_else(|_| Json::from(n.to_string()), Json::from)
        }
        ValueDef::Primitive(Primitive::I128(n)) => {
            i64::try_from(*n).map_or_else(|_| Json::from(n.to_string()), Json::from)
        }
        ValueDef::Primitive(Primitive::U256(bytes) | Primitive::I256(bytes)) => hexadecimal(bytes),
        ValueDef::BitSequence(bits) => Json::Array(bits.iter().map(Json::from).collect()),
        ValueDef::Variant(variant) => match (variant.name.as_str(), variant.values.len()) {
            ("None", 0) => Json::Null,
            ("Some", 1) => variant.values.values().next().map_or(Json::Null, |inner| json(inner, types)),
            // An address is the account in it.
            ("Id", 1) if ty.is_some_and(|ty| ty.path.ident().as_deref() == Some("MultiAddress")) => {
                variant.values.values().next().map_or(Json::Null, |inner| json(inner, types))
            }
            (name, 0) => Json::from(name),
            (name, _) => Json::Object(Map::from_iter([(name.to_owned(), composite(&variant.values, types))])),
        },
        ValueDef::Composite(inner) => {
            let name = ty.and_then(|ty| ty.path.ident()).unwrap_or_default();
            if name == "AccountId32"
                && let Some(bytes) = all_bytes(inner)
                && let Ok(account) = bytes.try_into()
            {
                return Json::from(Account(account).to_string());
            }
            match ty.map(|ty| &ty.type_def) {
                Some(TypeDef::Sequence(of)) if is_u8(of.type_param.id, types) => {
                    all_bytes(inner).map_or(Json::Null, |bytes| text_or_hexadecimal(&bytes))
                }
                Some(TypeDef::Array(of)) if is_u8(of.type_param.id, types) => {
                    all_bytes(inner).map_or(Json::Null, |bytes| hexadecimal(&bytes))
                }
                Some(TypeDef::Composite(_)) => composite(inner, types),
                _ => Json::Array(inner.values().map(|value| json(value, types)).collect()),
            }
        }
    }
}

fn composite(inner: &Composite<u32>, types: &PortableRegistry) -> Json {
    match inner {
        Composite::Named(named) => {
            Json::Object(named.iter().map(|(name, value)| (name.clone(), json(value, types))).collect())
        }
        Composite::Unnamed(values) => match values.as_slice() {
            [only] => json(only, types),
            values => Json::Array(values.iter().map(|value| json(value, types)).collect()),
        },
    }
}

fn is_u8(ty: u32, types: &PortableRegistry) -> bool {
    match types.resolve(ty).map(|ty| &ty.type_def) {
        Some(TypeDef::Primitive(TypeDefPrimitive::U8)) => true,
        Some(TypeDef::Compact(inner)) => is_u8(inner.type_param.id, types),
        _ => false,
    }
}

/// The bytes of a list of them; a struct around such a list counts.
fn all_bytes(composite: &Composite<u32>) -> Option<Vec<u8>> {
    let mut values = composite.values();
    if values.len() == 1
        && let Some(Value { value: ValueDef::Composite(inner), .. }) = composite.values().next()
    {
        return all_bytes(inner);
    }
    values.try_fold(Vec::with_capacity(composite.len()), |mut bytes, value| {
        bytes.push(u8::try_from(value.as_u128()?).ok()?);
        Some(bytes)
    })
}

fn text_or_hexadecimal(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_harmful) => Json::from(text),
        _ => hexadecimal(bytes),
    }
}

fn hexadecimal(bytes: &[u8]) -> Json {
    Json::from(format!("0x{}", hex::encode(bytes)))
}
