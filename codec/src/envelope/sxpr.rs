//! The S-expressions in which xend wrote a configuration (spec 13.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::combinator::{map, value};
use nom::error::context;

use super::syntax::{Parsed, SyntaxError, quote, quoted};

/// How deep lists may nest. xend's own go to about eight.
pub const MAX_DEPTH: usize = 64;

/// An atom or a list. Text is kept as bytes: xend gave no encoding to it.
///
/// ```
/// use ia64save_codec::envelope::Sxpr;
/// let domain = Sxpr::parse(b"(domain (name 'my guest') (vcpus 2))").unwrap();
/// assert_eq!(domain.head(), Some(&b"domain"[..]));
/// assert_eq!(domain.value("name").and_then(Sxpr::text).as_deref(), Some("my guest"));
/// assert_eq!(domain.to_bytes(), b"(domain (name 'my guest') (vcpus 2))");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sxpr<'a> {
    /// A word, or a string in quotes. It borrows unless it was written with escapes.
    Atom(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Sxpr<'a>>),
}

#[derive(Clone)]
enum Token<'a> {
    Open,
    Close,
    Atom(Cow<'a, [u8]>),
}

impl<'a> Sxpr<'a> {
    /// Reads one expression, with nothing but blanks around it, in time and memory linear in the
    /// length of the text.
    pub fn parse(text: &'a [u8]) -> Result<Self, SyntaxError> {
        // The lists that are open, outermost first: their depth costs no stack.
        let mut open: Vec<Vec<Sxpr<'a>>> = Vec::new();
        let mut rest = blanks(text);
        loop {
            let (after, token) = token(rest).map_err(|error| SyntaxError::of(text, &error))?;
            let after = blanks(after);
            let done = match token {
                Token::Atom(atom) => Some(Sxpr::Atom(atom)),
                Token::Open if open.len() == MAX_DEPTH => {
                    return Err(SyntaxError::new(text, rest, "at most 64 nested lists"));
                }
                Token::Open => {
                    open.push(Vec::new());
                    None
                }
                Token::Close => {
                    let Some(mut list) = open.pop() else {
                        return Err(SyntaxError::new(text, rest, "an expression"));
                    };
                    // Most lists hold one or two; the spare places of a Vec would double them.
                    list.shrink_to_fit();
                    Some(Sxpr::List(list))
                }
            };
            rest = after;
            if let Some(done) = done {
                match open.last_mut() {
                    Some(list) => list.push(done),
                    None if rest.is_empty() => return Ok(done),
                    None => return Err(SyntaxError::new(text, rest, "the end of the text")),
                }
            }
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<&[Sxpr<'a>]> {
        match self {
            Sxpr::List(items) => Some(items),
            Sxpr::Atom(_) => None,
        }
    }

    /// The bytes of an atom.
    pub fn atom(&self) -> Option<&[u8]> {
        match self {
            Sxpr::Atom(atom) => Some(atom),
            Sxpr::List(_) => None,
        }
    }

    /// The text of an atom, with marks in place of what is no UTF-8.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.atom().map(String::from_utf8_lossy)
    }

    /// The atom that a list begins with: its name.
    pub fn head(&self) -> Option<&[u8]> {
        self.items()?.first()?.atom()
    }

    /// The lists of that name in this list, in order.
    pub fn children(&self, name: &str) -> impl Iterator<Item = &Sxpr<'a>> {
        self.items()
            .unwrap_or_default()
            .iter()
            .filter(move |item| item.head() == Some(name.as_bytes()))
    }

    /// What follows the name in the first list of that name: 2 for `"vcpus"` in
    /// `(domain (vcpus 2))`.
    pub fn value(&self, name: &str) -> Option<&Sxpr<'a>> {
        self.children(name).next()?.items()?.get(1)
    }

    /// Writes the expression in the form that xend wrote.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // What is left of the lists that are open.
        let mut open: Vec<core::slice::Iter<'_, Sxpr<'a>>> = Vec::new();
        let mut next = Some(self);
        loop {
            match next {
                Some(Sxpr::Atom(atom)) => write_atom(atom, &mut out),
                Some(Sxpr::List(items)) => {
                    out.push(b'(');
                    open.push(items.iter());
                }
                None => {
                    out.push(b')');
                    open.pop();
                }
            }
            let Some(items) = open.last_mut() else {
                return out;
            };
            next = items.next();
            if next.is_some() && out.last() != Some(&b'(') {
                out.push(b' ');
            }
        }
    }
}

