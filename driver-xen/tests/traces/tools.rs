//! The bytes of every call of whole saves and restores on a real Xen/ia64, against what this driver
//! sends, and its answers against what this driver reads.
//!
//! The traces in `tests/data/traces` were recorded between each release's own tools and hypervisor
//! ([`recorded`](ia64save_xen::fake::recorded) reads them).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ia64save_codec::Dialect;
use ia64save_codec::transfer::ports::{Errno, PageResult, Setup};
use ia64save_xen::abi::xencomm::INLINE;
use ia64save_xen::abi::{Release, numbers};
use ia64save_xen::fake::recorded::{Kept, Recorded, recording};
use ia64save_xen::hypervisor::{Direct, Hypervisor, Info};
use ia64save_xen::machine::{Ia64, Machine};
use ia64save_xen::transport::{Argument, DomainId, Geometry, Hypercall, Layout, Region, Transport};

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// What the structure of a call held.
fn structure(call: &Recorded) -> &[u8] {
    let mut arguments = call.arguments.iter();
    let address = arguments.find(|argument| **argument & INLINE != 0);
    &call.memory[&(address.expect("a call with a structure") & !INLINE)]
}

fn recorded(path: &Path) -> Vec<Recorded> {
    let text = std::fs::read_to_string(path).unwrap();
    recording(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Answers one call as the recorded hypervisor did, once it is the call that was recorded.
struct Player {
    next: Option<Recorded>,
}

impl Transport for Player {
    fn geometry(&self) -> Geometry {
        Geometry {
            page_size: 16384,
            buffer: 2047 * 16384,
            batch: 1024,
        }
    }

    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        let recorded = self.next.take().expect("one call, and not more");
        assert!(call.is_sound());
        assert_eq!(call.number, recorded.number);
        // Where the recorded caller had put each buffer.
        let mut places = vec![None; call.buffers.len()];
        for (argument, expected) in call.arguments.iter().zip(recorded.arguments) {
            match *argument {
                Argument::Value(value) => assert_eq!(value, expected, "line {}", recorded.line),
                Argument::Buffer(index) => places[index] = Some(expected & !INLINE),
                Argument::Region(_) => panic!("no region was recorded"),
            }
        }
        for link in call.links {
            let holder = places[link.holder].expect("holders come first");
            let pointer = u64_at(&recorded.memory[&holder], link.offset);
            assert_ne!(pointer & INLINE, 0);
            places[link.target] = Some(pointer & !INLINE);
        }
        for (index, buffer) in call.buffers.iter().enumerate() {
            let place = places[index].expect("a buffer that is pointed to");
            let expected = recorded.memory.get(&place).map_or(&[][..], Vec::as_slice);
            let mut sent = buffer.bytes.to_vec();
            for link in call.links.iter().filter(|link| link.holder == index) {
                let pointer = places[link.target].unwrap() | INLINE;
                sent[link.offset..link.offset + 8].copy_from_slice(&pointer.to_le_bytes());
            }
            let common = sent.len().min(expected.len());
            assert_eq!(sent[..common], expected[..common], "line {}", recorded.line);
        }
        for (buffer, place) in call.buffers.iter_mut().zip(&places) {
            if let Some(read) = recorded.read_at(place.unwrap()) {
                let common = buffer.bytes.len().min(read.len());
                buffer.bytes[..common].copy_from_slice(&read[..common]);
            }
        }
        u64::try_from(recorded.result).map_err(|_| Errno(-recorded.result as i32))
    }

    fn read_foreign(
        &mut self,
        _: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        // shared_info, where the only caller looks for the memory map.
        assert_eq!(frames, [0x400_0000]);
        let page = &mut out[layout.page(0, 16384).unwrap()];
        page[4124] = 1;
        page[4128] = 0xfc;
        results.fill(Ok(()));
        Ok(())
    }

    fn write_foreign(
        &mut self,
        _: DomainId,
        _: &[u64],
        _: &[u8],
        _: Layout,
        _: &mut [PageResult],
    ) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }

    fn clear_foreign(&mut self, _: DomainId, _: &[u64], _: &mut [PageResult]) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }

    fn reserve(&mut self, _: usize) -> Result<Region, Errno> {
        Err(Errno::ENOSYS)
    }

    fn read_region(&mut self, _: Region, _: usize, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }

    fn release(&mut self, _: Region) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}

/// The release that a trace is of.
fn release(path: &Path) -> Release {
    let name = path.file_name().unwrap().to_str().unwrap();
    let short = &name["xen-".len()..][..3];
    *ia64save_xen::abi::release::RELEASES
        .iter()
        .find(|release| release.name == short)
        .unwrap()
}

