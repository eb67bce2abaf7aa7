//! Whole valid images of every dialect, and what is in them.
//!
//! The codec's own [`Encoder`] puts the parts together, so an image is as sound as it is; what the
//! parts hold is made up here, after what the savers of each era are known to have left in them:
//! `privregs_pfn` as a machine frame, padding with the saver's stack in it, registers that a
//! hypervisor did not fill, passes that send pages again.
//!
//! | file | what lives there |
//! |---|---|
//! | `params` | [`Params`]: what an image is made from |
//! | `memory` | pages, their order, the memory map |
//! | `vcpu` | a vcpu as its hypervisor had it |
//! | `context` | vcpu contexts, by era |
//! | `parts` | setup record, privregs, shared_info, start_info, HVM context |
//! | `plan` | [`Plan`]: what is in the image, for a test to compare with |
//! | [`field`] | the numbers that a reader acts on, and where they stand |
//! | [`defect`] | bad images: one thing changed in a good one |
//! | `random` | [`Random`]: numbers that are the same every time |
//!
//! ```
//! use ia64save_codec::{Dialect, Guest};
//! use ia64save_generate::{Params, generate};
//!
//! let image = generate(&Params::new(Dialect::D11, Guest::Pv));
//! let context = image.plan.section("vcpu0_context").unwrap();
//! assert_eq!(context.size, 22208);
//! ```

#![deny(missing_docs)]

mod canvas;
mod context;
pub mod defect;
pub mod field;
mod memory;
mod params;
mod parts;
mod plan;
mod random;
mod vcpu;

use std::fmt;

use bytes::Bytes;
use ia64save_codec::decode::Event;
use ia64save_codec::encode::Encoder;
use ia64save_codec::grammar::{Memmap, PageRun, PfnRun, Prologue, Vcpumap};
use ia64save_codec::{Dialect, Guest};

pub use params::{Heap, Params, Trailing, eras, kinds};
pub use plan::{Plan, Round, Section};
pub use random::Random;

use memory::Memory;

/// How a device-model record of xend begins.
pub const DEVICE_MODEL: &[u8] = b"QemuDeviceModelRecord";

/// An image, and what is in it.
#[derive(Clone)]
pub struct GeneratedImage {
    /// What it was made from.
    pub params: Params,
    /// Its dialect.
    pub dialect: Dialect,
    /// Its kind of guest.
    pub guest: Guest,
    /// Bytes of its pages.
    pub page_size: usize,
    /// The image.
    pub bytes: Bytes,
    /// What is in it.
    pub plan: Plan,
}

impl fmt::Debug for GeneratedImage {
    /// The parameters are enough to make it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {:?}", self.bytes.len(), self.params)
    }
}

/// Makes an image. The same parameters make the same image.
///
/// # Panics
/// If the codec's encoder refuses a part: that is a bug.
pub fn generate(params: &Params) -> GeneratedImage {
    let params = params.clone().sound();
    let memory = Memory::new(&params, &mut Random::new(params.seed, &[1]));
    let mut writer = Writer::new(&params, &memory);
    writer.head();
    for round in 0..=params.rounds as u32 {
        writer.pages(round);
        writer.tail(round);
    }
    let (bytes, plan) = writer.finish();
    GeneratedImage {
        dialect: params.dialect,
        guest: params.guest,
        page_size: params.page_size,
        bytes: bytes.into(),
        plan,
        params,
    }
}

/// An image under construction.
struct Writer<'a> {
    params: &'a Params,
    memory: &'a Memory,
    encoder: Encoder,
    bytes: Vec<u8>,
    plan: Plan,
    /// Page records of the checkpoint at hand.
    records: u64,
}

impl<'a> Writer<'a> {
    fn new(params: &'a Params, memory: &'a Memory) -> Self {
        Writer {
            encoder: Encoder::new(params.dialect, params.guest).page_size(params.page_size),
            bytes: Vec::new(),
            records: 0,
            plan: Plan {
                p2m_size: memory.end,
                ram: memory.ram.clone(),
                memmap_fits: params.page_size >= 24 + 40 * memory.ram.len()
                    || memory.memmap.is_empty(),
                vcpus: params.vcpus.clone(),
                start_info: (params.guest == Guest::Pv).then_some(memory.start_info),
                ..Plan::default()
            },
            params,
            memory,
        }
    }

    fn random(&self, purpose: &[u64]) -> Random {
        Random::new(self.params.seed, purpose)
    }

    /// Encodes one event and notes the sections that its bytes are.
    fn put(&mut self, event: &Event<'_>, sections: &[(&str, usize)]) {
        let piece = self.encoder.encode(event);
        let piece = piece.unwrap_or_else(|error| panic!("{:?}: {error}", self.params));
        let mut offset = self.bytes.len() as u64;
        piece.write_to(&mut self.bytes);
        for (name, size) in sections {
            let section = Section {
                name: (*name).to_string(),
                checkpoint: self.plan.rounds.len() as u32,
                offset,
                size: *size as u64,
                records: self.records,
            };
            offset = section.end();
            self.plan.sections.push(section);
        }
        assert_eq!(offset, self.bytes.len() as u64, "{sections:?}");
    }

