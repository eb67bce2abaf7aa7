//! What is in the file, in tiles and tables.

use std::fmt::Write as _;

use serde_json::Value;

use super::head::era;
use super::words::{bytes, count, escaped, plural, row, text, texts, word_of};

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

pub(super) fn summary(out: &mut String, data: &Value) {
    let info = &data["info"];
    let page = word_of(&info["page_size"]).unwrap_or(0);
    out.push_str("<h2 id=\"summary\">Summary</h2>\n<div class=\"grid tiles\">");
    let ram = word_of(&data["ram_pages"]);
    let note = ram.map_or(String::new(), |pages| plural(pages, "page") + " of RAM");
    tile(
        out,
        "Memory",
        ram.map(|pages| bytes(pages.saturating_mul(page))),
        &note,
    );
    let pages = &info["pages"];
    let records = word_of(&pages["num_records"]);
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
    let again = word_of(&pages["num_superseded"]);
    let note = match again {
        Some(0) => "each page once".into(),
        Some(again) => share(again) + " were superseded",
        None => String::new(),
    };
    tile(out, "Sent again", again.map(count), &note);
    let zero = word_of(&pages["num_zero"]);
    tile(
        out,
        "Zero pages",
        zero.map(count),
        &zero.map_or(String::new(), |zero| share(zero) + " of the records"),
    );
    let listed = word_of(&info["unallocated"]["count"]);
    tile(out, "Unallocated", listed.map(count), "RAM without a page");
    let read = info["vcpus"].as_array().map_or(0, Vec::len) as u64;
    let map = word_of(&info["vcpumap"]["max_virt_cpus"]);
    let complete = info["complete"] == true;
    let note = map.map_or(String::new(), |most| format!("online, of {}", count(most)));
    tile(
        out,
        "Vcpus",
        (complete || read > 0).then(|| count(read)),
        &note,
    );
    if let Some(rounds @ 2..) = word_of(&info["num_checkpoints"]) {
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
    let number = |value: &Value, what: &str| word_of(value).map(|n| plural(n, what));
    let setup = &info["arch_setup"];
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let stream = &info["envelope"];
    let stream = word_of(&stream["stream_offset"])
        .zip(word_of(&stream["stream_size"]));
    let packed = !info["compression"].is_null();
    let unpacked = |value: Option<String>| value.filter(|_| packed);
    let pv = info["guest"] == "pv";
    let start_info = &info["shared_info"]["start_info_pfn"];
    let trailing = word_of(&info["trailing_bytes"]).filter(|bytes| *bytes > 0);
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
        ("maxmem", word_of(&setup["maxmem"]).map(bytes)),
        ("xsi_va", word(&setup["xsi_va"])),
        ("hypercall_imm", word(&setup["hypercall_imm"])),
        (
            "start_info",
            word_of(start_info)
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

fn memory_map(out: &mut String, data: &Value) {
    let info = &data["info"];
    let Some(rows) = info["memmap"]["descriptors"]
        .as_array()
        .filter(|rows| !rows.is_empty())
    else {
        return;
    };
    let page = word_of(&info["page_size"]).unwrap_or(1).max(1);
    let range = |row: &Value| {
        let start = row["phys_addr"]
            .as_str()
            .and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        let start = start.or(word_of(&row["phys_addr"]))?;
        let end = start.checked_add(word_of(&row["num_pages"])?.checked_mul(4096)?)?;
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
            word_of(&own[name])
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
        let size = word_of(&own["num_pages"]).and_then(|n| n.checked_mul(4096));
        cell(&size.map_or("more than 16 EiB".into(), bytes));
        cell(own["attribute"].as_str().unwrap_or_default());
        cell(&own["offset"].to_string());
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    if let Some(more @ 1..) = word_of(&data["more_descriptors"]) {
        let _ = write!(
            out,
            "<p class=\"faint\">and {} more</p>",
            plural(more, "descriptor")
        );
    }
    out.push_str("</div>\n");
}
