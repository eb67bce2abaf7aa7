//! A tree gives back the bytes that it was made from, and an edit of it changes what it names.

use bytes::Bytes;
use ia64save_codec::image::Options;
use ia64save_codec::tree::{self, Names, Node};
use ia64save_codec::{Dialect, Error, Guest, SaveFile, envelope};
use ia64save_corpus::{GeneratedImage, Params, generate, goldens, hostile, kinds, strategy};
use proptest::prelude::*;

const NAMES: Names<'static> = Names {
    pages: "pages.bin",
    behind: "behind.bin",
};

/// A file as a tree, its pages and what is behind its stream.
struct Apart {
    node: Node,
    pages: Vec<u8>,
    behind: Vec<u8>,
}

fn apart(bytes: &Bytes, options: &Options) -> Option<Apart> {
    let file = SaveFile::parse(bytes, options).ok()?;
    if file.image.error.is_some() {
        assert!(tree::of_file(&file, bytes, &[], NAMES).is_err());
        return None;
    }
    let image = &file.image;
    let end = image
        .trailing
        .as_ref()
        .map_or(bytes.len(), |t| t.offset as usize);
    let made = tree::of_file(&file, bytes, &bytes[end..], NAMES).expect("a tree");
    let mut pages = Vec::new();
    for checkpoint in &image.checkpoints {
        for record in 0..checkpoint.pages.len() {
            pages.extend_from_slice(image.page(checkpoint, record).expect("a page"));
        }
    }
    let behind = made.behind.unwrap_or(0..0);
    let behind = bytes[behind.start as usize..behind.end as usize].to_vec();
    Some(Apart {
        node: made.node,
        pages,
        behind,
    })
}

fn together(apart: &Apart) -> Vec<u8> {
    let parts = tree::read(&apart.node).expect("a tree that can be read");
    let mut out = parts.front;
    let size = parts.stream.page_size;
    assert_eq!(
        parts.stream.records() * size as u64,
        apart.pages.len() as u64
    );
    let page = |number: u64| Ok(&apart.pages[number as usize * size..][..size]);
    let written = parts.stream.write(page, |piece| {
        piece.write_to(&mut out);
        Ok::<(), Error>(())
    });
    written.expect("a stream");
    if let Some(behind) = parts.behind {
        assert_eq!(behind.file, NAMES.behind);
        if let Some(kind) = behind.device_model {
            let size = apart.behind.len() as u64;
            out.extend(
                envelope::device_model_header(kind, size, parts.stream.byte_order)
                    .expect("a header"),
            );
        }
        out.extend_from_slice(&apart.behind);
    }
    out
}

fn survives(made: &GeneratedImage) {
    let options = Options::default()
        .page_size(made.page_size)
        .dialect(Some(made.dialect));
    let apart = apart(&made.bytes, &options).expect("a whole image");
    assert!(together(&apart) == made.bytes, "{:?}", made.params);
}

#[test]
fn goldens_survive() {
    for golden in goldens() {
        let bytes = golden.bytes();
        let apart = apart(&bytes, &Options::default()).expect("a whole image");
        assert!(together(&apart) == bytes, "{}", golden.name);
    }
}

#[test]
fn bad_images_that_can_be_read_survive() {
    let mut survived = 0;
    for case in hostile() {
        let bytes = case.bytes();
        if let Some(apart) = apart(&bytes, &Options::default()) {
            assert!(together(&apart) == bytes, "{}", case.name);
            survived += 1;
        }
    }
    assert!(survived > 20, "{survived}");
}

#[test]
fn every_dialect_survives() {
    for (dialect, guest) in kinds() {
        for seed in 0..2 {
            survives(&generate(&Params::rich(dialect, guest, seed)));
        }
    }
}

