//! `find`: bytes or text in guest memory.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, ValueHint};
use ia64save::document::memory::{Find, HitDocument, SeenAt};
use ia64save::document::name::FindName;
use ia64save::document::word::Hex;
use ia64save::{Loaded, open};
use ia64save_codec::memory::{Finder, Hit, Memory};
use ia64save_codec::translate::{Backward, How, View};

use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{accept, no_checkpoint, options, view_of};
use crate::cli::render::json::print_json;
use crate::cli::render::size::grouped;
use crate::cli::render::style::{self, ADDRESS, DIM, HEADING, Painted};
use crate::cli::space::Space;

/// The arguments of `find`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Exit codes: 0 found, 1 not found, 2 and up: nothing could be looked for.")]
#[command(group = ArgGroup::new("needle").required(true).args(["bytes", "text"]))]
pub struct Args {
    /// The image, or a core of xm dump-core; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Bytes in hexadecimal; spaces between them are passed over
    #[arg(long, value_name = "HEX", value_parser = bytes)]
    pub bytes: Option<Bytes>,

    /// Text, in UTF-8
    #[arg(long, value_name = "STR", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub text: Option<String>,

    /// Show the virtual addresses of each hit too, as a vcpu sees them (--vcpu; the first without)
    #[arg(long = "virtual")]
    pub virtual_: bool,

    /// With --virtual: the vcpu whose addresses are shown
    #[arg(long, value_name = "N", requires = "virtual_")]
    pub vcpu: Option<u32>,

    #[command(flatten)]
    pub space: Space,

    /// Stop after so many hits
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: usize,

    /// The checkpoint to search: 0, or the number of a Remus round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint: usize,

    /// Search a damaged image, or a packed one that is cut short, as far as it goes
    #[arg(long)]
    pub damaged: bool,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub reading: Reading,
}

/// Bytes that the user gave in hexadecimal.
#[derive(Clone, Debug)]
pub struct Bytes(Vec<u8>);

/// Runs the command. As with grep 1 says that there is no hit, and nothing else.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    match run_or_fail(args) {
        Err(failure) if failure.outcome() == Outcome::Invalid => {
            Err(Failure::Usage(failure.to_string()))
        }
        done => done,
    }
}

fn run_or_fail(args: &Args) -> Result<Outcome, Failure> {
    args.space.wants_virtual(args.virtual_)?;
    let wanted = options(&args.reading)
        .random_access(true)
        .cores(true)
        .damaged(args.damaged);
    let loaded = open(&args.image, &wanted)?;
    accept(&loaded, args.damaged)?;
    let count = loaded.image().checkpoints.len();
    if args.checkpoint >= count.max(1) {
        return Err(no_checkpoint(&loaded.name, args.checkpoint, count));
    }
    let needle = match (&args.bytes, &args.text) {
        (Some(Bytes(bytes)), _) => &bytes[..],
        (None, Some(text)) => text.as_bytes(),
        (None, None) => &[],
    };
    let finder = Finder::new(needle);
    let finder = finder.ok_or_else(|| Failure::Usage("there is nothing to look for".into()))?;
    let memory = Memory::new(loaded.image(), args.checkpoint);
    // What is asked for in vain is told before anything is searched.
    let view = args.virtual_.then(|| {
        let view = view_of(&loaded, &memory, args.checkpoint, args.vcpu)?;
        args.space.of(&loaded, view)
    });
    let view = view.transpose()?;
    let mut hits = Vec::new();
    let mut more = false;
    let mut passing = loaded.passing();
    let tell = &mut |hit| {
        more = hits.len() == args.limit;
        if !more {
            hits.push(hit);
        }
        !more
    };
    finder.search_passing(&memory, tell, &mut |bytes| passing.over(bytes));
    let hits = seen(view.as_ref(), hits);
    loaded.verify()?;
    if args.format == Format::Text {
        write!(style::stdout(), "{}", text(&loaded, &memory, &hits, more))?;
    } else {
        let found = document(&loaded, &memory, needle, &hits, more);
        print_json(&found, args.format)?;
    }
    let found = !hits.is_empty() || more;
    Ok(if found {
        Outcome::Fine
    } else {
        Outcome::Differ
    })
}

/// A hit, and its virtual addresses where these are asked for.
type Seen = (Hit, Option<Vec<(u64, How)>>);

/// Where a vcpu sees the hits.
fn seen(view: Option<&View<'_>>, hits: Vec<Hit>) -> Vec<Seen> {
    let backward = view.map(|view| Backward::new(view, true));
    let of = |hit: Hit| {
        let at = |backward: &Backward<'_, '_>| {
            let found = hit.address.map(|address| backward.of(address));
            found.unwrap_or_default()
        };
        let found = backward.as_ref().map(at);
        (hit, found)
    };
    hits.into_iter().map(of).collect()
}

fn document(
    loaded: &Loaded,
    memory: &Memory<'_>,
    needle: &[u8],
    hits: &[Seen],
    more: bool,
) -> Find {
    let listed = hits.iter().map(|(hit, seen)| HitDocument {
        address: hit.address.map(Hex),
        pfn: hit.pfn.into(),
        in_page: hit.in_page,
        file_offset: hit.offset,
        crosses_pages: hit.crosses,
        r#virtual: seen.as_ref().map(|seen| {
            let each = seen.iter().map(|(address, how)| SeenAt {
                address: (*address).into(),
                how: how.class(),
                why: how.to_string(),
            });
            each.collect()
        }),
    });
    Find {
        schema: FindName,
        file: loaded.name.clone(),
        length: needle.len(),
        num_pages: memory.pages(),
        num_hits: hits.len(),
        more,
        hits: listed.collect(),
    }
}

fn text(loaded: &Loaded, memory: &Memory<'_>, hits: &[Seen], more: bool) -> String {
    let mut out = String::new();
    for (hit, seen) in hits {
        let address = hit
            .address
            .map_or("beyond 64 bits".into(), |a| format!("{a:#012x}"));
        let pfn = format!("{:#x}", hit.pfn);
        let crosses = if hit.crosses {
            ", goes on in the next page"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "{}  pfn {pfn:>7} + {:#06x}  at byte {}{}",
            Painted(ADDRESS, address),
            hit.in_page,
            hit.offset,
            Painted(DIM, crosses)
        );
        for (address, how) in seen.iter().flatten() {
            let address = Painted(ADDRESS, format!("{address:#018x}"));
            let _ = writeln!(out, "              {address}  {}", Painted(DIM, how));
        }
    }
    let found = match hits.len() {
        1 => "1 hit".into(),
        count => format!("{} hits", grouped(count as u64)),
    };
    let rest = if more { " and more (--limit)" } else { "" };
    let _ = writeln!(
        out,
        "{}: {found}{rest} {}",
        Painted(HEADING, &loaded.name),
        Painted(DIM, format!("in {} pages", grouped(memory.pages())))
    );
    out
}

fn bytes(text: &str) -> Result<Bytes, String> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits: Vec<u32> = text
        .chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .map(|letter| letter.to_digit(16))
        .collect::<Option<_>>()
        .ok_or("digits and letters a to f only")?;
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return Err("two digits for each byte, one byte at least".into());
    }
    let bytes = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8);
    Ok(Bytes(bytes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_pairs_of_digits() {
        assert_eq!(bytes("0x00ff 7F").unwrap().0, [0, 0xff, 0x7f]);
        for text in ["", "0x", "f", "fg", "abc"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
