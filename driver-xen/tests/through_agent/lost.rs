//! A driver that is lost at any byte: its agent leaves nothing in the hypervisor.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use ia64save_codec::Guest;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Domain, P2mEntry, SourceDomain};
use ia64save_sim::{DomId, Era, GuestSpec, Host};
use ia64save_xen::XenDomain;
use ia64save_xen::agent::{Agent, Options};
use ia64save_xen::hypervisor::{Direct, probe};
use ia64save_xen::machine::Ia64;
use ia64save_xen::transport::DomainId;

use crate::bridge;
use crate::process::Slot;
use crate::programs;

const PAGES: u64 = 150;

fn world(era: &str) -> (Host, DomId) {
    let host = Host::of(era.parse::<Era>().expect("a release"));
    let domid = GuestSpec::new(Guest::Pv, PAGES).build(&host);
    (host, domid.expect("a domain"))
}

/// An agent process before a host's kernel.
struct Process {
    child: Child,
    kernel: JoinHandle<io::Result<()>>,
}

impl Process {
    fn start(host: &Host) -> Process {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kernel");
        let listener = UnixListener::bind(&path).expect("a socket");
        let child = Command::new(programs::bridge())
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent");
        let mut slot = Slot::of(host, None);
        let kernel = thread::spawn(move || {
            let (stream, _) = listener.accept()?;
            drop(folder);
            bridge::serve(stream, &mut slot)
        });
        Process { child, kernel }
    }

    /// Waits until it has ended, and its kernel with it.
    fn ended(mut self) {
        self.child.wait().expect("the agent");
        let served = self.kernel.join().expect("the kernel");
        served.expect("the agent's end of the socket");
    }
}

/// Passes on what is written, and keeps it.
struct Recorder {
    to: ChildStdin,
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// What a driver sends that saves a domain live, up to where everything is on and exposed.
fn sent(era: &str) -> Vec<u8> {
    let (host, domid) = world(era);
    let mut process = Process::start(&host);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let recorder = Recorder {
        to: process.child.stdin.take().expect("a pipe"),
        kept: Arc::clone(&kept),
    };
    let output = process.child.stdout.take().expect("a pipe");
    let mut agent = Agent::connect(output, recorder, &Options::default()).expect("a greeting");
    let release = probe(&mut agent).expect("a known release");
    let exposes = release.exposes_p2m(); // from 3.2 on
    let machine = Ia64::new(host.machine().era.meaning());
    let mut domain = XenDomain::new(Direct::new(agent, release), machine, domid as DomainId);
    domain.enable_log_dirty().expect("log-dirty");
    let memmap = domain.memmap();
    if exposes {
        let memmap = memmap.expect("a memory map");
        domain.expose_p2m(Some(&memmap)).expect("a physical map");
        let mut entries = [P2mEntry::default(); 8];
        domain.read_p2m(0, &mut entries).expect("its entries");
    }
    let mut dirty = PfnBitmap::new(PAGES);
    domain.clean_dirty(&mut dirty).expect("a bitmap");
    let left = host.leftovers();
    assert_eq!((left.log_dirty, left.exposed_p2ms), (1, u64::from(exposes)));
    let bytes = kept.lock().expect("no writer").clone();
    drop(domain);
    process.ended();
    bytes
}

/// Gives an agent the beginning of what was sent, and no more.
fn lost_after(era: &str, sent: &[u8]) {
    let (host, _) = world(era);
    let mut process = Process::start(&host);
    let mut output = process.child.stdout.take().expect("a pipe");
    let reader = thread::spawn(move || io::copy(&mut output, &mut io::sink()));
    let mut input = process.child.stdin.take().expect("a pipe");
    input.write_all(sent).expect("the agent reads");
    drop(input);
    process.ended();
    reader.join().expect("a reader").expect("a pipe");
    let left = host.leftovers();
    let what = (left.log_dirty, left.exposed_p2ms, left.mapped_pages);
    assert_eq!(what, (0, 0, 0), "{era}, after {} bytes", sent.len());
}

#[test]
fn a_driver_that_is_lost_at_any_byte_leaves_nothing_behind() {
    for era in ["xen-3.0.4", "xen-3.4"] {
        let sent = sent(era);
        let mut cuts = Vec::new();
        let mut at = 0;
        while at < sent.len() {
            let length = u32::from_le_bytes(sent[at..at + 4].try_into().expect("4 bytes")) as usize;
            cuts.extend([at, at + 7, at + 16 + length / 2]);
            at += 16 + length;
        }
        cuts.push(sent.len());
        for cut in cuts {
            lost_after(era, &sent[..cut]);
        }
    }
}

/// And one that is killed with a call under way, with nobody to read its result.
#[test]
fn a_driver_that_reads_no_answer_leaves_nothing_behind() {
    let era = "xen-3.4";
    let sent = sent(era);
    let (host, _) = world(era);
    let mut process = Process::start(&host);
    let mut input = process.child.stdin.take().expect("a pipe");
    let mut output = process.child.stdout.take().expect("a pipe");
    let mut hello = [0; 80];
    input.write_all(&sent[..32]).expect("the agent reads");
    output.read_exact(&mut hello).expect("a greeting");
    drop(output);
    // It may end before it has read all of this.
    let _ = input.write_all(&sent[32..]);
    drop(input);
    process.ended();
    let left = host.leftovers();
    assert_eq!((left.log_dirty, left.exposed_p2ms), (0, 0));
}
