//! Linked lists, walked once.

use std::collections::HashSet;

use super::{Error, Kernel};

/// The entries of a list as far as they could be followed.
pub(super) struct Walked {
    /// Addresses of the links, the head's left out.
    pub links: Vec<u64>,
    /// Why it was not followed to its end.
    pub broken: Option<String>,
}

impl Kernel<'_> {
    /// Follows a circular list of `struct list_head` from its head on, forwards; what lies behind a place
    /// that cannot be read is followed backwards.
    pub(super) fn list(&self, head: u64) -> Result<Walked, Error> {
        let next = self.field("list_head", "next")?;
        let prev = self.field("list_head", "prev")?;
        let mut seen = HashSet::from([head]);
        let (mut links, broken) = self.follow(head, next.offset, &mut seen);
        let Some(broken) = broken else {
            let broken = None;
            return Ok(Walked { links, broken });
        };
        let (mut rest, end) = self.follow(head, prev.offset, &mut seen);
        // Backwards one comes to what was seen forwards, too.
        rest.reverse();
        let recovered = rest.len();
        links.append(&mut rest);
        let broken = match (recovered, end) {
            (0, _) => broken,
            (count, _) => format!("{broken}; {count} more were found from its end"),
        };
        Ok(Walked {
            links,
            broken: Some(broken),
        })
    }

    fn follow(
        &self,
        head: u64,
        offset: u64,
        seen: &mut HashSet<u64>,
    ) -> (Vec<u64>, Option<String>) {
        let mut links = Vec::new();
        let mut at = head;
        loop {
            let next = self.number(at.wrapping_add(offset), 8, || format!("list at {head:#x}"));
            let next = match next {
                Ok(next) => next,
                Err(error) => {
                    // The link that leads nowhere is no entry.
                    if links.last() == Some(&at) {
                        links.pop();
                    }
                    return (links, Some(error.to_string()));
                }
            };
            if next == head {
                return (links, None);
            }
            if links.len() >= self.most {
                let broken = format!("list at {head:#x}: more than {} entries", self.most);
                return (links, Some(broken));
            }
            if !seen.insert(next) {
                let broken = format!("list at {head:#x}: {at:#x} leads back to {next:#x}");
                return (links, Some(broken));
            }
            links.push(next);
            at = next;
        }
    }
}
