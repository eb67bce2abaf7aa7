//! Suspending by the words of `xc_save`.

use std::io::{BufRead, Write};

use ia64save_codec::transfer::ports::Errno;

use super::Toolstack;
use crate::transport::DomainId;

/// Says `suspend` and waits for `done`, as `xc_save` did with the program that started it. Another
/// answer, or none, means that the guest was not suspended.
#[derive(Debug)]
pub struct ByDialogue<R, W> {
    answers: R,
    words: W,
}

impl<R: BufRead, W: Write> ByDialogue<R, W> {
    /// Over two streams.
    pub fn new(answers: R, words: W) -> Self {
        ByDialogue { answers, words }
    }
}

impl<R: BufRead, W: Write> Toolstack for ByDialogue<R, W> {
    fn suspend(&mut self, _domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        let spoken = self
            .words
            .write_all(b"suspend\n")
            .and_then(|()| self.words.flush());
        spoken.map_err(|_| Errno::EPIPE)?;
        let mut answer = String::new();
        let heard = std::io::Read::take(&mut self.answers, 64).read_line(&mut answer);
        match heard {
            Ok(_) if answer.trim_end() == "done" => Ok(()),
            Ok(0) => Err(Errno::EPIPE),
            Ok(_) => Err(Errno::EPROTO),
            Err(_) => Err(Errno::EIO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_done_for_an_answer_and_nothing_else() {
        for (answer, result) in [
            ("done\n", Ok(())),
            ("done\r\nmore", Ok(())),
            ("failed\n", Err(Errno::EPROTO)),
            ("", Err(Errno::EPIPE)),
        ] {
            let mut words = Vec::new();
            let asked = ByDialogue::new(answer.as_bytes(), &mut words).suspend(1, false);
            assert_eq!(asked, result, "{answer:?}");
            assert_eq!(words, b"suspend\n");
        }
    }
}
