//! A path of a model as a sequence diagram in plain text.

use std::fmt::Write as _;

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Source,
    /// Bytes arrive at the source.
    ToSource,
    Between,
    /// Bytes arrive at the target.
    ToTarget,
    Target,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Told {
    pub place: Where,
    /// Over which connection.
    pub wire: Option<usize>,
    pub said: String,
}

const SIDE: usize = 44;
const MIDDLE: usize = 9;

/// The diagram.
pub fn diagram(title: &str, told: &[Told]) -> String {
    let mut text = format!("{title}\n\n");
    let rule = format!("{:-<SIDE$}+{:-<MIDDLE$}+{:-<SIDE$}", "", "", "");
    let _ = writeln!(text, "{:<SIDE$}|{:^MIDDLE$}| target", "source", "");
    let _ = writeln!(text, "{rule}");
    for one in told {
        let wire = one.wire.map_or_else(String::new, |wire| format!("#{wire}"));
        let (left, middle, right) = match one.place {
            Where::Source => (one.said.as_str(), wire, ""),
            Where::ToSource => (one.said.as_str(), format!("<-- {wire} --"), ""),
            Where::Between => ("", wire, ""),
            Where::ToTarget => ("", format!("-- {wire} -->"), one.said.as_str()),
            Where::Target => ("", wire, one.said.as_str()),
        };
        if one.place == Where::Between {
            let all = 2 * SIDE + MIDDLE + 2;
            let note = format!(" {middle} {} ", one.said);
            let _ = writeln!(text, "{note:~^all$}");
            continue;
        }
        let lefts = wrapped(left);
        let rights = wrapped(right);
        for at in 0..lefts.len().max(rights.len()).max(1) {
            let left = lefts.get(at).map_or("", String::as_str);
            let right = rights.get(at).map_or("", String::as_str);
            let middle = if at == 0 { middle.as_str() } else { "" };
            let line = format!("{left:<SIDE$}|{middle:^MIDDLE$}| {right}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

/// In lines that fit beside each other.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() < SIDE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