fn traces() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(data("traces"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 10);
    paths
}

/// Makes the same call through the driver. Arguments are taken from the recorded bytes by hand, so
/// that no layout of the driver is used to check itself.
fn replay(call: &Recorded, release: Release) {
    let what = format!(
        "line {}: {:x} {:x?}",
        call.line, call.number, call.arguments
    );
    let mut xen = Direct::new(
        Player {
            next: Some(call.clone()),
        },
        release,
    );
    let mut ia64 = Ia64::new(release.dialect);
    let refused = u64::try_from(call.result)
        .err()
        .map(|_| Errno(-call.result as i32));
    let result: Result<(), Errno> = match (call.number, call.arguments[0]) {
        (17, 0) => {
            let version = ia64save_xen::hypervisor::version(xen.transport());
            assert_eq!(version, Ok(call.result as u32), "{what}");
            let found = Release::find(release.interface, call.result as u32);
            assert_eq!(found.map(|row| row.name), Some(release.name), "{what}");
            Ok(())
        }
        (0x24, _) => {
            let bytes = structure(call);
            let (command, domain, u) = (u32_at(bytes, 0), bytes[8].into(), &bytes[16..]);
            let place = call.arguments[0] & !INLINE;
            match command {
                1 => xen
                    .create_domain(u[20] & 1 == 1, u[4..20].try_into().unwrap())
                    .map(|domain| assert_eq!(domain, 1, "{what}")),
                4 => xen.unpause(domain),
                5 => xen.next_domain(domain).map(|info| {
                    let read = call.read_at(place).unwrap();
                    assert_eq!(u64::from(info.domain), u64::from(read[16]), "{what}");
                    assert_eq!(info.flags, u64::from(u32_at(read, 20)), "{what}");
                    assert_eq!(info.tot_pages, u64_at(read, 24), "{what}");
                    assert_eq!(info.max_pages, u64_at(read, 32), "{what}");
                    if release.interface <= 5 {
                        assert_eq!(info.shared_info_frame, u64_at(read, 40), "{what}");
                        assert_eq!(info.shared_info_frame, 0x400_0000, "{what}");
                    }
                }),
                0xb => xen.set_max_mem(domain, u64_at(u, 0)),
                0xc => {
                    // Only the beginning of the context was kept.
                    let at = u64_at(u, 8) & !INLINE;
                    let mut context = call.memory[&at].clone();
                    context.resize(release.dialect.spec().context.size(), 0);
                    ia64.set_vcpu_context(&mut xen, domain, u32_at(u, 0), &context)
                }
                0xd => {
                    let at = u64_at(u, 8) & !INLINE;
                    let context = ia64.vcpu_context(&mut xen, domain, u32_at(u, 0));
                    context.map(|context| {
                        let read = call.read_at(at).unwrap();
                        assert_eq!(context[..read.len()], read[..], "{what}");
                    })
                }
                0xe => xen.vcpu_info(domain, u32_at(u, 0)).map(|vcpu| {
                    let read = call.read_at(place).unwrap();
                    assert_eq!(vcpu.online, read[20] != 0, "{what}");
                    assert_eq!(vcpu.running, read[22] != 0, "{what}");
                    assert_eq!(vcpu.cpu_time, u64_at(read, 24), "{what}");
                }),
                0xf => xen.set_max_vcpus(domain, u32_at(u, 0)),
                0x17 if u64_at(u, 0) & 2 != 0 => ia64.setup(&mut xen, domain).map(|setup| {
                    let read = call.read_at(place).unwrap();
                    assert_eq!(setup.flags, u64_at(read, 16), "{what}");
                    assert_eq!(setup.maxmem, u64_at(read, 32), "{what}");
                    assert_eq!(setup.bp, 0, "{what}");
                }),
                0x17 => {
                    let setup = Setup {
                        flags: u64_at(u, 0),
                        bp: u64_at(u, 8),
                        maxmem: u64_at(u, 16),
                        xsi_va: u64_at(u, 24),
                        hypercall_imm: u32_at(u, 32),
                        vhpt_size_log2: u[36] as i8,
                    };
                    ia64.set_setup(&mut xen, domain, &setup)
                }
                other => panic!("{what}: domctl {other}"),
            }
        }
        (0xc, 6) => {
            let bytes = structure(call);
            let list = &call.memory[&(u64_at(bytes, 0) & !INLINE)];
            // The first frames were kept; they count up from 0.
            assert_eq!(u64_at(list, 8), 1, "{what}");
            let frames: Vec<u64> = (0..u64_at(bytes, 8)).collect();
            xen.populate(bytes[24].into(), &frames)
                .map(|populated| assert_eq!(populated.done as i64, call.result, "{what}"))
        }
        (0xc, 0xe) => {
            let domain: DomainId = structure(call)[0].into();
            let info = Info {
                domain,
                max_pages: 0x100,
                ..Info::default()
            };
            // 3.1 and before know no such call, and the last ones count differently.
            let maximum = ia64.maximum_gpfn(&mut xen, &info);
            assert_eq!(maximum, Ok(0x100), "{what}");
            assert!(refused.is_none() || release.name == "3.1", "{what}");
            return;
        }
        (0x22, 0) => {
            let bytes = structure(call);
            xen.set_hvm_param(bytes[0].into(), u32_at(bytes, 4), u64_at(bytes, 8))
        }
        (0x30, 9) => {
            // How a control domain without a kernel maps a page; privcmd's part.
            assert_eq!(call.arguments[0], numbers::DOM0VP_ADD_PHYSMAP_WITH_GMFN);
            return;
        }
        (0x30, 0xe) => {
            // Recorded with a buffer of two pages.
            let info = Info {
                domain: 1,
                shared_info_frame: 0x400_0000,
                ..Info::default()
            };
            let mut recorded = call.clone();
            assert_eq!(recorded.arguments[3], 0x8000, "{what}");
            recorded.arguments[3] = 0x4000;
            xen.transport().next = Some(recorded);
            let memmap = ia64.memmap(&mut xen, &info).unwrap();
            let read = call.read_at(call.arguments[2] & !INLINE).unwrap();
            assert_eq!(memmap[..read.len()], read[..], "{what}");
            assert_eq!(u64_at(&memmap, 8), 40, "{what}");
            Ok(())
        }
        _ => panic!("{what}"),
    };
    assert_eq!(result.err(), refused, "{what}");
    assert!(xen.transport().next.is_none(), "{what}: not made");
}

