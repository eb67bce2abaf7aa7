//! What is in a generated image.

use std::ops::Range;

/// What is in a generated image, in the order of the stream.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// `p2m_size`.
    pub p2m_size: u64,
    /// RAM by pfn, in the order of the memory map.
    pub ram: Vec<Range<u64>>,
    /// Every descriptor of RAM lies within the map's page, so that a reader knows all of RAM.
    pub memmap_fits: bool,
    /// Ids of the vcpus.
    pub vcpus: Vec<u32>,
    /// Where the start_info page is (PV).
    pub start_info: Option<u64>,
    /// The stream proper, then Remus rounds.
    pub rounds: Vec<Round>,
    /// Every part, named as in the truth of the goldens.
    pub sections: Vec<Section>,
    /// Where the stream ends.
    pub end: u64,
    /// Bytes behind it.
    pub trailing: u64,
}

/// A checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// The pfns of its page records.
    pub pages: Vec<u64>,
    /// The number of the first record of each pass; none for a Remus round.
    pub passes: Vec<usize>,
    /// The unallocated list.
    pub unallocated: Vec<u64>,
    /// Where it ends.
    pub end: u64,
}

/// A part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `"vcpu0_context"`.
    pub name: String,
    /// The checkpoint that it belongs to; 0 for the head.
    pub checkpoint: u32,
    /// Where it begins.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// Page records of its checkpoint that stand before it.
    pub records: u64,
}

impl Section {
    /// First offset behind it.
    pub fn end(&self) -> u64 {
        self.offset + self.size
    }

    /// How the codec's errors name this part where the input ends `into` bytes into it.
    pub fn path(&self, into: u64, page_size: usize) -> String {
        let path = match self.name.as_str() {
            "memmap_info_num_pages" => "memmap.num_pages".into(),
            "memmap_info" => "memmap".into(),
            "page_records" => {
                let stride = 8 + page_size as u64;
                let field = if into % stride < 8 { "gmfn" } else { "page" };
                format!("pages[{}].{field}", into / stride)
            }
            "page_terminator" => format!("pages[{}].gmfn", self.records),
            "unallocated_count" => "unallocated.count".into(),
            "unallocated_list" => format!("unallocated[{}]", into / 8),
            "max_virt_cpus" => "vcpumap.max_virt_cpus".into(),
            "hvm_rec_size" => "hvm_context.size".into(),
            "hvm_blob" => "hvm_context".into(),
            name => match name.strip_prefix("vcpu").and_then(|n| n.split_once('_')) {
                Some((vcpu, "context")) => format!("vcpu[{vcpu}]"),
                Some((vcpu, "privregs")) => format!("privregs[{vcpu}]"),
                _ => name.into(),
            },
        };
        match self.checkpoint {
            0 => path,
            checkpoint => format!("checkpoint[{checkpoint}].{path}"),
        }
    }
}

impl Plan {
    /// A part of the stream proper, by name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of the tails, from the end of an unallocated list to the end of its checkpoint.
    pub fn tails(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let lists = self
            .sections
            .iter()
            .filter(|s| s.name == "unallocated_list");
        let ends = self.rounds.iter().map(|round| round.end);
        lists.zip(ends).map(|(list, end)| list.end()..end)
    }
}
