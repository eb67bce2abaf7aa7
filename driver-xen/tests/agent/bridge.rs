//! The kernel behind the agent of `agent/tests/bridge.c`: any transport, at the other end of a socket.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ia64save_xen::Transport;
use ia64save_xen::agent::{Agent, Options};
use ia64save_xen::transport::{Argument, Buffer, Direction, Hypercall, Layout, Link, Region};

use crate::programs;

/// A transport, by way of an agent process.
pub struct Bridged<T> {
    pub agent: Agent,
    kernel: JoinHandle<T>,
}

impl<T: Transport + Send + 'static> Bridged<T> {
    /// Starts an agent over `transport`.
    pub fn start(transport: T, options: &Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kernel");
        let listener = UnixListener::bind(&path).expect("a socket");
        let kernel = thread::spawn(move || {
            let mut transport = transport;
            let stream = accept(&listener);
            drop(folder);
            serve(stream, &mut transport).expect("the agent's end of the socket");
            transport
        });
        let mut command = Command::new(programs::bridge());
        command.arg(&path);
        let agent = Agent::spawn(command, options).expect("an agent that greets");
        Bridged { agent, kernel }
    }

    /// Ends the agent, which gives everything back; the transport behind it.
    pub fn end(self) -> T {
        drop(self.agent);
        self.kernel.join().expect("the kernel")
    }
}

fn accept(listener: &UnixListener) -> UnixStream {
    listener.set_nonblocking(true).expect("a socket");
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a socket");
                return stream;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                assert!(start.elapsed() < Duration::from_mins(1), "no agent came");
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

struct Words(UnixStream);

impl Words {
    fn get(&mut self) -> io::Result<u64> {
        let mut word = [0; 8];
        self.0.read_exact(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn put(&mut self, word: u64) -> io::Result<()> {
        self.0.write_all(&word.to_le_bytes())
    }
}

fn serve<T: Transport>(stream: UnixStream, transport: &mut T) -> io::Result<()> {
    let page_size = transport.geometry().page_size;
    let mut words = Words(stream);
    words.put(page_size as u64)?;
    loop {
        let kind = match words.get() {
            Ok(kind) => kind as u8,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        match kind {
            b'H' => hypercall(&mut words, transport)?,
            b'M' => {
                let (domain, count) = (words.get()? as u16, words.get()? as usize);
                let frames = (0..count)
                    .map(|_| words.get())
                    .collect::<io::Result<Vec<_>>>()?;
                let mut bytes = vec![0; count * page_size];
                let mut results = vec![Ok(()); count];
                let layout = Layout::packed(page_size);
                let read =
                    transport.read_foreign(domain, &frames, &mut bytes, layout, &mut results);
                if let Err(errno) = read {
                    words.put(errno.0 as u64)?;
                    continue;
                }
                words.put(0)?;
                for result in &results {
                    words.put(result.err().map_or(0, |errno| errno.0 as u64))?;
                }
                for (page, result) in bytes.chunks(page_size).zip(&results) {
                    if result.is_ok() {
                        words.0.write_all(page)?;
                    }
                }
            }
            b'W' => {
                let (domain, count) = (words.get()? as u16, words.get()? as usize);
                let frames = (0..count)
                    .map(|_| words.get())
                    .collect::<io::Result<Vec<_>>>()?;
                let bytes = words.bytes((count * page_size) as u64)?;
                let mut results = vec![Ok(()); count];
                let layout = Layout::packed(page_size);
                let written =
                    transport.write_foreign(domain, &frames, &bytes, layout, &mut results);
                assert_eq!(written, Ok(()));
                assert!(results.iter().all(Result::is_ok), "{results:?}");
            }
            b'R' => {
                let pages = words.get()? as usize;
                let region = transport.reserve(pages * page_size);
                words.put(region.err().map_or(0, |errno| errno.0 as u64))?;
                words.put(region.map_or(0, |region| region.0))?;
            }
            b'G' => {
                let (region, offset, length) = (words.get()?, words.get()?, words.get()?);
                let mut bytes = vec![0; length as usize];
                let read = transport.read_region(Region(region), offset as usize, &mut bytes);
                words.put(read.err().map_or(0, |errno| errno.0 as u64))?;
                if read.is_ok() {
                    words.0.write_all(&bytes)?;
                }
            }
            b'X' => {
                let region = Region(words.get()?);
                assert_eq!(transport.release(region), Ok(()));
            }
            other => panic!("the agent asks for {other}"),
        }
    }
}

fn hypercall<T: Transport>(words: &mut Words, transport: &mut T) -> io::Result<()> {
    let number = words.get()?;
    let mut arguments = [Argument::Value(0); 5];
    for argument in &mut arguments {
        *argument = Argument::Value(words.get()?);
    }
    let (buffers, count) = (words.get()? as usize, words.get()? as usize);
    let mut memory = Vec::new();
    for _ in 0..buffers {
        let (length, flags) = (words.get()?, words.get()?);
        let direction = match flags {
            1 => Direction::In,
            2 => Direction::Out,
            _ => Direction::InOut,
        };
        memory.push((words.bytes(length)?, direction));
    }
    let mut links = Vec::new();
    for _ in 0..count {
        let (argument, holder, offset) = (words.get()?, words.get()?, words.get()?);
        let (is_region, target) = (words.get()?, words.get()?);
        if argument == u64::MAX {
            assert_eq!(is_region, 0, "no buffer points to a region");
            links.push(Link {
                holder: holder as usize,
                offset: offset as usize,
                target: target as usize,
            });
        } else if is_region == 1 {
            arguments[argument as usize] = Argument::Region(Region(target));
        } else {
            arguments[argument as usize] = Argument::Buffer(target as usize);
        }
    }
    let mut pointed: Vec<_> = memory
        .iter_mut()
        .map(|(bytes, direction)| Buffer {
            bytes,
            direction: *direction,
        })
        .collect();
    let result = transport.hypercall(&mut Hypercall {
        number,
        arguments,
        buffers: &mut pointed,
        links: &links,
    });
    words.put(match result {
        Ok(result) => result,
        Err(errno) => i64::from(-errno.0) as u64,
    })?;
    for (bytes, direction) in &memory {
        if *direction != Direction::In {
            words.0.write_all(bytes)?;
        }
    }
    Ok(())
}
