//! `report`: everything about an image on one page, for a browser.
//!
//! | file | what lives there |
//! |---|---|
//! | `data` | what the page shows, as JSON |
//! | `inside` | what the guest's memory says: the system, with --kernel, and where registers lead |
//! | `top` | the part of the page that needs no script: `head`, `summary`, `findings` and `guest` |
//! | `words` | numbers and texts as the page writes them |
//! | `picture` | the memory map, bounded |
//! | `page/` | the page: structure, style, script; nothing in them is loaded from anywhere |

mod args;
mod data;
mod findings;
mod guest;
mod head;
mod inside;
mod picture;
mod summary;
mod top;
mod words;

use std::io::Write;

use ia64save::files::{Compress, OutputFile, is_stdout};
use ia64save::open;
use serde_json::Value;

use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{options, spare, spare_terminal};
use crate::cli::render::size::human;
use crate::cli::render::style::{self, DIM, ERROR, HEADING, OK, Painted};
pub use args::Args;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading)
        .zero(true)
        .digest(true)
        .random_access(true);
    if args.packing.of(&args.out) != Compress::None {
        spare_terminal(&args.out)?;
    }
    let loaded = open(&args.image, &wanted)?;
    let (mut data, outcome) = loaded.keep_small(|| {
        let inside = inside::of(&loaded, args)?;
        Ok::<_, Failure>(data::of(&loaded, args, &inside))
    })?;
    spare(&loaded, &args.out)?;
    let page = page(&mut data);
    let out = OutputFile::create(&args.out, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(&args.out))?;
    out.write_all(page.as_bytes())?;
    loaded.verify()?;
    out.commit()?;
    if !is_stdout(&args.out) {
        writeln!(
            style::stdout(),
            "{}: {} {}",
            Painted(HEADING, args.out.display()),
            Painted(OK, "written"),
            Painted(DIM, human(page.len() as u64))
        )?;
    }
    if outcome == Outcome::Invalid {
        // What the exit code says needs a word: the page was made all the same.
        let (error, name) = (Painted(ERROR, "error"), &loaded.name);
        writeln!(
            style::stderr(),
            "ia64save: {error}: {name}: the image is invalid, as the page says"
        )?;
    }
    Ok(outcome)
}

/// The page around its data. What it says itself is no part of the data for its script.
fn page(data: &mut Value) -> String {
    let top = top::top(data);
    let title = format!("{} - ia64save", data["file"].as_str().unwrap_or_default());
    if let Some(map) = data.as_object_mut() {
        map.remove("findings");
        map.remove("guest");
    }
    // Within a script element only `<` can end the data.
    let data = data.to_string().replace('<', "\\u003c");
    let mut page = String::new();
    let mut rest = include_str!("page/page.html");
    while let Some((before, after)) = rest.split_once("{{") {
        let (slot, after) = after.split_once("}}").unwrap_or((after, ""));
        page += before;
        page += &match slot {
            "title" => words::escaped(&title),
            "top" => top.clone(),
            "style" => include_str!("page/style.css").trim_end().to_owned(),
            "script" => include_str!("page/script.js").trim_end().to_owned(),
            _ => data.clone(),
        };
        rest = after;
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_file_is_called_does_not_end_the_script() {
        let name = "</script><script>alert(1)</script>{{data}}";
        let page = page(&mut json!({ "file": name, "info": {} }));
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(page.matches("\\u003c/script>").count(), 2);
        assert!(page.contains("<title>&lt;/script&gt;"));
        assert!(page.trim_end().ends_with("</html>"));
    }
}
