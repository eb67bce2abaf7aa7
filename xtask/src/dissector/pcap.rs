//! A capture that is written instead of recorded: frames of IPv4 between two ports of 127.0.0.1.

use std::fs;
use std::path::Path;

use crate::relocation::{PORT, READY, REQUEST};

const FIN: u8 = 1;
const SYN: u8 = 2;
const PUSH: u8 = 8;
const ACK: u8 = 16;

/// The file format's mark for frames that begin with an IP header.
const LINKTYPE_RAW: u32 = 101;

/// The capture so far.
pub struct Pcap {
    bytes: Vec<u8>,
    frames: u32,
    streams: u16,
}

/// One connection: whose turn it is, and how far each side is.
struct Connection {
    port: u16,
    sequence: [u32; 2],
}

impl Pcap {
    /// A capture without frames.
    pub fn new() -> Pcap {
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
        bytes.extend([2, 0, 4, 0]);
        bytes.extend([0; 8]);
        bytes.extend(0x40000_u32.to_le_bytes());
        bytes.extend(LINKTYPE_RAW.to_le_bytes());
        Pcap {
            bytes,
            frames: 0,
            streams: 0,
        }
    }

    /// A whole relocation of a file, cut into segments of one length.
    pub fn relocation(&mut self, file: &[u8], segment: usize) {
        let mut connection = Connection {
            port: 40_000 + self.streams,
            sequence: [1000, 5000],
        };
        self.streams += 1;
        self.frame(&mut connection, 0, SYN, &[]);
        self.frame(&mut connection, 1, SYN | ACK, &[]);
        self.frame(&mut connection, 0, ACK, &[]);
        self.frame(&mut connection, 0, PUSH | ACK, REQUEST);
        self.frame(&mut connection, 1, PUSH | ACK, READY);
        for bytes in file.chunks(segment) {
            self.frame(&mut connection, 0, PUSH | ACK, bytes);
        }
        self.frame(&mut connection, 0, FIN | ACK, &[]);
        self.frame(&mut connection, 1, FIN | ACK, &[]);
        self.frame(&mut connection, 0, ACK, &[]);
    }

    /// Writes the file.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        fs::write(path, &self.bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn frame(&mut self, connection: &mut Connection, from: usize, flags: u8, bytes: &[u8]) {
        let mut ports = [connection.port, PORT];
        if from == 1 {
            ports.reverse();
        }
        let mut tcp = Vec::new();
        tcp.extend(ports[0].to_be_bytes());
        tcp.extend(ports[1].to_be_bytes());
        tcp.extend(connection.sequence[from].to_be_bytes());
        tcp.extend(connection.sequence[1 - from].to_be_bytes());
        tcp.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(bytes);
        let length = u16::try_from(20 + tcp.len()).unwrap_or(u16::MAX);
        let mut ip = vec![0x45, 0];
        ip.extend(length.to_be_bytes());
        ip.extend([0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        let moment = [self.frames / 1000, self.frames % 1000 * 1000];
        for word in [moment[0], moment[1], length.into(), length.into()] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(ip);
        self.bytes.extend(tcp);
        self.frames += 1;
        let counted = bytes.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        connection.sequence[from] = connection.sequence[from].wrapping_add(counted);
    }
}
