//! What rules look at: the image, with every part a path and an offset.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::fmt;

use super::text::hex;
use crate::code::Code;
use crate::dialect::{ContextLayout, Dialect, Guest, MappedRegsLayout, Spec};
use crate::era::{Dirty, Era};
use crate::error::Finding;
use crate::image::{Checkpoint, GivenBack, Image, Section, Vcpu};
use crate::pfns::{PfnSet, Pfns};
use crate::ram::RamMap;
use crate::wire::{self, Layout};

/// An image, and what most rules want to know about it.
pub(super) struct Context<'a> {
    pub(super) image: &'a Image,
    pub(super) guest: Option<Guest>,
    pub(super) page_size: u64,
    /// The pfns that are RAM. Empty where the stream ended before they were known.
    pub(super) ram: PfnSet,
    /// The dialects that the image may be in.
    candidates: Vec<Dialect>,
    /// The eras that it may be of.
    eras: Vec<Era>,
    /// Made where a rule asks for a page that neither its round nor the stream proper sent.
    sent_later: OnceCell<Vec<(u64, usize)>>,
    /// Made with the first page that an earlier round may have given back.
    given_back: OnceCell<GivenBack>,
}

impl<'a> Context<'a> {
    pub(super) fn new(image: &'a Image) -> Self {
        let candidates = match (&image.detection, &image.head) {
            (Some(detection), _) => detection.candidates.clone(),
            (None, Some(head)) => head.candidates(),
            (None, None) => Vec::new(),
        };
        let eras = match image.eras() {
            [] => candidates.iter().flat_map(|d| Era::of(*d)).collect(),
            eras => eras.to_vec(),
        };
        Context {
            image,
            guest: image.guest(),
            page_size: image.page_size as u64,
            ram: image.ram().map(RamMap::joined).unwrap_or_default(),
            candidates,
            eras,
            sent_later: OnceCell::new(),
            given_back: OnceCell::new(),
        }
    }

    /// Whether something is true of every dialect that the image may be in, so that no rule fires
    /// on a mere possibility.
    pub(super) fn always(&self, test: impl Fn(&'static Spec) -> bool) -> bool {
        !self.candidates.is_empty() && self.candidates.iter().all(|d| test(d.spec()))
    }

    /// The same for what the bytes mean: whether something is true of every era that remains.
    pub(super) fn every_era(&self, test: impl Fn(Era) -> bool) -> bool {
        !self.eras.is_empty() && self.eras.iter().all(|era| test(*era))
    }

    /// The eras that the image may be of; none, where too little of it could be read.
    pub(super) fn eras(&self) -> &[Era] {
        &self.eras
    }

    pub(super) fn is(&self, guest: Guest) -> bool {
        self.guest == Some(guest)
    }

    /// Whether RAM is known: of a map without any, other rules complain.
    pub(super) fn knows_ram(&self) -> bool {
        !self.ram.is_empty()
    }

    /// Whether a pfn is known not to be RAM.
    pub(super) fn is_outside_ram(&self, pfn: u64) -> bool {
        self.knows_ram() && self.ram_range(pfn).is_none()
    }

    /// The run of RAM that a pfn is in.
    pub(super) fn ram_range(&self, pfn: u64) -> Option<Pfns> {
        self.ram.run_of(pfn)
    }

    /// The stream proper, then the Remus rounds.
    pub(super) fn rounds(&self) -> impl Iterator<Item = Round<'a>> + use<'a> {
        let checkpoints = &self.image.checkpoints;
        let rounds = checkpoints.iter().enumerate();
        rounds.map(|(index, checkpoint)| Round { index, checkpoint })
    }

    /// Every vcpu of every round.
    pub(super) fn vcpus(&self) -> impl Iterator<Item = VcpuView<'_>> {
        let privregs = self.image.era().map(|era| era.spec().privregs);
        let guest = self.guest.unwrap_or(Guest::Pv);
        self.rounds().flat_map(move |round| {
            round.checkpoint.vcpus.iter().map(move |vcpu| {
                let layout = wire::layout_of_context(vcpu.layout);
                let own = |part, layout, section| Fields::new(round.place(part), layout, section);
                VcpuView {
                    vcpu,
                    fields: own(Part::Vcpu(vcpu.id), layout, &vcpu.context),
                    privregs: vcpu.privregs.as_ref().zip(privregs).map(|(page, layout)| {
                        let layout = wire::layout_of_mapped_regs(layout);
                        own(Part::Privregs(vcpu.id), layout, page)
                    }),
                    eras: &self.eras,
                    guest,
                }
            })
        })
    }

    /// The layouts that a privregs page may have.
    pub(super) fn privregs_layouts(&self) -> Vec<MappedRegsLayout> {
        let mut layouts: Vec<_> = self.eras.iter().map(|era| era.spec().privregs).collect();
        layouts.dedup();
        layouts
    }

