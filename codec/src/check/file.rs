//! What only a whole file can have wrong: the envelope against the stream, and what is behind it
//! (spec 13).

use alloc::format;

use super::findings::Findings;
use super::{CheckOptions, Report};
use crate::code::Code;
use crate::dialect::Guest;
use crate::envelope::Kind;
use crate::error::Finding;
use crate::file::SaveFile;

/// Holds every rule against a file: those of its envelope, of its image and of its device model.
pub fn run_file(file: &SaveFile, options: &CheckOptions) -> Report {
    let mut findings = Findings::new(*options);
    config(file, &mut findings);
    super::apply(&file.image, &mut findings);
    device_model(file, &mut findings);
    findings.into_report()
}

/// The configuration, and what it says of the domain against what the stream says (spec 13.1).
fn config(file: &SaveFile, out: &mut Findings) {
    let Some(range) = &file.envelope.config else {
        return;
    };
    let config = match &file.config {
        Some(Ok(config)) => config,
        Some(Err(error)) => return out.add(error.to_finding(range.start)),
        None => return,
    };
    if let (Some(told), Some(guest)) = (config.guest, file.image.guest())
        && told != guest
    {
        out.add(
            Finding::new(Code::ConfigGuest, range.start, "envelope.config.image")
                .expected(format!("{guest}, as the stream is read"))
                .found(format!("{told}")),
        );
    }
    let highest = file
        .image
        .first()
        .and_then(|first| first.vcpus.iter().map(|vcpu| vcpu.id).max());
    if let (Some(vcpus), Some(highest)) = (config.vcpus, highest)
        && vcpus <= u64::from(highest)
    {
        out.add(
            Finding::new(Code::ConfigVcpus, range.start, "envelope.config.vcpus")
                .expected(format!(
                    "more than {highest}, the highest vcpu of the stream"
                ))
                .found(format!("{vcpus}")),
        );
    }
}

/// An HVM domain in a xend file has a device model, whose state xend asks for (spec 13.4). What is
/// there is checked with the image.
fn device_model(file: &SaveFile, out: &mut Findings) {
    let hvm = file.image.guest() == Some(Guest::Hvm) && file.image.error.is_none();
    if hvm && file.envelope.kind == Kind::Xend && file.device_model.is_none() {
        out.add(Finding::new(
            Code::DeviceModelAbsent,
            file.image.end,
            "device_model",
        ));
    }
}
