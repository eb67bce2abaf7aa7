"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main"), tip = document.getElementById("tip");
const info = data.info, LOOKS = data.looks;

// Elements without a library: el("p.soft", "text", child, ...).
function el(spec, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}
const set = (node, attributes) => { for (const name in attributes) node.setAttribute(name, attributes[name]); return node; };
const count = n => Number(n).toLocaleString("en").replace(/,/g, "\u202f");
function bytes(n) {
  n = Number(n);
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit++; }
  return (unit ? n.toFixed(1) : n) + "\u00a0" + units[unit];
}
const hex = n => "0x" + BigInt(n).toString(16);
const mono = text => el("span.mono", String(text));
const plural = (n, what) => count(n) + " " + what + (Number(n) === 1 ? "" : "s");

// Theme: the system's, until somebody asks for another.
const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";
try { theme = localStorage.getItem("ia64save-theme") || "auto"; } catch { /* file:// may have none */ }
const redraw = [];
// Paper is narrower than a screen: what is drawn would shrink to it, its letters too.
let printing = false;
for (const [when, is] of [["beforeprint", true], ["afterprint", false]]) addEventListener(when, () => { printing = is; redraw.forEach(draw => draw()); });
function applyTheme() {
  const dark = theme === "dark" || (theme === "auto" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  button.textContent = { auto: "\u25d0 Auto", light: "\u2600 Light", dark: "\u263e Dark" }[theme];
  redraw.forEach(draw => draw());
}
button.addEventListener("click", () => {
  theme = { auto: "light", light: "dark", dark: "auto" }[theme];
  try { localStorage.setItem("ia64save-theme", theme); } catch { /* nothing to remember it in */ }
  applyTheme();
});
system.addEventListener("change", applyTheme);

// The tip follows the pointer and stays within the window.
function showTip(x, y, ...content) {
  tip.replaceChildren(...content.flat());
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(innerWidth - box.width - 8, x + 16)) + "px";
  tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(8, y - box.height - 12) : y + 18) + "px";
}
const hideTip = () => { tip.hidden = true; };

// Sections. Those that need no script stand in the page already.
const nav = document.getElementById("nav");
function link(id, title, note) {
  const node = el("a", title, note ? el("span.n", String(note)) : null);
  node.href = "#" + id;
  nav.append(node);
}
for (const head of main.querySelectorAll("h2")) link(head.id, head.textContent, head.id === "findings" ? document.querySelectorAll(".finding").length || "" : "");
function section(id, title, note) {
  link(id, title, note);
  const head = el("h2", title);
  head.id = id;
  main.append(head);
}
const defs = rows => el("dl", rows.filter(row => row && row[1] !== null && row[1] !== undefined).map(([name, value]) => [el("dt", name), el("dd", value instanceof Node ? value : mono(value))]));
const page = info.page_size;

// Findings: some of them, by severity and by what is in them.
function filter() {
  const tally = document.getElementById("tally"), all = [...document.querySelectorAll(".finding")];
  if (!tally || all.length < 2) return;
  const off = new Set(), text = set(document.createElement("input"), { type: "search", placeholder: "Filter", "aria-label": "Filter findings" });
  const left = set(el("span.soft"), { role: "status" });
  const apply = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const one of all) {
      one.hidden = off.has(one.dataset.severity) || !one.textContent.toLowerCase().includes(wanted);
      if (!one.hidden) shown++;
    }
    left.textContent = shown === all.length ? "" : `${count(shown)} of ${count(all.length)} shown`;
  };
  for (const badge of [...tally.children]) {
    const severity = badge.dataset.severity;
    const button = set(el("button." + badge.className.replace(/ /g, "."), badge.textContent), { type: "button", "aria-pressed": "true", title: "Show or hide these", "data-severity": severity });
    button.addEventListener("click", () => {
      off.has(severity) ? off.delete(severity) : off.add(severity);
      button.setAttribute("aria-pressed", String(!off.has(severity)));
      apply();
    });
    badge.replaceWith(button);
  }
  text.addEventListener("input", apply);
  tally.append(text, left);
  addEventListener("beforeprint", () => { for (const one of all) one.hidden = false; });
  addEventListener("afterprint", apply);
}
filter();

