//! The kernel behind the agent of `agent/tests/bridge.c`: any transport, at the other end of a socket.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_xen::Transport;
use ia64save_xen::agent::{Agent, Options};
use ia64save_xen::transport::{Argument, Buffer, Direction, DomainId, Hypercall, Link, Region};

use crate::programs;

/// A kernel that an agent can be put before: a transport, and mappings that live as long as a message.
pub trait Kernel: Transport {
    /// Maps a batch: its number, and what lies there now, page by page.
    fn map(
        &mut self,
        domain: DomainId,
        writable: bool,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(u64, Vec<u8>), Errno>;

    /// Unmaps it; `pages` are what those of its pages hold that are there, one behind the other, if
    /// it was writable, and nothing if it was not.
    fn unmap(&mut self, mapping: u64, pages: &[u8]);
}

/// A kernel, by way of an agent process.
pub struct Bridged<K> {
    pub agent: Agent,
    kernel: JoinHandle<K>,
}

impl<K: Kernel + Send + 'static> Bridged<K> {
    /// Starts an agent over `kernel`.
    pub fn start(kernel: K, options: &Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kernel");
        let listener = UnixListener::bind(&path).expect("a socket");
        let kernel = thread::spawn(move || {
            let mut kernel = kernel;
            let stream = accept(&listener);
            drop(folder);
            serve(stream, &mut kernel).expect("the agent's end of the socket");
            kernel
        });
        let mut command = Command::new(programs::bridge());
        command.arg(&path);
        let agent = Agent::spawn(command, options).expect("an agent that greets");
        Bridged { agent, kernel }
    }

    /// Ends the agent, which gives everything back; the kernel behind it.
    pub fn end(self) -> K {
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
                assert!(start.elapsed() < Duration::from_secs(60), "no agent came");
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

/// Answers an agent until it ends.
pub fn serve<K: Kernel>(stream: UnixStream, kernel: &mut K) -> io::Result<()> {
    let page_size = kernel.geometry().page_size;
    let mut words = Words(stream);
    words.put(page_size as u64)?;
    loop {
        let kind = match words.get() {
            Ok(kind) => kind as u8,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        match kind {
            b'H' => hypercall(&mut words, kernel)?,
            b'M' => {
                let (domain, writable) = (words.get()? as u16, words.get()? == 1);
                let count = words.get()? as usize;
                let frames = (0..count)
                    .map(|_| words.get())
                    .collect::<io::Result<Vec<_>>>()?;
                let mut results = vec![Ok(()); count];
                let (mapping, bytes) = match kernel.map(domain, writable, &frames, &mut results) {
                    Ok(mapped) => mapped,
                    Err(errno) => {
                        words.put(errno.0 as u64)?;
                        continue;
                    }
                };
                words.put(0)?;
                words.put(mapping)?;
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
                let (mapping, count) = (words.get()?, words.get()?);
                let pages = words.bytes(count * page_size as u64)?;
                kernel.unmap(mapping, &pages);
                words.put(0)?;
            }
            b'R' => {
                let pages = words.get()? as usize;
                let region = kernel.reserve(pages * page_size);
                words.put(region.err().map_or(0, |errno| errno.0 as u64))?;
                if let Ok(region) = region {
                    words.put(region.0)?;
                }
            }
            b'G' => {
                let (region, offset, length) = (words.get()?, words.get()?, words.get()?);
                let mut bytes = vec![0; length as usize];
                let read = kernel.read_region(Region(region), offset as usize, &mut bytes);
                words.put(read.err().map_or(0, |errno| errno.0 as u64))?;
                if read.is_ok() {
                    words.0.write_all(&bytes)?;
                }
            }
            b'X' => {
                let region = Region(words.get()?);
                assert_eq!(kernel.release(region), Ok(()));
                words.put(0)?;
            }
            other => panic!("the agent asks for {other}"),
        }
    }
}

fn hypercall<K: Kernel>(words: &mut Words, kernel: &mut K) -> io::Result<()> {
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
    let result = kernel.hypercall(&mut Hypercall {
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
