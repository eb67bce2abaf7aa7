//! The token of a migration.

use ia64save_codec::transfer::migration::{NoToken, Token};

/// A token that a user names.
pub fn token(text: &str) -> Result<Token, String> {
    text.parse().map_err(|error: NoToken| error.to_string())
}
