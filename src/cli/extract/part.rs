//! Parts of the file as they are.

use std::io::Write;
use std::path::Path;

use ia64save::Loaded;
use ia64save::document::memory::Config;
use ia64save::document::name::ConfigName;
use ia64save::files::{OutputFile, is_stdout};
use ia64save_codec::wire::hvm;

use super::args::Args;
use super::said;
use super::wanted::{checkpoint, nothing, out};
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::opened::spare_terminal;
use crate::cli::render::json::print_json;

/// The configuration of the envelope.
pub fn config(args: &Args, loaded: &Loaded) -> Result<(), Failure> {
    let text = loaded.file.config_text.as_ref();
    let text = text.ok_or_else(|| nothing(loaded, "no configuration"))?;
    let target = args.out.as_deref().unwrap_or(Path::new("-"));
    if args.out.is_none() && args.format != Format::Text {
        // Asked for as JSON, it is part of the document.
        let value = Config {
            schema: ConfigName,
            file: loaded.name.clone(),
            config: String::from_utf8_lossy(text).into_owned(),
        };
        print_json(&value, args.format)?;
        return Ok(());
    }
    write(args, loaded, target, "configuration", text)
}

/// The device model's state, without what the toolstack put in front of it.
pub fn device_model(args: &Args, loaded: &Loaded) -> Result<(), Failure> {
    let model = match &loaded.file.device_model {
        Some(Ok(model)) => model,
        Some(Err(error)) => return Err(Failure::Invalid(loaded.name.clone(), error.clone())),
        None => return Err(nothing(loaded, "no state of a device model")),
    };
    let data = loaded.image().data.as_ref();
    let bytes = data.and_then(|data| data.get(model.data.start as usize..model.data.end as usize));
    let bytes = bytes.ok_or_else(|| nothing(loaded, "no state of a device model"))?;
    write(args, loaded, out(args)?, "device model", bytes)
}

/// The context of a vcpu.
pub fn context(args: &Args, loaded: &Loaded, id: u32) -> Result<(), Failure> {
    let vcpus = &checkpoint(args, loaded)?.vcpus;
    let vcpu = vcpus.iter().find(|vcpu| vcpu.id == id);
    let vcpu = vcpu.ok_or_else(|| nothing(loaded, &format!("no vcpu {id}")))?;
    let what = format!("context of vcpu {id}, layout {:?}", vcpu.layout);
    write(args, loaded, out(args)?, &what, &vcpu.context.bytes)
}

/// One page, whether or not it was given back later.
pub fn page(args: &Args, loaded: &Loaded, pfn: u64) -> Result<(), Failure> {
    let page = loaded.image().page_of(args.checkpoint, pfn);
    let (_, page) = page.ok_or_else(|| nothing(loaded, &format!("no page of pfn {pfn:#x}")))?;
    write(
        args,
        loaded,
        out(args)?,
        &format!("page of pfn {pfn:#x}"),
        page,
    )
}

/// The body of an HVM record.
pub fn hvm_record(args: &Args, loaded: &Loaded, wanted: &str) -> Result<(), Failure> {
    let (name, instance) = name_of(wanted).ok_or_else(|| {
        let names: Vec<_> = hvm::RECORDS.iter().map(|record| record.name).collect();
        let names = names.join(", ");
        Failure::Usage(format!(
            "{wanted} is no HVM record: VPD[1], or one of {names}, with the vcpu in brackets"
        ))
    })?;
    let context = checkpoint(args, loaded)?.hvm_context.as_ref();
    let context = context.ok_or_else(|| nothing(loaded, "no HVM context"))?;
    let found = context
        .records()
        .find(|(_, record)| record.typecode == name && record.instance == instance);
    let (_, record) = found.ok_or_else(|| nothing(loaded, &format!("no record {wanted}")))?;
    write(
        args,
        loaded,
        out(args)?,
        &format!("record {wanted}"),
        record.body,
    )
}

/// Type and instance of a record by what the user calls it.
fn name_of(text: &str) -> Option<(u16, u16)> {
    let (name, instance) = match text.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')?.parse().ok()?),
        None => (text, 0),
    };
    let known = |record: &&hvm::Record| record.name.eq_ignore_ascii_case(name);
    match hvm::RECORDS.iter().find(known) {
        Some(record) => Some((record.typecode, instance)),
        None => Some((name.parse().ok()?, instance)),
    }
}

fn write(
    args: &Args,
    loaded: &Loaded,
    target: &Path,
    what: &str,
    bytes: &[u8],
) -> Result<(), Failure> {
    if what != "configuration" {
        spare_terminal(target)?;
    }
    let out = OutputFile::create_secret(target, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(target))?;
    out.write_all(bytes)?;
    loaded.verify()?;
    out.commit()?;
    let target_is_stdout = is_stdout(target);
    // A configuration on the screen speaks for itself.
    if !(target_is_stdout && args.out.is_none()) {
        said::part(args, loaded, target, what, bytes.len() as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_a_name_or_a_number_and_an_instance() {
        assert_eq!(name_of("VPD[1]"), Some((3, 1)));
        assert_eq!(name_of("viosapic"), Some((6, 0)));
        assert_eq!(name_of("4[0]"), Some((4, 0)));
        for text in ["", "VPD[", "VPD[x]", "VPD[1", "VPX"] {
            assert_eq!(name_of(text), None, "{text}");
        }
    }
}
