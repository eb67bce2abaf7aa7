//! Puts a switch where something can be wrong.

use std::fmt;

use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, BinOp, Block, Expr, ImplItemFn, Item, ItemFn, ReturnType, Signature, Type, UnOp,
};

/// One thing that is wrong when its switch is turned.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// From 1 on.
    pub number: u32,
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "codec/src/{}:{}: {}", self.file, self.line, self.what)
    }
}

/// The text with switches; adds its mutants.
pub fn file(name: &str, text: &str, mutants: &mut Vec<Mutant>) -> Result<String, syn::Error> {
    let mut parsed = syn::parse_file(text)?;
    let mut rewriter = Rewriter {
        file: name.into(),
        mutants,
    };
    rewriter.visit_file_mut(&mut parsed);
    Ok(parsed.into_token_stream().to_string())
}

struct Rewriter<'a> {
    file: String,
    mutants: &'a mut Vec<Mutant>,
}

impl Rewriter<'_> {
    fn add(&mut self, line: usize, what: String) -> u32 {
        let number = self.mutants.len() as u32 + 1;
        self.mutants.push(Mutant {
            number,
            file: self.file.clone(),
            line,
            what,
        });
        number
    }

    /// An answer that is given at once.
    fn answers(&mut self, signature: &Signature, block: &mut Block) {
        if signature.constness.is_some() {
            return;
        }
        let line = signature.ident.span().start().line;
        for answer in answers(&signature.output) {
            let what = format!(
                "{} answers {}",
                signature.ident,
                answer.to_string().replace(' ', "")
            );
            let number = self.add(line, what);
            let early: syn::Stmt = syn::parse_quote! {
                if crate::mutant::on(#number) { return #answer; }
            };
            block.stmts.insert(0, early);
        }
    }
}

