//! What the page says without a script: what the file is, what was not read, what is wrong.

use std::fmt::Write as _;

use ia64save_codec::Severity;
use serde_json::Value;

use crate::cli::explain;
use crate::cli::render::size::{grouped, human};

/// Where the clauses of the specification can be read.
const SPEC: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/spec/ia64-save.md");

/// Text within an element or an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A number with its digits in groups.
fn count(number: u64) -> String {
    grouped(number).replace(' ', "\u{202f}")
}

fn plural(number: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

fn bytes(number: u64) -> String {
    human(number).replace(' ', "\u{a0}")
}

/// The page up to the memory map.
pub fn top(data: &Value) -> String {
    let mut out = String::new();
    head(&mut out, data);
    unread(&mut out, data);
    // What is wrong comes first where something is.
    let wrong = data["verdict"] != "valid";
    if wrong {
        findings(&mut out, data);
    }
    summary(&mut out, data);
    if !wrong {
        findings(&mut out, data);
    }
    out
}

fn head(out: &mut String, data: &Value) {
    let info = &data["info"];
    let (class, verdict) = match data["verdict"].as_str() {
        Some("valid") => ("valid", "Valid"),
        Some("valid_with_warnings") => ("warn", "Valid, with warnings"),
        _ => ("invalid", "Invalid"),
    };
    let _ = write!(
        out,
        "<h1>{}</h1>\n<div class=\"badges\">",
        text(&data["file"])
    );
    let _ = write!(out, "<span class=\"badge {class}\">{verdict}</span>");
    let mut badge = |label: &str, value: &str| {
        if !value.is_empty() {
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("{label} ")
            };
            let _ = write!(
                out,
                "<span class=\"badge\">{label}<b>{}</b></span>",
                escaped(value)
            );
        }
    };
    badge(
        "",
        match info["guest"].as_str() {
            Some("pv") => "Paravirtual (PV)",
            Some("hvm") => "Fully virtualised (HVM)",
            _ => "",
        },
    );
    badge("dialect", &dialect(info));
    badge("era", &era(info));
    if let Some(version) = info["format_version"].as_u64() {
        badge("version", &version.to_string());
    }
    badge("", &bytes(data["file_size"].as_u64().unwrap_or(0)));
    if let Some(compression) = info["compression"].as_str() {
        badge("in", compression);
    }
    match info["envelope"]["kind"].as_str() {
        Some("bare") | None => badge("", "bare stream"),
        Some(kind) => badge("", &format!("{kind} file")),
    }
    out.push_str("</div>\n");
}

fn dialect(info: &Value) -> String {
    let candidates = || {
        let all = info["dialect_candidates"].as_array();
        let names = all.into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(" or ")
    };
    let found = info["dialect"]
        .as_str()
        .map_or_else(candidates, str::to_owned);
    if found.is_empty() {
        return "not known".into();
    }
    found
}

/// The era, or those that could have written it.
fn era(info: &Value) -> String {
    let candidates = || texts(&info["era_candidates"]).join(", ");
    info["era"].as_str().map_or_else(candidates, str::to_owned)
}

/// What the image has no more of.
fn unread(out: &mut String, data: &Value) {
    let missing: Vec<_> = texts(&data["missing"]);
    if missing.is_empty() {
        return;
    }
    out.push_str(
        "<div class=\"card unread\"><h3>Not everything was read</h3><p>The stream cannot be read beyond what is \
         told under <a href=\"#findings\">Findings</a>. This page knows nothing of:</p><ul class=\"plain\">",
    );
    for part in missing {
        let _ = write!(out, "<li>{}</li>", escaped(&part));
    }
    out.push_str("</ul></div>\n");
}