#[test]
fn every_recorded_call_is_made_and_read_as_it_was() {
    let mut calls = 0;
    for path in traces() {
        let release = release(&path);
        for call in recorded(&path) {
            replay(&call, release);
            calls += 1;
        }
    }
    assert_eq!(calls, 186);
}

#[test]
fn whole_replies_of_a_real_hypervisor_are_read() {
    struct Reply(&'static str);
    impl Reply {
        fn bytes(&self) -> Vec<u8> {
            let hex = std::fs::read_to_string(data("replies").join(self.0)).unwrap();
            let digits: String = hex.split_whitespace().collect();
            let pairs = digits.as_bytes().chunks_exact(2);
            pairs
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        }
        fn answer(&self, command: u64) -> Direct<Player> {
            let mut read = vec![0; 16];
            read.extend(self.bytes());
            let kept = Kept {
                address: 0x1000,
                is_cut: false,
                bytes: read,
            };
            let recorded = Recorded {
                line: 0,
                number: numbers::DOMCTL,
                arguments: [0x1000 | INLINE, 0, 0, 0, 0],
                written: Vec::new(),
                memory: BTreeMap::from([(0x1000, command.to_le_bytes()[..4].to_vec())]),
                result: 0,
                read: vec![(kept, 144)],
            };
            let release = Release::find(5, 0x3_0004).unwrap();
            Direct::new(
                Player {
                    next: Some(recorded),
                },
                *release,
            )
        }
    }

    let info = Reply("getdomaininfo.hex").answer(5).domain_info(1).unwrap();
    let expected = Info {
        domain: 1,
        flags: 0x2_0004,
        tot_pages: 0xfd,
        max_pages: 0x100,
        shared_info_frame: 0x400_0000,
        online_vcpus: 1,
        max_vcpu_id: 0,
    };
    assert_eq!(info, expected);

    let vcpu = Reply("getvcpuinfo.hex").answer(14).vcpu_info(1, 0).unwrap();
    assert!(vcpu.online && !vcpu.blocked && !vcpu.running);
    assert_eq!(vcpu.cpu_time, 0x2_02_83_ce_18);

    let setup = Ia64::new(Dialect::D11)
        .setup(&mut Reply("arch_setup_query.hex").answer(23), 1)
        .unwrap();
    let expected = Setup {
        flags: 2,
        bp: 0,
        maxmem: 0x40_0000,
        xsi_va: 0xf500_0000_0000_0000,
        hypercall_imm: 0x1000,
        vhpt_size_log2: 0,
    };
    assert_eq!(setup, expected);
}
