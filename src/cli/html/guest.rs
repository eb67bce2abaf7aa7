//! The system inside: what its memory says, as a part of the page that needs no script. Every word of it is
//! the guest's, and none of it is trusted.

use std::fmt::Write as _;

use serde_json::Value;

use super::words::{count, plural, word_of};
use crate::cli::render::size::human;

/// Nothing where no kernel's file was given.
pub(super) fn guest(out: &mut String, data: &Value) {
    let guest = &data["guest"];
    if guest.is_null() {
        return;
    }
    out.push_str("<h2 id=\"guest\">Guest</h2>\n");
    if let Some(nothing) = guest["nothing"].as_str() {
        let _ = writeln!(out, "<div class=\"card\"><p>{}</p></div>", foreign(nothing));
        return;
    }
    out.push_str("<div class=\"card\"><dl>");
    for row in items(&guest["rows"]) {
        pair(out, &row[0], &row[1]);
    }
    pair(out, &"known by".into(), &guest["kernel"]);
    out.push_str("</dl>");
    for trouble in items(&guest["troubles"]) {
        note(out, trouble);
    }
    out.push_str("</div>\n");
    for trace in items(&guest["backtraces"]) {
        backtrace(out, trace);
    }
    processes(out, &guest["processes"]);
    modules(out, &guest["modules"]);
    log(out, &guest["log"]);
}

/// A text of the guest's: marks are letters, and what turns the direction of writing, or nobody sees, is a
/// number.
fn foreign(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        match char {
            '\t' => out.push(char),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                out.extend(char.escape_unicode());
            }
            _ if char.is_control() => out.extend(char.escape_default()),
            _ => out.push(char),
        }
    }
    super::words::escaped(&out)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => foreign(text),
        other => foreign(&other.to_string()),
    }
}

fn pair(out: &mut String, name: &Value, text: &Value) {
    let (name, text) = (told(name), told(text));
    let _ = write!(
        out,
        "<dt>{name}</dt><dd><span class=\"mono\">{text}</span></dd>"
    );
}

fn note(out: &mut String, text: &Value) {
    let _ = write!(out, "<p class=\"faint more\">{}</p>", told(text));
}

/// Begins a card; of what is long only the head is open.
fn open(out: &mut String, title: &str, note: &str, open: bool) {
    let open = if open { " open" } else { "" };
    let _ = write!(
        out,
        "<div class=\"card more\"><details class=\"own\"{open}><summary>{title}<span class=\"n\">{note}</span></summary>"
    );
}

/// Ends a card: what is not shown of a list, and why it may not be whole.
fn close(out: &mut String, list: &Value, what: &str) {
    let shown = items(&list["shown"]).len() as u64;
    if let Some(more) = word_of(&list["num"]).and_then(|all| all.checked_sub(shown))
        && more > 0
    {
        let _ = write!(
            out,
            "<p class=\"faint more\">and {}</p>",
            plural(more, what)
        );
    }
    if list["broken"].is_string() {
        note(out, &list["broken"]);
    }
    out.push_str("</details></div>\n");
}

fn backtrace(out: &mut String, trace: &Value) {
    let frames = items(&trace["frames"]);
    let title = format!("Backtrace of vcpu {}", told(&trace["id"]));
    open(out, &title, &count(frames.len() as u64), true);
    out.push_str("<ol class=\"frames\" start=\"0\">");
    for frame in frames {
        let arguments = frame["arguments"].as_object();
        let arguments = arguments.into_iter().flatten().map(|(name, value)| {
            let value = if value.is_null() {
                "?".into()
            } else {
                told(value)
            };
            format!("{}={value}", foreign(name))
        });
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        let function = match frame["function"].as_str() {
            Some(name) => foreign(name),
            None => "?".into(),
        };
        let offset = match frame["offset"].as_str() {
            Some(offset) => format!("+{}", foreign(offset)),
            None => String::new(),
        };
        let _ = write!(
            out,
            "<li><div class=\"call\"><b>{function}</b><span class=\"faint\">{offset}</span>({arguments})</div>\
             <div class=\"at\">{}",
            told(&frame["ip"])
        );
        if frame["file"].is_string() {
            let (file, line) = (told(&frame["file"]), told(&frame["line"]));
            let _ = write!(out, ", {file}:{line}");
        }
        let _ = write!(out, ", {}</div></li>", told(&frame["how"]));
    }
    out.push_str("</ol>");
    note(out, &trace["ended"]);
    out.push_str("</details></div>\n");
}

