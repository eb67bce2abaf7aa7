//! What the system inside says, as data, and where the registers of its vcpus lead.

use std::path::Path;

use ia64save::Loaded;
use ia64save_codec::image::Vcpu;
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::View;
use ia64save_guest::backtrace::{Programs, Symbols};
use ia64save_guest::linux::{Error, Kernel};
use serde_json::{Value, json};

use super::args::Args;
use super::words::{base_name, value};
use crate::cli::backtrace;
use crate::cli::exit::Failure;
use crate::cli::guest::source::with_kernel;
use crate::cli::guest::{info, log, modules, ps};
use crate::cli::led::led;

/// Vcpus whose registers are shown.
pub(super) const VCPUS: usize = 64;
/// Processes that are shown.
const PROCESSES: usize = 1000;
/// Modules that are shown.
const MODULES: usize = 500;
/// Lines of the log that are shown, the newest.
const LINES: usize = 2000;
/// Frames of a backtrace that are shown.
const FRAMES: usize = 100;
/// Bytes of a text of the guest's that are shown.
const TEXT: usize = 4096;

/// What the guest's memory says.
#[derive(Default)]
pub struct Inside {
    /// Of the system; `Null` where no kernel's file was given.
    pub guest: Value,
    /// Of each vcpu that is shown, where the addresses in its registers lead.
    pub led: Vec<Value>,
}

/// Looks into the first checkpoint. What the image does not have is told on the page; a kernel's file that
/// cannot be read, or is another kernel's, is refused.
pub fn of(loaded: &Loaded, args: &Args) -> Result<Inside, Failure> {
    let memory = Memory::new(loaded.image(), 0);
    let vcpus = loaded.image().first().map_or(&[][..], |first| &first.vcpus);
    let views: Vec<(&Vcpu, View<'_>)> = vcpus
        .iter()
        .take(VCPUS)
        .filter_map(|vcpu| Some((vcpu, View::of_vcpu(&memory, 0, vcpu).ok()?)))
        .collect();
    let size = memory.page_size();
    let with_symbols = |programs: Option<&Programs<'_>>| {
        let led = vcpus.iter().take(VCPUS).map(|vcpu| {
            let view = views.iter().find(|(own, _)| own.id == vcpu.id);
            view.map_or(json!([]), |(_, view)| registers(vcpu, view, size, programs))
        });
        led.collect::<Vec<_>>()
    };
    let Some(path) = &args.kernel else {
        return Ok(Inside {
            guest: Value::Null,
            led: with_symbols(None),
        });
    };
    let Some((_, view)) = views.first() else {
        return Ok(Inside {
            guest: json!({ "nothing": "There is no whole vcpu in the image, through which to look at its memory." }),
            led: with_symbols(None),
        });
    };
    with_kernel(path, args.force, view, |kernel, programs| {
        let mut guest = system(kernel, view, path);
        let traces = views.iter().map(|(vcpu, view)| {
            let known = Some((programs, FRAMES));
            match backtrace::of_vcpu(loaded, vcpu, view, known) {
                Ok(trace) => value(&backtrace::document_of(Some(vcpu.id), &trace)),
                Err(why) => json!({ "id": vcpu.id, "frames": [], "ended": why.to_string() }),
            }
        });
        guest["backtraces"] = traces.collect();
        Ok(Inside {
            guest,
            led: with_symbols(Some(programs)),
        })
    })
}

fn registers(
    vcpu: &Vcpu,
    view: &View<'_>,
    page_size: u64,
    programs: Option<&Programs<'_>>,
) -> Value {
    let all = led(vcpu, view);
    let all = all.iter().map(|register| {
        let mut told = value(&register.document(page_size));
        told["role"] = json!(register.role);
        let symbol = programs.and_then(|programs| programs.symbol(register.address));
        told["symbol"] = json!(symbol.map(|(name, start)| {
            let offset = register.address.wrapping_sub(start);
            format!("{}+{offset:#x}", cut(name))
        }));
        told
    });
    all.collect()
}

/// All but the backtraces.
fn system(kernel: &Kernel<'_>, view: &View<'_>, path: &Path) -> Value {
    let told = info::Told::of(kernel, view);
    let rows = told.rows().into_iter();
    let rows = rows.map(|(name, text)| json!([name, cut(&text)]));
    let mut guest = json!({
        "kernel": base_name(&path.to_string_lossy()),
        "rows": rows.collect::<Vec<_>>(),
        "troubles": told.info.troubles,
    });
    guest["processes"] = list(kernel.tasks(), |tasks| {
        let shown = tasks.tasks.iter().take(PROCESSES);
        let shown = shown.map(|task| value(&ps::process(task))).collect();
        (shown, tasks.tasks.len(), tasks.broken)
    });
    guest["modules"] = list(kernel.modules(), |modules| {
        let shown = modules.modules.iter().take(MODULES);
        let shown = shown.map(|module| value(&modules::document(module)));
        (shown.collect(), modules.modules.len(), modules.broken)
    });
    guest["log"] = list(kernel.log(), |log| {
        let lines = log.lines.len();
        let shown = log.lines.iter().skip(lines.saturating_sub(LINES));
        let shown = shown.map(|line| {
            let mut line = log::line(line);
            line.text = cut(&line.text).to_owned();
            value(&line)
        });
        let wrapped = "what came before is gone: the log has wrapped";
        let broken = log.broken.or(log.wrapped.then(|| wrapped.to_owned()));
        (shown.collect(), lines, broken)
    });
    guest
}

/// A list of which some is shown: `{shown, num, broken}`.
fn list<T>(
    found: Result<T, Error>,
    shown: impl FnOnce(T) -> (Vec<Value>, usize, Option<String>),
) -> Value {
    let (shown, num, broken) = match found {
        Ok(found) => shown(found),
        Err(why) => (Vec::new(), 0, Some(why.to_string())),
    };
    json!({ "shown": shown, "num": num, "broken": broken })
}

/// The beginning of a text, which a guest may make as long as it likes.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