    /// Whether the domain has this page in a round: that round sent it, or one before, and none between
    /// gave it back.
    pub(super) fn was_sent(&self, round: Round<'_>, pfn: u64) -> bool {
        let has = |checkpoint: &Checkpoint| checkpoint.pages.last(pfn).is_some();
        if has(round.checkpoint) {
            return true;
        }
        let lists = || GivenBack::of(&self.image.checkpoints);
        if self.given_back.get_or_init(lists).last(pfn).is_some() {
            return self.image.copy_of(round.index, pfn).is_some();
        }
        if self.image.first().is_some_and(has) {
            return true;
        }
        let later = self.sent_later.get_or_init(|| sent_later(self.image));
        let found = later.binary_search_by_key(&pfn, |(pfn, _)| *pfn);
        found.is_ok_and(|at| later[at].1 <= round.index)
    }
}

/// The pages that rounds behind the stream proper sent, ascending, each with the first round that did.
fn sent_later(image: &Image) -> Vec<(u64, usize)> {
    let rounds = image.checkpoints.iter().enumerate().skip(1);
    let mut all: Vec<(u64, usize)> = rounds
        .flat_map(|(index, one)| one.pages.last_copies().map(move |(pfn, _, _)| (pfn, index)))
        .collect();
    all.sort_unstable();
    all.dedup_by_key(|(pfn, _)| *pfn);
    all
}

/// A checkpoint with its number.
#[derive(Clone, Copy)]
pub(super) struct Round<'a> {
    pub(super) index: usize,
    pub(super) checkpoint: &'a Checkpoint,
}

impl<'a> Round<'a> {
    pub(super) fn place(&self, part: Part) -> Place {
        let checkpoint = self.index;
        Place { checkpoint, part }
    }

    /// The fields of a structure of this round.
    pub(super) fn fields(
        &self,
        part: Part,
        layout: &'static Layout,
        section: &'a Section,
    ) -> Fields<'a> {
        Fields::new(self.place(part), layout, section)
    }
}

/// A part of the stream, as paths name it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Pages,
    Unallocated,
    Vcpumap,
    Vcpu(u32),
    Privregs(u32),
    SharedInfo,
    StartInfo,
    MagicPfns,
    HvmContext,
    Record(usize),
    ArchSetup,
    Memmap,
    Descriptor(usize),
}

/// A part of a checkpoint, as paths name it: `checkpoint[2].vcpu[3]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    checkpoint: usize,
    part: Part,
}

impl Place {
    /// A part that every stream has once.
    pub(super) fn head(part: Part) -> Self {
        let checkpoint = 0;
        Place { checkpoint, part }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.checkpoint > 0 {
            write!(f, "checkpoint[{}].", self.checkpoint)?;
        }
        match self.part {
            Part::Pages => f.write_str("pages"),
            Part::Unallocated => f.write_str("unallocated"),
            Part::Vcpumap => f.write_str("vcpumap"),
            Part::Vcpu(id) => write!(f, "vcpu[{id}]"),
            Part::Privregs(id) => write!(f, "privregs[{id}]"),
            Part::SharedInfo => f.write_str("shared_info"),
            Part::StartInfo => f.write_str("start_info"),
            Part::MagicPfns => f.write_str("magic_pfns"),
            Part::HvmContext => f.write_str("hvm_context"),
            Part::Record(number) => write!(f, "hvm_context.records[{number}]"),
            Part::ArchSetup => f.write_str("arch_setup"),
            Part::Memmap => f.write_str("memmap"),
            Part::Descriptor(number) => write!(f, "memmap.descriptors[{number}]"),
        }
    }
}

/// A structure's fields by their paths.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) place: Place,
    layout: &'static Layout,
    bytes: &'a [u8],
    offset: u64,
}

impl<'a> Fields<'a> {
    pub(super) fn new(place: Place, layout: &'static Layout, section: &'a Section) -> Self {
        Fields::at(place, layout, &section.bytes, section.offset)
    }

    pub(super) fn at(place: Place, layout: &'static Layout, bytes: &'a [u8], offset: u64) -> Self {
        Fields {
            place,
            layout,
            bytes,
            offset,
        }
    }

