//! Small valid images of any dialect, made with the crate's own encoder, and ways to spoil them.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::plausible::{context, filled, memmap, privregs, put, records, start_info};
use crate::PAGE_SIZE;
use crate::check::context::spelt;
use crate::decode::Event;
use crate::dialect::{Dialect, Guest, P2mSizeMeaning};
use crate::encode::Encoder;
use crate::grammar::{Memmap, PageRun, PfnRun, Prologue, Vcpumap};
use crate::image::{Image, Options};
use crate::wire;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};

/// Pages of a PV domain, all but [`UNALLOCATED`] sent.
pub(super) const PAGES: u64 = 10;
const UNALLOCATED: [u64; 2] = [1, 4];
const MEMMAP_PFN: u64 = 6;
const START_INFO_PFN: u64 = 7;
pub(super) const XSI_VA: u64 = 0xf500_0000_0000_0000;

/// An image in parts.
#[derive(Clone)]
pub(super) struct Sample {
    dialect: Dialect,
    guest: Guest,
    prologue: Prologue,
    setup: Vec<u8>,
    memmap: Vec<u8>,
    pub(super) rounds: Vec<Round>,
    trailing: Vec<u8>,
}

/// A checkpoint.
#[derive(Clone)]
pub(super) struct Round {
    pub(super) pages: Vec<(u64, Vec<u8>)>,
    pub(super) unallocated: Vec<u64>,
    max_virt_cpus: u64,
    map: Vec<u8>,
    vcpus: Vec<Vcpu>,
    pub(super) shared_info: Vec<u8>,
    magic: Vec<u64>,
    pub(super) records: Vec<Record>,
    blob_tail: Vec<u8>,
}

/// A vcpu.
#[derive(Clone)]
pub(super) struct Vcpu {
    pub(super) id: u32,
    pub(super) context: Vec<u8>,
    privregs: Vec<u8>,
}

/// A record of the HVM context.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) typecode: u16,
    pub(super) instance: u16,
    pub(super) length: u32,
    pub(super) body: Vec<u8>,
}

impl Sample {
    /// A valid image with two vcpus, or one where the dialect has only one.
    pub(super) fn new(dialect: Dialect, guest: Guest) -> Self {
        let spec = dialect.spec();
        let hvm = guest == Guest::Hvm;
        let mapped = dialect.has_vcpumap(guest);
        let ids = if mapped { vec![0, 1] } else { vec![0] };
        let vcpus: Vec<Vcpu> = ids
            .into_iter()
            .map(|id| Vcpu {
                id,
                context: context(dialect, guest, id),
                privregs: privregs(dialect, id),
            })
            .collect();
        let magic: Vec<u64> = spec
            .magic_pfns
            .iter()
            .map(|magic| magic.usual_gpfn())
            .collect();
        let (ram, pfns, maxmem) = if hvm {
            let special = (0..5).map(|n| (0xe400_0000 + n * 0x4000, 4));
            let ram: Vec<_> = core::iter::once((0, 160)).chain(special).collect();
            let pfns: Vec<u64> = (0..0x28).chain(0x39000..0x39005).collect();
            (ram, pfns, 1 << 32)
        } else {
            (
                vec![(0, PAGES * 4)],
                (0..PAGES).collect(),
                PAGES * PAGE_SIZE as u64,
            )
        };
        let pages: Vec<(u64, Vec<u8>)> = pfns
            .into_iter()
            .filter(|pfn| !UNALLOCATED.contains(pfn))
            .map(|pfn| match pfn {
                START_INFO_PFN if !hvm => (pfn, start_info(dialect)),
                _ => (pfn, vec![pfn as u8; PAGE_SIZE]),
            })
            .collect();
        let layout = wire::layout_of_shared_info(*spec.shared_info.last().unwrap());
        let mut shared_info = filled(layout, PAGE_SIZE, &[("arch.evtchn_vector", 0xe9)]);
        let mut set = |path: &str, value| {
            if layout.find(path).is_some() {
                put(&mut shared_info, layout, path, value);
            }
        };
        set("arch.start_info_pfn", if hvm { 0 } else { START_INFO_PFN });
        set("arch.memmap_info_num_pages", 1);
        set(
            "arch.memmap_info_pfn",
            if hvm { 0x39004 } else { MEMMAP_PFN },
        );
        let mut map = vec![0; spec.vcpumap.size(64).unwrap() as usize];
        map[0] = 3;
        let setup = wire::layout_of_arch_setup(spec.arch_setup);
        let flat = spec.p2m_size == P2mSizeMeaning::MaxMem;
        let fields = [
            ("flags", 2 + u64::from(hvm)),
            ("maxmem", if flat { 0 } else { maxmem }),
            ("xsi_va", XSI_VA),
            ("hypercall_imm", 0x1000),
        ];
        let round = Round {
            pages,
            unallocated: UNALLOCATED.to_vec(),
            max_virt_cpus: 64,
            map,
            records: if hvm {
                records(dialect, &vcpus)
            } else {
                Vec::new()
            },
            vcpus,
            shared_info,
            magic,
            blob_tail: Vec::new(),
        };
        Sample {
            dialect,
            guest,
            prologue: Prologue {
                p2m_size: maxmem / PAGE_SIZE as u64,
                version: spec.version as u64,
            },
            setup: filled(setup, setup.size, &fields),
            memmap: memmap(&ram),
            rounds: vec![round],
            trailing: Vec::new(),
        }
    }

