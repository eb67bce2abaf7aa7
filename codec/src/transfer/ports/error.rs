//! How a port fails.

use core::fmt;

/// An error number of the hypervisor or the kernel, positive, as in `errno.h` of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($( $name:ident = $value:literal, $text:literal; )*) => {
        impl Errno {
            $(
                #[doc = $text]
                pub const $name: Errno = Errno($value);
            )*

            /// `"EINVAL"`; `None` for one without a name here.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $( $value => Some(stringify!($name)), )* _ => None }
            }

            /// What it means, in a few words.
            pub fn text(self) -> &'static str {
                match self.0 { $( $value => $text, )* _ => "unknown error" }
            }
        }
    };
}

errnos! {
    EPERM = 1, "not permitted";
    ENOENT = 2, "not there";
    ESRCH = 3, "no such domain";
    EINTR = 4, "interrupted";
    EIO = 5, "input/output error";
    E2BIG = 7, "too big";
    ENOEXEC = 8, "not executable";
    EAGAIN = 11, "try again";
    ENOMEM = 12, "out of memory";
    EACCES = 13, "refused: other interface version";
    EFAULT = 14, "bad address";
    EBUSY = 16, "busy";
    EEXIST = 17, "exists already";
    ENODEV = 19, "no such device";
    EINVAL = 22, "invalid argument";
    ENOSPC = 28, "no space left";
    EPIPE = 32, "broken pipe";
    ENOSYS = 38, "not implemented";
    ENODATA = 61, "no data: not initialised";
    EPROTO = 71, "protocol error";
    EOVERFLOW = 75, "too large";
    ENOBUFS = 105, "no buffer space";
    ECONNRESET = 104, "connection reset";
    ETIMEDOUT = 110, "timed out";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.text()),
            None => write!(f, "error {}", self.0),
        }
    }
}

macro_rules! calls {
    ($( $variant:ident = $name:literal, $doc:literal; )*) => {
        /// The operations of the ports, by which failures and counts are named.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PortCall {
            $( #[doc = $doc] $variant, )*
        }

        impl PortCall {
            /// Every operation.
            pub const ALL: &'static [PortCall] = &[$(PortCall::$variant),*];

            /// Its name in messages and in JSON: `"set_vcpu_context"`.
            pub fn name(self) -> &'static str {
                match self { $(PortCall::$variant => $name),* }
            }
        }
    };
}

calls! {
    Info = "info", "`Domain::info`";
    MaximumGpfn = "maximum_gpfn", "`Domain::maximum_gpfn`";
    ExposeP2m = "expose_p2m", "`Domain::expose_p2m`";
    ReadP2m = "read_p2m", "`Domain::read_p2m`";
    UnexposeP2m = "unexpose_p2m", "`Domain::unexpose_p2m`";
    ReadPages = "read_pages", "`Domain::read_pages`";
    VcpuInfo = "vcpu_info", "`Domain::vcpu_info`";
    VcpuContext = "vcpu_context", "`Domain::vcpu_context`";
    Pause = "pause", "`Domain::pause`";
    Unpause = "unpause", "`Domain::unpause`";
    Destroy = "destroy", "`Domain::destroy`";
    Setup = "arch_setup", "`SourceDomain::setup`";
    Memmap = "memmap", "`SourceDomain::memmap`";
    EnableLogDirty = "enable_log_dirty", "`SourceDomain::enable_log_dirty`";
    DisableLogDirty = "disable_log_dirty", "`SourceDomain::disable_log_dirty`";
    PeekDirty = "peek_dirty", "`SourceDomain::peek_dirty`";
    CleanDirty = "clean_dirty", "`SourceDomain::clean_dirty`";
    DeviceModelDirty = "device_model_dirty", "`SourceDomain::device_model_dirty`";
    Suspend = "suspend", "`SourceDomain::suspend`";
    Resume = "resume", "`SourceDomain::resume`";
    WaysBack = "ways_back", "`SourceDomain::ways_back`";
    ResetChannels = "reset_channels", "`SourceDomain::reset_channels`";
    Introduce = "introduce", "`SourceDomain::introduce`";
    HvmParam = "hvm_param", "`SourceDomain::hvm_param`";
    HvmContextSize = "hvm_context_size", "`SourceDomain::hvm_context_size`";
    HvmContext = "hvm_context", "`SourceDomain::hvm_context`";
    SetSetup = "set_arch_setup", "`TargetDomain::set_setup`";
    Populate = "populate", "`TargetDomain::populate`";
    DecreaseReservation = "decrease_reservation", "`TargetDomain::decrease_reservation`";
    WritePages = "write_pages", "`Domain::write_pages`";
    ClearPages = "clear_pages", "`TargetDomain::clear_pages`";
    RbsVoff = "rbs_voff", "`TargetDomain::rbs_voff`";
    SetVcpuContext = "set_vcpu_context", "`Domain::set_vcpu_context`";
    SetHvmParam = "set_hvm_param", "`TargetDomain::set_hvm_param`";
    SetHvmContext = "set_hvm_context", "`TargetDomain::set_hvm_context`";
}

/// A port's operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortError {
    /// Which operation.
    pub call: PortCall,
    /// Why.
    pub errno: Errno,
    /// How many pages of the batch it had done before.
    pub done: u64,
}

impl PortError {
    /// An operation that has done nothing.
    pub fn new(call: PortCall, errno: Errno) -> Self {
        PortError {
            call,
            errno,
            done: 0,
        }
    }

    /// Cleaning up is worth a second try.
    pub(in crate::transfer) fn twice<T>(
        mut attempt: impl FnMut() -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        attempt().or_else(|_| attempt())
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call.name(), self.errno)?;
        if self.done > 0 {
            write!(f, " after {} pages", self.done)?;
        }
        Ok(())
    }
}

impl core::error::Error for PortError {}
