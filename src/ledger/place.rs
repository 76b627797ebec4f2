//! Where a ledger is: a file, or a schema of a PostgreSQL database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

/// See the module. What is printed of it never holds a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file of SQLite's.
    File(PathBuf),
    /// A schema of a database.
    Database(Address),
}

impl Place {
    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Database(_) => None,
        }
    }

    /// How many may read it at once from this process, where that is bounded.
    #[must_use]
    pub fn readers(&self) -> usize {
        match self {
            Self::File(_) => usize::MAX,
            // Whoever reads has other connections as well.
            Self::Database(address) => usize::from(address.connections() / 2).saturating_sub(1).max(1),
        }
    }
}

impl<T: AsRef<Path>> From<T> for Place {
    fn from(path: T) -> Self {
        Self::File(path.as_ref().to_path_buf())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

impl From<&Address> for Place {
    fn from(address: &Address) -> Self {
        Self::Database(address.clone())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(address) => address.fmt(f),
        }
    }
}

impl FromStr for Place {
    type Err = AddressError;

    /// `postgres://…`, `sqlite:PATH` or a path.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if Address::is_one(text) {
            return text.parse().map(Self::Database);
        }
        Ok(Self::File(text.strip_prefix("sqlite:").unwrap_or(text).into()))
    }
}

/// What is wrong with the URL of a database. The URL is not in it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL of PostgreSQL.
    #[error("expected postgres://user@host:port/database")]
    NotOne,
    /// Something that this program does not do.
    #[error("`sslmode={0}` is not known; expected disable, prefer or require")]
    Encryption(String),
    /// A schema whose name PostgreSQL would cut.
    #[error("a schema's name has 1 to 63 bytes")]
    Schema,
}

/// Whether the way to a database is encrypted. Where it is, its certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    Off,
    /// Where the server offers it.
    Offered,
    /// Always.
    Required,
}

/// A schema of a PostgreSQL database, and how to reach it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Arc<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    /// Without password and without parameters.
    shown: String,
    /// The whole, as it is dialled; without the parameters that are ours.
    url: Zeroizing<String>,
    password: Option<Zeroizing<String>>,
    schema: String,
    encryption: Encryption,
    roots: Option<PathBuf>,
    connections: u16,
}

impl Address {
    /// The schema where none is named.
    pub const SCHEMA: &str = "neuron";
    /// Connections that a process may have to one server, where nothing else is said.
    pub const CONNECTIONS: u16 = 16;

    /// Whether a text is meant as one.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// The same database, another schema.
    ///
    /// # Errors
    /// [`AddressError::Schema`].
    pub fn in_schema(mut self, schema: String) -> Result<Self, AddressError> {
        if schema.is_empty() || schema.len() > 63 || schema.contains('\0') {
            return Err(AddressError::Schema);
        }
        Arc::make_mut(&mut self.0).schema = schema;
        Ok(self)
    }

    /// With a password, where the URL has none.
    #[must_use]
    pub fn with_password(mut self, password: Option<Zeroizing<String>>) -> Self {
        if self.0.password.is_none() {
            Arc::make_mut(&mut self.0).password = password;
        }
        self
    }

    /// Trusts the certificates in this file (PEM) and no others.
    #[must_use]
    pub fn with_roots(mut self, roots: Option<PathBuf>) -> Self {
        if roots.is_some() {
            Arc::make_mut(&mut self.0).roots = roots;
        }
        self
    }

    /// With so many connections at most, of this process to the server.
    #[must_use]
    pub fn with_connections(mut self, connections: u16) -> Self {
        Arc::make_mut(&mut self.0).connections = connections;
        self
    }

    /// How many connections this process may have to the server.
    #[must_use]
    pub fn connections(&self) -> u16 {
        self.0.connections
    }

    /// The server and the database, whatever the schema; without a password.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.0.shown
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.0.schema
    }

    /// The schema as a name in SQL.
    #[must_use]
    pub fn quoted_schema(&self) -> String {
        format!("\"{}\"", self.0.schema.replace('"', "\"\""))
    }

    /// Whether the way to it is encrypted.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        self.0.encryption
    }

    /// The file of trusted certificates, where there is one.
    #[must_use]
    pub fn roots(&self) -> Option<&Path> {
        self.0.roots.as_deref()
    }

    /// What is dialled. Holds the password that the URL had.
    #[cfg(feature = "postgres")]
    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    #[cfg(feature = "postgres")]
    pub(super) fn password(&self) -> Option<&str> {
        self.0.password.as_deref().map(String::as_str)
    }
}

