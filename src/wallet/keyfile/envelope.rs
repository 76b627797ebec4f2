//! How a keyfile is protected, told by its first bytes.

use std::fmt;

/// The four envelopes of the field. All are read; `$NACL` and plain are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// `$NACL`: Argon2i and XSalsa20-Poly1305, since late 2023.
    Nacl,
    /// Ansible Vault 1.1 or 1.2, bittensor 3 to 5.
    Ansible,
    /// Fernet, bittensor 1 and 2.
    Fernet,
    /// Not encrypted.
    Plain,
}

impl Envelope {
    /// Which envelope these bytes start.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"$NACL") {
            Self::Nacl
        } else if bytes.starts_with(b"$ANSIBLE_VAULT") {
            Self::Ansible
        } else if bytes.starts_with(b"gAAAAA") {
            Self::Fernet
        } else {
            Self::Plain
        }
    }

    /// Whether a password is needed.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        !matches!(self, Self::Plain)
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nacl => "nacl",
            Self::Ansible => "ansible",
            Self::Fernet => "fernet",
            Self::Plain => "plain",
        })
    }
}
