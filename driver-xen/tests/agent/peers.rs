//! Far sides that do not do what they should: the driver says what was wrong, and soon.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use ia64save_codec::transfer::ports::Errno;
use ia64save_xen::Transport;
use ia64save_xen::agent::{Agent, AgentError, Options, fuzz};
use ia64save_xen::transport::Layout;

fn hurried() -> Options {
    Options {
        patience: Duration::from_millis(200),
        slowest: 1 << 20,
        chunk: 8192,
        window: 1 << 20,
    }
}

/// Gives some bytes, `at_once` of them every so often, and then nothing more for a long time.
struct Slow {
    bytes: Vec<u8>,
    at_once: usize,
    pause: Duration,
    /// Never receives anything; ends when the test does.
    end: Receiver<()>,
}

impl Read for Slow {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        thread::sleep(self.pause);
        if self.bytes.is_empty() {
            let _ = self.end.recv();
            return Ok(0);
        }
        let some = out.len().min(self.at_once).min(self.bytes.len());
        out[..some].copy_from_slice(&self.bytes[..some]);
        self.bytes.drain(..some);
        Ok(some)
    }
}

/// Takes nothing, ever.
struct Full(Receiver<()>);

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stderr(Stdio::null());
    command
}

#[test]
fn silence_ends_in_a_time_out() {
    let start = Instant::now();
    let error = Agent::spawn(shell("sleep 100"), &hurried()).unwrap_err();
    assert!(matches!(error, AgentError::Late { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("agent: no reply to hello after 0.2")
    );
    assert_eq!(error.errno(), Errno::ETIMEDOUT);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_trickle_is_no_reply_either() {
    let (_keep, end) = channel();
    let slow = Slow {
        bytes: fuzz::greeting(),
        at_once: 1,
        pause: Duration::from_millis(30),
        end,
    };
    let error = Agent::connect(slow, io::sink(), &hurried()).unwrap_err();
    assert!(matches!(error, AgentError::Late { .. }), "{error}");
}

#[test]
fn a_peer_that_does_not_read_hangs_nothing() {
    let (_keep, end) = channel();
    let (_keep_too, full) = channel();
    let slow = Slow {
        bytes: fuzz::greeting(),
        at_once: 1000,
        pause: Duration::from_millis(50), // an answer before the question would be refused
        end,
    };
    let mut agent = Agent::connect(slow, Full(full), &hurried()).unwrap();
    let frames = vec![1; 3000];
    let data = vec![0; frames.len() * 4096];
    let mut results = vec![Ok(()); frames.len()];
    let start = Instant::now();
    let layout = Layout::packed(4096);
    let written = agent.write_foreign(1, &frames, &data, layout, &mut results);
    assert_eq!(written, Err(Errno::ETIMEDOUT));
    // And the connection stays broken, at once.
    let again = Instant::now();
    let cleared = agent.clear_foreign(1, &frames, &mut results);
    assert_eq!(cleared, Err(Errno::ETIMEDOUT));
    assert!(again.elapsed() < Duration::from_millis(150));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_end_of_the_command_is_told() {
    let error = Agent::spawn(shell("exit 3"), &hurried()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "agent: the stream ended after 0 bytes of the reply to hello (exit status: 3)"
    );
    assert_eq!(error.errno(), Errno::ECONNRESET);
    let error = Agent::spawn(Command::new("no-such-command-here"), &hurried()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("agent: no-such-command-here: ")
    );
    assert_eq!(error.errno(), Errno::EPIPE);
}

#[test]
fn a_shell_that_greets_first_is_recognised() {
    let patient = Options {
        patience: Duration::from_secs(20),
        ..hurried()
    };
    let error = Agent::spawn(shell("echo 'Welcome to itanium, admin'; sleep 5"), &patient);
    assert_eq!(
        error.unwrap_err().to_string(),
        "agent: reply to hello, mark of the header: expected \"A6\" at offset 10, found \
         \"Welcome to itani\""
    );
}

#[test]
fn a_command_that_does_not_end_is_ended() {
    // It greets, and then stays when its input has ended.
    let folder = tempfile::tempdir().unwrap();
    let greeting = folder.path().join("greeting");
    std::fs::write(&greeting, fuzz::greeting()).unwrap();
    let script = format!(
        "head -c 32 >/dev/null; cat {}; exec sleep 100",
        greeting.display()
    );
    let patient = Options {
        patience: Duration::from_secs(20),
        ..hurried()
    };
    let agent = Agent::spawn(shell(&script), &patient).unwrap();
    let start = Instant::now();
    drop(agent);
    assert!(start.elapsed() < Duration::from_secs(20));
}
