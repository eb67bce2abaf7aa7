//! `convert`: an image in another dialect, another envelope, or without superseded pages.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};

use bytes::Bytes;
use ia64save_codec::convert::{self, ConvertOptions, Loss, Note};
use ia64save_codec::detect::Detection;
use ia64save_codec::envelope::{
    ByteOrder, DeviceModelKind, Kind, device_model_header, xend_header, xl_header,
};
use ia64save_codec::image::Trailing;
use ia64save_codec::{Dialect, Era, Error, Guest};
use serde_json::json;

use super::held::Held;
use super::{account, print_json};
use crate::args::{Convert, EnvelopeKind, Format};
use crate::exit::{Failure, Outcome};
use crate::load::{Loaded, Wanted};
use crate::output::file::OutputFile;
use crate::output::screen;
use crate::output::size::grouped;
use crate::output::style::{self, DIM, HEADING, LABEL, OK, Painted, WARNING};

/// Bytes of a mapped image that are copied before its memory is let go.
const RELEASE: usize = 16 << 20;

/// Bytes that a conversion may add to four times what there was.
const MOST_MADE_UP: u64 = 1 << 30;

/// Runs the command.
pub fn run(args: &Convert) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        random_access: true,
        ..Wanted::default()
    };
    let own = Held::where_same(&args.image, Some(&args.out))?;
    let mut loaded = Loaded::open(&args.image, &args.reading, wanted)?;
    if let Some(error) = &loaded.image().error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    let Some(era) = loaded.image().era() else {
        return Err(Failure::Usage(format!(
            "{}: there is nothing to convert",
            loaded.name
        )));
    };
    // What stands in front of the stream and behind it is the envelope's business.
    let trailing = loaded.file.image.trailing.take();
    let surroundings = Surroundings::new(args, &loaded, trailing)?;
    let options = ConvertOptions::to(args.to.map_or(era, |to| to.era(era))).compact(args.compact);
    let conversion = convert::plan(&loaded.file.image, &options)
        .map_err(|error| Failure::Invalid(loaded.name.clone(), error))?
        .byte_order(surroundings.order);
    let most = loaded
        .file
        .size
        .saturating_mul(4)
        .saturating_add(MOST_MADE_UP);
    if conversion.size() > most {
        // A list of version 1 is as long as p2m_size says.
        let size = conversion.size();
        let text = format!(
            "{}: the result would have {size} bytes: p2m_size is absurd",
            loaded.name
        );
        return Err(Failure::Usage(text));
    }
    let mut losses = conversion.losses().to_vec();
    losses.extend(surroundings.losses.iter().cloned());
    let report = Report {
        eras: conversion.eras(),
        guest: loaded.image().guest(),
        losses: &losses,
        notes: conversion.notes(),
        read_as: conversion.read_as(),
    };
    if !losses.is_empty() && !args.allow_loss {
        report.print(args, None)?;
        let text = format!(
            "{}: nothing was written; --allow-loss accepts this",
            loaded.name
        );
        return Err(Failure::Usage(text));
    }
    account::spare_terminal(&args.out)?;
    let out = OutputFile::create(&args.out, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(&args.out))?;
    out.write_all(&surroundings.front)?;
    let mut held = 0;
    let written = conversion.write(|piece| -> Result<(), Stopped> {
        held += piece.len();
        if held >= RELEASE {
            loaded.release();
            held = 0;
        }
        out.write_all(piece.own())?;
        Ok(out.write_all(piece.body())?)
    });
    let stream = written.map_err(|stopped| match stopped {
        Stopped::Io(error) => Failure::Io(error),
        Stopped::Codec(error) => Failure::Invalid(loaded.name.clone(), error),
    })?;
    out.write_all(&surroundings.back_own)?;
    out.write_all(&surroundings.back)?;
    // Before the name is taken: a file that shrank meanwhile was not read whole.
    loaded.verify()?;
    if let Some(held) = &own {
        held.unchanged()?;
    }
    out.commit()?;
    let around = surroundings.front.len() + surroundings.back_own.len() + surroundings.back.len();
    report.print(args, Some(stream + around as u64))?;
    Ok(Outcome::Fine)
}

