//! Lists the registers of every vcpu that are not 0, with the bits that are set in them:
//! `cargo run -p ia64save-codec --example list_registers -- IMAGE`.

use std::error::Error;

use ia64save_codec::image::Options;
use ia64save_codec::{SaveFile, registers};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which image?")?;
    let file = SaveFile::parse(&std::fs::read(path)?.into(), &Options::default())?;
    let first = file.image.first().ok_or("no checkpoint")?;
    for vcpu in &first.vcpus {
        println!("vcpu {}", vcpu.id);
        for group in registers::of_context(vcpu) {
            for register in group.registers.iter().filter(|own| !own.is_zero()) {
                let word = register.words[0];
                let fields = register.bits.map(|bits| bits.fields_of(word));
                let fields = fields.into_iter().flatten();
                let told: Vec<_> = fields
                    .map(|(own, value)| format!("{} {value}", own.name))
                    .collect();
                println!("  {:14} {word:#018x}  {}", register.name, told.join(", "));
            }
        }
    }
    Ok(())
}
