//! Anything that the chain has, by its name and as JSON: storage, constants, runtime APIs, calls.
//!
//! For what nobody has written a function for. How values are written is in `json.rs`.

mod json;

use scale_info::{Variant, form::PortableForm};
use serde_json::{Map, Value as Json};
use subxt::dynamic::Value;
use subxt::ext::frame_decode::storage::decode_storage_key;
use subxt::ext::scale_value::scale::decode_as_type;
use subxt::ext::scale_value::{Composite, ValueDef};
use subxt::metadata::PalletMetadata;

use self::json::{Misfit, json, value};
use super::error::Failure;
use super::operation::Operation;
use super::runtime::Runtime;
use super::snapshot::Snapshot;
use super::{Subtensor, SubtensorError};

/// Keys of a map that are asked for at once.
const PAGE: u32 = 512;

/// What storage holds under a name.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Stored {
    /// Under the keys given: the value, or the item's default; `null` when there is neither.
    Value(Json),
    /// Under fewer keys than the item has: its entries.
    Entries {
        /// In the chain's order.
        entries: Vec<Entry>,
        /// Whether there are more than asked for.
        more: bool,
    },
}

impl Stored {
    /// The value; `null` of a map.
    #[must_use]
    pub fn into_value(self) -> Json {
        match self {
            Self::Value(value) => value,
            Self::Entries { .. } => Json::Null,
        }
    }
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Entry {
    /// The keys that were not given; `null` where the chain keeps a hash alone.
    pub keys: Vec<Json>,
    /// What is there.
    pub value: Json,
}

impl Subtensor {
    /// What storage holds under `PALLET.ITEM`. With fewer keys than the item has, up to
    /// `limit` of its entries.
    ///
    /// # Errors
    /// [`SubtensorError::NoSuchName`], [`SubtensorError::BadArgument`] for a key that does not fit, or the chain cannot be
    /// read.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, spawn};
    /// # use neuron::subtensor::{Stored, Subtensor, SubtensorConfig};
    /// # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// let tempo = chain.storage("SubtensorModule.Tempo", &[155.into()], 1).await?;
    /// assert_eq!(tempo, Stored::Value(100.into()));
    /// # Ok(()) }
    /// ```
    pub async fn storage(&self, name: &str, keys: &[Json], limit: u32) -> Result<Stored, SubtensorError> {
        self.ask(name, |at| async move { stored(&at, name, keys, limit).await }).await
    }

    /// A constant of the runtime, `PALLET.NAME`.
    ///
    /// # Errors
    /// [`SubtensorError::NoSuchName`], or the chain cannot be read.
    pub async fn constant(&self, name: &str) -> Result<Json, SubtensorError> {
        self.ask(name, |at| async move {
            let runtime = &at.runtime;
            let (pallet, item) = runtime.pallet_and("constant", name)?;
            let constants = || pallet.constants().map(|constant| constant.name().to_owned());
            let constant = pallet.constant_by_name(item);
            let constant = constant.ok_or_else(|| runtime.no_such("constant", name, constants().collect(), item))?;
            Ok(runtime.decoded(constant.value(), constant.ty(), name)?)
        })
        .await
    }

    /// What a runtime API answers: `TRAIT.method` with its arguments in their order.
    ///
    /// # Errors
    /// [`SubtensorError::NoSuchName`], [`SubtensorError::BadArgument`], or the chain cannot be read.
    pub async fn api(&self, name: &str, arguments: &[Json]) -> Result<Json, SubtensorError> {
        self.ask(name, |at| async move {
            let runtime = &at.runtime;
            let (interface, method) = split(name, "runtime API")?;
            let all = || runtime.metadata.runtime_api_traits().map(|api| api.name().to_owned()).collect();
            let api = runtime.metadata.runtime_api_trait_by_name(interface);
            let api = api.ok_or_else(|| runtime.no_such("runtime API", name, all(), interface))?;
            let methods = || api.methods().map(|method| method.name().to_owned()).collect();
            let found = api.method_by_name(method);
            let found = found.ok_or_else(|| runtime.no_such("method of a runtime API", name, methods(), method))?;
            let expected: Vec<(String, u32)> = found.inputs().map(|input| (input.name.to_string(), input.id)).collect();
            if expected.len() != arguments.len() {
                let names: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
                let error = format!("{name} takes {} arguments ({})", expected.len(), names.join(", "));
                return Err(SubtensorError::BadArgument(error).into());
            }
            let values = expected.iter().zip(arguments).map(|((argument, ty), given)| {
                value(given, *ty, runtime.metadata.types(), &format!("{name}, {argument}")).map_err(bad)
            });
            let values = values.collect::<Result<Vec<Value>, _>>()?;
            let answer: Vec<u8> = at.api_bytes(interface, method, values).await?;
            Ok(runtime.decoded(&answer, found.output_ty(), name)?)
        })
        .await
    }

