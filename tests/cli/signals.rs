//! Signals to the built program: what it ends in order, and what is left where it is killed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::program::{Folder, arg, command, run};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something to be so.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to a process, or to its whole group.
fn signal(child: &Child, name: &str, group: bool) {
    let whom = if group { "-" } else { "" };
    let status = Command::new("kill")
        .args(["-s", name, "--", &format!("{whom}{}", child.id())])
        .status()
        .expect("kill");
    assert!(status.success());
}

/// What it said, and the signal that it ended by.
fn end(mut child: Child) -> (Option<i32>, String) {
    // An agent has the same standard error, and may end later.
    let status = child.wait().expect("it ends");
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said).expect("UTF-8");
    }
    (status.signal(), said)
}

fn piped(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("it starts")
}

#[test]
fn a_simulated_save_that_is_interrupted_leaves_no_file() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success()
    );
    // A pipe that nobody reads: the save stands there until the signal comes.
    let reader = File::options()
        .read(true)
        .write(true)
        .open(&fifo)
        .expect("a pipe");
    let save = ["simulate", "save", "--memory", "4MiB", "-o"];
    for name in ["TERM", "INT", "HUP"] {
        let child = piped(command(save.into_iter().chain([arg(&fifo)])));
        let mut some = [0; 100];
        (&reader).read_exact(&mut some).expect("the head");
        signal(&child, name, false);
        let (by, said) = end(child);
        assert_eq!(by, Some(number(name)), "{said}");
        assert!(said.contains("interrupted: ending the save"), "{said}");
        // What is left in the pipe is no matter of the next.
        drain(&fifo);
    }
    assert_eq!(folder.names(), ["fifo"]);
}

fn number(name: &str) -> i32 {
    match name {
        "HUP" => 1,
        "INT" => 2,
        _ => SIGTERM,
    }
}

