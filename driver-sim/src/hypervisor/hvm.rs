//! The HVM context: devices of a domain and of its vcpus as records (spec 10.3).

use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::hvm::header::{HVM_MAGIC, HVM_VERSION};
use ia64save_codec::wire::hvm::viosapic::VIOSAPIC_BASE;
use ia64save_codec::wire::hvm::{HvmSaveHeader, Per, RECORDS, Record, record_of};

use super::domain::Domain;
use super::era::Era;
use super::machine::{Machine, Registers};
use super::vcpu::{Vpd, psr};
use crate::fields::Fields;

/// What a restore takes of a VPD, by name and count.
const VPD_LOADED: [(&str, usize); 7] = [
    ("vgr", 16),
    ("vbgr", 16),
    ("vnat", 1),
    ("vbnat", 1),
    ("vcpuid", 5),
    ("vpsr", 1),
    ("vpr", 1),
];
/// And all 128 control registers.
const VPD_CONTROL: std::ops::Range<usize> = 2048..3072;
/// Instances that were let through before they were held against the domain's vcpus: one too many.
const INSTANCES: u16 = 64;
impl Domain {
    fn body(&mut self, typecode: u16, instance: u16) -> Option<&mut Vec<u8>> {
        match typecode {
            2..=5 => {
                let vcpu = self.vcpus.get_mut(usize::from(instance))?;
                let hvm = vcpu.hvm.as_mut()?;
                Some(match typecode {
                    2 => &mut hvm.cpu,
                    3 => &mut hvm.vpd,
                    4 => &mut hvm.vlsapic,
                    _ => &mut hvm.vtime,
                })
            }
            _ => self.devices.body(typecode),
        }
    }

    /// How many bytes the records take at most: those of every vcpu, online or not.
    pub(crate) fn hvm_context_size(&self, era: Era) -> usize {
        let of = |per: Per| -> usize {
            let records = records(era).filter(|record| record.per == per);
            records.map(|record| 8 + record.length as usize).sum()
        };
        of(Per::Domain) + of(Per::Vcpu) * self.vcpus.len()
    }

    /// The records.
    pub(crate) fn hvm_context(&mut self, era: Era) -> Vec<u8> {
        let online: Vec<u16> = (0..self.vcpus.len() as u16)
            .filter(|vcpu| self.vcpus[usize::from(*vcpu)].online)
            .collect();
        let mut blob = Vec::with_capacity(self.hvm_context_size(era));
        for record in records(era) {
            let instances: &[u16] = match record.per {
                Per::Domain => &[0],
                Per::Vcpu => &online,
            };
            for instance in instances {
                blob.extend_from_slice(&record.typecode.to_le_bytes());
                blob.extend_from_slice(&instance.to_le_bytes());
                blob.extend_from_slice(&record.length.to_le_bytes());
                if let Some(body) = self.body(record.typecode, *instance) {
                    blob.extend_from_slice(body);
                }
            }
        }
        blob
    }

    /// Loads records, as far as they are good; what was loaded before a bad one stays.
    pub(crate) fn load_hvm_context(&mut self, machine: &Machine, blob: &[u8]) -> Result<(), Errno> {
        // Junk is no data.
        let (first, mut rest) = split(blob).map_err(|_| Errno::ENODATA)?;
        let header = Fields::new(HvmSaveHeader::LAYOUT, first.body);
        if first.record.typecode != 1
            || header.word("magic") != HVM_MAGIC
            || header.word("version") != HVM_VERSION
        {
            return Err(Errno::ENODATA);
        }
        for vcpu in &mut self.vcpus {
            vcpu.online = false;
        }
        if machine.registers == Registers::Verbatim {
            self.devices.header = first.body.to_vec();
        }
        loop {
            let (given, behind) = split(rest)?;
            if given.record.typecode == 0 {
                return Ok(());
            }
            self.load(machine, &given)?;
            rest = behind;
        }
    }

    fn load(&mut self, machine: &Machine, given: &Given<'_>) -> Result<(), Errno> {
        let refused = Err(Errno::EINVAL);
        let (typecode, instance) = (given.record.typecode, given.instance);
        if typecode == 8 && !machine.era.has_identity_record() {
            return refused;
        }
        if given.record.per == Per::Vcpu {
            let most = if machine.era.checks_instances() {
                self.vcpus.len() as u16
            } else {
                INSTANCES + 1
            };
            if instance >= most || usize::from(instance) >= self.vcpus.len() {
                return refused;
            }
        }
        if typecode == 6 {
            let fields = Fields::new(given.record.layout, given.body);
            let lowest = fields.word("lowest_vcpu_id");
            let most = if machine.era.checks_instances() {
                self.vcpus.len() as u64
            } else {
                INSTANCES.into()
            };
            if (lowest >= most && lowest != u64::MAX)
                || fields.word("base_address") != VIOSAPIC_BASE
            {
                return refused;
            }
        }
        let era = machine.era;
        let whole = machine.registers == Registers::Verbatim;
        let Some(body) = self.body(typecode, instance).filter(|_| typecode != 1) else {
            return refused;
        };
        if typecode == 3 && !whole {
            let from = Vpd::of(era, given.body);
            let mut to = Vpd::of(era, &mut *body);
            for (name, count) in VPD_LOADED {
                for index in 0..count {
                    let path = if count == 1 {
                        name.to_owned()
                    } else {
                        format!("{name}[{index}]")
                    };
                    to.set(&path, from.get(&path));
                }
            }
            body[VPD_CONTROL].copy_from_slice(&given.body[VPD_CONTROL]);
        } else {
            body.copy_from_slice(given.body);
        }
        if typecode == 2 && !whole {
            let mut fields = Fields::new(given.record.layout, body);
            fields.set("ipsr", fields.word("ipsr") | psr::VM);
        }
        if typecode == 5 {
            self.vcpus[usize::from(instance)].online = true;
        }
        Ok(())
    }
}

fn records(era: Era) -> impl Iterator<Item = &'static Record> {
    RECORDS
        .iter()
        .filter(move |record| record.typecode != 8 || era.has_identity_record())
}

/// A record of a blob.
struct Given<'a> {
    record: &'static Record,
    instance: u16,
    body: &'a [u8],
}

/// The first record, and what lies behind it. Of END nothing but its type is looked at.
fn split(blob: &[u8]) -> Result<(Given<'_>, &[u8]), Errno> {
    let bad = Errno::EINVAL;
    let (descriptor, rest) = blob.split_at_checked(8).ok_or(bad)?;
    let half = |at: usize| u16::from_le_bytes([descriptor[at], descriptor[at + 1]]);
    let record = record_of(half(0)).ok_or(bad)?;
    let length = u32::from(half(4)) | u32::from(half(6)) << 16;
    if record.typecode != 0 && length != record.length {
        return Err(bad);
    }
    let (body, rest) = rest.split_at_checked(record.length as usize).ok_or(bad)?;
    let given = Given {
        record,
        instance: half(2),
        body,
    };
    Ok((given, rest))
}