fn write_atom(atom: &[u8], out: &mut Vec<u8>) {
    let plain = |&byte: &u8| {
        is_word(byte) && !byte.is_ascii_control() && !matches!(byte, b'\'' | b'"' | b'\\')
    };
    if !atom.is_empty() && atom.iter().all(plain) {
        out.extend_from_slice(atom);
    } else {
        quote(atom, out);
    }
}

/// A NUL is a blank, as some tools end the text with one.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0b)
}

fn is_word(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')')
}

fn blanks(input: &[u8]) -> &[u8] {
    let size = input.iter().take_while(|&&byte| is_blank(byte)).count();
    &input[size..]
}

fn token(input: &[u8]) -> Parsed<'_, Token<'_>> {
    let word = context("an atom or a parenthesis", take_while1(is_word));
    alt((
        value(Token::Open, tag("(")),
        value(Token::Close, tag(")")),
        map(quoted, Token::Atom),
        map(word, |word| Token::Atom(Cow::Borrowed(word))),
    ))
    .parse(input)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn atom(text: &str) -> Sxpr<'_> {
        Sxpr::Atom(Cow::Borrowed(text.as_bytes()))
    }

    fn fault(text: &[u8]) -> (usize, &'static str) {
        let error = Sxpr::parse(text).unwrap_err();
        (error.offset, error.expected)
    }

    #[test]
    fn lists_and_atoms_nest() {
        let read = Sxpr::parse(b" (a (b 'c d' \"\") () e-f:1/2) \n\0").unwrap();
        let inner = Sxpr::List(vec![atom("b"), atom("c d"), atom("")]);
        assert_eq!(
            read,
            Sxpr::List(vec![atom("a"), inner, Sxpr::List(vec![]), atom("e-f:1/2")])
        );
        assert_eq!(read.to_bytes(), b"(a (b 'c d' '') () e-f:1/2)");
    }

    #[test]
    fn a_quote_within_a_word_is_part_of_it() {
        assert_eq!(Sxpr::parse(b"don't"), Ok(atom("don't")));
        assert_eq!(atom("don't").to_bytes(), b"'don\\'t'");
    }

    #[test]
    fn a_fault_is_found_where_it_is() {
        assert_eq!(fault(b"(a (b)"), (6, "an atom or a parenthesis"));
        assert_eq!(fault(b"(a) )"), (4, "the end of the text"));
        assert_eq!(fault(b" )"), (1, "an expression"));
        assert_eq!(fault(b"(a 'b)"), (6, "a closing quote"));
        assert_eq!(fault(b""), (0, "an atom or a parenthesis"));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth| [vec![b'('; depth], vec![b')'; depth]].concat();
        assert!(Sxpr::parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(
            fault(&nested(1 << 20)),
            (MAX_DEPTH, "at most 64 nested lists")
        );
    }

    fn tree() -> impl Strategy<Value = Sxpr<'static>> {
        let atom = prop_oneof![
            "[a-z0-9/:.'\"\\\\ ()-]{0,8}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..8),
        ];
        let atom = atom.prop_map(|bytes| Sxpr::Atom(Cow::Owned(bytes)));
        atom.prop_recursive(6, 60, 6, |inner| {
            prop::collection::vec(inner, 0..6).prop_map(Sxpr::List)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tree in tree()) {
            let text = tree.to_bytes();
            prop_assert_eq!(Sxpr::parse(&text).unwrap(), tree);
        }

        #[test]
        fn any_text_is_answered(text in "[()'\"\\\\a x0\n]{0,60}") {
            if let Ok(tree) = Sxpr::parse(text.as_bytes()) {
                let written = tree.to_bytes();
                prop_assert_eq!(Sxpr::parse(&written).unwrap(), tree);
            }
        }
    }
}
