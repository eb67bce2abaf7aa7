//! Modules.

use super::{Error, Kernel};

/// A module that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Where it was loaded to.
    pub core: u64,
    /// Bytes there.
    pub size: u64,
    /// 0 it works, 1 it is being loaded, 2 it is being removed.
    pub state: u64,
    /// Address of its `struct module`.
    pub module: u64,
}

/// All modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules {
    /// The last loaded first, as the kernel has them.
    pub modules: Vec<Module>,
    /// Why there may be more.
    pub broken: Option<String>,
}

impl Kernel<'_> {
    /// All modules.
    ///
    /// # Errors
    /// The kernel has none, or its file lacks a member.
    pub fn modules(&self) -> Result<Modules, Error> {
        let head = self.address("modules")?;
        let link = self.field("module", "list")?;
        let name = self.field("module", "name")?;
        let state = self.field("module", "state")?;
        let field = |old, new| {
            self.field("module", old)
                .or_else(|error| self.field("module", new).map_err(|_| error))
        };
        let core = field("module_core", "core_layout.base")?;
        let size = field("core_size", "core_layout.size")?;
        let walked = self.list(head)?;
        let mut modules = Modules {
            modules: Vec::new(),
            broken: walked.broken,
        };
        for entry in walked.links {
            let module = entry.wrapping_sub(link.offset);
            let what = || format!("module at {module:#x}");
            let read = || {
                Ok::<_, Error>(Module {
                    name: self.inline_text(module, &name, what)?,
                    core: self.member(module, &core, what)?,
                    size: self.member(module, &size, what)?,
                    state: self.member(module, &state, what)?,
                    module,
                })
            };
            match read() {
                Ok(module) => modules.modules.push(module),
                Err(error) => {
                    modules.broken.get_or_insert_with(|| error.to_string());
                }
            }
        }
        Ok(modules)
    }
}