// How a kind of page looks beside its colour: shapes for who sees no difference in hue.
// 0 hole, 1 sent again, 2 sent, 3 zero, 4 ballooned out, 5 unallocated, 6 unread.
function shape(context, look, x, y, width, height) {
  if (width < 5 || height < 5 || look === 2 || look > 6) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = context.fillStyle = marks[look] || "#fff";
  context.lineWidth = 1.4;
  context.beginPath();
  const middle = x + width / 2, half = y + height / 2, line = (a, b, c, d) => { context.moveTo(a, b); context.lineTo(c, d); };
  if (look === 0) { line(x, y, x + width, y + height); line(x + width, y, x, y + height); }
  if (look === 1) for (let d = -height; d < width; d += 5) line(x + d, y + height, x + d + height, y);
  if (look === 3) { context.arc(middle, half, Math.min(width, height) / 6, 0, 7); context.fill(); context.beginPath(); }
  if (look === 4) line(x, y + height - 2.5, x + width, y + height - 2.5);
  if (look === 5) { context.fillRect(middle - 1, half - 1, 2, 2); }
  if (look === 6) line(x, y + height, x + width, y);
  context.stroke();
  context.restore();
}
let marks = [];
// A sample of a look, for legends.
function swatch(look) {
  const canvas = set(document.createElement("canvas"), { class: "swatch", "aria-hidden": "true" }), ratio = devicePixelRatio || 1, size = 14;
  const paint = () => {
    canvas.width = canvas.height = size * ratio;
    const context = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    marks = LOOKS.map((_, at) => style.getPropertyValue(`--mark-${at}`).trim());
    context.fillStyle = style.getPropertyValue(`--look-${look}`).trim();
    context.fillRect(0, 0, size, size);
    shape(context, look, 0, 0, size, size);
  };
  paint();
  redraw.push(paint);
  return canvas;
}

