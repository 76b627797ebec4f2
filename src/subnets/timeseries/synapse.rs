//! The five messages of the time-series subnet (SDK 6.7), and the commitment a miner makes before it shows its numbers.
//!
//! None has hash fields: the header protocol authenticates who sends them, not what they say.

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use crate::synapse::{Hollow, Synapse, Tensor, lax_i64, lax_opt_bool, lax_opt_i64, lax_vec_f64, python_str};

/// Declares one message. All share the first four fields; `forward` ones say what is to be predicted.
macro_rules! message {
    (forward $(#[$doc:meta])* $name:ident { $(#[$answer_doc:meta])* $answer:ident : $kind:ty }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// Joins the hash and the numbers of one round.
            pub request_uuid: String,
            /// The series, such as `BTCUSD-5m`.
            pub stream_id: String,
            /// Rows of features up to now, one column per feature.
            #[serde(default)]
            pub samples: Option<Tensor>,
            /// The subject. A Python axon refuses null.
            #[serde(deserialize_with = "lax_opt_i64")]
            pub topic_id: Option<i64>,
            /// Which features the columns are.
            #[serde(deserialize_with = "lax_vec_f64")]
            pub feature_ids: Vec<f64>,
            /// How many steps ahead.
            #[serde(deserialize_with = "lax_i64")]
            pub prediction_size: i64,
            /// How the columns are laid out. A Python axon refuses null.
            #[serde(deserialize_with = "lax_opt_i64")]
            pub schema_id: Option<i64>,
            $(#[$answer_doc])*
            #[serde(default)]
            pub $answer: $kind,
        }

        impl Synapse for $name {
            const NAME: &'static str = stringify!($name);

            fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
                let mut fields = common_fields(self.topic_id);
                fields.extend([("feature_ids", Hollow::List), ("prediction_size", Hollow::Integer)]);
                fields.extend(self.schema_id.map(|_| ("schema_id", Hollow::Integer)));
                fields
            }
        }
    };
    (backward $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// Names the round.
            pub request_uuid: String,
            /// The series.
            pub stream_id: String,
            /// What the market did.
            #[serde(default)]
            pub samples: Option<Tensor>,
            /// The subject. A Python axon refuses null.
            #[serde(deserialize_with = "lax_opt_i64")]
            pub topic_id: Option<i64>,
            /// The miner's acknowledgement. Python clients send null, which Python axons refuse: `false` is written.
            #[serde(default, deserialize_with = "bool_or_null")]
            pub received: bool,
        }

        impl Synapse for $name {
            const NAME: &'static str = stringify!($name);

            fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
                common_fields(self.topic_id)
            }
        }
    };
}

message! { forward
    /// Asks for the hash of a prediction that is shown a minute later.
    LiveForwardHash {
        /// [`prediction_hash`] of the numbers.
        hashed_predictions: Option<String>
    }
}
message! { forward
    /// Asks for the prediction whose hash was given before.
    LiveForward {
        /// The numbers, one dimension.
        predictions: Option<Tensor>
    }
}
message! { forward
    /// Asks for a prediction on past data.
    TrainingForward {
        /// The numbers, one dimension.
        predictions: Option<Tensor>
    }
}
message! { backward
    /// Shows what the market did after a live round.
    LiveBackward
}
message! { backward
    /// Shows what the market did after a training round.
    TrainingBackward
}

fn common_fields(topic_id: Option<i64>) -> Vec<(&'static str, Hollow)> {
    let mut fields = vec![("request_uuid", Hollow::Text), ("stream_id", Hollow::Text)];
    fields.extend(topic_id.map(|_| ("topic_id", Hollow::Integer)));
    fields
}

fn bool_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(lax_opt_bool(deserializer)?.unwrap_or_default())
}

/// The commitment to a prediction: lower-case hex SHA-256 of `hotkey-[v1, v2, …]` in Python text.
///
/// `values` are the floats, or lists of them for a tensor of several dimensions. Hash them after their way through the tensor: with
/// `float32` the text is that of the widened number.
#[must_use]
pub fn prediction_hash<V: Serialize + ?Sized>(hotkey_ss58: &str, values: &V) -> String {
    // Lists of floats always have a Python text.
    let list = python_str(values).unwrap_or_default();
    hex::encode(Sha256::digest(format!("{hotkey_ss58}-{list}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synapse::body;

    const LIVE: &str = r#"{"request_uuid":"7c2b","stream_id":"BTCUSD-5m","samples":null,"topic_id":1,"feature_ids":[1.0,2.0],"prediction_size":100,"schema_id":null,"predictions":null}"#;

    #[test]
    fn a_message_is_written_as_it_was_read() {
        let live: LiveForward = body::read(LIVE.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&live).unwrap(), LIVE);
        assert_eq!(
            live.required_fields().iter().map(|(field, _)| *field).collect::<Vec<_>>(),
            ["request_uuid", "stream_id", "topic_id", "feature_ids", "prediction_size"]
        );
        let lax = LIVE.replace("[1.0,2.0]", "[1,\"2\"]").replace("100", "100.0");
        assert_eq!(body::read::<LiveForward>(lax.as_bytes()).unwrap(), live);
        assert!(body::read::<LiveForward>(LIVE.replace("stream_id", "x").as_bytes()).is_err());
    }

    #[test]
    fn received_is_never_written_as_null() {
        let text = r#"{"request_uuid":"7","stream_id":"B","samples":null,"topic_id":null,"received":null}"#;
        let backward: LiveBackward = body::read(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&backward).unwrap(), text.replace("\"received\":null", "\"received\":false"));
    }

    #[test]
    fn the_hash_is_over_python_text() {
        assert_eq!(
            prediction_hash("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", &[1.5, 2.25, -3.0]),
            "9c98362efc0b97a8063f9004e0b1d2cdce90851e36e7c8f12a64747545489277"
        );
    }
}
