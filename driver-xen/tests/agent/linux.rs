//! The agent for Linux as it is, on the kernel of `agent/tests/kernel.c`.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use ia64save_codec::transfer::ports::Errno;
use ia64save_xen::Transport;
use ia64save_xen::agent::{Agent, AgentError, Options};
use ia64save_xen::transport::{Argument, Buffer, Hypercall, Layout, Link};

use crate::programs;

const PAGE: usize = 16384;

fn agent(kernel: &str) -> Agent {
    let mut command = Command::new(programs::linux());
    command.arg(kernel);
    Agent::spawn(command, &Options::default()).expect("an agent that greets")
}

/// Results and first bytes of some pages.
fn read(agent: &mut Agent, frames: &[u64]) -> Vec<Result<u8, Errno>> {
    let mut out = vec![0xee; frames.len() * PAGE];
    let mut results = vec![Ok(()); frames.len()];
    let layout = Layout::packed(PAGE);
    let read = agent.read_foreign(5, frames, &mut out, layout, &mut results);
    assert_eq!(read, Ok(()));
    let pages = out.chunks(PAGE).zip(results);
    pages
        .map(|(page, result)| result.map(|()| page[0]))
        .collect()
}

#[test]
fn every_page_has_its_own_error_as_far_as_the_kernel_tells() {
    let frames = [3, 7, 99, 100, 49, 1];
    let mut new = agent("v2");
    assert_eq!(new.geometry().page_size, PAGE);
    let expected = [
        Ok(3),
        Err(Errno::EFAULT),
        Ok(99),
        Err(Errno::EFAULT),
        Err(Errno::ENOENT),
        Ok(1),
    ];
    assert_eq!(read(&mut new, &frames), expected);
    assert_eq!(read(&mut new, &frames[1..2]), [Err(Errno::EFAULT)]);
    // An old kernel marks the frames of a batch and gives the error of a single one.
    let mut old = agent("v1");
    let expected = [
        Ok(3),
        Err(Errno::EINVAL),
        Ok(99),
        Err(Errno::EINVAL),
        Err(Errno::ENOENT),
        Ok(1),
    ];
    assert_eq!(read(&mut old, &frames), expected);
    assert_eq!(read(&mut old, &frames[1..2]), [Err(Errno::EFAULT)]);
    assert_eq!(read(&mut old, &frames[..1]), [Ok(3)]);
}

#[test]
fn a_domain_that_is_not_there_fails_the_batch() {
    for kernel in ["v1", "v2"] {
        let mut agent = agent(kernel);
        let mut out = vec![0; 2 * PAGE];
        let mut results = [Ok(()); 2];
        let layout = Layout::packed(PAGE);
        let read = agent.read_foreign(6, &[1, 2], &mut out, layout, &mut results);
        assert_eq!(read, Err(Errno::ESRCH));
        assert_eq!(agent.failure(), None, "the connection goes on");
    }
}

#[test]
fn pages_are_written_and_cleared() {
    for kernel in ["v1", "v2"] {
        let mut agent = agent(kernel);
        let frames: Vec<u64> = (1..7).collect();
        let data: Vec<u8> = (0..6 * PAGE).map(|at| 200 + (at / PAGE) as u8).collect();
        let mut results = [Ok(()); 6];
        let layout = Layout::packed(PAGE);
        let written = agent.write_foreign(5, &frames, &data, layout, &mut results);
        assert_eq!((written, results), (Ok(()), [Ok(()); 6]));
        assert_eq!(agent.clear_foreign(5, &[2], &mut results[..1]), Ok(()));
        let expected = [200, 0, 202, 203, 204, 205].map(Ok);
        assert_eq!(read(&mut agent, &frames), expected);
    }
}

#[test]
fn a_hypercall_finds_its_pointers() {
    let mut agent = agent("v2");
    let mut structure = [0; 16];
    let mut bytes: Vec<u8> = (0..100).collect();
    structure[8] = 100;
    let result = agent.hypercall(&mut Hypercall {
        number: 2,
        arguments: [
            Argument::Buffer(0),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
        ],
        buffers: &mut [Buffer::in_out(&mut structure), Buffer::in_out(&mut bytes)],
        links: &[Link {
            holder: 0,
            offset: 0,
            target: 1,
        }],
    });
    assert_eq!(result, Ok(100));
    assert_eq!(structure[..8], [0; 8]);
    assert!(bytes.iter().rev().copied().eq(0..100));
    let mut call = |number, value| {
        agent.hypercall(&mut Hypercall {
            number,
            arguments: [Argument::Value(value); 5],
            buffers: &mut [],
            links: &[],
        })
    };
    assert_eq!(call(1, 11), Ok(55));
    assert_eq!(call(9, 0), Err(Errno::ENOSYS));
}

