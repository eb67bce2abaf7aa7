//! The crates of the workspace, as `cargo metadata` tells them.

use std::process::Command;

use serde_json::Value;

/// A crate: a library, a program, a test, a bench or an example.
pub struct Target {
    /// `package` or `package (name of the target)`.
    pub name: String,
    /// Its first file, relative to the root of the workspace.
    pub root: String,
    /// It belongs to the package at the root of the workspace.
    pub is_root: bool,
}

/// All of them, in cargo's order.
pub fn all() -> Result<Vec<Target>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let root = text(&metadata["workspace_root"])?;
    let mut targets = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"])?;
        let is_root = text(&package["manifest_path"])? == format!("{root}/Cargo.toml");
        for target in list(&package["targets"]) {
            let path = text(&target["src_path"])?;
            let own = text(&target["name"])?;
            targets.push(Target {
                name: if own.replace('_', "-") == name {
                    name.to_string()
                } else {
                    format!("{name} ({own})")
                },
                root: path
                    .strip_prefix(&format!("{root}/"))
                    .unwrap_or(path)
                    .to_string(),
                is_root,
            });
        }
    }
    Ok(targets)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| "cargo metadata says something else".into())
}