// The memory picture. Every RAM page has a position; gaps between stretches of RAM take none. A cell
// stands for `per` positions and is filled by what they are, in their shares.
function memory() {
  if (!data.pictures.length) return;
  section("memory", "Memory");
  const card = el("div.card"), legend = el("div.legend"), where = el("span.where");
  const map = set(document.createElement("canvas"), { id: "map", tabindex: "0", role: "img" });
  const overview = set(document.createElement("canvas"), { id: "overview", "aria-hidden": "true" });
  const tools = el("div.tools", where);
  let picture, items, total, least, per, origin, columns, rows, cell, only = -1, colours = [];
  const GAP = 1;

  function choose(index) {
    picture = data.pictures[index];
    let position = 0, end = null;
    items = picture.extents.map(([first, pages, look, record, counts]) => {
      const pfn = BigInt(first), item = { position, pages, pfn, look, record, counts, begins: end !== pfn };
      end = pfn + BigInt(pages);
      position += pages;
      return item;
    });
    total = position;
    least = picture.coarse ? Math.max(1, ...items.map(item => item.pages)) : 1;
    legend.replaceChildren(...LOOKS.map((name, look) => {
      if (!picture.totals[look] || name === "not RAM") return null;
      const item = set(el("button", swatch(look), name, el("span.n", count(picture.totals[look]))), { type: "button", "aria-pressed": "false", title: "Show these alone" });
      item.addEventListener("click", () => {
        only = only === look ? -1 : look;
        for (const other of legend.children) other.setAttribute("aria-pressed", String(other === item && only >= 0));
        draw();
      });
      return item;
    }).filter(Boolean));
    only = -1;
    fit();
  }
  function layout() {
    const width = map.parentNode.clientWidth - 40;
    for (cell = 26; cell >= 9; cell--) {
      columns = Math.max(8, Math.floor(width / (cell + GAP)));
      rows = Math.max(1, Math.floor(330 / (cell + GAP)));
      if (columns * rows >= total) break;
    }
    cell = Math.max(cell, 9);
  }
  function fit() {
    layout();
    per = 1;
    while (per * columns * rows < total) per *= 2;
    origin = 0;
    draw();
  }
  const widest = () => { let most = 1; while (most * columns * rows < total) most *= 2; return most; };
  // The item that holds a position.
  function find(position) {
    let low = 0, high = items.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (items[middle].position <= position) low = middle; else high = middle - 1;
    }
    return low;
  }
  // How many pages of each look positions hold.
  function shares(from, to) {
    const sum = new Array(LOOKS.length).fill(0);
    let begins = false;
    for (let i = find(from); i < items.length && items[i].position < to; i++) {
      const item = items[i], part = Math.min(to, item.position + item.pages) - Math.max(from, item.position);
      if (part <= 0) continue;
      if (item.counts) item.counts.forEach((n, look) => { sum[look] += n * part / item.pages; });
      else sum[item.look] += part;
      begins = begins || (item.begins && item.position >= from && i > 0);
    }
    return { sum, begins };
  }
  function prepare(canvas, height) {
    const ratio = devicePixelRatio || 1, width = canvas.parentNode.clientWidth - 40;
    canvas.style.height = height + "px";
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return [context, width];
  }
  function fill(context, x, y, width, height, sum) {
    const all = sum.reduce((a, b) => a + b, 0);
    let at = x;
    sum.forEach((n, look) => {
      if (!n) return;
      const part = width * n / all;
      context.globalAlpha = only >= 0 && look !== only ? .12 : 1;
      context.fillStyle = colours[look];
      context.fillRect(at, y, part, height);
      shape(context, look, at, y, part, height);
      at += part;
    });
    context.globalAlpha = 1;
  }
  function draw() {
    const style = getComputedStyle(document.documentElement);
    colours = LOOKS.map((_, look) => style.getPropertyValue(`--look-${look}`).trim());
    marks = LOOKS.map((_, look) => style.getPropertyValue(`--mark-${look}`).trim());
    const ink = style.getPropertyValue("--ink").trim();
    const seen = Math.min(rows, Math.ceil(total / (columns * per)));
    const step = cell + GAP, [context] = prepare(map, seen * step);
    for (let index = 0; index < columns * seen; index++) {
      const from = origin + index * per, to = Math.min(total, from + per);
      if (from >= total) break;
      const x = index % columns * step, y = Math.floor(index / columns) * step;
      const { sum, begins } = shares(from, to);
      fill(context, x, y, cell, cell, sum);
      if (begins) { context.fillStyle = ink; context.fillRect(x - GAP, y, 2, cell); }
    }
    const [strip, width] = prepare(overview, 26), slices = Math.min(Math.floor(width / 2), total);
    for (let i = 0; i < slices; i++) {
      const from = Math.floor(total * i / slices), to = Math.max(from + 1, Math.floor(total * (i + 1) / slices));
      fill(strip, width * i / slices, 6, width / slices + .4, 14, shares(from, to).sum);
    }
    const shown = Math.min(total, columns * rows * per);
    strip.strokeStyle = ink; strip.lineWidth = 1.5;
    strip.strokeRect(Math.min(width * origin / total + .75, width - 4), 1.5, Math.max(3, width * Math.min(shown, total - origin) / total - 1.5), 23);
    const first = items[find(origin)], end = Math.min(total, origin + shown) - 1, last = items[find(end)];
    where.textContent = `pfn ${hex(pfnOf(first, origin))} to ${hex(pfnOf(last, end))}, ` + (per === 1 ? "a page a cell" : count(per) + " pages a cell");
    Object.assign(map.dataset, { per, origin, total, cell, columns });
    map.setAttribute("aria-label", "Memory map: " + where.textContent);
  }
  const pfnOf = (item, position) => item.pfn + BigInt(Math.floor(position - item.position));
  function zoom(factor, position) {
    const before = per;
    per = Math.max(least, Math.min(widest(), factor > 0 ? per / 2 : per * 2));
    if (per < 1) per = 1;
    if (per === before) return false;
    const cells = (position - origin) / before;
    move(position - cells * per);
    return true;
  }
  function move(to) {
    const most = Math.max(0, total - columns * rows * per);
    const row = columns * per;
    origin = Math.max(0, Math.min(Math.ceil(most / row) * row, Math.round(to / row) * row));
    draw();
  }
  function hit(event) {
    const box = map.getBoundingClientRect(), step = cell + GAP;
    const x = Math.floor((event.clientX - box.left) / step), y = Math.floor((event.clientY - box.top) / step);
    if (x < 0 || y < 0 || x >= columns || y >= rows) return -1;
    const position = origin + (y * columns + x) * per;
    return position < total ? position : -1;
  }
  function hover(event) {
    const from = hit(event);
    if (from < 0) return hideTip();
    const to = Math.min(total, from + per), item = items[find(from)], last = items[find(to - 1)];
    const { sum } = shares(from, to), kinds = sum.filter(Boolean).length;
    const first = pfnOf(item, from), range = per === 1 ? "pfn " + hex(first) : `pfn ${hex(first)} to ${hex(pfnOf(last, to - 1))}`;
    const lines = [el("b", range)];
    sum.forEach((n, look) => {
      if (!n) return;
      lines.push(el("div.row", swatch(look), LOOKS[look], kinds > 1 ? el("span.dim", plural(Math.round(n), "page")) : null));
    });
    if (item.record >= 0) {
      const record = item.record + Math.floor(from - item.position);
      lines.push(el("div.dim", `record ${count(record)}, page at byte ${count(picture.offset + record * picture.stride + 8)}`));
    } else if (per === 1 || kinds === 1) lines.push(el("div.dim", item.counts ? "zoom in no further: the map was summarised" : "no page in the image"));
    showTip(event.clientX, event.clientY, lines);
  }
  let grip = null;
  map.addEventListener("pointerdown", event => { grip = { y: event.clientY, origin }; map.setPointerCapture(event.pointerId); });
  map.addEventListener("pointermove", event => {
    if (grip && event.buttons) {
      const moved = Math.round((grip.y - event.clientY) / (cell + GAP));
      if (moved) { map.classList.add("drag"); move(grip.origin + moved * columns * per); }
    }
    hover(event);
  });
  map.addEventListener("pointerup", () => { grip = null; map.classList.remove("drag"); });
  map.addEventListener("pointerleave", hideTip);
  map.addEventListener("dblclick", event => { const at = hit(event); if (at >= 0) zoom(1, at); });
  map.addEventListener("wheel", event => {
    const at = hit(event);
    if (at >= 0 && zoom(event.deltaY < 0 ? 1 : -1, at)) { event.preventDefault(); hover(event); }
  }, { passive: false });
  map.addEventListener("keydown", event => {
    const middle = origin + Math.floor(columns * rows * per / 2), row = columns * per;
    const act = { "+": () => zoom(1, middle), "=": () => zoom(1, middle), "-": () => zoom(-1, middle), "0": fit, Home: () => move(0), End: () => move(total),
      ArrowDown: () => move(origin + row), ArrowUp: () => move(origin - row), PageDown: () => move(origin + row * rows), PageUp: () => move(origin - row * rows) }[event.key];
    if (act) { act(); event.preventDefault(); }
  });
  overview.addEventListener("pointerdown", event => {
    const box = overview.getBoundingClientRect(), width = overview.parentNode.clientWidth - 40;
    move(total * (event.clientX - box.left) / width - columns * rows * per / 2);
  });
  const press = (text, title, act) => { const b = set(el("button", text), { type: "button", title, "aria-label": title }); b.addEventListener("click", act); return b; };
  const centre = () => origin + Math.floor(Math.min(total - origin, columns * rows * per) / 2);
  tools.append(press("+", "Zoom in", () => zoom(1, centre())), press("\u2212", "Zoom out", () => zoom(-1, centre())), press("All", "Show all of it", fit));
  if (data.pictures.length > 1) {
    const select = set(document.createElement("select"), { "aria-label": "Checkpoint" });
    data.pictures.forEach((one, index) => { const option = el("option", "checkpoint " + one.checkpoint); option.value = index; select.append(option); });
    select.addEventListener("change", () => choose(Number(select.value)));
    tools.prepend(select);
  }
  card.append(legend, tools, map, overview, el("p.faint", "Wheel or + and \u2212 zoom, dragging and arrows move; a line marks where a gap in RAM was left out."));
  card.lastChild.style.margin = "12px 0 0";
  main.append(card);
  choose(0);
  redraw.push(draw);
  addEventListener("resize", () => { const at = origin; layout(); per = Math.min(per, widest()); move(at); });
}
memory();
if (data.more_checkpoints) main.append(el("p.soft", "Drawn are the first checkpoints; " + count(data.more_checkpoints) + " more are in the image."));