/// Why writing stopped.
enum Stopped {
    Io(io::Error),
    Codec(Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Io(error)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Codec(error)
    }
}

/// The bytes around the stream.
struct Surroundings {
    front: Bytes,
    back_own: Vec<u8>,
    back: Bytes,
    /// Of the words that its writer puts around the stream.
    order: ByteOrder,
    losses: Vec<Loss>,
}

impl Surroundings {
    fn new(args: &Convert, loaded: &Loaded, trailing: Option<Trailing>) -> Result<Self, Failure> {
        let envelope = &loaded.file.envelope;
        let target = match args.envelope {
            None => envelope.kind,
            Some(EnvelopeKind::Bare) => Kind::Bare,
            Some(EnvelopeKind::Xend) => Kind::Xend,
            Some(EnvelopeKind::Xl) => Kind::Xl,
        };
        let slice = |from: u64, to: u64| {
            let data = loaded.image().data.clone().unwrap_or_default();
            data.slice((from as usize).min(data.len())..(to as usize).min(data.len()))
        };
        let behind = trailing.map_or_else(Bytes::new, |t| slice(t.offset, t.offset + t.size));
        let mut losses = Vec::new();
        if target == envelope.kind && args.config.is_none() {
            let front = slice(0, envelope.stream_offset);
            return Ok(Surroundings {
                front,
                back_own: Vec::new(),
                back: behind,
                order: envelope.byte_order(),
                losses,
            });
        }
        let config = match &args.config {
            Some(path) => Some(Bytes::from(fs::read(path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?)),
            None => loaded
                .file
                .config_text
                .clone()
                .filter(|_| target == envelope.kind),
        };
        if let (Some(_), None) = (&loaded.file.config_text, &config) {
            let what = format!(
                "the configuration of the {} file; --config gives another",
                envelope.kind
            );
            losses.push(Loss {
                path: "envelope.config".into(),
                what,
            });
        }
        let broken = |error| Failure::Invalid(loaded.name.clone(), error);
        let front = match (target, config) {
            (Kind::Bare, _) => Vec::new(),
            (Kind::Xl, config) => {
                xl_header(ByteOrder::Little, 0, config.as_deref()).map_err(broken)?
            }
            (_, Some(config)) => xend_header(&config).map_err(broken)?,
            (_, None) => {
                let text =
                    "xend cannot restore a file without a configuration: give one with --config";
                return Err(Failure::Usage(text.into()));
            }
        };
        let (back_own, back) = match &loaded.file.device_model {
            Some(Ok(model)) => {
                let kind = if target == Kind::Xl {
                    DeviceModelKind::DeviceModel0002
                } else {
                    DeviceModelKind::Qemu
                };
                let data = slice(model.data.start, model.data.end);
                // Made here, as the header in front is.
                let order = ByteOrder::Little;
                let own = device_model_header(kind, data.len() as u64, order).map_err(broken)?;
                if let Some((_, size)) = loaded.file.trailing() {
                    let what = format!("{size} bytes behind the device model's state");
                    losses.push(Loss {
                        path: "trailing".into(),
                        what,
                    });
                }
                (own, data)
            }
            _ => (Vec::new(), behind),
        };
        Ok(Surroundings {
            front: front.into(),
            back_own,
            back,
            order: ByteOrder::Little,
            losses,
        })
    }
}

struct Report<'a> {
    /// What the source was understood as, and what was asked for.
    eras: [Era; 2],
    guest: Option<Guest>,
    losses: &'a [Loss],
    notes: &'a [Note],
    /// What a reader will take the result for.
    read_as: Option<Detection>,
}

