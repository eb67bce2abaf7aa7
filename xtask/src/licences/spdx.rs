//! SPDX licence expressions: `MIT OR (Apache-2.0 WITH LLVM-exception AND Zlib)`.
//!
//! `WITH` binds tightest, then `AND`, then `OR`. A slash, which old packages use, is an `OR`.

/// An expression, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// One licence, with its exception if it has one: `"Apache-2.0 WITH LLVM-exception"`.
    Licence(String),
    /// All of them.
    All(Vec<Expression>),
    /// Any of them.
    Any(Vec<Expression>),
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Expression, String> {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let mut tokens = spaced.split_whitespace().peekable();
        let expression = any(&mut tokens)?;
        match tokens.next() {
            None => Ok(expression),
            Some(token) => Err(format!("\"{token}\" is one word too many")),
        }
    }

    /// Whether a licensee who accepts the licences that `allowed` admits may use the work.
    pub fn satisfied(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Expression::Licence(name) => {
                // `X+` offers X, and whatever comes after it.
                allowed(name) || name.strip_suffix('+').is_some_and(allowed)
            }
            Expression::All(parts) => parts.iter().all(|part| part.satisfied(allowed)),
            Expression::Any(parts) => parts.iter().any(|part| part.satisfied(allowed)),
        }
    }

    /// The licences it names.
    pub fn licences(&self) -> Vec<&str> {
        match self {
            Expression::Licence(name) => vec![name],
            Expression::All(parts) | Expression::Any(parts) => {
                parts.iter().flat_map(Expression::licences).collect()
            }
        }
    }
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn is(tokens: &mut Tokens<'_>, word: &str) -> bool {
    tokens
        .next_if(|token| token.eq_ignore_ascii_case(word))
        .is_some()
}

fn any(tokens: &mut Tokens<'_>) -> Result<Expression, String> {
    let mut parts = vec![all(tokens)?];
    while is(tokens, "OR") {
        parts.push(all(tokens)?);
    }
    Ok(one_or(parts, Expression::Any))
}

fn all(tokens: &mut Tokens<'_>) -> Result<Expression, String> {
    let mut parts = vec![licence(tokens)?];
    while is(tokens, "AND") {
        parts.push(licence(tokens)?);
    }
    Ok(one_or(parts, Expression::All))
}

fn licence(tokens: &mut Tokens<'_>) -> Result<Expression, String> {
    if is(tokens, "(") {
        let inner = any(tokens)?;
        return if is(tokens, ")") {
            Ok(inner)
        } else {
            Err("a parenthesis is not closed".into())
        };
    }
    let name = identifier(tokens)?;
    if is(tokens, "WITH") {
        let exception = identifier(tokens)?;
        return Ok(Expression::Licence(format!("{name} WITH {exception}")));
    }
    Ok(Expression::Licence(name.to_string()))
}

fn identifier<'a>(tokens: &mut Tokens<'a>) -> Result<&'a str, String> {
    let token = tokens.next().ok_or("the expression ends early")?;
    let keyword = ["OR", "AND", "WITH"]
        .iter()
        .any(|word| token.eq_ignore_ascii_case(word));
    let characters = token
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-+:".contains(c));
    if keyword || !characters {
        return Err(format!("\"{token}\" is no licence"));
    }
    Ok(token)
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine(text: &str, allowed: &[&str]) -> bool {
        Expression::parse(text)
            .unwrap()
            .satisfied(&|name| allowed.contains(&name))
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(fine("MIT OR GPL-3.0-only AND Zlib", &["MIT"]));
        assert!(!fine("(MIT OR GPL-3.0-only) AND Zlib", &["MIT"]));
        assert!(fine("(MIT OR GPL-3.0-only) AND Zlib", &["MIT", "Zlib"]));
        assert!(!fine("MIT AND GPL-3.0-only", &["MIT"]));
        assert!(fine("MIT/Apache-2.0", &["Apache-2.0"]));
    }

    #[test]
    fn an_exception_makes_another_licence() {
        let text = "Apache-2.0 WITH LLVM-exception";
        assert!(fine(text, &[text]));
        assert!(!fine(text, &["Apache-2.0"]));
        assert!(!fine("GPL-3.0-only", &["GPL-3.0-only WITH x"]));
    }

    #[test]
    fn a_plus_offers_the_version_it_names() {
        assert!(fine("MPL-2.0+", &["MPL-2.0"]));
        assert!(!fine("GPL-3.0-or-later", &["GPL-3.0-only"]));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT Zlib",
            "AND",
            "see LICENSE_1",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
