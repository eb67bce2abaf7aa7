//! The records of an HVM domain: devices and the registers that no context has (spec 10.3).
//!
//! Every record is a [`HvmSaveDescriptor`] and a body of fixed length. [`RECORDS`] lists the types;
//! a module each declares the bodies.

use super::layout::Layout;

pub mod cpu;
pub mod descriptor;
pub mod header;
pub mod identity;
pub mod vacpi;
pub mod viosapic;
pub mod vlsapic;
pub mod vpd;
pub mod vtime;

pub use cpu::HvmHwIa64Cpu;
pub use descriptor::HvmSaveDescriptor;
pub use header::HvmSaveHeader;
pub use identity::HvmHwIa64IdentityMappings;
pub use vacpi::HvmHwIa64Vacpi;
pub use viosapic::HvmHwIa64Viosapic;
pub use vlsapic::HvmHwIa64Vlsapic;
pub use vpd::Vpd;
pub use vtime::HvmHwIa64Vtime;

/// How often a record occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// Once, instance 0.
    Domain,
    /// Once for every vcpu that is online; the instance is the vcpu.
    Vcpu,
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Type in the descriptor.
    pub typecode: u16,
    /// Name in the source of Xen.
    pub name: &'static str,
    /// Bytes of the body; a restore accepts no other number, save for END.
    pub length: u32,
    /// How often it occurs.
    pub per: Per,
    /// The fields of the body. VPD: those from 3.4 on, which name two words more than before.
    pub layout: &'static Layout,
}

/// Typecode of the last record.
pub const END: u16 = 0;

/// END has no body.
static NOTHING: Layout = Layout {
    name: "HvmEnd",
    size: 0,
    fields: &[],
    aliases: &[],
};

const fn record(typecode: u16, name: &'static str, per: Per, layout: &'static Layout) -> Record {
    Record {
        typecode,
        name,
        length: layout.size as u32,
        per,
        layout,
    }
}

/// Every type of record in the order of the stream, END last. All records of one type stand
/// together.
pub static RECORDS: [Record; 9] = [
    record(1, "HEADER", Per::Domain, HvmSaveHeader::LAYOUT),
    record(2, "CPU", Per::Vcpu, HvmHwIa64Cpu::LAYOUT),
    record(3, "VPD", Per::Vcpu, vpd::HvmHwIa64VpdM5::LAYOUT),
    record(4, "VLSAPIC", Per::Vcpu, HvmHwIa64Vlsapic::LAYOUT),
    record(5, "VTIME", Per::Vcpu, HvmHwIa64Vtime::LAYOUT),
    record(6, "VIOSAPIC", Per::Domain, HvmHwIa64Viosapic::LAYOUT),
    record(7, "VACPI", Per::Domain, HvmHwIa64Vacpi::LAYOUT),
    record(
        8,
        "OPT_FEATURE_IDENTITY_MAPPINGS",
        Per::Domain,
        HvmHwIa64IdentityMappings::LAYOUT,
    ),
    record(END, "END", Per::Domain, &NOTHING),
];

/// The type of record with that typecode.
pub fn record_of(typecode: u16) -> Option<&'static Record> {
    RECORDS.iter().find(|record| record.typecode == typecode)
}

/// The fields of a record's body, as data.
pub fn layout_of_record(typecode: u16) -> Option<&'static Layout> {
    record_of(typecode).map(|record| record.layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_records_are_those_of_the_table() {
        let table = include_str!("../../../../spec/layout/hvm_record_codes.tsv");
        let rows: Vec<(u16, &str, u32, Per)> = table
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .map(|line| {
                let columns: Vec<&str> = line.split('\t').collect();
                let per = if columns[3] == "vcpu" {
                    Per::Vcpu
                } else {
                    Per::Domain
                };
                (
                    columns[0].parse().unwrap(),
                    columns[1],
                    columns[2].parse().unwrap(),
                    per,
                )
            })
            .collect();
        let ours: Vec<_> = RECORDS
            .iter()
            .map(|r| (r.typecode, r.name, r.length, r.per))
            .collect();
        assert_eq!(ours, rows);
    }

    #[test]
    fn the_fixed_part_and_each_vcpu_take_what_the_dialects_say() {
        let bytes = |per: Per| -> u32 {
            RECORDS
                .iter()
                .filter(|r| r.per == per)
                .map(|r| 8 + r.length)
                .sum()
        };
        assert_eq!(bytes(Per::Domain), 608);
        assert_eq!(bytes(Per::Vcpu), 65656);
    }
}
