//! Every field of a file, with path, offset, size, value and meaning: what `dump` prints.
//!
//! Paths are those of findings and errors: `vcpu[0].regs.cfm`, `memmap.descriptors[2].phys_addr`,
//! and for a Remus round `checkpoint[1].shared_info.arch.start_info_pfn`.
//!
//! | file | what lives there |
//! |---|---|
//! | `selection` | [`Selection`]: which fields are wanted |
//! | `walker` | [`Field`], and those of one structure |
//! | `around`, `checkpoint` | the parts of a file |

mod around;
mod checkpoint;
mod selection;
mod walker;

use alloc::format;
use alloc::string::String;

use crate::file::SaveFile;

pub use selection::Selection;
pub use walker::Field;

use walker::Walker;

/// Visits the selected fields in the order of the file.
///
/// Page records (`pages`) and guest memory (`start_info`) are visited only where the selection names
/// them: the first are many, the second holds what the guest keeps to itself.
pub fn visit(file: &SaveFile, selection: &Selection, visit: &mut dyn FnMut(Field<'_>)) {
    let mut walker = Walker { selection, visit };
    walker.envelope(file);
    walker.head(&file.image);
    for (index, checkpoint) in file.image.checkpoints.iter().enumerate() {
        let prefix = if index == 0 {
            String::new()
        } else {
            format!("checkpoint[{index}].")
        };
        walker.checkpoint(&file.image, index, checkpoint, &prefix);
    }
    walker.device_model(file);
}