    /// The names of a call's arguments, in their order.
    ///
    /// # Errors
    /// [`SubtensorError::NoSuchName`], or the chain cannot be read.
    pub async fn arguments_of(&self, name: &str) -> Result<Vec<String>, SubtensorError> {
        self.ask(name, |at| async move {
            let (_, variant) = at.runtime.call(name)?;
            Ok(variant.fields.iter().filter_map(|field| field.name.clone()).collect())
        })
        .await
    }

    /// A call, `PALLET.call`, with its arguments by name.
    ///
    /// # Errors
    /// [`SubtensorError::NoSuchName`], [`SubtensorError::BadArgument`] for an argument that is missing, unknown or does not
    /// fit, or the chain cannot be read.
    pub async fn operation(&self, name: &str, arguments: &Map<String, Json>) -> Result<Operation, SubtensorError> {
        self.ask(name, |at| async move {
            let runtime = &at.runtime;
            let (pallet, variant) = runtime.call(name)?;
            let fields: Vec<(&str, u32)> =
                variant.fields.iter().filter_map(|field| Some((field.name.as_deref()?, field.ty.id))).collect();
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            let takes =
                format!("{name} takes {}", if names.is_empty() { "no arguments".to_owned() } else { names.join(", ") });
            if let Some(unknown) = arguments.keys().find(|given| !names.contains(&given.as_str())) {
                return Err(SubtensorError::BadArgument(format!("{takes}, and no `{unknown}`")).into());
            }
            let values = fields.iter().map(|(argument, ty)| {
                let given = arguments.get(*argument);
                let given =
                    given.ok_or_else(|| SubtensorError::BadArgument(format!("{takes}: `{argument}` is missing")))?;
                let value = value(given, *ty, runtime.metadata.types(), &format!("{name}, {argument}")).map_err(bad)?;
                Ok::<_, SubtensorError>((argument.to_string(), value))
            });
            let values = Composite::named(values.collect::<Result<Vec<_>, _>>()?);
            let subject = serde_json::to_string(arguments).unwrap_or_default();
            Ok(Operation::new(pallet.name().to_owned(), variant.name.clone(), values, subject))
        })
        .await
    }
}

async fn stored(at: &Snapshot, name: &str, keys: &[Json], limit: u32) -> Result<Stored, Failure> {
    let runtime = &at.runtime;
    let (pallet, item) = runtime.pallet_and("storage item", name)?;
    let items =
        || pallet.storage().map(|storage| storage.entries().iter().map(|entry| entry.name().to_owned()).collect());
    let entry = pallet.storage().and_then(|storage| storage.entry_by_name(item));
    let entry = entry.ok_or_else(|| runtime.no_such("storage item", name, items().unwrap_or_default(), item))?;
    let expected: Vec<u32> = entry.keys().map(|key| key.key_id).collect();
    if keys.len() > expected.len() {
        let error = format!("{name} has {} keys, but {} are given", expected.len(), keys.len());
        return Err(SubtensorError::BadArgument(error).into());
    }
    let given = expected.iter().zip(keys).enumerate().map(|(index, (ty, key))| {
        value(key, *ty, runtime.metadata.types(), &format!("{name}, key {}", index + 1)).map_err(bad)
    });
    let given = given.collect::<Result<Vec<Value>, _>>()?;
    let prefix = runtime.key(pallet.name(), item, given)?;
    if keys.len() == expected.len() {
        let bytes = at.link.rpc.state_get_storage(&prefix, Some(at.hash)).await?;
        let bytes = bytes.as_deref().or_else(|| entry.default_value());
        let value = bytes.map(|bytes| runtime.decoded(bytes, entry.value_ty(), name)).transpose()?;
        return Ok(Stored::Value(value.unwrap_or_default()));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found: Vec<Vec<u8>> = Vec::new();
    while found.len() <= limit {
        let after = found.last().cloned();
        let page = at.link.rpc.state_get_keys_paged(&prefix, PAGE, after.as_deref(), Some(at.hash)).await?;
        let last = page.len() < PAGE as usize;
        found.extend(page);
        if last {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let rows = at.rows(&found).await?;
    let entries = found.iter().zip(rows).map(|(key, row)| {
        let value = row.map(|bytes| runtime.decoded(&bytes, entry.value_ty(), name)).transpose()?;
        let keys = runtime.keys_of(pallet.name(), item, key)?.into_iter().skip(keys.len()).collect();
        Ok(Entry { keys, value: value.unwrap_or_default() })
    });
    Ok(Stored::Entries { entries: entries.collect::<Result<_, SubtensorError>>()?, more })
}

impl Runtime {
    /// The pallet of `PALLET.NAME`, and the other half.
    fn pallet_and<'a>(&self, kind: &str, name: &'a str) -> Result<(PalletMetadata<'_>, &'a str), SubtensorError> {
        let (pallet, item) = split(name, kind)?;
        let pallets = || self.metadata.pallets().map(|pallet| pallet.name().to_owned()).collect();
        let found = self.metadata.pallet_by_name(pallet);
        Ok((found.ok_or_else(|| self.no_such("pallet", pallet, pallets(), pallet))?, item))
    }

    /// A call by its whole name.
    fn call(&self, name: &str) -> Result<(PalletMetadata<'_>, &Variant<PortableForm>), SubtensorError> {
        let (pallet, call) = self.pallet_and("call", name)?;
        let known = || pallet.call_variants().unwrap_or_default().iter().map(|variant| variant.name.clone()).collect();
        let variant = pallet.call_variant_by_name(call);
        let variant = variant.ok_or_else(|| self.no_such("call", name, known(), call))?;
        Ok((pallet, variant))
    }

    /// The error for a name that is not there, with those that resemble it.
    fn no_such(&self, kind: &str, name: &str, known: Vec<String>, typed: &str) -> SubtensorError {
        let (typed, spec_version) = (typed.to_lowercase(), self.spec_version);
        let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &typed);
        let mut near: Vec<String> = known.into_iter().filter(|known| likeness(known) > 0.8).collect();
        near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
        near.truncate(3);
        SubtensorError::NoSuchName { kind: kind.to_owned(), name: name.to_owned(), near, spec_version }
    }

    fn decoded(&self, mut bytes: &[u8], ty: u32, name: &str) -> Result<Json, SubtensorError> {
        let types = self.metadata.types();
        let value = decode_as_type(&mut bytes, ty, types);
        Ok(json(&value.map_err(|error| SubtensorError::shape(name.to_owned(), &error))?, types))
    }

    /// The arguments, by name, of the call whose bytes these are.
    pub(in crate::subtensor) fn arguments_in(&self, mut bytes: &[u8], name: &str) -> Result<Json, SubtensorError> {
        let types = self.metadata.types();
        let decoded = decode_as_type(&mut bytes, self.metadata.outer_enums().call_enum_ty(), types);
        let decoded = decoded.map_err(|error| SubtensorError::shape(name.to_owned(), &error))?;
        // The pallet, in it the call, in it the arguments.
        let inner = |value: ValueDef<u32>| match value {
            ValueDef::Variant(variant) => Some(variant.values),
            _ => None,
        };
        let call = inner(decoded.value).and_then(|pallet| pallet.into_values().next());
        let Some(Composite::Named(arguments)) = call.and_then(|call| inner(call.value)) else {
            // A call without arguments has none to name.
            return Ok(Json::Object(Map::new()));
        };
        Ok(Json::Object(arguments.into_iter().map(|(name, value)| (name, json(&value, types))).collect()))
    }

    /// The keys in a storage key.
    fn keys_of(&self, pallet: &str, item: &str, key: &[u8]) -> Result<Vec<Json>, SubtensorError> {
        let name = || format!("the key of {pallet}.{item}");
        let types = self.metadata.types();
        let parts = decode_storage_key(pallet, item, &mut &*key, &*self.metadata, types);
        let parts = parts.map_err(|error| SubtensorError::shape(name(), &error))?;
        parts
            .parts()
            .map(|part| match part.value() {
                Some(value) => self.decoded(key.get(value.range()).unwrap_or_default(), *value.ty(), &name()),
                None => Ok(Json::Null),
            })
            .collect()
    }
}

fn split<'a>(name: &'a str, kind: &str) -> Result<(&'a str, &'a str), SubtensorError> {
    let halves = name.split_once(['.', ':']).filter(|(pallet, item)| !pallet.is_empty() && !item.is_empty());
    let example = || {
        SubtensorError::BadArgument(format!(
            "`{name}` is not the name of a {kind}: write it with a dot, such as SubtensorModule.Tempo"
        ))
    };
    halves.ok_or_else(example)
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn bad(misfit: Misfit) -> SubtensorError {
    SubtensorError::BadArgument(misfit.to_string())
}
