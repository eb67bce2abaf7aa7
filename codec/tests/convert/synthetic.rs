//! Small images of every dialect, made with the encoder.

use ia64save_codec::decode::Event;
use ia64save_codec::dialect::{ContextLayout, Dialect, Guest, P2mSizeMeaning};
use ia64save_codec::encode::Encoder;
use ia64save_codec::era::{Era, HvmPrivregsPfn, PsrForm, StackForm};
use ia64save_codec::grammar::{Memmap, PageRun, PfnRun, Prologue, Vcpumap};
use ia64save_codec::wire::hvm::{END, Per, RECORDS};
use ia64save_codec::wire::{
    Layout, Style, layout_of_arch_setup, layout_of_context, layout_of_mapped_regs,
    layout_of_shared_info,
};

pub const PAGE: usize = 16384;
const XSI_VA: u64 = 0xf500_0000_0000_0000;

/// The state of one checkpoint.
#[derive(Clone, Debug)]
pub struct Round {
    /// Records in stream order: pfn, and the byte that fills the page.
    pub pages: Vec<(u64, u8)>,
    pub unallocated: Vec<u64>,
    /// Raises every register, so that rounds differ.
    pub salt: u64,
}

/// What to make.
#[derive(Clone, Debug)]
pub struct Synthetic {
    pub dialect: Dialect,
    /// What the fields mean.
    pub era: Era,
    pub guest: Guest,
    pub p2m_size: u64,
    /// Type and pfns of each descriptor.
    pub memmap: Vec<(u32, std::ops::Range<u64>)>,
    /// Where the guest has its memory map.
    pub own_map: Option<u64>,
    pub vcpus: Vec<u32>,
    pub rounds: Vec<Round>,
    /// Every field holds something, rather than the few that a stream cannot do without.
    pub dense: bool,
    /// Record 8 with a mapping on, off, or absent.
    pub identity_mappings: Option<bool>,
    pub trailing: Vec<u8>,
}

impl Synthetic {
    pub fn new(dialect: Dialect, guest: Guest) -> Self {
        Self::of(dialect.into(), guest)
    }

    pub fn of(era: Era, guest: Guest) -> Self {
        let dialect = era.dialect();
        let (p2m_size, memmap) = match guest {
            Guest::Pv => (12, vec![(7, 0..12)]),
            Guest::Hvm => (
                0x40000,
                vec![(7, 0..4), (7, 0x39000..0x39004), (7, 0x3fc00..0x3fc02)],
            ),
        };
        let pages = match guest {
            Guest::Pv => vec![0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 3, 8],
            Guest::Hvm => vec![0, 1, 2, 0x39000, 0x39001, 0x39002, 0x39003, 0x3fc00, 1],
        };
        let unallocated = match guest {
            Guest::Pv => vec![4, 5, 6],
            Guest::Hvm => vec![3, 0x3fc01],
        };
        let numbered = pages.into_iter().zip(1..).collect();
        let round = Round {
            pages: numbered,
            unallocated,
            salt: 0,
        };
        let fixed = dialect.spec().hvm_fixed_bytes.first();
        Synthetic {
            dialect,
            era,
            guest,
            p2m_size,
            memmap,
            own_map: None,
            vcpus: if dialect.has_vcpumap(guest) {
                vec![0, 2]
            } else {
                vec![0]
            },
            rounds: vec![round],
            dense: false,
            identity_mappings: (fixed == Some(&608)).then_some(false),
            trailing: Vec::new(),
        }
    }

    pub fn dense(mut self) -> Self {
        self.dense = true;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let spec = self.dialect.spec();
        let mut encoder = Encoder::new(self.dialect, self.guest);
        let mut out = Vec::new();
        let mut put = |event: Event<'_>| encoder.encode(&event).unwrap().write_to(&mut out);
        put(Event::Prologue(Prologue {
            p2m_size: self.p2m_size,
            version: spec.version as u64,
        }));
        put(Event::ArchSetup {
            layout: spec.arch_setup,
            bytes: &self.arch_setup(),
        });
        if spec.version.has_memmap() {
            put(Event::Memmap(Memmap {
                num_pages: 1,
                bytes: &self.memmap(),
            }));
        }
        for round in &self.rounds {
            for (pfn, fill) in &round.pages {
                let mut record = pfn.to_le_bytes().to_vec();
                record.resize(8 + PAGE, *fill);
                if self.own_map == Some(*pfn) {
                    record.truncate(8);
                    record.extend(self.memmap());
                }
                put(Event::Pages(PageRun::new(&record, PAGE)));
            }
            put(Event::PagesEnd);
            put(Event::UnallocatedCount(round.unallocated.len() as u32));
            if !round.unallocated.is_empty() {
                let list: Vec<u8> = round
                    .unallocated
                    .iter()
                    .flat_map(|p| p.to_le_bytes())
                    .collect();
                put(Event::Unallocated(PfnRun::new(&list)));
            }
            self.tail(round, &mut put);
        }
        if !self.trailing.is_empty() {
            put(Event::Trailing(&self.trailing));
        }
        encoder.finish().unwrap();
        out
    }

