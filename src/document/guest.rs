//! `guest`, `backtrace`: the system inside.

use schemars::JsonSchema;
use serde::Serialize;

use super::keyed::Keyed;
use super::name::{
    BacktraceName, GuestInfoName, GuestLogName, GuestMapsName, GuestModulesName, GuestPsName, GuestSymbolsName,
};
use super::word::Hex;

/// Who called whom.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Backtrace {
    /// Name and version of this document.
    pub schema: BacktraceName,
    /// As it was named.
    pub file: String,
    /// Of vcpus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<Vec<Trace>>,
    /// Of a process; with `--pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<Trace>>,
}

/// Frames, the innermost first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Trace {
    /// The vcpu's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// The process's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u64>,
    /// The process's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// The frames.
    pub frames: Vec<FrameDocument>,
    /// Why there are no more.
    pub ended: String,
}

/// A frame.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FrameDocument {
    /// Where it is.
    pub ip: Hex,
    /// In which function.
    pub function: Option<String>,
    /// From the function's beginning.
    pub offset: Option<Hex>,
    /// In which source file.
    pub file: Option<String>,
    /// In which line of it.
    pub line: Option<u32>,
    /// Stack pointer.
    pub sp: Option<Hex>,
    /// Where the frame's stacked registers begin.
    pub bsp: Hex,
    /// By name; `null` where the value is gone.
    pub arguments: Keyed<Option<String>>,
    /// How it was found.
    pub how: String,
}

/// What system it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GuestInfo {
    /// Name and version of this document.
    pub schema: GuestInfoName,
    /// As it was named.
    pub file: String,
    /// What the kernel says of itself.
    pub banner: Option<String>,
    /// What `uname` would say.
    pub uname: Option<UnameDocument>,
    /// The kernel's arguments.
    pub command_line: Option<String>,
    /// Bytes of a page.
    pub page_size: u64,
    /// Processors that are up.
    pub cpus: Option<u32>,
    /// Seconds since 1970, by the guest.
    pub time: Option<String>,
    /// When it was started.
    pub boot_time: Option<String>,
    /// For how long it has run, seconds.
    pub uptime: Option<String>,
    /// The kernel's configuration.
    pub configuration: Option<String>,
    /// It was found in memory, and is not known from the kernel's file.
    pub found: bool,
    /// What could not be read.
    pub troubles: Vec<String>,
}

/// What `uname` would say.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UnameDocument {
    /// Of the system.
    pub sysname: String,
    /// Of the host.
    pub nodename: String,
    /// Of the kernel.
    pub release: String,
    /// When it was built.
    pub version: String,
    /// Of the processor.
    pub machine: String,
    /// Of the domain.
    pub domainname: Option<String>,
}

/// The kernel's log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GuestLog {
    /// Name and version of this document.
    pub schema: GuestLogName,
    /// As it was named.
    pub file: String,
    /// In their order.
    pub lines: Vec<LogLine>,
    /// What came before is gone.
    pub wrapped: bool,
    /// It was found in memory, and is not known from the kernel's file.
    pub found: bool,
    /// Why it may not be whole.
    pub broken: Option<String>,
}

/// A line of the log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// 0, the worst, to 7.
    pub level: Option<u32>,
    /// Seconds, as the kernel wrote them.
    pub time: Option<String>,
    /// The rest.
    pub text: String,
}

/// What a process sees.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GuestMaps {
    /// Name and version of this document.
    pub schema: GuestMapsName,
    /// As it was named.
    pub file: String,
    /// The process's number.
    pub pid: u64,
    /// Its name.
    pub comm: String,
    /// Its page directory, virtual.
    pub pgd: Option<Hex>,
    /// Ascending.
    pub areas: Vec<AreaDocument>,
    /// Why there may be more.
    pub broken: Option<String>,
}

/// A range of a process's addresses.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AreaDocument {
    /// Its first address.
    pub start: Hex,
    /// The address behind it.
    pub end: Hex,
    /// `rwxp`, as Linux has it.
    pub access: String,
    /// `vm_flags`.
    pub flags: Hex,
    /// In the file that is mapped.
    pub offset: Option<Hex>,
    /// The file that is mapped.
    pub name: Option<String>,
}

/// The kernel's modules.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GuestModules {
    /// Name and version of this document.
    pub schema: GuestModulesName,
    /// As it was named.
    pub file: String,
    /// In the kernel's order.
    pub modules: Vec<ModuleDocument>,
    /// Why there may be more.
    pub broken: Option<String>,
}

/// A module.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ModuleDocument {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub core: Hex,
    /// Bytes.
    pub size: Hex,
    /// What becomes of it.
    pub state: String,
    /// Where its structure is.
    pub module: Hex,
}

/// The processes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GuestPs {
    /// Name and version of this document.
    pub schema: GuestPsName,
    /// As it was named.
    pub file: String,
    /// In the kernel's order.
    pub processes: Vec<ProcessDocument>,
    /// Why there may be more.
    pub broken: Option<String>,
}

/// A process.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProcessDocument {
    /// Its number.
    pub pid: u64,
    /// Its parent's.
    pub ppid: u64,
    /// Its name.
    pub comm: String,
    /// A letter, as `ps` has it.
    pub state: String,
    /// It is the kernel's own.
    pub kernel: bool,
    /// Its page directory, virtual.
    pub pgd: Option<Hex>,
    /// Where its structure is.
    pub task: Hex,
}

/// What lies at addresses.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GuestSymbols {
    /// Name and version of this document.
    pub schema: GuestSymbolsName,
    /// As it was named.
    pub file: String,
    /// In the order in which they were asked for.
    pub addresses: Vec<SymbolDocument>,
}

/// What lies at an address.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SymbolDocument {
    /// The address.
    pub address: Hex,
    /// The symbol before it.
    pub symbol: Option<String>,
    /// From the symbol.
    pub offset: Option<Hex>,
    /// In which source file.
    pub file: Option<String>,
    /// In which line of it.
    pub line: Option<u32>,
    /// Functions that are inlined there, the innermost first.
    pub inlined: Vec<String>,
}
