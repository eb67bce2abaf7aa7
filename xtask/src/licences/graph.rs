//! The graph of dependencies, as `cargo metadata` tells it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One package.
#[derive(Debug, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression, if it states one.
    pub licence: Option<String>,
    /// Ids of what it is built from, run with or tested with.
    pub needs: Vec<String>,
}

/// All packages, by id.
#[derive(Debug, Default)]
pub struct Graph {
    packages: BTreeMap<String, Package>,
    members: Vec<String>,
}

impl Graph {
    /// Reads the output of `cargo metadata --format-version 1`.
    pub fn parse(json: &[u8]) -> Result<Graph, String> {
        let metadata: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_string);
        let mut graph = Graph::default();
        for package in list(&metadata, "packages") {
            let id = text(&package["id"]).ok_or("a package has no id")?;
            graph.packages.insert(
                id,
                Package {
                    name: text(&package["name"]).unwrap_or_default(),
                    version: text(&package["version"]).unwrap_or_default(),
                    licence: text(&package["license"]),
                    needs: Vec::new(),
                },
            );
        }
        for node in list(&metadata["resolve"], "nodes") {
            let needs = list(&node, "deps")
                .iter()
                .filter_map(|d| text(&d["pkg"]))
                .collect();
            let id = text(&node["id"]).ok_or("a node has no id")?;
            graph
                .packages
                .get_mut(&id)
                .ok_or("a node is no package")?
                .needs = needs;
        }
        graph.members = list(&metadata, "workspace_members")
            .iter()
            .filter_map(text)
            .collect();
        if graph.members.is_empty() {
            return Err("cargo metadata names no member of the workspace".into());
        }
        Ok(graph)
    }

    /// Everything that the workspace's packages need, themselves included, without what only the
    /// packages named in `stop_at` need.
    pub fn reached(&self, stop_at: Option<&str>) -> Vec<&Package> {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&String> = self.members.iter().collect();
        while let Some(id) = pending.pop() {
            let Some(package) = self.packages.get(id) else {
                continue;
            };
            if seen.insert(id) && stop_at != Some(package.name.as_str()) {
                pending.extend(&package.needs);
            }
        }
        seen.into_iter().map(|id| &self.packages[id]).collect()
    }
}
