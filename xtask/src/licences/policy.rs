//! What `deny.toml` allows. The file is cargo-deny's, so that its users find nothing new:
//!
//! ```toml
//! [licenses]
//! allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
//! exceptions = [{ crate = "name", allow = ["BSD-2-Clause"] }]
//! ```

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The licences part of `deny.toml`.
#[derive(Debug, Default)]
pub struct Policy {
    /// Allowed to every package.
    pub allow: Vec<String>,
    /// Allowed to one package more.
    pub exceptions: BTreeMap<String, Vec<String>>,
}

impl Policy {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Policy, String> {
        let table: Table = text.parse().map_err(|error| format!("{error}"))?;
        let licenses = table
            .get("licenses")
            .and_then(Value::as_table)
            .ok_or("there is no [licenses]")?;
        let mut policy = Policy {
            allow: strings(licenses.get("allow"), "licenses.allow")?,
            ..Policy::default()
        };
        let exceptions = match licenses.get("exceptions") {
            None => &[][..],
            Some(Value::Array(list)) => list,
            Some(_) => return Err("licenses.exceptions is no list".into()),
        };
        for exception in exceptions {
            let name = exception
                .get("crate")
                .and_then(Value::as_str)
                .ok_or("an exception names no crate")?;
            let allow = strings(exception.get("allow"), name)?;
            policy.exceptions.insert(name.to_string(), allow);
        }
        Ok(policy)
    }

    /// Whether the package may have this licence by the list for all.
    pub fn allows(&self, licence: &str) -> bool {
        self.allow.iter().any(|own| own == licence)
    }

    /// Whether the package may have this licence by an exception or by the list for all.
    pub fn excepts(&self, package: &str, licence: &str) -> bool {
        self.allows(licence)
            || self
                .exceptions
                .get(package)
                .is_some_and(|own| own.iter().any(|own| own == licence))
    }
}

fn strings(value: Option<&Value>, path: &str) -> Result<Vec<String>, String> {
    let list = value
        .and_then(Value::as_array)
        .ok_or_else(|| format!("{path} is no list"))?;
    list.iter()
        .map(|item| item.as_str().map(str::to_string))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{path} holds something else than strings"))
}