    /// The bytes of a field. `None` where the structure has no such field or was cut off.
    pub(super) fn slice(&self, path: &str) -> Option<&'a [u8]> {
        let found = self.layout.find(path)?;
        self.bytes.get(found.offset..found.offset + found.size())
    }

    /// A field of up to 8 bytes, as an unsigned number.
    pub(super) fn get(&self, path: &str) -> Option<u64> {
        let bytes = self.slice(path).filter(|bytes| bytes.len() <= 8)?;
        let number = bytes.iter().rev();
        Some(number.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A finding about a field: its offset, length, path and content.
    pub(super) fn finding(&self, code: Code, path: &str) -> Finding {
        let (offset, size) = match self.layout.find(path) {
            Some(found) => (found.offset as u64, found.size() as u32),
            None => (0, 0),
        };
        let finding = Finding::new(code, self.offset + offset, format!("{}.{path}", self.place));
        match self.get(path) {
            Some(value) => finding.length(size).found(hex(value)),
            None => finding.length(size),
        }
    }
}

/// A vcpu of a round.
pub(super) struct VcpuView<'a> {
    pub(super) vcpu: &'a Vcpu,
    fields: Fields<'a>,
    /// By the layout of the era that the image is understood by.
    pub(super) privregs: Option<Fields<'a>>,
    eras: &'a [Era],
    guest: Guest,
}

impl<'a> VcpuView<'a> {
    pub(super) fn layout(&self) -> ContextLayout {
        self.vcpu.layout
    }

    /// A register by the path it has from layout B on. `None` where the layout lacks it, and where an
    /// era that remains left it to the hypervisor's heap: what was never set is not judged.
    pub(super) fn get(&self, path: &str) -> Option<u64> {
        if self.is_unset(path) {
            return None;
        }
        self.fields.get(&spelt(self.layout(), path))
    }

    /// Whether an era that remains left a field to the hypervisor's heap.
    fn is_unset(&self, path: &str) -> bool {
        if path == LOADRS {
            return false;
        }
        let mut eras = self.eras.iter();
        eras.any(|era| era.leaves_to_heap(self.guest, path))
    }

    /// Every field that get-context of all eras that remain cleared and never assigned, and that is
    /// not 0 all the same.
    pub(super) fn not_cleared(&self) -> Vec<String> {
        let cleared = |era: &Era| era.spec().cleared;
        if self.eras.is_empty() || !self.eras.iter().all(cleared) {
            return Vec::new();
        }
        let mut found = Vec::new();
        self.fields.layout.walk(self.fields.bytes, &mut |entry| {
            let array = entry.count > 1 && !matches!(entry.kind, wire::Kind::Struct(_));
            let width = if array { entry.kind.size() } else { entry.size };
            for (index, bytes) in entry.bytes.chunks(width.max(1)).enumerate() {
                if bytes.iter().all(|byte| *byte == 0) {
                    continue;
                }
                let path = if array {
                    format!("{}[{index}]", entry.path)
                } else {
                    entry.path.into()
                };
                let assigned = |era: &Era| era.assigns(self.guest, &path);
                if !self.eras.iter().any(assigned) {
                    found.push(path);
                }
            }
        });
        found
    }

    /// `rbs_voff`, where the layout has it.
    pub(super) fn voff(&self) -> Option<u64> {
        self.get("regs.rbs_voff")
    }

    /// The dirty part of the register stack by each era that remains, without repetition. Nothing
    /// where it ends below its beginning in one of them.
    pub(super) fn dirty(&self) -> Vec<Dirty> {
        let end = match self.layout() {
            ContextLayout::A => self.get(LOADRS),
            _ => self.get("regs.ar.bsp"),
        };
        let (Some(store), Some(end)) = (self.get("regs.ar.bspstore"), end) else {
            return Vec::new();
        };
        let stacks = self.eras.iter();
        let stacks = stacks.map(|era| era.dirty(store, end, self.voff()));
        let mut stacks = stacks.collect::<Option<Vec<_>>>().unwrap_or_default();
        stacks.dedup();
        stacks
    }

    /// The bytes of an array of registers.
    pub(super) fn slice(&self, path: &str) -> Option<&'a [u8]> {
        self.fields.slice(&spelt(self.layout(), path))
    }

    /// A finding about a register.
    pub(super) fn finding(&self, code: Code, path: &str) -> Finding {
        self.fields.finding(code, &spelt(self.layout(), path))
    }
}

/// The size of the dirty part of the register stack in a trap frame, which has no ar.bsp.
pub(super) const LOADRS: &str = "user_regs.loadrs";

/// What a layout calls a register that has this path from layout B on.
pub(super) fn spelt(layout: ContextLayout, path: &str) -> Cow<'_, str> {
    if layout != ContextLayout::A {
        return Cow::Borrowed(path);
    }
    let old = match path {
        "regs.psr" => "user_regs.cr_ipsr",
        "regs.ip" => "user_regs.cr_iip",
        "regs.cfm" => "user_regs.cr_ifs",
        "regs.cr.iva" => "extra_regs.iva",
        "event_callback_ip" => "extra_regs.event_callback_ip",
        _ => {
            let parts = (path.strip_prefix("regs.ar."), path.strip_prefix("regs.tr."));
            return match parts {
                (Some(register), _) => format!("user_regs.ar_{register}").into(),
                (_, Some(register)) => format!("extra_regs.{register}").into(),
                _ => path.into(),
            };
        }
    };
    Cow::Borrowed(old)
}
