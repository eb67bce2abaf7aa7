//! The command line.

/// What `--help` prints.
pub const HELP: &str = "\
cargo bench -p ia64save-sim --bench transfer -- [OPTIONS]

  --memory N    MiB of guest memory (default 1024); about four times as much is used
  --reps N      repetitions of each measurement (default 5)
  --check       exit with 1 if a goal is missed
";

/// What to do.
pub struct Options {
    /// Pages of the guest.
    pub pages: u64,
    /// Repetitions.
    pub reps: usize,
    /// A missed goal is an error.
    pub check: bool,
}

impl Options {
    /// Reads them.
    pub fn parse(args: &[String]) -> Result<Options, String> {
        let mut options = Options {
            pages: 1024 << 6,
            reps: 5,
            check: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut number = || -> Result<u64, String> {
                let value = args.next().and_then(|value| value.parse().ok());
                value
                    .filter(|value| (1..=1 << 20).contains(value))
                    .ok_or_else(|| format!("{arg} wants a number from 1 to 1048576"))
            };
            match arg.as_str() {
                "--memory" => options.pages = number()? << 6,
                "--reps" => options.reps = number()? as usize,
                "--check" => options.check = true,
                // cargo says what it runs.
                "--bench" => {}
                _ => return Err(format!("{arg} is no option")),
            }
        }
        Ok(options)
    }
}