#[test]
fn a_region_holds_what_a_hypercall_put_there() {
    let mut agent = agent("v1");
    let region = agent.reserve(2 * PAGE).unwrap();
    assert_eq!(agent.read_region(region, 0, &mut [0]), Err(Errno::EFAULT));
    let exposed = agent.hypercall(&mut Hypercall {
        number: 48,
        arguments: [
            Argument::Value(12),
            Argument::Region(region),
            Argument::Value(5),
            Argument::Value(0),
            Argument::Value(0),
        ],
        buffers: &mut [],
        links: &[],
    });
    assert_eq!(exposed, Ok(0));
    let mut out = [0; 300];
    assert_eq!(agent.read_region(region, PAGE - 300, &mut out), Ok(()));
    assert_eq!(out, [0x5a; 300]);
    // Nothing is behind the first page: the kernel says so in the middle of the agent's reply, which
    // is the end of the connection, not of sense.
    assert_eq!(
        agent.read_region(region, PAGE - 1, &mut out),
        Err(Errno::ECONNRESET)
    );
    assert!(
        matches!(agent.failure(), Some(AgentError::Ended { .. })),
        "{:?}",
        agent.failure()
    );
    assert_eq!(agent.release(region), Err(Errno::ECONNRESET));
}

#[test]
fn an_agent_without_privcmd_says_so_and_ends() {
    let mut command = Command::new(programs::linux());
    command.arg("none").stderr(Stdio::null());
    let error = Agent::spawn(command, &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "agent: the stream ended after 0 bytes of the reply to hello (exit status: 1)"
    );
}

/// What an agent process answers to raw bytes, and whether it ended well.
fn raw(bytes: &[u8], at_once: usize) -> (Vec<u8>, bool) {
    let mut child = Command::new(programs::linux())
        .arg("v2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for part in bytes.chunks(at_once) {
        if input.write_all(part).is_err() {
            break; // it has ended already
        }
    }
    drop(input);
    let mut output = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut output)
        .unwrap();
    (output, child.wait().unwrap().success())
}

#[test]
fn it_is_one_protocol_byte_by_byte() {
    let mut session = ia64save_xen::agent::wire::hello(1);
    session.extend(ia64save_xen::agent::wire::reserve(2, 1));
    session.extend(ia64save_xen::agent::wire::release(3, 0));
    let (whole, good) = raw(&session, session.len());
    assert!(good);
    assert_eq!(whole.len(), 16 + 64 + 16 + 8 + 16);
    assert_eq!(raw(&session, 1), (whole.clone(), true));
    // Cut short, it says so.
    let (answer, good) = raw(&session[..session.len() - 1], 7);
    assert!(!good);
    let abort = &answer[answer.len() - 24..];
    assert_eq!(abort[8..10], [0xff, 0xff]);
    assert_eq!(abort[16], 7);
    // And what is no frame at all.
    let (answer, good) = raw(b"GET / HTTP/1.0\r\n\r\n", 100);
    assert!(!good);
    assert_eq!((answer.len(), answer[16]), (24, 2));
}

/// A connection that ends by a signal, as sshd's does, ends in order: what was switched on is off.
#[test]
fn a_signal_ends_it_in_order() {
    let mut domctl = [0; 144];
    for (at, value) in [(0, 10), (4, 5), (8, 5), (16, 2)] {
        domctl[at] = value;
    }
    let limits = ia64save_xen::agent::wire::hello_reply(&raw(&wire_hello(), 99).0[16..]).unwrap();
    let call = Hypercall {
        number: 36,
        arguments: [
            Argument::Buffer(0),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
        ],
        buffers: &mut [Buffer::in_out(&mut domctl)],
        links: &[],
    };
    let enable = ia64save_xen::agent::wire::hypercall(2, &call, &limits, Vec::new()).unwrap();
    for signal in ["HUP", "INT", "TERM"] {
        let mut child = Command::new(programs::linux())
            .arg("v2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        input.write_all(&wire_hello()).unwrap();
        input.write_all(&enable).unwrap();
        let mut replies = [0; 16 + 64 + 16 + 8 + 144];
        output.read_exact(&mut replies).unwrap();
        assert_eq!(replies[96..104], [0; 8], "log-dirty is on");
        let pid = child.id().to_string();
        let kill = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .unwrap();
        assert!(kill.success());
        // Its input is still open.
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{signal}: {said}");
        assert!(
            said.contains("kernel: log-dirty is off"),
            "{signal}: {said}"
        );
        assert!(said.contains("agent: ended by signal"), "{signal}: {said}");
        drop(input);
    }
}

fn wire_hello() -> Vec<u8> {
    ia64save_xen::agent::wire::hello(1)
}