/// A table: columns with whether they hold numbers, and cells that are escaped already.
fn table(out: &mut String, columns: &[(&str, bool)], rows: impl Iterator<Item = Vec<String>>) {
    out.push_str("<div class=\"scroll\"><table><thead><tr>");
    let class = |number: bool| if number { " class=\"num\"" } else { "" };
    for (name, number) in columns {
        let _ = write!(out, "<th{}>{name}</th>", class(*number));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (cell, (_, number)) in row.iter().zip(columns) {
            let class = class(*number);
            let _ = write!(out, "<td{class}><span class=\"mono\">{cell}</span></td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}

fn processes(out: &mut String, list: &Value) {
    let all = word_of(&list["num"]).unwrap_or(0);
    open(out, "Processes", &count(all), true);
    let columns = [
        ("Pid", true),
        ("Parent", true),
        ("State", false),
        ("Command", false),
        ("Page directory", true),
        ("task_struct", true),
    ];
    let rows = items(&list["shown"]).iter().map(|process| {
        let comm = told(&process["comm"]);
        let is_kernel = process["kernel"] == true;
        vec![
            told(&process["pid"]),
            told(&process["ppid"]),
            told(&process["state"]),
            if is_kernel { format!("[{comm}]") } else { comm },
            told(&process["pgd"]),
            told(&process["task"]),
        ]
    });
    table(out, &columns, rows);
    close(out, list, "process that is not shown");
}

fn modules(out: &mut String, list: &Value) {
    let all = word_of(&list["num"]).unwrap_or(0);
    open(out, "Modules", &count(all), true);
    let columns = [
        ("Name", false),
        ("Size", true),
        ("Address", true),
        ("State", false),
    ];
    let rows = items(&list["shown"]).iter().map(|module| {
        let size = word_of(&module["size"]).map_or(String::new(), human);
        vec![
            told(&module["name"]),
            size,
            told(&module["core"]),
            told(&module["state"]),
        ]
    });
    table(out, &columns, rows);
    close(out, list, "module that is not shown");
}

fn log(out: &mut String, list: &Value) {
    let shown = items(&list["shown"]);
    open(out, "Log", &count(word_of(&list["num"]).unwrap_or(0)), true);
    out.push_str("<pre class=\"text log\">");
    for line in shown {
        let class = match line["level"].as_u64().map(|level| level & 7) {
            Some(0..=3) => "bad",
            Some(4) => "warn",
            _ => "",
        };
        let _ = write!(out, "<span class=\"{class}\">");
        if line["time"].is_string() {
            let _ = write!(
                out,
                "<span class=\"faint\">[{:>12}]</span> ",
                told(&line["time"])
            );
        }
        let _ = writeln!(out, "{}</span>", told(&line["text"]));
    }
    out.push_str("</pre>");
    close(out, list, "earlier line");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(guest: &Value) -> String {
        let mut out = String::new();
        super::guest(&mut out, &json!({ "guest": guest }));
        out
    }

    #[test]
    fn without_a_kernel_there_is_no_such_part() {
        assert_eq!(page(&Value::Null), "");
        let nothing = page(&json!({ "nothing": "no vcpu" }));
        assert!(nothing.contains("id=\"guest\"") && nothing.contains("<p>no vcpu</p>"));
    }

    #[test]
    fn nothing_that_the_guest_says_becomes_part_of_the_page() {
        let evil = "</pre></details><script>alert(1)</script><img src=x onerror=\"alert('2')\">\u{202e}\0&amp;";
        let list = |own: Value| json!({ "shown": [own], "num": 7, "broken": evil });
        let page = page(&json!({
            "kernel": evil,
            "rows": [[evil, evil]],
            "troubles": [evil],
            "backtraces": [{
                "id": evil,
                "frames": [{
                    "ip": evil, "function": evil, "offset": evil, "file": evil, "line": evil,
                    "how": evil, "arguments": { evil: evil },
                }],
                "ended": evil,
            }],
            "processes": list(json!({ "pid": evil, "ppid": evil, "state": evil, "comm": evil, "pgd": evil, "task": evil })),
            "modules": list(json!({ "name": evil, "size": evil, "core": evil, "state": evil })),
            "log": list(json!({ "level": evil, "time": evil, "text": evil })),
        }));
        for word in ["<script", "<img", "\u{202e}", "\0", "\"alert"] {
            assert!(!page.contains(word), "{word:?}: {page}");
        }
        assert_eq!(page.matches("</pre>").count(), 1);
        let marks = |mark: &str| page.matches(mark).count();
        assert_eq!(marks("<details"), marks("</details>"));
        assert_eq!(marks("<div"), marks("</div>"));
        assert!(
            page.matches("\\u{202e}\\u{0}&amp;amp;").count() >= 20,
            "{page}"
        );
        assert!(page.contains("and 6 "), "{page}");
    }
}