/// Empties a pipe, of which the test holds both ends.
fn drain(fifo: &Path) {
    let mut child = Command::new("dd")
        .args(["iflag=nonblock", "bs=64k", "status=none"])
        .arg(format!("if={}", fifo.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dd");
    child.wait().expect("it ends");
}

#[test]
fn a_listener_that_is_interrupted_destroys_what_is_not_whole() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let child = piped(command(["simulate", "migrate", "--listen", arg(&socket)]));
    until("it listens", || socket.exists());
    let mut source = std::os::unix::net::UnixStream::connect(&socket).expect("a connection");
    source
        .write_all(b"ia64save-migrate 1 00000000000000ab xen-3.3\n")
        .expect("it is heard");
    let mut answer = [0; 16];
    source.read_exact(&mut answer).expect("an answer");
    signal(&child, "TERM", false);
    let mut words = String::new();
    source.read_to_string(&mut words).expect("UTF-8");
    assert!(words.contains("interrupted by SIGTERM"), "{words}");
    let (by, said) = end(child);
    assert_eq!(by, Some(SIGTERM), "{said}");
    assert!(!socket.exists());
}

#[test]
fn the_other_end_goes_with_whoever_started_it() {
    let folder = Folder::new();
    let mut command = command(["simulate", "migrate", "--memory", "2GiB", "--rate", "1"]);
    command.env("TMPDIR", folder.path(""));
    let child = piped(command);
    let other = || {
        let found = Command::new("pgrep")
            .args(["-P", &child.id().to_string()])
            .output()
            .expect("pgrep");
        String::from_utf8(found.stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    };
    let mut pid = String::new();
    until("the other end starts", || {
        pid = other();
        !pid.is_empty()
    });
    signal(&child, "KILL", false);
    assert_eq!(end(child).0, Some(SIGKILL));
    let there = format!("/proc/{pid}");
    until("the other end ends", || {
        // A zombie that nobody reaps has ended.
        let state = std::fs::read_to_string(format!("{there}/stat"));
        state.map_or(true, |state| state.contains(") Z "))
    });
}

/// A real host's commands, over an agent's process and a simulated kernel.
#[cfg(feature = "xen")]
mod xen {
    use std::os::unix::net::UnixListener;
    use std::sync::{Arc, Mutex};
    use std::thread;

    use ia64save_codec::Guest;
    use ia64save_sim::{DomId, Era, GuestSpec, Host};

    use super::*;
    use crate::bridge;
    use crate::process::{Gate, Slot};
    use crate::program::Run;
    use crate::programs;

    /// A host that is reached through an agent, and what the program writes down of it.
    struct World {
        host: Host,
        folder: Folder,
        gate: Arc<Mutex<Option<Arc<Gate>>>>,
    }

    impl World {
        fn new() -> World {
            let host = Host::of("xen-3.4".parse::<Era>().expect("a release"));
            let folder = Folder::new();
            let listener = UnixListener::bind(folder.path("kernel")).expect("a socket");
            let gate = Arc::new(Mutex::new(None));
            let (there, gates) = (host.clone(), Arc::clone(&gate));
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let gate = gates.lock().expect("a gate").take();
                    let mut slot = Slot::of(&there, gate);
                    // A program that was killed ends it anywhere.
                    thread::spawn(move || drop(bridge::serve(stream, &mut slot)));
                }
            });
            World { host, folder, gate }
        }

        fn domain(&self, guest: Guest) -> DomId {
            GuestSpec::new(guest, 300)
                .build(&self.host)
                .expect("a domain")
        }

        fn agent(&self) -> String {
            let kernel = self.folder.path("kernel");
            format!("exec {} {}", programs::bridge().display(), kernel.display())
        }

        /// The next program stops at a call.
        fn stop_after(&self, calls: u64) -> Arc<Gate> {
            let gate = Gate::after(calls);
            *self.gate.lock().expect("a gate") = Some(Arc::clone(&gate));
            gate
        }

        fn command(&self, args: &[&str]) -> Command {
            let mut all = vec!["xen"];
            all.extend(args);
            let agent = self.agent();
            all.extend(["--agent", &agent]);
            let mut command = command(all);
            command.env("IA64SAVE_STATE_DIR", self.folder.path("state"));
            command
        }

        fn run(&self, args: &[&str]) -> Run {
            self.command(args).output().expect("it starts").into()
        }

        /// Once the agent is gone the kernel has taken back what it had.
        fn settle(&self) {
            until("the kernel takes back", || {
                let left = self.host.leftovers();
                (left.exposed_p2ms, left.mapped_pages) == (0, 0)
            });
        }

        fn is_as_it_was(&self, domid: DomId) {
            assert!(self.host.runs(domid));
            self.settle();
            assert_eq!(self.host.leftovers().log_dirty, 0);
            let left = std::fs::read_dir(self.folder.path("state")).map_or(0, Iterator::count);
            assert_eq!(left, 0, "nothing is written down any more");
        }
    }

    /// A save that has begun, and stops at a pipe that nobody reads.
    fn stopped_save(world: &World, words: &[&str]) -> Child {
        let mut args = vec!["save", "1", "-o", "-", "--suspend-command", "true"];
        args.extend(words);
        let child = piped(world.command(&args));
        let is_begun = || world.host.leftovers().log_dirty == 1;
        until("log-dirty is on", is_begun);
        child
    }

    #[test]
    fn a_save_that_is_interrupted_lets_the_domain_go_on() {
        let world = World::new();
        let domid = world.domain(Guest::Pv);
        for (name, group) in [("TERM", false), ("INT", true), ("HUP", true)] {
            let child = stopped_save(&world, &["--live"]);
            // Typed at a terminal it reaches the agent too.
            signal(&child, name, group);
            let (by, said) = end(child);
            assert_eq!(by, Some(number(name)), "{said}");
            assert!(
                said.contains("ending the save of domain 1, which goes on"),
                "{said}"
            );
            world.is_as_it_was(domid);
        }
    }

    #[test]
    fn a_reader_that_stopped_ends_a_save() {
        let world = World::new();
        let domid = world.domain(Guest::Pv);
        let child = stopped_save(&world, &["--live", "--wait", "1"]);
        let (by, said) = end(child);
        assert_eq!(by, None, "{said}");
        assert!(said.contains("nobody has read for 1 s"), "{said}");
        world.is_as_it_was(domid);
    }

    /// Without its agent it leaves log-dirty on; an agent that outlives it turns that off.
    #[test]
    fn a_save_that_is_killed_is_found_and_mended() {
        for (agent_too, left) in [(false, 0), (true, 1)] {
            let world = World::new();
            let domid = world.domain(Guest::Pv);
            let child = stopped_save(&world, &["--live"]);
            signal(&child, "KILL", agent_too);
            assert_eq!(end(child).0, Some(SIGKILL));
            world.settle();
            until("log-dirty is as it is left", || {
                world.host.leftovers().log_dirty == left
            });
            world.host.request_suspend(domid).expect("it suspends");
            // The next run says so.
            let list = world.run(&["list"]);
            assert_eq!(list.code, 0, "{list:?}");
            assert!(list.err.contains("a save was killed: domain 1"), "{list:?}");
            assert!(
                list.err.contains("ia64save xen recover 1 --agent"),
                "{list:?}"
            );
            let found = world.run(&["recover", "--output", "json"]).json();
            assert_eq!(found["unfinished"][0]["domain"], 1);
            let words = [
                "recover",
                "1",
                "--resume-mode",
                "cancel",
                "--output",
                "json",
            ];
            let mended = world.run(&words);
            assert_eq!(mended.code, 0, "{mended:?}");
            assert_eq!(mended.json()["fate"], "resumed");
            world.is_as_it_was(domid);
            let list = world.run(&["list"]);
            assert_eq!(list.err, "", "{list:?}");
        }
    }

    #[test]
    fn a_second_signal_ends_at_once_and_says_what_is_left() {
        let world = World::new();
        world.domain(Guest::Pv);
        let out = world.folder.path("out");
        let suspend = "echo asked >&2; exec sleep 20";
        let args = ["save", "1", "-o", arg(&out), "--suspend-command", suspend];
        let mut child = piped(world.command(&args));
        let mut stderr = child.stderr.take().expect("a pipe");
        let mut asked = [0; 6];
        stderr.read_exact(&mut asked).expect("it asks");
        child.stderr = Some(stderr);
        let begun = Instant::now();
        signal(&child, "TERM", false);
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, "TERM", false);
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(SIGTERM));
        assert!(begun.elapsed() < Duration::from_secs(15));
        let mut said = [0; 400];
        let mut stderr = child.stderr.take().expect("a pipe");
        let mut whole = String::new();
        while !whole.contains("mends it") {
            let count = stderr.read(&mut said).expect("words");
            assert_ne!(count, 0, "{whole}");
            whole += &String::from_utf8_lossy(&said[..count]);
        }
        assert!(
            whole.contains("ended at once: domain 1 may stay suspended"),
            "{whole}"
        );
        assert!(whole.contains("ia64save xen recover 1"), "{whole}");
        assert!(!out.exists());
        let names = world.folder.names();
        assert!(
            !names.iter().any(|name| name.contains(".part")),
            "{names:?}"
        );
    }

    /// An image of a domain on another host.
    fn image(world: &World) -> std::path::PathBuf {
        let image = world.folder.path("image");
        let saved = run([
            "simulate",
            "save",
            "--dialect",
            "xen-3.4",
            "--memory",
            "5MiB",
            "-o",
            arg(&image),
        ]);
        assert_eq!(saved.code, 0, "{saved:?}");
        image
    }

    #[test]
    fn a_restore_that_is_interrupted_leaves_no_domain() {
        let world = World::new();
        let image = image(&world);
        let gate = world.stop_after(30);
        let child = piped(world.command(&["restore", arg(&image)]));
        until("it is half-way", || gate.is_reached());
        assert_eq!(world.host.domains().len(), 1);
        signal(&child, "TERM", false);
        until("the signal is handled", || {
            std::thread::sleep(Duration::from_millis(100));
            true
        });
        gate.open();
        let (by, said) = end(child);
        assert_eq!(by, Some(SIGTERM), "{said}");
        assert!(said.contains("destroyed"), "{said}");
        assert!(world.host.domains().is_empty());
    }

    #[test]
    fn a_restore_that_is_killed_is_found_and_destroyed() {
        let world = World::new();
        let image = image(&world);
        let gate = world.stop_after(30);
        let mut child = piped(world.command(&["restore", arg(&image)]));
        until("it is half-way", || gate.is_reached());
        signal(&child, "KILL", false);
        let by = child.wait().expect("it ends").signal();
        assert_eq!(by, Some(SIGKILL));
        gate.open();
        world.settle();
        assert_eq!(world.host.domains(), [1]);
        let found = world.run(&["recover"]);
        assert!(found.out.contains("domain 1 is half-built"), "{found:?}");
        let mended = world.run(&["recover", "1"]);
        assert_eq!(mended.code, 0, "{mended:?}");
        assert!(mended.out.contains("destroyed"), "{mended:?}");
        assert!(world.host.domains().is_empty());
        assert_eq!(
            world.run(&["recover"]).out,
            "nothing was left unfinished here\n"
        );
    }

    #[test]
    fn an_agent_that_falls_silent_is_given_up_in_time_and_named() {
        let world = World::new();
        world.domain(Guest::Pv);
        let gate = world.stop_after(12);
        let out = world.folder.path("out");
        let save = ["save", "1", "-o", arg(&out), "--live", "--agent-wait", "1"];
        let begun = Instant::now();
        let run = world.run(&[&save[..], &["--suspend-command", "true"]].concat());
        gate.open();
        assert_eq!(run.code, 4, "{run:?}");
        assert!(run.err.contains("agent: no reply to"), "{run:?}");
        assert!(run.err.contains("xen recover 1"), "{run:?}");
        assert!(begun.elapsed() < Duration::from_secs(40));
        assert!(!out.exists());
    }

    #[test]
    fn an_image_is_safe_before_a_domain_is_destroyed() {
        let world = World::new();
        let domid = world.domain(Guest::Pv);
        world.host.request_suspend(domid).expect("it suspends");
        let base = ["save", "1", "--suspended", "--then", "destroy", "-o"];
        // A pipe, and a standard output that was closed: nobody can make them safe.
        let refused = world.run(&[&base[..], &["-"]].concat());
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.contains("standard output is a pipe")
                || refused.err.contains("- is a pipe"),
            "{refused:?}"
        );
        let args = world.command(&[&base[..], &["-"]].concat());
        let words: Vec<_> = args.get_args().map(ToOwned::to_owned).collect();
        let closed = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" >&-",
                "sh",
                env!("CARGO_BIN_EXE_ia64save"),
            ])
            .args(words)
            .env("IA64SAVE_STATE_DIR", world.folder.path("state"))
            .output()
            .expect("sh");
        assert_eq!(closed.status.code(), Some(2));
        assert_eq!(world.host.domains(), [domid]);
        // A file behind it can be.
        let image = world.folder.path("image");
        let file = File::create(&image).expect("a file");
        let status = world
            .command(&[&base[..], &["-"]].concat())
            .stdout(file)
            .stderr(Stdio::null())
            .status()
            .expect("it starts");
        assert_eq!(status.code(), Some(0));
        assert!(world.host.domains().is_empty());
        assert_eq!(run(["check", arg(&image)]).code, 0);
    }

    /// A target that speaks one word after the other, each when something has come.
    fn target(socket: &Path, words: &[&'static str]) -> thread::JoinHandle<()> {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).expect("a socket");
        let words = words.to_vec();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut bytes = vec![0; 1 << 20];
            for word in words {
                match word {
                    // All of a domain, up to the empty frame.
                    "(complete)\n" => loop {
                        let mut length = [0; 4];
                        stream.read_exact(&mut length).expect("a length");
                        let length = u32::from_le_bytes(length) as usize;
                        if length == 0 {
                            break;
                        }
                        bytes.resize(length.max(bytes.len()), 0);
                        let frame = &mut bytes[..length];
                        stream.read_exact(frame).expect("a frame");
                    },
                    _ => assert_ne!(stream.read(&mut bytes).expect("a line"), 0),
                }
                stream.write_all(word.as_bytes()).expect("it is heard");
            }
        })
    }

    fn migrate<'a>(config: &'a str, socket: &'a str) -> [&'a str; 9] {
        [
            "migrate",
            "1",
            socket,
            "--config",
            config,
            "--suspend-first",
            "--suspended",
            "--resume-mode",
            "cancel",
        ]
    }

    #[test]
    fn a_domain_of_a_real_host_moves_and_is_destroyed_only_then() {
        let world = World::new();
        let domid = world.domain(Guest::Pv);
        world.host.request_suspend(domid).expect("it suspends");
        let config = world
            .folder
            .file("config", b"(domain (name x) (memory 5) (vcpus 1))");
        let socket = world.folder.path("socket");
        let words = ["--count", "1", "--dialect", "xen-3.4"];
        let receiver = crate::simulate::Receiver::start(&socket, &words);
        let moved = world.run(&migrate(arg(&config), arg(&socket)));
        assert_eq!(moved.code, 0, "{moved:?}");
        assert!(world.host.domains().is_empty());
        assert_eq!(receiver.end().json()["fate"], "runs");
        assert_eq!(
            world.run(&["recover"]).out,
            "nothing was left unfinished here\n"
        );
    }

    #[test]
    fn a_migration_in_doubt_is_settled_once_somebody_answers() {
        for (answer, fate) in [("(running)\n", "destroyed"), ("(destroyed)\n", "resumed")] {
            let world = World::new();
            let domid = world.domain(Guest::Pv);
            world.host.request_suspend(domid).expect("it suspends");
            let config = world.folder.file("config", b"(domain)");
            let socket = world.folder.path("socket");
            // It goes away after `commit`.
            let there = target(&socket, &["(ready migrate)\n", "(complete)\n", ""]);
            let doubt = world.run(&migrate(arg(&config), arg(&socket)));
            there.join().expect("a target");
            assert_eq!(doubt.code, 4, "{doubt:?}");
            assert!(
                doubt
                    .err
                    .contains("nobody knows whether domain 1 runs there"),
                "{doubt:?}"
            );
            assert!(!world.host.runs(domid));
            let asked = world.run(&["recover", "1"]);
            assert_eq!(asked.code, 4, "{asked:?}");
            assert!(!world.host.runs(domid), "nobody let it go on");
            let there = target(&socket, &[answer]);
            let words = [
                "recover",
                "1",
                "--resume-mode",
                "cancel",
                "--output",
                "json",
            ];
            let settled = world.run(&words);
            there.join().expect("a target");
            assert_eq!(settled.code, 0, "{settled:?}");
            assert_eq!(settled.json()["fate"], fate);
            let there = target(&socket, &[answer]);
            let asked = world.run(&["migrate", "1", arg(&socket), "--ask", "00000000000000ab"]);
            there.join().expect("a target");
            assert_eq!(asked.code, 0, "{asked:?}");
            let name = answer.trim_matches(['(', ')', '\n']);
            assert!(asked.out.contains(name), "{asked:?}");
        }
    }

    #[test]
    fn a_protocol_that_acknowledges_nothing_destroys_nothing_unasked() {
        let world = World::new();
        world.domain(Guest::Pv);
        let config = world.folder.file("config", b"(domain)");
        let to = ["--protocol", "xend"];
        let refused = world.run(&[&migrate(arg(&config), "nowhere")[..], &to].concat());
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("--trust-output"), "{refused:?}");
    }
}