fn texts(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// A number and what it counts; where it was not read, that.
fn tile(out: &mut String, name: &str, value: Option<String>, note: &str) {
    let (class, value) = match value {
        Some(value) => ("", value),
        None => (" none", "not read".into()),
    };
    let note = if class.is_empty() {
        note
    } else {
        "the stream ended before"
    };
    let _ = write!(
        out,
        "<div class=\"card tile{class}\"><div class=\"k\">{name}</div><div class=\"v\">{value}</div>\
         <div class=\"s\">{}</div></div>",
        escaped(note)
    );
}

fn summary(out: &mut String, data: &Value) {
    let info = &data["info"];
    let page = info["page_size"].as_u64().unwrap_or(0);
    out.push_str("<h2 id=\"summary\">Summary</h2>\n<div class=\"grid tiles\">");
    let ram = data["ram_pages"].as_u64();
    let note = ram.map_or(String::new(), |pages| plural(pages, "page") + " of RAM");
    tile(
        out,
        "Memory",
        ram.map(|pages| bytes(pages.saturating_mul(page))),
        &note,
    );
    let pages = &info["pages"];
    let records = pages["num_records"].as_u64();
    let whole = !pages["terminator_offset"].is_null();
    let size = records.map_or(String::new(), |n| bytes(n.saturating_mul(page)));
    let note = if whole {
        size
    } else {
        size + ", and no end of them"
    };
    tile(out, "Page records", records.map(count), &note);
    let share = |part: u64| {
        format!(
            "{:.1} %",
            part as f64 * 100.0 / records.unwrap_or(1).max(1) as f64
        )
    };
    let again = pages["num_superseded"].as_u64();
    let note = match again {
        Some(0) => "each page once".into(),
        Some(again) => share(again) + " were superseded",
        None => String::new(),
    };
    tile(out, "Sent again", again.map(count), &note);
    let zero = pages["num_zero"].as_u64();
    tile(
        out,
        "Zero pages",
        zero.map(count),
        &zero.map_or(String::new(), |zero| share(zero) + " of the records"),
    );
    let listed = info["unallocated"]["count"].as_u64();
    tile(out, "Unallocated", listed.map(count), "RAM without a page");
    let read = info["vcpus"].as_array().map_or(0, Vec::len) as u64;
    let map = info["vcpumap"]["max_virt_cpus"].as_u64();
    let complete = info["complete"] == true;
    let note = map.map_or(String::new(), |most| format!("online, of {}", count(most)));
    tile(
        out,
        "Vcpus",
        (complete || read > 0).then(|| count(read)),
        &note,
    );
    if let Some(rounds @ 2..) = info["num_checkpoints"].as_u64() {
        tile(out, "Checkpoints", Some(count(rounds)), "Remus rounds");
    }
    out.push_str("</div>\n<div class=\"grid two\"><div class=\"card\"><h3>Why this dialect</h3>");
    let evidence = texts(&info["dialect_evidence"]);
    if evidence.is_empty() {
        out.push_str("<p class=\"soft\">Nothing was read that tells.</p>");
    } else {
        out.push_str("<ul class=\"plain\">");
        for line in evidence {
            let _ = write!(out, "<li>{}</li>", escaped(&line));
        }
        out.push_str("</ul>");
    }
    if info["dialect"].is_null() && texts(&info["dialect_candidates"]).len() > 1 {
        let names = texts(&info["dialect_candidates"]).join(", ");
        let _ = write!(
            out,
            "<p class=\"soft\">Several dialects could have written this, the likeliest first: {}. --dialect or --era \
             says which it is.</p>",
            escaped(&names)
        );
    }
    if info["era"].is_null() && !texts(&info["era_candidates"]).is_empty() {
        let _ = write!(
            out,
            "<p class=\"soft\">Eras that could have written this: {}; read as {}.</p>",
            escaped(&era(info)),
            text(&info["era_likeliest"])
        );
    }
    out.push_str("</div><div class=\"card\"><h3>The file</h3>");
    file(out, data);
    out.push_str("</div></div>\n");
    memory_map(out, data);
}

/// The file as it lies there, and the head of the stream in it.
fn file(out: &mut String, data: &Value) {
    let info = &data["info"];
    let number = |value: &Value, what: &str| value.as_u64().map(|n| plural(n, what));
    let setup = &info["arch_setup"];
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let stream = &info["envelope"];
    let stream = stream["stream_offset"]
        .as_u64()
        .zip(stream["stream_size"].as_u64());
    let packed = !info["compression"].is_null();
    let unpacked = |value: Option<String>| value.filter(|_| packed);
    let pv = info["guest"] == "pv";
    let start_info = &info["shared_info"]["start_info_pfn"];
    let trailing = info["trailing_bytes"].as_u64().filter(|bytes| *bytes > 0);
    let rows = [
        ("size", number(&data["file_size"], "byte")),
        ("sha256", word(&info["sha256"])),
        ("unpacked", unpacked(number(&info["unpacked_size"], "byte"))),
        ("its sha256", unpacked(word(&info["unpacked_sha256"]))),
        (
            "stream",
            stream.map(|(from, size)| format!("from byte {from}, {} bytes", count(size))),
        ),
        ("p2m_size", number(&info["p2m_size"], "page")),
        ("flags", word(&setup["flags"])),
        ("maxmem", setup["maxmem"].as_u64().map(bytes)),
        ("xsi_va", word(&setup["xsi_va"])),
        ("hypercall_imm", word(&setup["hypercall_imm"])),
        (
            "start_info",
            start_info
                .as_u64()
                .filter(|_| pv)
                .map(|pfn| format!("pfn {pfn:#x}")),
        ),
        (
            "trailing",
            trailing.map(|n| plural(n, "byte") + " behind the stream"),
        ),
    ];
    out.push_str("<dl>");
    for (name, value) in rows {
        if let Some(value) = value {
            row(out, name, &value);
        }
    }
    out.push_str("</dl>");
}

fn row(out: &mut String, name: &str, value: &str) {
    let _ = write!(
        out,
        "<dt>{name}</dt><dd><span class=\"mono\">{}</span></dd>",
        escaped(value)
    );
}

fn memory_map(out: &mut String, data: &Value) {
    let info = &data["info"];
    let Some(rows) = info["memmap"]["descriptors"]
        .as_array()
        .filter(|rows| !rows.is_empty())
    else {
        return;
    };
    let page = info["page_size"].as_u64().unwrap_or(1).max(1);
    let range = |row: &Value| {
        let start = row["phys_addr"]
            .as_str()
            .and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        let start = start.or(row["phys_addr"].as_u64())?;
        let end = start.checked_add(row["num_pages"].as_u64()?.checked_mul(4096)?)?;
        Some((start, end))
    };
    let uneven =
        |row: &Value| range(row).filter(|(start, end)| start % page != 0 || end % page != 0);
    let bytes_too = rows.iter().any(|row| uneven(row).is_some());
    out.push_str(
        "<div class=\"card scroll more\"><h3>Memory map of the guest</h3><table><thead><tr><th>Type</th>\
         <th class=\"num\">First pfn</th><th class=\"num\">End pfn</th>",
    );
    if bytes_too {
        out.push_str("<th class=\"num\">In bytes</th>");
    }
    out.push_str(
        "<th class=\"num\">Size</th><th class=\"num\">Attribute</th><th class=\"num\">At byte</th></tr></thead>\
         <tbody>",
    );
    for own in rows {
        let kind = match own["is_ram"].as_bool() {
            Some(true) => "<b>RAM</b>".to_owned(),
            _ => own["type_name"].as_str().map_or_else(
                || format!("type {}", own["type"]),
                |name| escaped(&name.replace("EFI_", "").to_lowercase().replace('_', " ")),
            ),
        };
        let pfn = |name: &str| {
            own[name]
                .as_u64()
                .map_or("none".into(), |pfn| format!("{pfn:#x}"))
        };
        let _ = write!(out, "<tr><td>{kind}</td>");
        let mut cell = |text: &str| {
            let _ = write!(
                out,
                "<td class=\"num\"><span class=\"mono\">{}</span></td>",
                escaped(text)
            );
        };
        cell(&pfn("first_pfn"));
        cell(&pfn("end_pfn"));
        if bytes_too {
            cell(&uneven(own).map_or(String::new(), |(start, end)| {
                format!("{start:#x} to {end:#x}")
            }));
        }
        let size = own["num_pages"].as_u64().and_then(|n| n.checked_mul(4096));
        cell(&size.map_or("more than 16 EiB".into(), bytes));
        cell(own["attribute"].as_str().unwrap_or_default());
        cell(&own["offset"].to_string());
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    if let Some(more @ 1..) = data["more_descriptors"].as_u64() {
        let _ = write!(
            out,
            "<p class=\"faint\">and {} more</p>",
            plural(more, "descriptor")
        );
    }
    out.push_str("</div>\n");
}

/// Severities, the worst first.
const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Note];

fn findings(out: &mut String, data: &Value) {
    let none = Vec::new();
    let all = data["findings"].as_array().unwrap_or(&none);
    out.push_str("<h2 id=\"findings\">Findings</h2>\n");
    if all.is_empty() {
        out.push_str("<div class=\"card\"><p>Nothing is wrong with this image, and nothing is odd.</p></div>\n");
        return;
    }
    if let Some(cause) = data["cause"].as_str() {
        let _ = writeln!(
            out,
            "<div class=\"card cause\"><p>{}</p></div>",
            escaped(cause)
        );
    }
    out.push_str("<div class=\"tally\" id=\"tally\">");
    for severity in SEVERITIES {
        let name = severity.name();
        let own = all.iter().filter(|found| found["severity"] == name).count() as u64;
        if own > 0 {
            let _ = write!(
                out,
                "<span class=\"badge {name}\" data-severity=\"{name}\">{}</span>",
                plural(own, name)
            );
        }
    }
    out.push_str("</div>\n<div id=\"list\">\n");
    for severity in SEVERITIES {
        let name = severity.name();
        for found in all.iter().filter(|found| found["severity"] == name) {
            finding(out, found, name);
        }
    }
    out.push_str("</div>\n");
    for (code, more) in data["suppressed"].as_object().into_iter().flatten() {
        let more = more.as_u64().unwrap_or(0);
        let _ = writeln!(
            out,
            "<p class=\"soft\">and {} more {}</p>",
            count(more),
            escaped(code)
        );
    }
    if let Some(more @ 1..) = data["more_findings"].as_u64() {
        let _ = writeln!(
            out,
            "<p class=\"soft\">and {} more; ia64save check tells all</p>",
            plural(more, "finding")
        );
    }
}

fn finding(out: &mut String, found: &Value, severity: &str) {
    let clause = found["clause"].as_str().unwrap_or_default();
    let anchor = clause.replace('.', "-");
    let _ = write!(
        out,
        "<article class=\"card finding {severity}\" data-severity=\"{severity}\"><div class=\"head\"><span class=\"sev\">\
         {severity}</span><b>{}</b><span class=\"mono\">{}</span><a href=\"{SPEC}#c{anchor}\" rel=\"noreferrer\">spec \
         {clause}</a></div><dl>",
        text(&found["message"]),
        text(&found["code"])
    );
    let path = found["path"].as_str().filter(|path| !path.is_empty());
    let place = path.map_or(String::new(), |path| format!(", {path}"));
    row(out, "where", &format!("byte {}{place}", found["offset"]));
    for name in ["expected", "found"] {
        if let Some(text) = found[name].as_str().filter(|text| !text.is_empty()) {
            row(out, name, text);
        }
    }
    let code = found["code"].as_str().and_then(|code| code.parse().ok());
    if let Some(advice) = code.and_then(explain::what_to_do) {
        let _ = write!(out, "<dt>what to do</dt><dd>{}</dd>", marked(&advice));
    }
    out.push_str("</dl>");
    if let Some(block) = hex(&found["hex"]) {
        out.push_str(&block);
    }
    out.push_str("</article>\n");
}

/// A text in which what stands between backticks is code.
fn marked(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        let part = escaped(part);
        if index % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(&part);
        }
    }
    out
}