impl Report<'_> {
    /// On standard output, or on standard error where the image goes to standard output.
    fn print(&self, args: &Convert, written: Option<u64>) -> Result<(), Failure> {
        let to_stdout = screen::is_stdout(&args.out);
        if args.format != Format::Text {
            let value = json!({
                "schema": "ia64save/convert/1",
                "from": self.eras[0].dialect().name(),
                "to": self.eras[1].dialect().name(),
                "from_era": self.eras[0].id(),
                "to_era": self.eras[1].id(),
                "written": written,
                "read_as": self.read_as.as_ref().and_then(|found| found.dialect).map(Dialect::name),
                "candidates": self.read_as.iter().flat_map(|found| &found.candidates)
                    .map(|dialect| dialect.name()).collect::<Vec<_>>(),
                "era_candidates": self.read_as.iter().flat_map(|found| &found.eras)
                    .map(|era| era.id()).collect::<Vec<_>>(),
                "losses": self.losses.iter().map(|loss| json!({
                    "path": loss.path,
                    "what": loss.what,
                })).collect::<Vec<_>>(),
                "notes": self.notes.iter().map(|note| json!({
                    "path": note.path,
                    "what": note.what,
                })).collect::<Vec<_>>(),
            });
            if to_stdout {
                writeln!(io::stderr(), "{value}")?;
            } else {
                print_json(vec![value], args.format)?;
            }
            return Ok(());
        }
        let text = self.text(args, written);
        if to_stdout {
            write!(style::stderr(), "{text}")?;
        } else {
            write!(style::stdout(), "{text}")?;
        }
        Ok(())
    }

    fn text(&self, args: &Convert, written: Option<u64>) -> String {
        let mut out = String::new();
        let out_name = Painted(HEADING, args.out.display());
        if let Some(written) = written {
            let size = format!("{} bytes", grouped(written));
            let _ = writeln!(
                out,
                "{out_name}: {} {}",
                Painted(OK, "written"),
                Painted(DIM, size)
            );
        }
        let [from, to] = self.eras.map(shown);
        if from == to {
            let _ = writeln!(out, "  {to}");
        } else {
            let _ = writeln!(out, "  {from} -> {to}");
        }
        let losses = self
            .losses
            .iter()
            .map(|loss| (&loss.path[..], &loss.what[..]));
        for (path, what) in together(joined(&losses.collect::<Vec<_>>())) {
            let _ = writeln!(
                out,
                "  {} {}: {what}",
                Painted(WARNING, "lost"),
                Painted(LABEL, path)
            );
        }
        let notes = self
            .notes
            .iter()
            .map(|note| (&note.path[..], &note.what[..]));
        for (path, what) in together(joined(&notes.collect::<Vec<_>>())) {
            let note = Painted(DIM, "note");
            let _ = writeln!(out, "  {note} {}: {what}", Painted(LABEL, path));
        }
        if let Some(how) = self.how_to_read() {
            let _ = writeln!(out, "  {} {how}", Painted(WARNING, "read it with"));
        }
        out
    }

    /// What a reader has to be told, where it would take the result for another's.
    fn how_to_read(&self) -> Option<String> {
        let to = self.eras[1];
        let option = format!("--dialect {}", to.dialect());
        let Some(found) = &self.read_as else {
            return Some(format!("{option}: nothing in it says what it is"));
        };
        if found.dialect != Some(to.dialect()) {
            let names: Vec<_> = found
                .candidates
                .iter()
                .map(|dialect| dialect.name())
                .collect();
            let what = match found.dialect {
                Some(_) => "it looks like",
                None => "nothing in it tells apart",
            };
            let option = if Era::usual(to.dialect()) == to {
                option
            } else {
                format!("--era {to}")
            };
            return Some(format!("{option}: {what} {}", names.join(", ")));
        }
        let best = found.best_era();
        let alike = self
            .guest
            .is_some_and(|guest| convert::mean_the_same(best, to, guest));
        (!alike).then(|| format!("--era {to}: it may as well be of {best}"))
    }
}

/// `xen-3.2`, and the era where that is not the usual one.
fn shown(era: Era) -> String {
    let dialect = era.dialect();
    if Era::usual(dialect) == era {
        dialect.to_string()
    } else {
        format!("{dialect} ({era})")
    }
}

