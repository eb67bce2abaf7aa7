//! `convert`: an image in another dialect, another envelope, or without superseded pages.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};

use bytes::Bytes;
use ia64save_codec::convert::{self, ConvertOptions, Loss};
use ia64save_codec::envelope::{
    ByteOrder, DeviceModelKind, Kind, device_model_header, xend_header, xl_header,
};
use ia64save_codec::image::Trailing;
use ia64save_codec::{Dialect, Error};
use serde_json::json;

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
    let mut loaded = Loaded::open(&args.image, &args.reading, wanted)?;
    if let Some(error) = &loaded.image().error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    let Some(from) = loaded.image().read_as() else {
        return Err(Failure::Usage(format!(
            "{}: there is nothing to convert",
            loaded.name
        )));
    };
    // What stands in front of the stream and behind it is the envelope's business.
    let trailing = loaded.file.image.trailing.take();
    let surroundings = Surroundings::new(args, &loaded, trailing)?;
    let options = ConvertOptions {
        to: args.to.unwrap_or(from),
        compact: args.compact,
    };
    let conversion = convert::plan(&loaded.file.image, &options)
        .map_err(|error| Failure::Invalid(loaded.name.clone(), error))?;
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
        from,
        to: options.to,
        losses: &losses,
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
                let own = device_model_header(kind, data.len() as u64).map_err(broken)?;
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
            losses,
        })
    }
}

struct Report<'a> {
    from: Dialect,
    to: Dialect,
    losses: &'a [Loss],
}

impl Report<'_> {
    /// On standard output, or on standard error where the image goes to standard output.
    fn print(&self, args: &Convert, written: Option<u64>) -> Result<(), Failure> {
        let to_stdout = screen::is_stdout(&args.out);
        if args.format != Format::Text {
            let value = json!({
                "schema": "ia64save/convert/1",
                "from": self.from.name(),
                "to": self.to.name(),
                "written": written,
                "losses": self.losses.iter().map(|loss| json!({
                    "path": loss.path,
                    "what": loss.what,
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
        if self.from == self.to {
            let _ = writeln!(out, "  {}", self.to);
        } else {
            let _ = writeln!(out, "  {} -> {}", self.from, self.to);
        }
        for (path, what) in joined(self.losses) {
            let _ = writeln!(
                out,
                "  {} {}: {what}",
                Painted(WARNING, "lost"),
                Painted(LABEL, path)
            );
        }
        out
    }
}

/// Losses of neighbouring elements of an array as one: `vcpu[0].regs.f[12..=127].u.bits`.
fn joined(losses: &[Loss]) -> Vec<(String, &str)> {
    let mut all = Vec::new();
    let mut rest = losses;
    while let [first, ..] = rest {
        let run = 1 + rest
            .windows(2)
            .take_while(|pair| follows(&pair[0], &pair[1]).is_some())
            .count();
        let path = match follows(first, rest.get(1).unwrap_or(first)).filter(|_| run > 1) {
            Some((before, number, after)) => {
                format!("{before}[{number}..={}]{after}", number + run as u64 - 1)
            }
            None => first.path.clone(),
        };
        all.push((path, &first.what[..]));
        rest = &rest[run..];
    }
    all
}

/// The path of `a` around its index, where `b` is the same loss of the next element.
fn follows<'a>(a: &'a Loss, b: &Loss) -> Option<(&'a str, u64, &'a str)> {
    a.path.match_indices('[').find_map(|(at, _)| {
        let (before, rest) = (&a.path[..at], &a.path[at + 1..]);
        let (number, after) = rest.split_once(']')?;
        let number: u64 = number.parse().ok()?;
        let next = format!("{before}[{}]{after}", number + 1);
        (next == b.path && a.what == b.what).then_some((before, number, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_together() {
        let loss = |path: &str, what: &str| Loss {
            path: path.into(),
            what: what.into(),
        };
        let losses = [
            loss("vcpu[0].ip", "x"),
            loss("vcpu[0].f[2].bits", "gone"),
            loss("vcpu[0].f[3].bits", "gone"),
            loss("vcpu[0].f[4].bits", "gone"),
            loss("vcpu[0].f[9].bits", "gone"),
            loss("vcpu[1].f[9].bits", "else"),
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
