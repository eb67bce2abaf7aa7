//! The setup of a domain.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Errno, Setup};
use ia64save_codec::wire::arch_setup;

use crate::hypervisor::count::Op;
use crate::hypervisor::host::{DomId, Host};

impl Host {
    /// Sets a domain up, once. The HVM bit makes it an HVM domain.
    pub fn arch_setup(&self, domid: DomId, setup: &Setup) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ArchSetup);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        if setup.flags & arch_setup::QUERY != 0 {
            return Err(Errno::EINVAL);
        }
        if domain.setup.done {
            return Err(Errno::EBUSY);
        }
        if setup.flags & arch_setup::HVM_GUEST != 0 {
            if !era.dialect().supports(Guest::Hvm) {
                return Err(Errno::ENOSYS);
            }
            domain.turn(era, Guest::Hvm);
        }
        domain.setup.done = true;
        domain.setup.bp = setup.bp;
        domain.setup.convmem_end = setup.maxmem;
        if domain.guest == Guest::Pv {
            if setup.xsi_va != 0 {
                domain.setup.xsi_va = setup.xsi_va;
            }
            if setup.hypercall_imm != 0 {
                domain.setup.hypercall_imm = setup.hypercall_imm;
            }
        }
        domain.setup.vhpt_size_log2 = setup.vhpt_size_log2;
        Ok(())
    }

    /// What setup has said, with the query bit.
    pub fn arch_setup_query(&self, domid: DomId) -> Result<Setup, Errno> {
        let mut state = self.state();
        state.count(Op::ArchSetup);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        let setup = domain.setup;
        let hvm = match domain.guest {
            Guest::Pv => 0,
            Guest::Hvm => arch_setup::HVM_GUEST,
        };
        Ok(Setup {
            flags: arch_setup::QUERY | hvm,
            bp: 0,
            maxmem: if era.has_maxmem() {
                setup.convmem_end
            } else {
                0
            },
            xsi_va: setup.xsi_va,
            hypercall_imm: setup.hypercall_imm,
            vhpt_size_log2: if era.has_vhpt_size() {
                setup.vhpt_size_log2
            } else {
                0
            },
        })
    }
}