    /// Changes a part by hand.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn p2m_size(self, pages: u64) -> Self {
        self.with(|s| s.prologue.p2m_size = pages)
    }

    pub(super) fn setup(self, path: &str, value: u64) -> Self {
        let layout = wire::layout_of_arch_setup(self.dialect.spec().arch_setup);
        self.with(|s| put(&mut s.setup, layout, path, value))
    }

    pub(super) fn memmap(self, path: &str, value: u64) -> Self {
        self.with(|s| put(&mut s.memmap, MemmapInfo::LAYOUT, path, value))
    }

    /// The pages of the memory map.
    pub(super) fn memmap_pages(self, pages: usize) -> Self {
        self.with(|s| s.memmap.resize(pages * PAGE_SIZE, 0))
    }

    /// Other RAM; the pages stay as they are.
    pub(super) fn ram(self, ram: &[(u64, u64)]) -> Self {
        self.with(|s| s.memmap = memmap(ram))
    }

    pub(super) fn descriptor(self, index: usize, path: &str, value: u64) -> Self {
        let layout = EfiMemoryDesc::LAYOUT;
        self.with(|s| put(&mut s.memmap[24 + 40 * index..], layout, path, value))
    }

    /// The pfn of a page record.
    pub(super) fn page(self, record: usize, pfn: u64) -> Self {
        self.with(|s| s.rounds[0].pages[record].0 = pfn)
    }

    pub(super) fn unallocated(self, pfns: &[u64]) -> Self {
        self.with(|s| s.rounds[0].unallocated = pfns.to_vec())
    }

    pub(super) fn vcpumap(self, max_virt_cpus: u64, map: &[u8]) -> Self {
        let spec = self.dialect.spec();
        let guest = self.guest;
        self.with(|s| {
            let round = &mut s.rounds[0];
            round.max_virt_cpus = max_virt_cpus;
            round.map = map.to_vec();
            round
                .map
                .resize(spec.vcpumap.size(max_virt_cpus).unwrap() as usize, 0);
            let online = Vcpumap {
                max_virt_cpus,
                bytes: &round.map,
            }
            .online();
            round.vcpus = online
                .map(|id| Vcpu {
                    id,
                    context: context(s.dialect, guest, id),
                    privregs: privregs(s.dialect, id),
                })
                .collect();
        })
    }

    /// A register of vcpu 0, by its path from layout B on.
    pub(super) fn register(self, path: &str, value: u64) -> Self {
        let layout = self.dialect.spec().context;
        self.with(|s| {
            let context = &mut s.rounds[0].vcpus[0].context;
            put(
                context,
                wire::layout_of_context(layout),
                &spelt(layout, path),
                value,
            );
        })
    }

    pub(super) fn privregs(self, path: &str, value: u64) -> Self {
        let layout = wire::layout_of_mapped_regs(self.dialect.spec().mapped_regs[0]);
        self.with(|s| put(&mut s.rounds[0].vcpus[0].privregs, layout, path, value))
    }

    pub(super) fn shared_info(self, path: &str, value: u64) -> Self {
        let layout = *self.dialect.spec().shared_info.last().unwrap();
        let layout = wire::layout_of_shared_info(layout);
        self.with(|s| put(&mut s.rounds[0].shared_info, layout, path, value))
    }

    pub(super) fn start_info(self, path: &str, value: u64) -> Self {
        let layout = wire::layout_of_start_info(self.dialect.spec().start_info[0]);
        self.with(|s| {
            let mut pages = s.rounds[0].pages.iter_mut();
            let (_, page) = pages.find(|(pfn, _)| *pfn == START_INFO_PFN).unwrap();
            put(page, layout, path, value);
        })
    }

    pub(super) fn magic(self, index: usize, pfn: u64) -> Self {
        self.with(|s| s.rounds[0].magic[index] = pfn)
    }

    /// A field of the first record of a type.
    pub(super) fn record(self, typecode: u16, path: &str, value: u64) -> Self {
        self.records(|records| {
            let record = records.iter_mut().find(|r| r.typecode == typecode).unwrap();
            let layout = wire::hvm::layout_of_record(typecode).unwrap();
            put(&mut record.body, layout, path, value);
        })
    }

    pub(super) fn records(self, change: impl FnOnce(&mut Vec<Record>)) -> Self {
        self.with(|s| change(&mut s.rounds[0].records))
    }

    /// Bytes behind the records.
    pub(super) fn blob_tail(self, bytes: &[u8]) -> Self {
        self.with(|s| s.rounds[0].blob_tail = bytes.to_vec())
    }

    pub(super) fn trailing(self, bytes: &[u8]) -> Self {
        self.with(|s| s.trailing = bytes.to_vec())
    }

    /// Noise into every byte of the contexts that `unset` names.
    pub(super) fn garbage(self, unset: &[&str]) -> Self {
        let layout = self.dialect.spec().context;
        self.with(|s| {
            for path in unset {
                let found = wire::layout_of_context(layout).find(path);
                let found = found.unwrap_or_else(|| panic!("no field {path}"));
                let context = &mut s.rounds[0].vcpus[0].context;
                context[found.offset..found.offset + found.size()].fill(0xa5);
            }
        })
    }

    /// A Remus round with these pages and the tail of the stream proper.
    pub(super) fn round(self, pfns: &[u64], unallocated: &[u64]) -> Self {
        self.with(|s| {
            let mut round = s.rounds[0].clone();
            round.pages.retain(|(pfn, _)| pfns.contains(pfn));
            round.unallocated = unallocated.to_vec();
            s.rounds.push(round);
        })
    }

    /// The stream.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(self.dialect, self.guest);
        let mut out = Vec::new();
        let mut give = |event: Event<'_>| encoder.encode(&event).unwrap().write_to(&mut out);
        let spec = self.dialect.spec();
        give(Event::Prologue(self.prologue));
        let layout = spec.arch_setup;
        give(Event::ArchSetup {
            layout,
            bytes: &self.setup,
        });
        if spec.version.has_memmap() {
            let num_pages = (self.memmap.len() / PAGE_SIZE) as u32;
            give(Event::Memmap(Memmap {
                num_pages,
                bytes: &self.memmap,
            }));
        }
        for round in &self.rounds {
            self.round_events(round, &mut give);
        }
        if !self.trailing.is_empty() {
            give(Event::Trailing(&self.trailing));
        }
        out
    }

    fn round_events(&self, round: &Round, give: &mut impl FnMut(Event<'_>)) {
        for (pfn, page) in &round.pages {
            let record = [&pfn.to_le_bytes()[..], page].concat();
            give(Event::Pages(PageRun::new(&record, PAGE_SIZE)));
        }
        give(Event::PagesEnd);
        give(Event::UnallocatedCount(round.unallocated.len() as u32));
        if !round.unallocated.is_empty() {
            let list: Vec<u8> = round
                .unallocated
                .iter()
                .flat_map(|pfn| pfn.to_le_bytes())
                .collect();
            give(Event::Unallocated(PfnRun::new(&list)));
        }
        let hvm = self.guest == Guest::Hvm;
        if hvm {
            give(Event::SharedInfo(&round.shared_info));
        }
        if self.dialect.has_vcpumap(self.guest) {
            let (max_virt_cpus, bytes) = (round.max_virt_cpus, &round.map[..]);
            give(Event::Vcpumap(Vcpumap {
                max_virt_cpus,
                bytes,
            }));
        }
        for vcpu in &round.vcpus {
            let layout = self.dialect.spec().context;
            let id = vcpu.id;
            give(Event::Context {
                vcpu: id,
                layout,
                bytes: &vcpu.context,
            });
            if !hvm {
                give(Event::Privregs {
                    vcpu: id,
                    bytes: &vcpu.privregs,
                });
            }
        }
        if hvm {
            let order = self.dialect.spec().magic_pfns;
            let bytes: Vec<u8> = round
                .magic
                .iter()
                .flat_map(|pfn| pfn.to_le_bytes())
                .collect();
            give(Event::MagicPfns {
                order,
                bytes: &bytes,
            });
            let mut blob = Vec::new();
            for record in &round.records {
                blob.extend(record.typecode.to_le_bytes());
                blob.extend(record.instance.to_le_bytes());
                blob.extend(record.length.to_le_bytes());
                blob.extend(&record.body);
            }
            blob.extend(&round.blob_tail);
            give(Event::HvmContext(&blob));
        } else {
            give(Event::SharedInfo(&round.shared_info));
        }
    }

    /// The image, read as what it is.
    pub(super) fn image(&self) -> Image {
        let options = Options::default().dialect(Some(self.dialect));
        Image::parse(&Bytes::from(self.bytes()), &options)
    }
}
