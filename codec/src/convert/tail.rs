//! The tail of a checkpoint: vcpus, shared_info, devices (spec 8, 9, 10).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::loss::Losses;
use super::privregs::Page;
use super::{Route, blob, context, magic, privregs, shared_info};
use crate::code::Code;
use crate::decode::Event;
use crate::dialect::{Dialect, Guest};
use crate::error::Error;
use crate::grammar::{self, MAX_VIRT_CPUS};
use crate::image::{self, Checkpoint};
use crate::ram::RamMap;
use crate::size::{index, place};

/// A converted tail.
#[derive(Debug)]
pub(super) struct Tail<'a> {
    vcpumap: Option<Vcpumap<'a>>,
    vcpus: Vec<Vcpu<'a>>,
    shared_info: Cow<'a, [u8]>,
    magic_pfns: Option<Cow<'a, [u8]>>,
    hvm_context: Option<Cow<'a, [u8]>>,
}

#[derive(Debug)]
struct Vcpumap<'a> {
    max_virt_cpus: u64,
    bitmap: Cow<'a, [u8]>,
}

#[derive(Debug)]
struct Vcpu<'a> {
    id: u32,
    context: Cow<'a, [u8]>,
    privregs: Option<Cow<'a, [u8]>>,
}

impl<'a> Tail<'a> {
    /// Converts the tail of a complete checkpoint. `None` where an edit has taken a part of it.
    pub(super) fn convert(
        source: &'a Checkpoint,
        ram: &RamMap,
        route: Route,
        losses: &mut Losses,
    ) -> Result<Option<Self>, Error> {
        let Some(page) = &source.shared_info else {
            return Ok(None);
        };
        let vcpumap = vcpumap(source, route, losses);
        let carried = carried(source, route, losses)?;
        let mut vcpus = Vec::with_capacity(carried.len());
        for vcpu in carried {
            let own = vcpu.privregs.as_ref().map(|page| &page.bytes[..]);
            let known = context::for_page(vcpu, route);
            let privregs = own.map(|page| privregs::convert(page, vcpu.id, known, route, losses));
            let pages = [
                own.map(|page| Page::new(page, route.old_spec().privregs)),
                privregs
                    .as_deref()
                    .map(|page| Page::new(page, route.new_spec().privregs)),
            ];
            let context = context::convert(vcpu, pages, &page.bytes, route, losses);
            vcpus.push(Vcpu {
                id: vcpu.id,
                context,
                privregs,
            });
        }
        let shared_info = shared_info::convert(&page.bytes, route, losses);
        let magic_pfns = source
            .magic_pfns
            .as_ref()
            .map(|pfns| magic::convert(pfns, ram, route, losses));
        let hvm_context = source
            .hvm_context
            .as_ref()
            .map(|context| blob::convert(context, route, losses));
        Ok(Some(Tail {
            vcpumap,
            vcpus,
            shared_info,
            magic_pfns,
            hvm_context,
        }))
    }

    /// Bytes on the wire.
    pub(super) fn size(&self) -> u64 {
        let vcpus: usize = self
            .vcpus
            .iter()
            .map(|vcpu| vcpu.context.len() + vcpu.privregs.as_ref().map_or(0, |page| page.len()))
            .sum();
        let rest = self.vcpumap.as_ref().map_or(0, |map| 8 + map.bitmap.len())
            + self.shared_info.len()
            + self.magic_pfns.as_ref().map_or(0, |pfns| pfns.len())
            + self.hvm_context.as_ref().map_or(0, |blob| 8 + blob.len());
        (vcpus + rest) as u64
    }

