//! What a save came to.

use ia64save_codec::transfer::save::Saved;
use serde_json::{Value, json};

/// A document that begins as `head` does, and goes on with `rest`.
pub fn joined(mut head: Value, rest: Value) -> Value {
    if let (Value::Object(head), Value::Object(rest)) = (&mut head, rest) {
        head.extend(rest);
    }
    head
}

/// What a save came to. Passes are counted as `info` counts them in the image; stretches are steps of the
/// policy's.
pub fn saved(saved: &Saved) -> Value {
    json!({
        "dialect": saved.dialect.name(),
        "guest": saved.guest.name(),
        "p2m_size": saved.p2m_size,
        "ram_pages": saved.ram_pages,
        "sent": saved.sent,
        "unreadable": saved.unreadable,
        "unallocated": saved.unallocated,
        "vcpus": saved.vcpus,
        "num_passes": saved.passes,
        "num_stretches": saved.stretches,
        "checkpoints": saved.checkpoints,
        "bytes": saved.bytes,
        "downtime_seconds": saved.downtime().as_secs_f64(),
        "total_seconds": saved.total().as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_stays_in_front() {
        let whole = joined(json!({ "schema": "x/1" }), json!({ "a": 1, "b": 2 }));
        assert_eq!(whole.to_string(), r#"{"schema":"x/1","a":1,"b":2}"#);
    }
}
