//! Numbers that look random and are the same every time (splitmix64).

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// One for each seed and purpose.
    pub fn new(seed: u64, purpose: &[u64]) -> Self {
        let mut random = Random(seed);
        for word in purpose {
            random.0 ^= word.wrapping_mul(0xd6e8_feb8_6659_fd93);
            random.word();
        }
        random
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Less than `bound`.
    ///
    /// # Panics
    /// If it is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// True once in `times`.
    ///
    /// # Panics
    /// If it is 0.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Fills bytes, 8 by 8.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// That many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.fill(&mut bytes);
        bytes
    }

    /// What a saver finds in memory that nobody has filled: a poison byte, zeros, or what was there.
    pub fn garbage(&mut self, count: usize) -> Vec<u8> {
        match self.below(3) {
            0 => vec![0; count],
            1 => vec![0xfe; count],
            _ => self.bytes(count),
        }
    }
}