    /// Gives the parts in their order.
    pub(super) fn write<E>(
        &self,
        Route {
            to, guest, eras, ..
        }: Route,
        mut sink: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if guest == Guest::Hvm {
            sink(Event::SharedInfo(&self.shared_info))?;
        }
        if let Some(map) = &self.vcpumap {
            sink(Event::Vcpumap(grammar::Vcpumap {
                max_virt_cpus: map.max_virt_cpus,
                bytes: &map.bitmap,
            }))?;
        }
        for vcpu in &self.vcpus {
            sink(Event::Context {
                vcpu: vcpu.id,
                layout: to.spec().context,
                bytes: &vcpu.context,
            })?;
            if let Some(bytes) = &vcpu.privregs {
                sink(Event::Privregs {
                    vcpu: vcpu.id,
                    bytes,
                })?;
            }
        }
        if guest == Guest::Pv {
            sink(Event::SharedInfo(&self.shared_info))?;
        }
        if let Some(bytes) = &self.magic_pfns {
            let order = eras[1].magic_pfns();
            sink(Event::MagicPfns { order, bytes })?;
        }
        if let Some(blob) = &self.hvm_context {
            sink(Event::HvmContext(blob))?;
        }
        Ok(())
    }
}

/// The map of online vcpus, where the target has one (spec 8.1, 8.2).
fn vcpumap<'a>(source: &'a Checkpoint, route: Route, losses: &mut Losses) -> Option<Vcpumap<'a>> {
    let rule = route.to.spec().vcpumap;
    let wanted = route.to.has_vcpumap(route.guest);
    match (&source.vcpumap, wanted) {
        (Some(map), true) => {
            let bytes = &map.bitmap.bytes[..];
            let size = place(rule.size(map.max_virt_cpus).unwrap_or(0));
            let bitmap = if size == bytes.len() {
                bytes.into()
            } else {
                // Both lengths hold every bit below max_virt_cpus, and no others count.
                let mut bitmap = bytes[..bytes.len().min(size)].to_vec();
                bitmap.resize(size, 0);
                bitmap.into()
            };
            Some(Vcpumap {
                max_virt_cpus: map.max_virt_cpus,
                bitmap,
            })
        }
        (None, true) => {
            let mut bitmap = vec![0; place(rule.size(MAX_VIRT_CPUS).unwrap_or(0))];
            for vcpu in &source.vcpus {
                if let Some(byte) = bitmap.get_mut(index(vcpu.id / 8)) {
                    *byte |= 1 << (vcpu.id % 8);
                }
            }
            Some(Vcpumap {
                max_virt_cpus: MAX_VIRT_CPUS,
                bitmap: bitmap.into(),
            })
        }
        (Some(map), false) => {
            if map.max_virt_cpus != MAX_VIRT_CPUS {
                let what = format!("{}: {} has no place for it", map.max_virt_cpus, route.to);
                losses.name("vcpumap.max_virt_cpus", what);
            }
            None
        }
        (None, false) => None,
    }
}

/// The vcpus that the target carries: without a map, vcpu 0 alone (spec 8.2).
fn carried<'a>(
    source: &'a Checkpoint,
    route: Route,
    losses: &mut Losses,
) -> Result<&'a [image::Vcpu], Error> {
    if route.to.has_vcpumap(route.guest) {
        return Ok(&source.vcpus);
    }
    let Some((first, others)) = source.vcpus.split_first().filter(|(vcpu, _)| vcpu.id == 0) else {
        return Err(vcpu0_offline(source, route.to));
    };
    for vcpu in others {
        let what = format!(
            "{} carries vcpu 0 alone; the guest has to bring this one up again by CPU hotplug",
            route.to
        );
        losses.name(format!("vcpu[{}]", vcpu.id), what);
    }
    Ok(core::slice::from_ref(first))
}

fn vcpu0_offline(source: &Checkpoint, to: Dialect) -> Error {
    let map = source.vcpumap.as_ref();
    let online = map.map_or(Vec::new(), |map| map.online().collect());
    Error::new(
        Code::ConvertVcpu0,
        map.map_or(0, |map| map.bitmap.offset),
        "vcpumap",
    )
    .length(map.map_or(0, |map| map.bitmap.bytes.len() as u32))
    .expected(format!("vcpu 0 online for {to}"))
    .found(format!("{online:?} online"))
}
