//! A layout of two floors: its paths, its walk, its values, its bytes.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::wire::declare::{Wire, layout};
use crate::wire::value::Value;

layout! {
    /// Two of everything that nests.
    pub struct Inner: 12 {
        @0 word: u64, Hex, "a word";
        @8 bits as "u.bits": [u8; 4], Dec, "the only view of a union";
    }
    aliases {
        @0 "half": [u32; 2], Hex, "the word in halves";
    }
}

layout! {
    /// A structure of structures.
    pub struct Outer: 44 {
        @0 text: [u8; 6], Text, "text";
        @6 sign: i8, Dec, "a sign";
        @7 pad: u8, Pad, "padding";
        @8 one: Inner, Hex, "one";
        @20 two: [Inner; 2], Hex, "two";
    }
}

#[test]
fn a_path_leads_to_its_field() {
    let at = |path: &str| {
        Outer::LAYOUT
            .find(path)
            .map(|found| (found.offset, found.size()))
    };
    assert_eq!(at("text"), Some((0, 6)));
    assert_eq!(at("text[5]"), Some((5, 1)));
    assert_eq!(at("one"), Some((8, 12)));
    assert_eq!(at("one.word"), Some((8, 8)));
    assert_eq!(at("one.half[1]"), Some((12, 4)));
    assert_eq!(at("two"), Some((20, 24)));
    assert_eq!(at("two[1]"), Some((32, 12)));
    assert_eq!(at("two[1].u.bits[3]"), Some((43, 1)));
}

#[test]
fn a_path_that_names_nothing_leads_nowhere() {
    for path in [
        "",
        ".",
        "tex",
        "texts",
        "text.",
        "text[6]",
        "text[",
        "text[]",
        "text[+1]",
        "text[01]",
        "text[0]x",
        "text[0][0]",
        "sign[1]",
        "one.u",
        "two.word",
        "two[2].word",
        "one..word",
        "text[99999999999999999999]",
    ] {
        assert_eq!(Outer::LAYOUT.find(path), None, "{path}");
    }
}

#[test]
fn a_walk_visits_every_byte_once_and_in_order() {
    let bytes: Vec<u8> = (0..44).collect();
    let mut end = 0;
    let mut paths = Vec::new();
    Outer::LAYOUT.walk(&bytes, &mut |entry| {
        assert_eq!(entry.offset, end);
        assert_eq!(entry.bytes, &bytes[end..end + entry.size]);
        assert_eq!(Outer::LAYOUT.find(entry.path).map(|l| l.offset), Some(end));
        end += entry.size;
        paths.push(entry.path.to_string());
    });
    assert_eq!(end, 44);
    assert_eq!(
        paths,
        [
            "text",
            "sign",
            "pad",
            "one.word",
            "one.u.bits",
            "two[0].word",
            "two[0].u.bits",
            "two[1].word",
            "two[1].u.bits"
        ]
    );
}

#[test]
fn a_walk_stops_where_the_bytes_do() {
    let mut seen = 0;
    Outer::LAYOUT.walk(&[0; 30], &mut |_| seen += 1);
    assert_eq!(seen, 6);
}

#[test]
fn values_are_what_the_style_says() {
    let mut bytes = [0; 44];
    bytes[..6].copy_from_slice(b"xen\0-3");
    bytes[6] = 0xff;
    bytes[8..12].copy_from_slice(&[1, 2, 3, 4]);
    bytes[16..20].copy_from_slice(&[1, 2, 3, 4]);
    let mut values = Vec::new();
    Outer::LAYOUT.walk(&bytes, &mut |entry| {
        values.push(match entry.value() {
            Value::Unsigned(n) => alloc::format!("{n:#x}"),
            Value::Signed(n) => alloc::format!("{n}"),
            Value::List(list) => alloc::format!("{list:?}"),
            Value::Text(text) => alloc::format!("{text:?}"),
            Value::Bytes(bytes) => alloc::format!("{} bytes", bytes.len()),
        });
    });
    assert_eq!(
        values[..5],
        ["\"xen\"", "-1", "1 bytes", "0x4030201", "[1, 2, 3, 4]"]
    );
}

#[test]
fn too_few_bytes_are_refused_and_too_many_ignored() {
    assert_eq!(Outer::parse(&[0; 43]), None);
    assert_eq!(Outer::parse(&[7; 45]), Outer::parse(&[7; 44]));
    assert_eq!(Outer::parse(&[7; 45]).unwrap().to_bytes(), [7; 44]);
}