/// The bytes around what is complained of.
fn hex(hex: &Value) -> Option<String> {
    let (base, digits) = (hex["base"].as_u64()?, hex["bytes"].as_str()?);
    let mark = hex["start"].as_u64()?..hex["end"].as_u64()?;
    let raw: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let end = base.checked_add(raw.len() as u64)?;
    let mut out = String::from("<pre class=\"hex\">");
    let mut at = base - base % 16;
    while at < end {
        let _ = write!(out, "<span class=\"a\">{at:08x}  </span>");
        let mut letters = String::new();
        for place in at..at + 16 {
            let byte = place
                .checked_sub(base)
                .and_then(|index| raw.get(index as usize));
            let gap = if place == at + 7 { "  " } else { " " };
            let _ = match byte {
                Some(byte) if mark.contains(&place) => write!(out, "<mark>{byte:02x}</mark>{gap}"),
                Some(byte) => write!(out, "{byte:02x}{gap}"),
                None => write!(out, "  {gap}"),
            };
            letters.push(match byte {
                None => ' ',
                Some(byte @ 32..=126) => char::from(*byte),
                Some(_) => '.',
            });
        }
        let _ = writeln!(
            out,
            " <span class=\"a\">{}</span>",
            escaped(letters.trim_end())
        );
        at += 16;
    }
    Some(out + "</pre>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_shown_with_their_mark() {
        let block = hex(&json!({ "base": 4, "bytes": "00413c", "start": 5, "end": 6 }));
        let block = block.unwrap();
        assert!(block.contains("00 <mark>41</mark> 3c  "), "{block}");
        assert!(block.contains(".A&lt;</span>"), "{block}");
    }

    #[test]
    fn what_was_not_read_is_not_nothing() {
        let data = json!({ "file": "a<b", "verdict": "invalid", "info": { "envelope": {} }, "missing": ["shared_info"] });
        let page = top(&data);
        assert!(page.contains("<h1>a&lt;b</h1>"));
        assert!(page.contains("<li>shared_info</li>"));
        assert_eq!(page.matches("not read").count(), 6, "{page}");
        assert!(!page.contains("class=\"v\">0<"));
    }

    #[test]
    fn errors_come_first_with_what_to_do() {
        let one = |severity: &str, code: &str| json!({ "severity": severity, "code": code, "message": code, "offset": 1, "clause": "2.1" });
        let data = json!({
            "verdict": "invalid",
            "info": {},
            "findings": [one("note", "memmap-desc-empty"), one("error", "truncated")],
        });
        let page = top(&data);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(place("<b>truncated") < place("<b>memmap-desc-empty"));
        assert!(place("id=\"findings\"") < place("id=\"summary\""));
        assert!(page.contains("spec/ia64-save.md#c2-1\""));
        assert!(
            page.contains("<dt>what to do</dt><dd>Get the rest"),
            "{page}"
        );
        assert!(page.contains(">1 error</span>") && page.contains(">1 note</span>"));
    }
}