/// Hosts to which nothing needs to be encrypted: a socket in the file system, this machine.
fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    name.is_empty()
        || name.starts_with('/')
        || name.to_ascii_lowercase().starts_with("%2f")
        || matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (_, rest) = text.split_once("://").filter(|_| Self::is_one(text)).ok_or(AddressError::NotOne)?;
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').ok_or(AddressError::NotOne)?;
        if database.is_empty() {
            return Err(AddressError::NotOne);
        }
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        let (mut schema, mut encryption, mut roots, mut theirs) = (Self::SCHEMA.to_owned(), None, None, Vec::new());
        let (mut hosts_named, mut is_far) = (false, hosts.split(',').any(|host| !is_local(host)));
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=').unwrap_or((parameter, "")) {
                ("schema", name) => name.clone_into(&mut schema),
                ("sslrootcert", path) => roots = Some(path.replace("%2F", "/").into()),
                ("sslmode", "disable") => encryption = Some(Encryption::Off),
                ("sslmode", "prefer" | "allow") => encryption = Some(Encryption::Offered),
                ("sslmode", "require" | "verify-ca" | "verify-full") => encryption = Some(Encryption::Required),
                ("sslmode", other) => return Err(AddressError::Encryption(other.to_owned())),
                ("host", host) => {
                    (hosts_named, is_far) = (true, is_far || !is_local(host));
                    theirs.push(parameter);
                }
                _ => theirs.push(parameter),
            }
        }
        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        let host = if hosts.is_empty() && !hosts_named { "localhost" } else { hosts };
        let url = format!(
            "postgres://{}{host}/{database}{}{}",
            authority.rsplit_once('@').map(|(user, _)| format!("{user}@")).unwrap_or_default(),
            if theirs.is_empty() { "" } else { "?" },
            theirs.join("&")
        );
        let parts = Parts {
            shown: format!("postgres://{at}{host}/{database}"),
            url: Zeroizing::new(url),
            password: None,
            schema: String::new(),
            // The password and what miners said are nobody's on the way.
            encryption: encryption.unwrap_or(if is_far { Encryption::Required } else { Encryption::Off }),
            roots,
            connections: Self::CONNECTIONS,
        };
        Self(Arc::new(parts)).in_schema(schema)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}?schema={}", self.0.shown, self.0.schema)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.to_string()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_or_a_url() {
        assert_eq!("a/b.sqlite".parse(), Ok(Place::File("a/b.sqlite".into())));
        assert_eq!("sqlite:a/b.sqlite".parse(), Ok(Place::File("a/b.sqlite".into())));
        let Ok(Place::Database(address)) = "postgres://me@db.example:5433/neuron?schema=sn6".parse() else { panic!() };
        assert_eq!((address.schema(), address.encryption()), ("sn6", Encryption::Required));
        assert_eq!(address.to_string(), "postgres://me@db.example:5433/neuron?schema=sn6");
        for wrong in ["postgres://", "postgres://host", "postgres://host/"] {
            assert_eq!(wrong.parse::<Place>(), Err(AddressError::NotOne), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let place: Place = "postgres://me:se%40cret@db.example/neuron?connect_timeout=3".parse().unwrap();
        let Place::Database(address) = place.clone() else { panic!() };
        let address = address.with_password(Some(Zeroizing::new("hidden".into())));
        for shown in [format!("{place}"), format!("{place:?}"), format!("{address}"), format!("{address:?}")] {
            assert!(!shown.contains("cret") && !shown.contains("hidden"), "{shown}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_clear_unless_said() {
        let of = |text: &str| text.parse::<Address>().map(|address| address.encryption());
        for near in ["localhost:1", "127.0.0.1", "[::1]:5432", "", "%2Ftmp%2Fpg"] {
            assert_eq!(of(&format!("postgres://me@{near}/d")), Ok(Encryption::Off), "{near}");
        }
        assert_eq!(of("postgres://me@localhost,db.example/d"), Ok(Encryption::Required));
        assert_eq!(of("postgres://me@/d?host=db.example"), Ok(Encryption::Required));
        assert_eq!(of("postgres://me@db.example/d?sslmode=disable"), Ok(Encryption::Off));
        assert!(of("postgres://me@db.example/d?sslmode=maybe").is_err());
    }
}
