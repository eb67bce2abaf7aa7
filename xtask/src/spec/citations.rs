//! Citations of clauses: `spec 4.2` in comments, and the clause of every code.

/// A clause cited at a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The clause's number.
    pub number: String,
    /// Line, from 1.
    pub line: usize,
}

/// Words that may stand between the clauses of one citation: `spec 4.2 to 4.4`, `spec 3.1 and 3.2`.
const BETWEEN: [&str; 3] = ["and", "or", "to"];

/// Citations in a source or document, also those that a line break cuts in two.
pub fn read(text: &str) -> Vec<Citation> {
    let words: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .flat_map(|(index, line)| {
            let line = line.trim_start().trim_start_matches(['/', '!', '*']);
            line.split_whitespace().map(move |word| (index + 1, word))
        })
        .collect();
    let mut found = Vec::new();
    for (at, (_, word)) in words.iter().enumerate() {
        let opened = word.rsplit(['(', '[', '"', '`']).next();
        if opened != Some("spec") {
            continue;
        }
        let mut rest = words[at + 1..].iter();
        let mut first = true;
        while let Some((line, word)) = rest.next() {
            let Some(number) = number(word, first) else {
                break;
            };
            found.push(Citation {
                number: number.to_string(),
                line: *line,
            });
            first = false;
            let listed = word.ends_with(',');
            let mut ahead = rest.clone();
            let joined = ahead.next().is_some_and(|(_, next)| BETWEEN.contains(next));
            if joined && *word == number {
                rest = ahead;
            } else if !listed {
                break;
            }
        }
    }
    found
}

/// The clause that a word begins with. Behind the first, one without a part is no clause but
/// whatever the sentence goes on with.
fn number(word: &str, first: bool) -> Option<&str> {
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(word.len());
    let number = word[..end].trim_end_matches('.');
    let attached = word[end..].starts_with(|c: char| c.is_alphanumeric());
    let fits = if first {
        number.split('.').count() <= 2
    } else {
        number.split('.').count() == 2
    };
    (!number.is_empty() && fits && !attached).then_some(number)
}

/// The clauses that the table of codes names: strings that are nothing but a number.
pub fn of_codes(text: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for piece in line.split('"').skip(1).step_by(2) {
            let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
            if piece.split('.').all(digits) {
                found.push(Citation {
                    number: piece.to_string(),
                    line: index + 1,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<String> {
        read(text)
            .into_iter()
            .map(|citation| citation.number)
            .collect()
    }

    #[test]
    fn citations_are_found_in_all_their_forms() {
        assert_eq!(numbers("/// The map (spec 4.1)."), ["4.1"]);
        assert_eq!(
            numbers("(spec 8.1, 8.2) and (spec 4.2 to 4.4)"),
            ["8.1", "8.2", "4.2", "4.4"]
        );
        assert_eq!(numbers("    /// as in spec\n    /// 12.2; more"), ["12.2"]);
        assert_eq!(numbers("found 7 [spec 3.2]\""), ["3.2"]);
        assert_eq!(numbers("(spec 6)"), ["6"]);
        assert_eq!(numbers("spec 5.1, 16 bytes"), ["5.1"]);
        assert_eq!(
            numbers("dialect.spec() 4; the spec says 4"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_table_of_codes_cites() {
        let row = r#"Truncated = "truncated", Error, "2.1", "the input ends";"#;
        assert_eq!(of_codes(row)[0].number, "2.1");
    }
}