impl VisitMut for Rewriter<'_> {
    fn visit_item_mut(&mut self, item: &mut Item) {
        match item {
            // Not at run time, or not of the program.
            Item::Const(_) | Item::Static(_) | Item::Macro(_) => {}
            Item::Mod(inner) if is_test(&inner.attrs) => {}
            Item::Fn(function) if is_test(&function.attrs) => {}
            other => visit_mut::visit_item_mut(self, other),
        }
    }

    fn visit_item_fn_mut(&mut self, function: &mut ItemFn) {
        if function.sig.constness.is_none() {
            visit_mut::visit_block_mut(self, &mut function.block);
            self.answers(&function.sig, &mut function.block);
        }
    }

    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        if function.sig.constness.is_none() {
            visit_mut::visit_block_mut(self, &mut function.block);
            self.answers(&function.sig, &mut function.block);
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        visit_mut::visit_expr_mut(self, &mut arm.body);
        if let Some((_, guard)) = &mut arm.guard
            && !has_let(guard)
        {
            let line = guard.span().start().line;
            let text = guard.to_token_stream().to_string();
            let always = self.add(line, format!("guard `{text}` holds"));
            let never = self.add(line, format!("guard `{text}` does not hold"));
            let own = guard.clone();
            **guard = syn::parse_quote! {
                ((crate::mutant::on(#always) || (#own)) && !crate::mutant::on(#never))
            };
        }
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        let line = expression.span().start().line; // before what is inside loses its place
        visit_mut::visit_expr_mut(self, expression);
        match expression {
            Expr::Binary(binary) if !has_let(&binary.left) && !has_let(&binary.right) => {
                let (__l, __r, own) = (&binary.left, &binary.right, &binary.op);
                let all = others(own);
                let mut chosen = operation(own, &quote! { __l }, &quote! { __r });
                for other in &all {
                    let what = format!("`{}` is `{}`", text(own), text(other));
                    let number = self.add(line, what);
                    let changed = operation(other, &quote! { __l }, &quote! { __r });
                    chosen = quote! {
                        if crate::mutant::on(#number) { #changed } else { #chosen }
                    };
                }
                if all.is_empty() {
                    return;
                }
                let chosen = match own {
                    // The __r one may not be looked at.
                    BinOp::And(_) | BinOp::Or(_) => {
                        let number = self.mutants.len() as u32;
                        let (own, other) = (own, &all[0]);
                        quote! {
                            (match #__l { __l => if crate::mutant::on(#number) { __l #other #__r } else { __l #own #__r } })
                        }
                    }
                    _ if is_assignment(own) => {
                        let number = self.mutants.len() as u32;
                        let other = &all[0];
                        quote! {
                            (if crate::mutant::on(#number) { #__l #other #__r } else { #__l #own #__r })
                        }
                    }
                    // What is compared stays where it is.
                    _ if is_comparison(own) => quote! {
                        (match (&(#__l), &(#__r)) { (__l, __r) => #chosen })
                    },
                    _ => quote! { (match (#__l, #__r) { (__l, __r) => #chosen }) },
                };
                *expression = expression_of(chosen);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let inner = &unary.expr;
                let number = self.add(line, "`!` is missing".into());
                *expression = expression_of(quote! {
                    (if crate::mutant::on(#number) { #inner } else { #unary })
                });
            }
            _ => {}
        }
    }

    // The length of an array is no expression of run time.
    fn visit_expr_repeat_mut(&mut self, repeat: &mut syn::ExprRepeat) {
        self.visit_expr_mut(&mut repeat.expr);
    }

    // Patterns and types have nothing that could be switched.
    fn visit_pat_mut(&mut self, _: &mut syn::Pat) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
}

fn expression_of(tokens: proc_macro2::TokenStream) -> Expr {
    syn::parse2(tokens).expect("what was an expression is one")
}

fn operation(
    op: &BinOp,
    __l: &proc_macro2::TokenStream,
    __r: &proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    quote! { #__l #op #__r }
}

fn is_assignment(op: &BinOp) -> bool {
    text(op).ends_with('=') && !is_comparison(op)
}

fn is_comparison(op: &BinOp) -> bool {
    ["==", "!=", "<", ">", "<=", ">="].contains(&text(op).as_str())
}

fn text(op: &BinOp) -> String {
    op.to_token_stream().to_string()
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.to_token_stream().to_string();
        text.contains("cfg (test)") || text.contains("cfg(test)") || text.contains("[test]")
    })
}

/// `if let ... && ...`: what is bound has to stay where it is.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// What an operator is mistaken for.
fn others(op: &BinOp) -> Vec<BinOp> {
    let names: &[&str] = match op {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["<=", ">"],
        BinOp::Gt(_) => &[">=", "<"],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) | BinOp::Mul(_) => &["+"],
        BinOp::Div(_) => &["*"],
        BinOp::Rem(_) => &["/"],
        BinOp::BitAnd(_) => &["|"],
        BinOp::BitOr(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&="],
        _ => &[],
    };
    names
        .iter()
        .map(|name| syn::parse_str(name).expect("an operator"))
        .collect()
}

/// Answers of a type that mean something else than what was asked.
fn answers(output: &ReturnType) -> Vec<proc_macro2::TokenStream> {
    let ReturnType::Type(_, of) = output else {
        return vec![quote! { () }];
    };
    let text = of.to_token_stream().to_string().replace(' ', "");
    match text.as_str() {
        "bool" => vec![quote! { true }, quote! { false }],
        "u8" | "u16" | "u32" | "u64" | "usize" => vec![quote! { 0 }, quote! { 1 }],
        "Result<(),Error>" => vec![quote! { Ok(()) }],
        text if text.starts_with("Option<") => vec![quote! { None }],
        text if text.starts_with("Vec<") => vec![quote! { Default::default() }],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_has_a_number_and_code_without_one_stays() {
        let text = "const A: u32 = 1 + 2;\n\
            fn f(a: u32) -> bool { if let Some(x) = g() && x < a { return !h(); } a == 3 || a > 4 }\n\
            #[cfg(test)] mod tests { fn t() -> bool { 1 < 2 } }";
        let mut mutants = Vec::new();
        let out = file("x.rs", text, &mut mutants).unwrap();
        // f answers true, false; x < a twice; ! once; ==, ||, > twice.
        let what: Vec<String> = mutants.iter().map(ToString::to_string).collect();
        assert_eq!(what.len(), 9, "{what:#?}");
        assert!(out.contains("const A : u32 = 1 + 2 ;"), "{out}");
        assert!(
            what.contains(&"codec/src/x.rs:2: `==` is `!=`".to_string()),
            "{what:#?}"
        );
        for mutant in &mutants {
            let switch = format!("on ({}u32)", mutant.number);
            assert!(out.contains(&switch), "{out}");
        }
        assert!(syn::parse_file(&out).is_ok());
    }
}