// Passes. One alone is no chart: the summary says it.
function passes() {
  section("passes", "Passes", data.passes.length + (data.more_passes || 0));
  const NS = "http://www.w3.org/2000/svg", parts = [["--look-2", "sent, and counts", 2], ["--look-3", "zero, and counts", 3], ["--look-1", "superseded by a later copy", 1]];
  const card = el("div.card", el("div.badges", parts.map(([, text, look]) => el("span.badge", swatch(look), text))));
  const frame = el("div");
  card.append(frame);
  main.append(card);
  const most = Math.max(...data.passes.map(pass => pass.records), 1);
  const nice = (() => { const raw = most / 4, power = 10 ** Math.floor(Math.log10(raw || 1)); return Math.max(1, [1, 2, 5, 10].map(n => n * power).find(n => n >= raw)); })();
  const label = count(Math.floor(most / nice) * nice), L = 34 + label.length * 8, B = 46, H = 250;
  const draw = () => {
    // As wide as there is room: letters keep their size on every screen.
    const W = printing ? 640 : Math.max(240, frame.clientWidth);
    const svg = set(document.createElementNS(NS, "svg"), { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "plot", role: "img", "aria-label": "Pages sent in each pass" });
    const add = (name, attributes, text) => { const node = set(document.createElementNS(NS, name), attributes); if (text !== undefined) node.textContent = text; svg.append(node); return node; };
    const defs = add("defs", {}), pattern = (id, body) => { const node = set(document.createElementNS(NS, "pattern"), { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" }); for (const [name, attributes] of body) node.append(set(document.createElementNS(NS, name), attributes)); defs.append(node); };
    pattern("again", [["rect", { width: 6, height: 6, style: "fill: var(--look-1)" }], ["path", { d: "M-1,1 L1,-1 M0,6 L6,0 M5,7 L7,5", style: "stroke: var(--mark-1); stroke-width: 1.4" }]]);
    pattern("zero", [["rect", { width: 6, height: 6, style: "fill: var(--look-3)" }], ["circle", { cx: 3, cy: 3, r: 1, style: "fill: var(--mark-3)" }]]);
    const y = n => H - B - (H - B - 14) * n / most;
    for (let n = 0; n <= most; n += nice) {
      add("line", { x1: L, x2: W, y1: y(n), y2: y(n), class: "grid-line" });
      add("text", { x: L - 8, y: y(n) + 4, "text-anchor": "end" }, count(n));
    }
    add("text", { x: 12, y: (H - B) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(H - B) / 2})`, class: "title" }, "page records");
    add("text", { x: L + (W - L) / 2, y: H - 4, "text-anchor": "middle", class: "title" }, "pass");
    const slot = (W - L) / data.passes.length, width = Math.max(1, Math.min(64, slot * .72)), every = Math.max(1, Math.ceil(34 / slot));
    data.passes.forEach((pass, index) => {
      const x = L + slot * index + (slot - width) / 2;
      const own = [[pass.records - pass.superseded - pass.zero, 0], [pass.zero, 1], [pass.superseded, 2]];
      let base = 0;
      for (const [n, which] of own) {
        if (n <= 0) continue;
        const paint = ["var(--look-2)", "url(#zero)", "url(#again)"][which];
        const bar = add("rect", { x, width, y: y(base + n), height: Math.max(1, y(base) - y(base + n)), style: `fill: ${paint}` });
        bar.addEventListener("pointermove", event => showTip(event.clientX, event.clientY, [el("b", pass.name), el("div", plural(n, "page") + " " + parts[which][1]), el("div.dim", plural(pass.records, "record") + ", " + bytes(pass.records * page))]));
        bar.addEventListener("pointerleave", hideTip);
        base += n;
      }
      if (index % every === 0) add("text", { x: x + width / 2, y: H - B + 18, "text-anchor": "middle" }, pass.label);
    });
    frame.replaceChildren(svg);
  };
  draw();
  redraw.push(draw);
  addEventListener("resize", draw);
  if (data.more_passes) main.append(el("p.soft", "Drawn are the first; " + plural(data.more_passes, "more pass").replace(/passs$/, "passes") + " are in the image."));
}
if (data.passes.length > 1) passes();

// Registers.
function chips(register) {
  const [, , words, bits] = register, fields = bits && data.bits[bits];
  if (!fields) return null;
  const word = BigInt(words[0]), lit = [];
  for (const [name, low, width, meaning] of fields) {
    const value = word >> BigInt(low) & ((1n << BigInt(width)) - 1n);
    if (!value) continue;
    let text = width === 1 ? name : name + " " + (value > 255n ? "0x" + value.toString(16) : value);
    if (name === "ps" && value >= 10n && value < 50n) text += " (" + bytes(2 ** Number(value)) + ")";
    lit.push(set(el("span.chip", text), { title: meaning + (width === 1 ? ` (bit ${low})` : ` (bits ${low} to ${low + width - 1})`) }));
  }
  return lit.length ? el("div.chips", lit) : null;
}
const wide = words => words.length === 1 ? words[0] : "0x" + BigInt(words[1]).toString(16).padStart(5, "0") + "_" + BigInt(words[0]).toString(16).padStart(16, "0");
const register = entry => set(el("div.r", el("span.name", entry[0]), el("span", wide(entry[2])), chips(entry)), { title: entry[4] + ", at byte " + entry[1] });
const zeros = group => group.zeros.length ? el("p.zeros", "0: " + runs(group.zeros).join(", ")) : null;
// r1, r2, r3 as r1\u2013r3.
function runs(names) {
  const out = [];
  for (const name of names) {
    const now = /^(.*?)(\d+)(\D*)$/.exec(name), last = out[out.length - 1];
    if (now && last && last.head === now[1] && last.tail === now[3] && last.to + 1 === Number(now[2])) last.to++;
    else out.push(now ? { head: now[1], tail: now[3], from: Number(now[2]), to: Number(now[2]) } : { name });
  }
  return out.map(run => run.name || (run.from === run.to ? run.head + run.from + run.tail : run.head + run.from + run.tail + "\u2013" + run.head + run.to + run.tail));
}
// Translation registers as a table: a row for each that holds anything.
function translations(registers) {
  const rows = new Map();
  for (const entry of registers) {
    const now = /^([id]tr\[\d+\])\.(\w+)$/.exec(entry[0]);
    if (!now) return null;
    if (!rows.has(now[1])) rows.set(now[1], {});
    rows.get(now[1])[now[2]] = entry;
  }
  if (!rows.size) return null;
  const value = entry => entry ? BigInt(entry[2][0]) : 0n;
  return el("div.scroll", el("table.entries", el("thead", el("tr", ["", "Virtual address", "Physical address", "Page size", "Translation", "Key", "Region id"].map(name => el("th", name)))),
    el("tbody", [...rows].map(([name, row]) => {
      const pte = value(row.pte), itir = value(row.itir), ps = itir >> 2n & 63n;
      return el("tr", el("td", mono(name)), el("td", mono(row.vadr ? row.vadr[2][0] : "0x0")), el("td", mono("0x" + ((pte >> 12n & (1n << 38n) - 1n) << 12n).toString(16))),
        el("td", ps >= 10n && ps < 50n ? bytes(2 ** Number(ps)) : mono("ps " + ps)), el("td", (row.pte && chips(row.pte)) || mono("0x0")), el("td", mono("0x" + (itir >> 8n & 0xffffffn).toString(16))), el("td", mono(row.rid ? row.rid[2][0] : "0x0")));
    }))));
}
function group(one, open) {
  const big = one.registers.some(entry => entry[3]) || one.registers.some(entry => entry[2].length > 1);
  const body = el("details", el("summary", one.name, el("span.n", one.registers.length + (one.zeros.length ? " of " + (one.registers.length + one.zeros.length) : ""))),
    translations(one.registers) || [el("div.regs" + (big ? ".big" : ""), one.registers.map(register)), zeros(one)].filter(Boolean));
  body.open = open;
  return body;
}
// Where the addresses in registers lead.
function led(registers) {
  if (!registers.length) return null;
  const symbols = registers.some(one => one.symbol), heads = ["Register", "Address", symbols && "What is there", "Guest physical", "Found by"].filter(Boolean);
  const body = el("details", el("summary", "Where addresses lead", el("span.n", String(registers.length))),
    el("div.scroll", el("table.entries.led", el("thead", el("tr", heads.map(name => el("th", name)))), el("tbody", registers.map(one =>
      el("tr", el("td", mono(one.register), one.role && el("span.faint", " " + one.role)), el("td", mono(one.address)), symbols && el("td", mono(one.symbol || "")),
        el("td", mono(one.physical || (one.unresolved ? "none" : "no memory of the guest"))), el("td.by", one.by || one.unresolved)))))));
  body.open = true;
  return body;
}
if (data.vcpus.length) {
  section("vcpus", "Vcpus", data.vcpus.length);
  const card = el("div.card"), tabs = set(el("div.tabs"), { role: "tablist" }), body = el("div");
  const show = index => {
    const vcpu = data.vcpus[index];
    [...tabs.children].forEach((tab, at) => tab.setAttribute("aria-selected", String(at === index)));
    const [core, ...others] = vcpu.groups;
    body.replaceChildren(el("p.soft", `Context of layout ${vcpu.layout} at byte ${count(vcpu.offset)}`),
      el("div.core", core.registers.map(entry => set(el("div.reg", el("div.name", entry[0] + "  \u00b7  " + entry[4].split(/[:;(]/)[0]), el("div.val", wide(entry[2])), chips(entry)), { title: entry[4] + ", at byte " + entry[1] }))), zeros(core) || "");
    const list = el("div", led(vcpu.led || []), others.map((one, at) => group(one, at === 0)));
    list.style.marginTop = "16px";
    body.append(list);
  };
  data.vcpus.forEach((vcpu, index) => { const tab = set(el("button", "vcpu " + vcpu.id), { type: "button", role: "tab" }); tab.addEventListener("click", () => show(index)); tabs.append(tab); });
  card.append(tabs, body);
  main.append(card);
  show(0);
  if (data.more_vcpus) main.append(el("p.soft", "and " + plural(data.more_vcpus, "vcpu") + " more"));
}

// Devices of an HVM domain.
if (data.devices.length) {
  section("devices", "Devices", data.devices.length);
  const card = el("div.card");
  if (info.magic_pfns) card.append(el("h3", "Pages shared with the device model and xenstore"), defs(info.magic_pfns.order.map(name => [name, "pfn " + info.magic_pfns[name]])));
  const list = el("div");
  list.style.marginTop = "16px";
  const bit = (words, n) => words && (BigInt(words[0]) >> BigInt(n) & 1n) === 1n;
  for (const device of data.devices) {
    const title = (device.name || "type " + device.typecode) + " " + device.instance;
    const by = name => { const found = device.registers.find(entry => entry[0] === name); return found && found[2]; };
    const pins = device.pins.map((word, index) => {
      const bits = BigInt(word), masked = (bits >> 16n & 1n) === 1n, irr = bit(by("irr"), index), isr = bit(by("isr"), index);
      const says = data.bits.redirection.map(([name, low, width]) => [name, bits >> BigInt(low) & ((1n << BigInt(width)) - 1n)]).filter(([, value]) => value).map(([name, value]) => name + " 0x" + value.toString(16));
      const title = `pin ${index}: ${word}` + (says.length ? "\n" + says.join(", ") : "") + (irr ? "\nrequested" : "") + (isr ? "\nin service" : "");
      return set(el("div.pin" + (masked ? ".masked" : "") + (irr ? ".irr" : "") + (isr ? ".isr" : ""), el("div.faint", "pin " + index), el("div.v", masked ? "masked" : "0x" + (bits & 255n).toString(16))), { title });
    });
    const one = { name: title, registers: device.registers, zeros: device.zeros };
    const body = group(one, device.pins.length > 0 || device.registers.length + device.zeros.length <= 16 && device.registers.length > 0);
    body.querySelector("summary").append(el("span.n", `  at byte ${count(device.offset)}, ${plural(device.length, "byte")}`));
    if (pins.length) body.append(el("div.pins", pins));
    list.append(body);
  }
  card.append(list);
  main.append(card);
  if (data.more_devices) main.append(el("p.soft", "and " + plural(data.more_devices, "record") + " more"));
}

// Configuration and what surrounds the stream.
const envelope = info.envelope;
if (envelope.kind !== "bare" || envelope.device_model || data.config) {
  section("configuration", "Configuration");
  const config = envelope.config || {};
  main.append(el("div.grid.two", el("div.card", el("h3", "Envelope"), defs([
    ["kind", envelope.kind], ["name", config.name], ["uuid", config.uuid], ["memory", config.memory && config.memory + " MiB"], ["maxmem", config.maxmem && config.maxmem + " MiB"],
    ["vcpus", config.vcpus], ["device model", envelope.device_model], ["its state", envelope.device_model && bytes(envelope.device_model_data_size) + " at byte " + count(envelope.device_model_data_offset)]])),
    (config.devices || []).length ? el("div.card", el("h3", "Devices"), el("ul.plain", config.devices.map(device => el("li", typeof device === "string" ? device : JSON.stringify(device))))) : null));
  if (data.config) { main.append(el("div.card", el("h3", "As it is written"), el("pre.text", data.config))); main.lastChild.style.marginTop = "14px"; }
}

// On paper everything is open.
let opened = [];
addEventListener("beforeprint", () => { opened = [...document.querySelectorAll("details:not([open])")]; for (const one of opened) one.open = true; });
addEventListener("afterprint", () => { for (const one of opened) one.open = false; });

document.getElementById("foot").append("ia64save " + data.tool_version + (data.has_guest ? ". Of the guest's memory this page holds what stands under Guest. It loads nothing and sends nothing." : ". This page holds no page contents, loads nothing and sends nothing."));
applyTheme();
document.documentElement.dataset.ready = "true";
})();
