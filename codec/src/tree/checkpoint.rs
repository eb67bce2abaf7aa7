//! One checkpoint: pages, unallocated list and tail.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use super::stream::section;
use super::{behind, hvm_context, pfns, structure, vcpumap};
use crate::dialect::{Dialect, Guest, MagicPfn};
use crate::digits::hex;
use crate::envelope::ByteOrder;
use crate::era::Era;
use crate::image::{Checkpoint, HvmContext, MagicPfns, Unallocated, Vcpu, Vcpumap};
use crate::pfns::Pfns;
use crate::wire;

/// The checkpoint as a map.
pub(super) fn node(dialect: Dialect, checkpoint: &Checkpoint) -> Node {
    let mut map: Vec<(String, Node)> = Vec::new();
    let mut put = |name: &str, node: Node| map.push((name.into(), node));
    put("pages", pfns::node(checkpoint.pages.pfns().iter().copied()));
    if let Some(list) = &checkpoint.unallocated {
        put("unallocated", pfns::node(list.pfns()));
    }
    if let Some(vcpumap) = &checkpoint.vcpumap {
        put("vcpumap", vcpumap::node(dialect, vcpumap));
    }
    let vcpus = checkpoint.vcpus.iter().map(|vcpu| {
        let layout = wire::layout_of_context(vcpu.layout);
        let context = structure::section(layout, &vcpu.context.bytes);
        let mut map = vec![
            ("id".to_string(), Node::number(vcpu.id.into())),
            ("context".to_string(), context),
        ];
        if let Some(page) = &vcpu.privregs {
            let node = match dialect.spec().mapped_regs.last() {
                Some(layout) => {
                    structure::section(wire::layout_of_mapped_regs(*layout), &page.bytes)
                }
                None => structure::raw(&page.bytes),
            };
            map.push(("privregs".into(), node));
        }
        Node::Map(map)
    });
    put("vcpus", Node::List(vcpus.collect()));
    if let Some(section) = &checkpoint.shared_info {
        let node = match dialect.spec().shared_info.last() {
            Some(layout) => {
                structure::section(wire::layout_of_shared_info(*layout), &section.bytes)
            }
            None => structure::raw(&section.bytes),
        };
        put("shared_info", node);
    }
    if let Some(magic) = &checkpoint.magic_pfns {
        let pfns = magic.iter();
        let pfns = pfns.map(|(magic, pfn, _)| (magic.name().into(), Node::Hex(pfn)));
        put("magic_pfns", Node::Map(pfns.collect()));
    }
    if let Some(context) = &checkpoint.hvm_context {
        put("hvm_context", hvm_context::node(dialect, context));
    }
    if let Some(record) = &checkpoint.device_model {
        let map = vec![
            ("kind".to_string(), Node::text(&record.kind)),
            ("data".to_string(), Node::Text(hex(&record.data.bytes))),
        ];
        put("device_model", Node::Map(map));
    }
    Node::Map(map)
}

/// The checkpoint but for its pages.
pub(super) fn read(
    at: &At<'_>,
    dialect: Dialect,
    guest: Guest,
    page_size: usize,
    order: ByteOrder,
) -> Result<Checkpoint, Problem> {
    let known = [
        "pages",
        "unallocated",
        "vcpumap",
        "vcpus",
        "shared_info",
        "magic_pfns",
        "hvm_context",
        "device_model",
    ];
    at.only(known.into_iter())?;
    let spec = dialect.spec();
    let mut made = Checkpoint::default();
    let list = at.need("unallocated")?;
    let runs = pfns::runs(&list, u64::MAX)?;
    made.unallocated = Some(Unallocated {
        count: u32::try_from(Pfns::sum(runs.iter().copied()))
            .map_err(|_| list.problem("less than 4294967296 pfns"))?,
        runs,
        ..Unallocated::default()
    });
    if let Some(at) = at.get("vcpumap")? {
        let (max_virt_cpus, bitmap) = vcpumap::read(&at, dialect)?;
        made.vcpumap = Some(Vcpumap {
            max_virt_cpus_offset: 0,
            max_virt_cpus,
            bitmap: section(bitmap),
        });
    }
    for at in at.need("vcpus")?.list()? {
        at.only(["id", "context", "privregs"].into_iter())?;
        let layout = wire::layout_of_context(spec.context);
        let context = structure::fill_section(layout, &at.need("context")?, layout.size)?;
        let regs = at.get("privregs")?;
        let regs = regs.map(|at| match spec.mapped_regs.last() {
            Some(layout) => {
                structure::fill_section(wire::layout_of_mapped_regs(*layout), &at, page_size)
            }
            None => structure::fill_raw(&at, page_size),
        });
        made.vcpus.push(Vcpu {
            id: at.need("id")?.number(32)? as u32,
            layout: spec.context,
            context: section(context),
            privregs: regs.transpose()?.map(section),
        });
    }
    let shared_info = at.need("shared_info")?;
    made.shared_info = Some(section(match spec.shared_info.last() {
        Some(layout) => {
            let layout = wire::layout_of_shared_info(*layout);
            structure::fill_section(layout, &shared_info, page_size)?
        }
        None => structure::fill_raw(&shared_info, page_size)?,
    }));
    if let Some(at) = at.get("magic_pfns")? {
        let order = magic_order(&at, dialect)?;
        at.only(order.iter().map(|magic| magic.name()))?;
        let mut bytes = Vec::new();
        for magic in order {
            let pfn = at.need(magic.name())?.number(64)?;
            bytes.extend_from_slice(&pfn.to_le_bytes());
        }
        made.magic_pfns = Some(MagicPfns {
            order,
            section: section(bytes),
        });
    }
    let record = at.get("device_model")?;
    let record = record.map(|at| behind::record(&at, order));
    made.device_model = record.transpose()?;
    if guest == Guest::Hvm {
        let blob = hvm_context::bytes(&at.need("hvm_context")?, dialect)?;
        made.hvm_context = Some(HvmContext {
            size_offset: 0,
            blob: section(blob),
        });
    }
    made.complete = true;
    Ok(made)
}

/// The order of the magic pfns: that of the dialect, or of the eras of it that had others, where the
/// tree has just theirs.
fn magic_order(at: &At<'_>, dialect: Dialect) -> Result<&'static [MagicPfn], Problem> {
    let usual = dialect.spec().magic_pfns;
    for magic in usual {
        if at.get(magic.name())?.is_none() {
            let mut orders = Era::of(dialect).map(Era::magic_pfns);
            let fits = orders.find(|order| !order.contains(magic) && !order.is_empty());
            return Ok(fits.unwrap_or(usual));
        }
    }
    Ok(usual)
}