#[test]
fn envelopes_survive() {
    let stream = generate(&Params::rich(Dialect::D11, Guest::Hvm, 3)).bytes;
    let config = b"(domain (name guest))";
    let odd = b"\0(domain\xff (name guest))\0";
    let mandatory = {
        let mut header = envelope::xl_header(envelope::ByteOrder::Little, 5, Some(config));
        header.as_mut().expect("a header")[36] = 1;
        header
    };
    for front in [
        envelope::xend_header(config),
        envelope::xend_header(odd),
        envelope::xl_header(envelope::ByteOrder::Big, 7, Some(config)),
        envelope::xl_header(envelope::ByteOrder::Little, 0, None),
        mandatory,
    ] {
        let front = front.expect("a header");
        let bytes: Bytes = [&front[..], &stream].concat().into();
        let options = Options::default().page_size(16384);
        let Some(apart) = apart(&bytes, &options) else {
            continue; // flags that forbid reading on
        };
        assert!(together(&apart) == bytes, "{front:?}");
    }
}

/// The value at a path of names and indices.
fn find<'n>(node: &'n mut Node, path: &[&str]) -> &'n mut Node {
    let Some((first, rest)) = path.split_first() else {
        return node;
    };
    let inner = match node {
        Node::Map(entries) => entries
            .iter_mut()
            .find(|(name, _)| name == first)
            .map(|(_, node)| node),
        Node::List(list) => first.parse().ok().and_then(|at: usize| list.get_mut(at)),
        _ => None,
    };
    find(inner.unwrap_or_else(|| panic!("no {first}")), rest)
}

#[test]
fn an_edit_changes_what_it_names() {
    let made = generate(&Params::rich(Dialect::D11, Guest::Pv, 5));
    let mut apart = apart(&made.bytes, &Options::default()).expect("a whole image");
    let path = ["checkpoints", "0", "vcpus", "0", "context", "regs", "ip"];
    *find(&mut apart.node, &path) = Node::Text("0xa000000100010000".into());
    let edited = together(&apart);
    let file = SaveFile::parse(&edited.into(), &Options::default()).expect("an image");
    let mut seen = 0;
    let selection = ia64save_codec::fields::Selection::new("vcpu[0].regs.ip");
    ia64save_codec::fields::visit(&file, &selection, &mut |field| {
        let value = ia64save_codec::wire::Value::Unsigned(0xa000_0001_0001_0000);
        assert_eq!(field.value, value);
        seen += 1;
    });
    assert_eq!(
        seen,
        usize::from(file.image.checkpoints[0].vcpus[0].id == 0)
    );
}

#[test]
fn what_a_tree_gets_wrong_is_said() {
    let made = generate(&Params::rich(Dialect::D11, Guest::Pv, 5));
    let whole = apart(&made.bytes, &Options::default()).expect("a whole image");
    let problem = |path: &[&str], node: Node| {
        let mut tree = whole.node.clone();
        *find(&mut tree, path) = node;
        tree::read(&tree).err().map(|problem| problem.path)
    };
    let wrong = || Node::Text("wrong".into());
    for path in [
        "schema",
        "dialect",
        "guest",
        "page_size",
        "p2m_size",
        "version",
    ] {
        assert_eq!(problem(&[path], wrong()).as_deref(), Some(path));
    }
    let context = ["checkpoints", "0", "vcpus", "0", "context", "regs", "psr"];
    assert_eq!(
        problem(&context, wrong()).as_deref(),
        Some("checkpoints[0].vcpus[0].context.regs.psr")
    );
    assert_eq!(
        problem(&["checkpoints", "0", "pages"], Node::List(vec![wrong()])).as_deref(),
        Some("checkpoints[0].pages[0]")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_image_survives(made in strategy::image(strategy::page_size())) {
        survives(&made);
    }

    /// Garbage anywhere in the tail: in padding, in pages, in the bitmap's slack.
    #[test]
    fn garbage_survives(
        kind in prop::sample::select(kinds().collect::<Vec<_>>()),
        seed in 0..1000u64,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let made = generate(&Params::rich(kind.0, kind.1, seed));
        let mut bytes = made.bytes.to_vec();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let bytes = Bytes::from(bytes);
        let options = Options::default().dialect(Some(kind.0)).guest(Some(kind.1));
        if let Some(apart) = apart(&bytes, &options) {
            prop_assert!(together(&apart) == bytes);
        }
    }
}
