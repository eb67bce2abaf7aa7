//! A file as repairs have left it.

use ia64save::{Loaded, from_reader};
use ia64save_codec::check::{self, CheckOptions, Report};
use ia64save_codec::repair::{self, Repair};

use super::splice::{Data, reader};
use crate::cli::args::Reading;
use crate::cli::exit::Failure;
use crate::cli::opened::options;

/// A file as repairs have left it.
pub struct State {
    pub loaded: Loaded,
    pub report: Report,
}

impl State {
    /// With these repairs.
    pub fn of(
        name: &str,
        data: &Data,
        repairs: &[&Repair],
        reading: &Reading,
    ) -> Result<State, Failure> {
        let stream = reader(data, repairs.iter().copied());
        let loaded = from_reader(name, stream, &options(reading))?;
        let report = check::run_file(&loaded.file, &CheckOptions::default());
        Ok(State { loaded, report })
    }

    /// How much is wrong with it.
    pub fn badness(&self) -> u64 {
        repair::badness(&self.loaded.file, &self.report)
    }
}
