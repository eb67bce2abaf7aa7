//! A secret that both ends know, so that neither deals with a stranger.
//!
//! ```text
//!   source                                            target
//!                 -- its request -->
//!                 <-- (challenge NONCE)\n --
//!                 -- proof HMAC\n -->                       else: (err ...)
//!                 <-- (proved HMAC)\n --                    else: the source goes no further
//!                 <-- what answers the request --
//! ```
//!
//! A proof covers who gives it, the request with its token, and the target's nonce: what was overheard is
//! of no use a second time, and one end's proof is not the other's. It says who opened the connection. It
//! encrypts nothing, and whoever can change bytes on the way can change the domain: that takes ssh or a VPN.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

/// A keyed hash: key and message to 32 bytes. HMAC with SHA-256 is what both ends of this project use.
pub type Mac = fn(key: &[u8], message: &[u8]) -> [u8; 32];

/// A secret that both ends know.
#[derive(Clone)]
pub struct Secret {
    key: Vec<u8>,
    mac: Mac,
}

impl Secret {
    /// A key, and the keyed hash that is used with it.
    pub fn new(key: Vec<u8>, mac: Mac) -> Self {
        Secret { key, mac }
    }

    /// The proof that `role` knows it, in lower-case hexadecimal.
    pub(super) fn proof(&self, role: Role, request: &str, nonce: &str) -> String {
        let message = [
            "ia64save-migrate proof 1\n",
            role.name(),
            "\n",
            request,
            nonce,
        ]
        .concat();
        hex(&(self.mac)(&self.key, message.as_bytes()))
    }

    /// Whether `given` is that proof. Takes as long whatever is wrong with it.
    pub(super) fn proves(&self, role: Role, request: &str, nonce: &str, given: &str) -> bool {
        let expected = self.proof(role, request, nonce);
        let differ = expected
            .bytes()
            .zip(given.bytes())
            .fold(0, |all, (expected, given)| all | (expected ^ given));
        expected.len() == given.len() && differ == 0
    }
}

/// By the key, in the same time whatever differs; what a function is cannot be compared.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let differ = self
            .key
            .iter()
            .zip(&other.key)
            .fold(0, |all, (one, two)| all | (one ^ two));
        self.key.len() == other.key.len() && differ == 0
    }
}

impl Eq for Secret {}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Who gives a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Target,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Source => "source",
            Role::Target => "target",
        }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}
