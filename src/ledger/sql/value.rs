//! Values on their way into a database and out of it: the five kinds that SQLite and PostgreSQL have in common.

/// A value as a database has it, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A whole number; also what stands for a truth value.
    Int(i64),
    /// A double, to the last bit.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// A value that is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Owned {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A double.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<Value<'_>> for Owned {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

/// What was found where something else was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} was expected, and there is {found}")]
pub struct WrongKind {
    /// What was asked for.
    pub wanted: &'static str,
    /// What there is.
    pub found: &'static str,
}

impl<'a> Value<'a> {
    /// What kind it is, in a word or two.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Int(_) => "a whole number",
            Self::Real(_) => "a number",
            Self::Text(_) => "text",
            Self::Blob(_) => "bytes",
        }
    }

    /// The text.
    ///
    /// # Errors
    /// It is none.
    pub const fn as_str(self) -> Result<&'a str, WrongKind> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(WrongKind { wanted: "text", found: other.kind() }),
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// There are none.
    pub const fn as_blob(self) -> Result<&'a [u8], WrongKind> {
        match self {
            Self::Blob(bytes) => Ok(bytes),
            other => Err(WrongKind { wanted: "bytes", found: other.kind() }),
        }
    }
}

/// What can be given to a statement.
pub trait ToSql {
    /// As the database has it.
    fn value(&self) -> Value<'_>;
}

/// What can be taken from a row.
pub trait FromSql: Sized {
    /// From what the database has.
    ///
    /// # Errors
    /// That is of another kind, or out of range.
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind>;
}

macro_rules! whole_numbers {
    ($($kind:ty: $name:literal),*) => {$(
        impl ToSql for $kind {
            fn value(&self) -> Value<'_> {
                Value::Int(i64::from(*self))
            }
        }
        impl FromSql for $kind {
            fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
                let wrong = WrongKind { wanted: $name, found: value.kind() };
                match value {
                    Value::Int(number) => number.try_into().map_err(|_| wrong),
                    _ => Err(wrong),
                }
            }
        }
    )*};
}
whole_numbers!(
    i64: "a number of 64 bits", i32: "a number of 32 bits", u32: "a number of 0 to 2^32", u16: "a number of 0 to 65535",
    u8: "a number of 0 to 255"
);

impl ToSql for bool {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}

impl FromSql for bool {
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl ToSql for f64 {
    fn value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

impl FromSql for f64 {
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
        match value {
            Value::Real(number) => Ok(number),
            // A sum of nothing, or what somebody wrote by hand.
            Value::Int(number) => Ok(number as Self),
            other => Err(WrongKind { wanted: "a number", found: other.kind() }),
        }
    }
}

impl ToSql for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToSql for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl FromSql for String {
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
        value.as_str().map(str::to_owned)
    }
}

impl ToSql for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl ToSql for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl FromSql for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
        value.as_blob().map(<[u8]>::to_vec)
    }
}

impl<const N: usize> FromSql for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
        let wrong = |_| WrongKind { wanted: "bytes of a certain length", found: "bytes of another length" };
        value.as_blob()?.try_into().map_err(wrong)
    }
}

impl<T: ToSql + ?Sized> ToSql for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: ToSql> ToSql for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToSql::value)
    }
}

impl<T: FromSql> FromSql for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, WrongKind> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl ToSql for Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

impl ToSql for Value<'_> {
    fn value(&self) -> Value<'_> {
        *self
    }
}

/// The values of a statement, in order: an array of one type, or [`params!`](crate::ledger::sql::params).
pub trait Params {
    /// Each value.
    fn values(&self) -> impl Iterator<Item = Value<'_>>;
}

impl Params for &[&dyn ToSql] {
    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.iter().map(|value| value.value())
    }
}

impl Params for &[Owned] {
    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.iter().map(ToSql::value)
    }
}

impl Params for [&dyn ToSql; 0] {
    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        std::iter::empty()
    }
}

// Not for every length: an empty array of any type would leave the compiler to guess which.
macro_rules! arrays {
    ($($n:literal),*) => {$(
        impl<T: ToSql> Params for [T; $n] {
            fn values(&self) -> impl Iterator<Item = Value<'_>> {
                self.iter().map(ToSql::value)
            }
        }
    )*};
}
arrays!(1, 2, 3, 4);

/// The values of a statement, each of a type of its own.
#[macro_export]
#[doc(hidden)]
macro_rules! __sql_params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::ledger::sql::ToSql),*] as &[&dyn $crate::ledger::sql::ToSql]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_what_they_were() {
        assert_eq!(u32::from_value(7_u32.value()), Ok(7));
        assert_eq!(f64::from_value(0.1_f64.value()).map(f64::to_bits), Ok(0.1_f64.to_bits()));
        assert_eq!(String::from_value("häh".value()), Ok("häh".to_owned()));
        assert_eq!(Vec::<u8>::from_value([1_u8, 2].as_slice().value()), Ok(vec![1, 2]));
        assert_eq!(Option::<i64>::from_value(None::<i64>.value()), Ok(None));
        assert_eq!(bool::from_value(true.value()), Ok(true));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(u8::from_value(Value::Int(256)).is_err());
        assert!(i64::from_value(Value::Real(1.0)).is_err());
        assert!(String::from_value(Value::Null).is_err());
        assert!(<[u8; 2]>::from_value(Value::Blob(&[1])).is_err());
    }
}