    fn tail(&self, round: &Round, put: &mut impl FnMut(Event<'_>)) {
        let spec = self.dialect.spec();
        let shared_info = self.shared_info(round.salt);
        if self.guest == Guest::Hvm {
            put(Event::SharedInfo(&shared_info));
        }
        if self.dialect.has_vcpumap(self.guest) {
            let mut bitmap = vec![0; spec.vcpumap.size(64).unwrap() as usize];
            for vcpu in &self.vcpus {
                bitmap[*vcpu as usize / 8] |= 1 << (vcpu % 8);
            }
            put(Event::Vcpumap(Vcpumap {
                max_virt_cpus: 64,
                bytes: &bitmap,
            }));
        }
        for &vcpu in &self.vcpus {
            put(Event::Context {
                vcpu,
                layout: spec.context,
                bytes: &self.context(vcpu, round.salt),
            });
            if self.guest == Guest::Pv {
                let bytes = &self.privregs(vcpu, round.salt);
                put(Event::Privregs { vcpu, bytes });
            }
        }
        if self.guest == Guest::Pv {
            put(Event::SharedInfo(&shared_info));
            return;
        }
        let magic: Vec<u8> = spec
            .magic_pfns
            .iter()
            .flat_map(|magic| magic.usual_gpfn().to_le_bytes())
            .collect();
        put(Event::MagicPfns {
            order: spec.magic_pfns,
            bytes: &magic,
        });
        put(Event::HvmContext(&self.blob()));
    }

    fn arch_setup(&self) -> Vec<u8> {
        let spec = self.dialect.spec();
        let layout = layout_of_arch_setup(spec.arch_setup);
        let mut bytes = vec![0; layout.size];
        let maxmem = match spec.p2m_size {
            P2mSizeMeaning::MaxMem => 0,
            P2mSizeMeaning::MaximumGpfn => self.p2m_size * PAGE as u64 - u64::from(self.dense),
        };
        let flags = 2 + u64::from(self.guest == Guest::Hvm);
        set(layout, &mut bytes, "flags", flags);
        set(layout, &mut bytes, "maxmem", maxmem);
        set(layout, &mut bytes, "xsi_va", XSI_VA);
        set(layout, &mut bytes, "hypercall_imm", 0x1000);
        if self.dense {
            set(layout, &mut bytes, "vhpt_size_log2", 20);
        }
        bytes
    }

    fn memmap(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(PAGE);
        page.extend((self.memmap.len() as u64 * 40).to_le_bytes());
        page.extend(40u64.to_le_bytes());
        page.extend(1u64.to_le_bytes());
        for (kind, pfns) in &self.memmap {
            let pages = (pfns.end - pfns.start) * 4;
            page.extend(u64::from(*kind).to_le_bytes());
            for word in [pfns.start * PAGE as u64, 0, pages, 8] {
                page.extend(word.to_le_bytes());
            }
        }
        page.resize(PAGE, 0);
        page
    }

    fn context(&self, vcpu: u32, salt: u64) -> Vec<u8> {
        let spec = self.dialect.spec();
        let layout = layout_of_context(spec.context);
        let mut bytes = vec![0; layout.size];
        let seed = salt + u64::from(vcpu) * 7;
        if self.dense {
            fill(layout, &mut bytes, seed);
        }
        let pfn = match self.guest {
            Guest::Hvm if self.era.spec().hvm_privregs_pfn == HvmPrivregsPfn::One => 1,
            Guest::Pv if spec.privregs_is_machine_frame => 0x12345,
            Guest::Hvm | Guest::Pv => 0x400_0001 + u64::from(vcpu),
        };
        let mut put = |path: &str, value: u64| set(layout, &mut bytes, path, value);
        put("privregs_pfn", pfn);
        let [regs, ar, ip, psr] = match spec.context {
            ContextLayout::A => ["user_regs.", "user_regs.ar_", "cr_iip", "cr_ipsr"],
            _ => ["regs.", "regs.ar.", "ip", "psr"],
        };
        put(&format!("{regs}{ip}"), 0xa000_0001_0000_0000 + seed * 16);
        // ac mfl mfh, and what each side forces.
        let forced = match self.era.psr(self.guest) {
            PsrForm::Machine => 0x1012_082a_6000,
            PsrForm::Virtual => 0x1010_0842_6000,
        };
        put(&format!("{regs}{psr}"), 0x38 | forced);
        put(&format!("{ar}rsc"), 3 | self.era.spec().kernel_level << 2);
        put(&format!("{ar}fpsr"), 0x0009_804c_0270_033f);
        if spec.context == ContextLayout::F {
            put("regs.num_phys_stacked", 96);
        }
        if !self.dense {
            return bytes;
        }
        let bspstore = 0x240d8 + u64::from(vcpu) * 0x1000;
        put(&format!("{ar}bspstore"), bspstore);
        match self.era.spec().stack {
            StackForm::Loadrs => put("user_regs.loadrs", (92 * 8) << 16),
            StackForm::HostBytes => put("regs.ar.bsp", bspstore + 92 * 8),
            // In the guest's words, of which 90 registers take one less here.
            StackForm::GuestSlots => put("regs.ar.bsp", bspstore + 91 * 8),
        }
        put("regs.rbs_voff", 0x34);
        put("regs.ar.ec", 3);
        for index in 0..8 {
            put(&format!("regs.rr[{index}]"), 0x1039 + index * 0x100);
        }
        bytes
    }

    fn privregs(&self, vcpu: u32, salt: u64) -> Vec<u8> {
        let layout = layout_of_mapped_regs(self.era.spec().privregs);
        let mut page = vec![0; PAGE];
        if self.dense {
            fill(layout, &mut page, 99 + salt + u64::from(vcpu));
            page[5000] = 0x5a;
        }
        let mask_addr = XSI_VA + 48 * u64::from(vcpu) + 1;
        set(layout, &mut page, "interrupt_mask_addr", mask_addr);
        set(layout, &mut page, "interrupt_collection_enabled", 1);
        set(layout, &mut page, "metaphysical_mode", 0);
        set(layout, &mut page, "banknum", 1);
        page
    }

    fn shared_info(&self, salt: u64) -> Vec<u8> {
        let layouts = self.dialect.spec().shared_info;
        let layout = layout_of_shared_info(layouts[layouts.len() - 1]);
        let mut page = vec![0; PAGE];
        if self.dense {
            fill(layout, &mut page, 7 + salt);
            for vcpu in 0..64 {
                page[vcpu * 48] = 1;
                page[vcpu * 48 + 1] = 0;
            }
            page[9000] = 0xa5;
        }
        if let Some(pfn) = self.own_map {
            set(layout, &mut page, "arch.memmap_info_num_pages", 1);
            set(layout, &mut page, "arch.memmap_info_pfn", pfn);
        }
        let start_info = if self.guest == Guest::Pv { 9 } else { 0 };
        set(layout, &mut page, "arch.start_info_pfn", start_info);
        page
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        for record in &RECORDS {
            let instances = match record.per {
                Per::Domain => vec![0],
                Per::Vcpu => self.vcpus.clone(),
            };
            if record.typecode == 8 && self.identity_mappings.is_none() {
                continue;
            }
            for instance in instances {
                blob.extend(record.typecode.to_le_bytes());
                blob.extend((instance as u16).to_le_bytes());
                blob.extend(record.length.to_le_bytes());
                let mut body = vec![instance as u8; record.length as usize];
                if record.typecode == 1 {
                    body[..8].copy_from_slice(&0x3436_4149_2f6e_6558u64.to_le_bytes());
                }
                if record.typecode == 8 {
                    body[0] = u8::from(self.identity_mappings == Some(true));
                }
                blob.extend(body);
            }
        }
        assert_eq!(RECORDS[8].typecode, END);
        blob
    }
}

/// Something in every field, other in each.
fn fill(layout: &Layout, bytes: &mut [u8], seed: u64) {
    let mut places = Vec::new();
    layout.walk(bytes, &mut |entry| {
        if entry.style != Style::Pad {
            let width = entry.kind.size();
            places.extend((0..entry.count).map(|index| (entry.offset + index * width, width)));
        }
    });
    for (number, (offset, width)) in places.into_iter().enumerate() {
        let value = (number as u64 + seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        bytes[offset..offset + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
}

fn set(layout: &Layout, bytes: &mut [u8], path: &str, value: u64) {
    if let Some(found) = layout.find(path) {
        let size = found.kind.size();
        bytes[found.offset..found.offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
}