/// What is said alike of neighbouring elements of an array as one: `vcpu[0].regs.f[12..=127].u.bits`.
fn joined<'a>(said: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    let mut all = Vec::new();
    let mut rest = said;
    while let [first, ..] = rest {
        let run = 1 + rest
            .windows(2)
            .take_while(|pair| follows(pair[0], pair[1]).is_some())
            .count();
        let path = match follows(*first, *rest.get(1).unwrap_or(first)).filter(|_| run > 1) {
            Some((before, number, after)) => {
                format!("{before}[{number}..={}]{after}", number + run as u64 - 1)
            }
            None => first.0.to_string(),
        };
        all.push((path, first.1));
        rest = &rest[run..];
    }
    all
}

/// What is said alike of fields of one structure, in the place of the first of them:
/// `vcpu[0].regs.cr.iipa, cr.ifs, xr`.
fn together(said: Vec<(String, &str)>) -> Vec<(String, &str)> {
    let mut all: Vec<(String, String, &str)> = Vec::new();
    for (path, what) in said {
        let of = structure(&path).to_string();
        match all.iter_mut().find(|one| (&one.0, one.2) == (&of, what)) {
            Some((_, paths, _)) => {
                paths.push_str(", ");
                paths.push_str(&path[of.len()..]);
            }
            None => all.push((of, path, what)),
        }
    }
    all.into_iter()
        .map(|(_, paths, what)| (paths, what))
        .collect()
}

/// `vcpu[0].regs.` of `vcpu[0].regs.ar.lc`.
fn structure(path: &str) -> &str {
    let part = ["regs.", "user_regs.", "extra_regs."]
        .into_iter()
        .find_map(|part| path.find(&format!(".{part}")).map(|at| at + 1 + part.len()));
    let end = part.or_else(|| path.find('.').map(|at| at + 1));
    &path[..end.unwrap_or(0)]
}

/// The path of `a` around its index, where `b` says the same of the next element.
fn follows<'a>(a: (&'a str, &str), b: (&str, &str)) -> Option<(&'a str, u64, &'a str)> {
    a.0.match_indices('[').find_map(|(at, _)| {
        let (before, rest) = (&a.0[..at], &a.0[at + 1..]);
        let (number, after) = rest.split_once(']')?;
        let number: u64 = number.parse().ok()?;
        let next = format!("{before}[{}]{after}", number + 1);
        (next == b.0 && a.1 == b.1).then_some((before, number, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_structure_are_told_together() {
        let said = [
            ("vcpu[0].regs.b[1..=5]", "unset"),
            ("vcpu[0].regs.ar.lc", "loaded"),
            ("vcpu[0].regs.cr.iipa", "unset"),
            ("vcpu[0].privregs_pfn", "unset"),
            ("vcpu[1].regs.xr", "unset"),
            ("vcpu[0].regs.xr", "unset"),
            ("image", "unset"),
        ];
        let told = together(said.map(|(path, what)| (path.to_string(), what)).to_vec());
        let told: Vec<_> = told.iter().map(|(path, _)| &path[..]).collect();
        assert_eq!(
            told,
            [
                "vcpu[0].regs.b[1..=5], cr.iipa, xr",
                "vcpu[0].regs.ar.lc",
                "vcpu[0].privregs_pfn",
                "vcpu[1].regs.xr",
                "image",
            ]
        );
    }

    #[test]
    fn neighbours_are_told_together() {
        let losses = [
            ("vcpu[0].ip", "x"),
            ("vcpu[0].f[2].bits", "gone"),
            ("vcpu[0].f[3].bits", "gone"),
            ("vcpu[0].f[4].bits", "gone"),
            ("vcpu[0].f[9].bits", "gone"),
            ("vcpu[1].f[9].bits", "else"),
        ];
        let told: Vec<_> = joined(&losses).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            told,
            [
                "vcpu[0].ip",
                "vcpu[0].f[2..=4].bits",
                "vcpu[0].f[9].bits",
                "vcpu[1].f[9].bits"
            ]
        );
    }
}
