//! `guest info`: which system it is.

use std::io::Write;

use ia64save::document::guest::{GuestInfo, UnameDocument};
use ia64save::document::name::GuestInfoName;
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::View;
use ia64save_guest::linux::{Found, Info, Instant, Kernel, found};

use super::source::Source;
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::view_of;
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, WARNING, safe};
use crate::cli::render::table::{Block, Cell};

/// What was found out, and how.
pub struct Told {
    pub info: Info,
    page_size: u64,
    configuration: Option<String>,
    found: bool,
}

/// Runs the command. Without the kernel's file what can be seen in memory is told.
pub fn run(source: &Source) -> Result<Outcome, Failure> {
    let loaded = source.open()?;
    let memory = Memory::new(loaded.image(), source.checkpoint);
    let told = if source.kernel.is_some() {
        source.with_kernel(&loaded, |kernel, view, _| Ok(Told::of(kernel, view)))?
    } else {
        let view = view_of(&loaded, &memory, source.checkpoint, None)?;
        let found = found(&memory);
        if found == Found::default() {
            let text = "nothing in memory looks like a Linux";
            return Err(Failure::Tree(loaded.name.clone(), text.into()));
        }
        Told {
            info: Info {
                banner: found.banner.map(|(_, banner)| banner),
                ..Info::default()
            },
            page_size: view.geometry().page_size(),
            configuration: found.configuration.map(|(_, text)| text),
            found: true,
        }
    };
    loaded.verify()?;
    if source.format == Format::Text {
        style::unless_gone(write!(style::stdout(), "{}", told.text()))?;
    } else {
        print_json(&told.document(&loaded.name), source.format)?;
    }
    for trouble in &told.info.troubles {
        style::warn(&format!("{}: {trouble}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}

impl Told {
    /// What a kernel says of itself.
    pub fn of(kernel: &Kernel<'_>, view: &View<'_>) -> Self {
        Told {
            info: kernel.info(),
            page_size: view.geometry().page_size(),
            configuration: None,
            found: false,
        }
    }

    /// Line by line: what it is called, and what the guest has there.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let info = &self.info;
        let mut rows = Vec::new();
        let mut row = |name, text: Option<String>| rows.extend(text.map(|text| (name, text)));
        let trimmed = |text: &String| text.trim_end().to_owned();
        row("banner", info.banner.as_ref().map(trimmed));
        let uname = info.uname.as_ref().map(|uname| {
            let names = [
                &uname.sysname,
                &uname.nodename,
                &uname.release,
                &uname.version,
                &uname.machine,
            ];
            names.map(String::as_str).join(" ")
        });
        row("uname", uname.as_ref().map(trimmed));
        row("command line", info.command_line.as_ref().map(trimmed));
        row("page size", Some(format!("{} KiB", self.page_size >> 10)));
        row("processors", info.cpus.map(|cpus| format!("{cpus} online")));
        row("booted", info.boot_time.map(date));
        row("saved", info.time.map(date));
        row("up for", info.uptime.map(span));
        let lines = |text: &String| format!("{} lines", text.lines().count());
        row("configuration", self.configuration.as_ref().map(lines));
        rows
    }

    fn text(&self) -> Block {
        let mut block = Block::new(0);
        for (name, text) in self.rows() {
            block.row(name, safe(&text).into_owned());
        }
        if self.found {
            let text = "found in memory, not known: --kernel FILE knows";
            block.row("", Cell::styled(WARNING, text));
        }
        block
    }

    fn document(&self, name: &str) -> GuestInfo {
        let info = &self.info;
        let seconds = |at: Instant| format!("{}.{:09}", at.seconds, at.nanoseconds);
        GuestInfo {
            schema: GuestInfoName,
            file: name.to_owned(),
            banner: info.banner.clone(),
            uname: info.uname.as_ref().map(|uname| UnameDocument {
                sysname: uname.sysname.clone(),
                nodename: uname.nodename.clone(),
                release: uname.release.clone(),
                version: uname.version.clone(),
                machine: uname.machine.clone(),
                domainname: uname.domainname.clone(),
            }),
            command_line: info.command_line.clone(),
            page_size: self.page_size,
            cpus: info.cpus,
            time: info.time.map(seconds),
            boot_time: info.boot_time.map(seconds),
            uptime: info.uptime.map(seconds),
            configuration: self.configuration.clone(),
            found: self.found,
            troubles: info.troubles.clone(),
        }
    }
}

/// `2008-12-01 11:58:19 UTC`
fn date(at: Instant) -> String {
    let days = at.seconds.div_euclid(86400);
    let second = at.seconds.rem_euclid(86400);
    // Years begin in March, so that the day that some have more is their last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}:{:02} UTC",
        second % 60
    )
}

/// `3 days 04:05:06`
fn span(at: Instant) -> String {
    let (days, second) = (at.seconds.div_euclid(86400), at.seconds.rem_euclid(86400));
    let days = match days {
        0 => String::new(),
        1 => "1 day ".into(),
        days => format!("{days} days "),
    };
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{days}{hour:02}:{minute:02}:{:02}", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_spans_are_those_of_calendars() {
        let at = |seconds| Instant {
            seconds,
            nanoseconds: 0,
        };
        assert_eq!(date(at(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(at(951_782_400)), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(at(1_228_132_699)), "2008-12-01 11:58:19 UTC");
        assert_eq!(date(at(-1)), "1969-12-31 23:59:59 UTC");
        assert_eq!(span(at(93_784)), "1 day 02:03:04");
        assert_eq!(span(at(59)), "00:00:59");
    }
}
