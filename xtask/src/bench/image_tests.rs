//! The image is one; apart from it, since `benches/decode.rs` has it too.

use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::dialect::Dialect;

use super::image::{Fill, Plan};

#[test]
fn the_image_is_one_that_the_decoder_knows() {
    let plan = Plan::of_size(1 << 20);
    let bytes = plan.in_memory().unwrap();
    let mut decoder = Decoder::new();
    let (mut at, mut records, mut dialect) = (0, 0, None);
    loop {
        match decoder.decode(&bytes[at..], true).unwrap() {
            Step::Event {
                consumed, event, ..
            } => {
                match event {
                    Event::Pages(run) => records += run.len(),
                    Event::Detected(found) => dialect = found.dialect,
                    Event::Trailing(_) => panic!("bytes are left"),
                    _ => {}
                }
                at += consumed;
            }
            Step::NeedMore(_) => panic!("the stream is whole"),
            Step::Done => break,
        }
    }
    assert_eq!((records, dialect), (64, Some(Dialect::D11)));
}

#[test]
fn file_and_memory_hold_the_same() {
    let plan = Plan::of_size(1 << 20);
    let in_memory = plan.in_memory().unwrap();
    for fill in [Fill::Holes, Fill::Zeros] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        plan.write(file.as_file_mut(), fill).unwrap();
        assert!(std::fs::read(file.path()).unwrap() == in_memory);
    }
}
