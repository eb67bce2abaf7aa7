//! What was shown against what is true.

use serde_json::Value;

use crate::golden::Golden;
use crate::tshark::Stream;

/// What Wireshark says of connections, which is not about the stream.
const ABOUT_TCP: [&str; 10] = [
    "Connection ",
    "This frame initiates the connection closing",
    "TCP window ",
    "TCP Zero Window",
    "TCP keep-alive",
    "This frame is a (suspected) window full",
    "This frame is a (suspected) retransmission",
    "This frame is a (suspected) fast retransmission",
    "This frame is a (suspected) spurious retransmission",
    "Duplicate ACK",
];

/// The dialects that a golden of an era may be called.
fn dialects(era: &str) -> &'static [&'static str] {
    match era {
        "D1" => &["D1 (xen-3.0.3)"],
        "v1old" => &["D1b (xen-3.0.4)"],
        "D2" => &["D2 (dev-20070507)"],
        "v1new" => &["D3 (dev-20070524)"],
        "D4" => &["D4 (dev-20070531)"],
        "D5" => &["D5 (dev-20070615)"],
        "D6" => &["D6 (dev-20070702)"],
        "D7" => &["D7 or D8"],
        "D9" => &["D9 (dev-20071030)", "D9 or D10"],
        // PV: D7 has the same structure.
        "seed" => &["D8 (dev-20071021)", "D7 or D8"],
        "r320" => &["D10 (xen-3.2)"],
        "r340" | "r410" => &["D11 (xen-3.3)"],
        _ => &[],
    }
}

/// Every relocation, in the order in which they were sent.
pub fn all(goldens: &[Golden], streams: &[Stream], passes: u32) -> Vec<String> {
    if streams.len() != goldens.len() {
        let (seen, sent) = (streams.len(), goldens.len());
        return vec![format!("{seen} streams of {sent} were seen")];
    }
    let mut complaints = Vec::new();
    for (golden, stream) in goldens.iter().zip(streams) {
        let differences = one(golden, stream);
        let said = differences
            .iter()
            .map(|text| format!("{} (passes: {passes}): {text}", golden.name));
        complaints.extend(said);
    }
    complaints
}

/// One relocation.
pub fn one(golden: &Golden, stream: &Stream) -> Vec<String> {
    let mut found = Comparison {
        stream,
        complaints: Vec::new(),
    };
    let truth = &golden.truth;
    let (version, guest) = golden.kind();
    found.text("request", "receive");
    found.text("guest", guest);
    found.text(
        "envelope.config",
        &format!("(domain (domid 7) (name {}) (vcpus 4))", golden.name),
    );
    found.numbers("version", &[version]);
    found.numbers("p2m_size", &each(&truth["p2m_size"]));
    found.numbers("arch_setup.maxmem", &each(&truth["arch_setup"]["maxmem"]));
    found.numbers("arch_setup.xsi_va", &each(&truth["arch_setup"]["xsi_va"]));
    let descriptors = &truth["memmap"]["descriptors"];
    for field in ["phys_addr", "num_pages"] {
        let name = format!("memmap.descriptor.{field}");
        found.numbers(&name, &column(descriptors, field));
    }
    found.numbers("page.gmfn", &each(&truth["pages"]["order"]));
    found.numbers("unallocated.count", &each(&truth["unallocated"]["count"]));
    found.numbers("unallocated.pfn", &each(&truth["unallocated"]["pfns"]));
    found.numbers("vcpumap.online", &each(&truth["vcpumap"]["online"]));
    for field in ["id", "ip", "psr", "cfm"] {
        let name = format!("vcpu.{field}");
        found.numbers(&name, &column(&truth["vcpus"], field));
    }
    let start_info = &truth["shared_info"]["start_info_pfn"];
    found.numbers("shared_info.arch.start_info_pfn", &each(start_info));
    let magic = truth["magic_pfns"]["order"].as_array();
    let magic = magic.into_iter().flatten().filter_map(Value::as_str);
    let magic: Vec<u64> = magic
        .flat_map(|name| each(&truth["magic_pfns"][name]))
        .collect();
    found.numbers("magic", &magic);
    let records = &truth["hvm_context"]["records"];
    found.numbers("hvm.typecode", &column(records, "typecode"));
    found.numbers("hvm.instance", &column(records, "instance"));
    let dialects = dialects(truth["era"].as_str().unwrap_or(""));
    match stream.texts("dialect") {
        [one] if dialects.contains(&one.as_str()) => {}
        shown => found.complain("dialect", &shown, &dialects),
    }
    if stream.texts("answer").len() != 1 {
        found.complain("answer", &stream.texts("answer"), &"one");
    }
    for expert in &stream.experts {
        // What the capture's own machinery says is not about the stream.
        if !ABOUT_TCP.iter().any(|about| expert.starts_with(about)) {
            found.complaints.push(format!("an expert says: {expert}"));
        }
    }
    found.complaints
}

struct Comparison<'a> {
    stream: &'a Stream,
    complaints: Vec<String>,
}

impl Comparison<'_> {
    fn text(&mut self, field: &str, expected: &str) {
        let shown = self.stream.texts(field);
        if shown != [expected] {
            self.complain(field, &shown, &expected);
        }
    }

    fn numbers(&mut self, field: &str, expected: &[u64]) {
        let shown = self.stream.numbers(field);
        if shown.len() != self.stream.texts(field).len() {
            self.complaints.push(format!("{field}: shown as no number"));
        }
        if let Some(at) =
            (0..shown.len().max(expected.len())).find(|&at| shown.get(at) != expected.get(at))
        {
            let lengths = format!("{} shown, {} true", shown.len(), expected.len());
            let (shown, expected) = (shown.get(at), expected.get(at));
            self.complain(&format!("{field}[{at}] ({lengths})"), &shown, &expected);
        }
    }

    fn complain(
        &mut self,
        field: &str,
        shown: &dyn std::fmt::Debug,
        expected: &dyn std::fmt::Debug,
    ) {
        let text = format!("{field}: {shown:?} is shown, {expected:?} is true");
        self.complaints.push(text);
    }
}

/// A number or a list of numbers; nothing where there is neither.
pub fn each(value: &Value) -> Vec<u64> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_u64).collect(),
        one => one.as_u64().into_iter().collect(),
    }
}

/// One field of every object of a list.
pub fn column(list: &Value, field: &str) -> Vec<u64> {
    let list = list.as_array().into_iter().flatten();
    list.flat_map(|object| each(&object[field])).collect()
}
