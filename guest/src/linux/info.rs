//! What a kernel says about itself.

use super::{Error, Kernel};

/// The longest command line that is read.
const COMMAND_LINE: usize = 4096;
/// Nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

/// Seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// Whole seconds, of a date since 1970 (UTC).
    pub seconds: i64,
    /// Nanoseconds behind, 0 to 999999999.
    pub nanoseconds: u32,
}

impl Instant {
    fn of(nanoseconds: i128) -> Option<Self> {
        Some(Instant {
            seconds: i64::try_from(nanoseconds.div_euclid(SECOND)).ok()?,
            nanoseconds: nanoseconds.rem_euclid(SECOND) as u32,
        })
    }

    fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * SECOND + i128::from(self.nanoseconds)
    }
}

/// `uname -a`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uname {
    /// `"Linux"`.
    pub sysname: String,
    /// The host's name.
    pub nodename: String,
    /// `"2.6.28"`.
    pub release: String,
    /// `"#1 SMP ..."`.
    pub version: String,
    /// `"ia64"`.
    pub machine: String,
    /// The NIS domain.
    pub domainname: Option<String>,
}

/// What a kernel says about itself. What it does not have is `None`; what could not be read is in
/// `troubles`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// `linux_banner`.
    pub banner: Option<String>,
    /// Its names.
    pub uname: Option<Uname>,
    /// What it was booted with.
    pub command_line: Option<String>,
    /// The date when the image was made.
    pub time: Option<Instant>,
    /// How long it had been up.
    pub uptime: Option<Instant>,
    /// The date when it booted.
    pub boot_time: Option<Instant>,
    /// Processors that are online.
    pub cpus: Option<u32>,
    /// Why something is missing.
    pub troubles: Vec<String>,
}

impl Kernel<'_> {
    /// What the kernel says about itself.
    pub fn info(&self) -> Info {
        let mut info = Info::default();
        let mut troubles = Vec::new();
        info.banner = or_tell(self.banner(), &mut troubles);
        info.uname = or_tell(self.uname(), &mut troubles);
        info.command_line = or_tell(self.command_line(), &mut troubles).flatten();
        info.cpus = or_tell(self.cpus(), &mut troubles);
        if let Some((time, uptime)) = or_tell(self.times(), &mut troubles) {
            info.time = Some(time);
            info.uptime = Some(uptime);
            info.boot_time = Instant::of(time.nanoseconds() - uptime.nanoseconds());
        }
        info.troubles = troubles;
        info
    }

    fn banner(&self) -> Result<String, Error> {
        let address = self.address("linux_banner")?;
        self.text(address, 1024, || "linux_banner".into())
    }

    fn uname(&self) -> Result<Uname, Error> {
        // Before 2.6.19 there was one for all.
        let (at, inside) = match self.address("init_uts_ns") {
            Ok(at) => {
                let name = self.field("uts_namespace", "name")?;
                (at.wrapping_add(name.offset), "init_uts_ns.name")
            }
            Err(error) => match self.address("system_utsname") {
                Ok(at) => (at, "system_utsname"),
                Err(_) => return Err(error),
            },
        };
        let name = |path: &str| {
            let field = self.field("new_utsname", path)?;
            self.inline_text(at, &field, || format!("{inside}.{path}"))
        };
        Ok(Uname {
            sysname: name("sysname")?,
            nodename: name("nodename")?,
            release: name("release")?,
            version: name("version")?,
            machine: name("machine")?,
            domainname: name("domainname").ok(),
        })
    }

    /// `None` where the kernel has none to keep.
    fn command_line(&self) -> Result<Option<String>, Error> {
        for name in ["saved_command_line", "boot_command_line"] {
            let Some((mut address, size)) = self.symbols.named(name) else {
                continue;
            };
            // An array first, a pointer since 2.6.21.
            if size <= 8 {
                address = self.number(address, 8, || name.into())?;
            }
            return self.text(address, COMMAND_LINE, || name.into()).map(Some);
        }
        Ok(None)
    }

    fn cpus(&self) -> Result<u32, Error> {
        for name in ["cpu_online_map", "cpu_online_bits"] {
            let Some((address, size)) = self.symbols.named(name) else {
                continue;
            };
            let mut online = 0;
            // One bit a processor: no kernel was built for more than 4096.
            for offset in (0..size.clamp(1, 512)).step_by(8) {
                let bytes = (size - offset).min(8) as usize;
                let word = self.number(address.wrapping_add(offset), bytes, || name.into())?;
                online += word.count_ones();
            }
            return Ok(online);
        }
        Err(Error::NoSymbol("cpu_online_map"))
    }

    /// The date, and how long the kernel had been up: clocks that ran beside each other.
    fn times(&self) -> Result<(Instant, Instant), Error> {
        let read = |name: &'static str| {
            let address = self.address(name)?;
            let word = |offset| {
                let word = self.number(address.wrapping_add(offset), 8, || name.into());
                word.map(|word| i128::from(word as i64))
            };
            Ok::<_, Error>(word(0)? * SECOND + word(8)?)
        };
        let date = read("xtime")?;
        let up = date + read("wall_to_monotonic")?;
        let beyond = || Error::Nonsense {
            what: "xtime and wall_to_monotonic".into(),
            found: "dates beyond 64 bits".into(),
        };
        let date = Instant::of(date).ok_or_else(beyond)?;
        Ok((date, Instant::of(up).ok_or_else(beyond)?))
    }
}

fn or_tell<T>(result: Result<T, Error>, troubles: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|error| troubles.push(error.to_string()))
        .ok()
}