    fn head(&mut self) {
        let spec = self.params.dialect.spec();
        let prologue = Prologue {
            p2m_size: self.memory.end,
            version: spec.version as u64,
        };
        self.put(
            &Event::Prologue(prologue),
            &[("p2m_size", 8), ("version", 8)],
        );
        let bytes = parts::arch_setup(self.params, self.memory, &mut self.random(&[2]));
        let setup = Event::ArchSetup {
            layout: spec.arch_setup,
            bytes: &bytes,
        };
        self.put(&setup, &[("arch_setup", bytes.len())]);
        if spec.version.has_memmap() {
            let bytes = &self.memory.memmap;
            let num_pages = 1;
            self.put(
                &Event::Memmap(Memmap { num_pages, bytes }),
                &[("memmap_info_num_pages", 4), ("memmap_info", bytes.len())],
            );
        }
    }

    fn pages(&mut self, round: u32) {
        let mut random = self.random(&[3, round.into()]);
        let (pages, passes) = match round {
            0 => self.memory.passes(self.params, &mut random),
            _ => (self.memory.round(&mut random), Vec::new()),
        };
        let mut records = Vec::new();
        for pfn in &pages {
            records.extend_from_slice(&pfn.to_le_bytes());
            records.extend(parts::page(self.params, self.memory, *pfn, &mut random));
        }
        let run = PageRun::new(&records, self.params.page_size);
        self.records = 0;
        self.put(&Event::Pages(run), &[("page_records", records.len())]);
        self.records = pages.len() as u64;
        self.put(&Event::PagesEnd, &[("page_terminator", 8)]);
        let unallocated = self.memory.unallocated();
        let count = unallocated.len() as u32;
        self.put(&Event::UnallocatedCount(count), &[("unallocated_count", 4)]);
        let list: Vec<u8> = unallocated.iter().flat_map(|p| p.to_le_bytes()).collect();
        self.put(
            &Event::Unallocated(PfnRun::new(&list)),
            &[("unallocated_list", list.len())],
        );
        self.plan.rounds.push(Round {
            pages,
            passes,
            unallocated,
            end: 0,
        });
    }

    fn tail(&mut self, round: u32) {
        // The tail belongs to the round whose pages came last.
        let done = self.plan.rounds.pop();
        let (params, guest) = (self.params, self.params.guest);
        let mut random = self.random(&[4, round.into()]);
        let shared_info = parts::shared_info(params, self.memory, &mut random);
        let shared_info = Event::SharedInfo(&shared_info);
        let page = params.page_size;
        if guest == Guest::Hvm {
            self.put(&shared_info, &[("shared_info", page)]);
        }
        if params.dialect.has_vcpumap(guest) {
            self.vcpumap();
        }
        for vcpu in params.vcpus.clone() {
            self.vcpu(vcpu, &mut random);
        }
        if guest == Guest::Pv {
            self.put(&shared_info, &[("shared_info", page)]);
        } else {
            self.hvm(&mut random);
        }
        let index = round;
        self.put(&Event::CheckpointEnd { index }, &[]);
        if let Some(mut done) = done {
            done.end = self.bytes.len() as u64;
            self.plan.rounds.push(done);
        }
    }

    fn vcpumap(&mut self) {
        let max_virt_cpus = 64;
        let size = self.params.dialect.spec().vcpumap.size(max_virt_cpus);
        let mut map = vec![0; size.unwrap_or(0) as usize];
        for vcpu in &self.params.vcpus {
            map[*vcpu as usize / 8] |= 1 << (vcpu % 8);
        }
        let sections = [("max_virt_cpus", 8), ("vcpumap", map.len())];
        let bytes = &map;
        self.put(
            &Event::Vcpumap(Vcpumap {
                max_virt_cpus,
                bytes,
            }),
            &sections,
        );
    }

    fn vcpu(&mut self, vcpu: u32, random: &mut Random) {
        let layout = self.params.dialect.spec().context;
        let context = context::context(self.params, vcpu, random);
        let event = Event::Context {
            vcpu,
            layout,
            bytes: &context,
        };
        self.put(&event, &[(&format!("vcpu{vcpu}_context"), context.len())]);
        if self.params.guest == Guest::Pv {
            let page = parts::privregs(self.params, vcpu, random);
            let bytes = &page;
            self.put(
                &Event::Privregs { vcpu, bytes },
                &[(&format!("vcpu{vcpu}_privregs"), page.len())],
            );
        }
    }

    fn hvm(&mut self, random: &mut Random) {
        let order = self.params.era.magic_pfns();
        let bytes: Vec<u8> = order
            .iter()
            .flat_map(|magic| magic.usual_gpfn().to_le_bytes())
            .collect();
        let sections = [("magic_pfns", bytes.len())];
        let bytes = &bytes;
        self.put(&Event::MagicPfns { order, bytes }, &sections);
        let blob = parts::hvm_context(self.params, random);
        self.put(
            &Event::HvmContext(&blob),
            &[("hvm_rec_size", 8), ("hvm_blob", blob.len())],
        );
    }

    fn finish(mut self) -> (Vec<u8>, Plan) {
        self.plan.end = self.bytes.len() as u64;
        let trailing = match self.params.trailing {
            Trailing::Nothing => Vec::new(),
            Trailing::DeviceModel(body) => {
                let mut record = DEVICE_MODEL.to_vec();
                record.extend_from_slice(b"QEVM");
                record.extend(self.random(&[5]).bytes(body));
                record
            }
            Trailing::Zeros(count) => vec![0; count],
        };
        self.bytes.extend_from_slice(&trailing);
        self.plan.trailing = trailing.len() as u64;
        let written = self.encoder.finish().expect("a whole image");
        assert_eq!(written, self.plan.end);
        (self.bytes, self.plan)
    }
}
