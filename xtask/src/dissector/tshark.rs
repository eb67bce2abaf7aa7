//! `tshark` with the dissector, and what it showed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The dissector, from the root of the project.
const SCRIPT: &str = "spec/ia64_save.lua";
/// The fields that are asked for, without their common prefix.
const FIELDS: [&str; 24] = [
    "request",
    "answer",
    "envelope.length",
    "envelope.config",
    "p2m_size",
    "version",
    "guest",
    "dialect",
    "arch_setup.maxmem",
    "arch_setup.xsi_va",
    "memmap.descriptor.phys_addr",
    "memmap.descriptor.num_pages",
    "page.gmfn",
    "unallocated.count",
    "unallocated.pfn",
    "vcpumap.online",
    "vcpu.id",
    "vcpu.ip",
    "vcpu.psr",
    "vcpu.cfm",
    "shared_info.arch.start_info_pfn",
    "magic",
    "hvm.typecode",
    "hvm.instance",
];

/// What was shown of one TCP connection.
#[derive(Default)]
pub struct Stream {
    fields: BTreeMap<&'static str, Vec<String>>,
    /// What the experts said.
    pub experts: Vec<String>,
}

impl Stream {
    /// Every value of a field, in the order of the stream.
    pub fn texts(&self, field: &str) -> &[String] {
        self.fields.get(field).map_or(&[], Vec::as_slice)
    }

    /// The same, as numbers.
    pub fn numbers(&self, field: &str) -> Vec<u64> {
        let number = |text: &String| match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        self.texts(field).iter().filter_map(number).collect()
    }
}

/// How many segments of a recording are missing: Wireshark's own count, the fault of the recorder.
pub fn gaps(path: &Path) -> Result<usize, String> {
    let lost = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment";
    println!("$ tshark -r ... -Y '{lost}'");
    let output = Command::new("tshark")
        .args(["-n", "-Y", lost, "-T", "fields", "-e", "frame.number", "-r"])
        .arg(path)
        .output()
        .map_err(|error| format!("tshark: {error} (apt-get install tshark)"))?;
    if output.status.success() {
        Ok(output.stdout.split(|byte| *byte == b'\n').count() - 1)
    } else {
        Err(format!("tshark: {}", output.status))
    }
}

/// Dissects a capture in one pass or in two; the second sees every frame again.
pub fn streams(path: &Path, passes: u32) -> Result<Vec<Stream>, String> {
    let mut command = Command::new("tshark");
    command.args(["-X", &format!("lua_script:{SCRIPT}"), "-n", "-r"]);
    command.arg(path);
    if passes == 2 {
        command.arg("-2");
    }
    command.args(["-Y", "ia64save", "-T", "fields", "-E", "separator=/t"]);
    command.args(["-E", "occurrence=a", "-E", "aggregator=|"]);
    command.args(["-e", "tcp.stream", "-e", "_ws.expert.message"]);
    for field in FIELDS {
        command.args(["-e", &format!("ia64save.{field}")]);
    }
    println!("$ tshark -X lua_script:{SCRIPT} -r ... (passes: {passes})");
    let output = command
        .output()
        .map_err(|error| format!("tshark: {error} (apt-get install tshark)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("Running as user"))
        .collect();
    if !output.status.success() || !errors.is_empty() {
        return Err(format!("tshark: {}: {}", output.status, errors.join("; ")));
    }
    let shown = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    let mut streams: BTreeMap<u32, Stream> = BTreeMap::new();
    for line in shown.lines() {
        let mut columns = line.split('\t');
        let number = columns.next().and_then(|text| text.parse().ok());
        let number = number.ok_or_else(|| format!("tshark shows no stream: {line}"))?;
        let stream = streams.entry(number).or_default();
        let values = |text: &str| -> Vec<String> {
            let all = text.split('|').filter(|text| !text.is_empty());
            all.map(str::to_string).collect()
        };
        stream.experts.extend(values(columns.next().unwrap_or("")));
        for (field, text) in FIELDS.iter().zip(columns) {
            stream.fields.entry(field).or_default().extend(values(text));
        }
    }
    Ok(streams.into_values().collect())
}
