// The page of `ia64save report` in a headless Chromium: it loads without errors and without the
// network, says of every pfn what `ia64save map` says, zooms, and is light and dark.
//
// node report.mjs NODE_FOLDER TOOL CORPUS [SCREENSHOTS]: NODE_FOLDER has playwright-core in it.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const [nodeFolder, tool, corpus, shots] = process.argv.slice(2);
const { chromium } = createRequire(resolve(nodeFolder, "package.json"))("playwright-core");
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
assert(executablePath, "there is no Chromium");

const folder = mkdtempSync(join(tmpdir(), "ia64save-report-"));
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, headless: true, args: quiet });
if (shots) mkdirSync(shots, { recursive: true });
let passed = 0, failed = 0;

async function test(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`${name}: FAILED: ${error.stack}`);
  }
}

// Runs the tool; an invalid image ends it with 1 and is reported all the same.
function ia64save(...args) {
  try {
    return execFileSync(tool, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  } catch (error) {
    assert.equal(error.status, 1, error.stderr);
    return error.stdout;
  }
}

function report(image, ...options) {
  const path = join(folder, image.split("/").pop().replace(/\W+/g, "-") + ".html");
  ia64save("report", image, "-o", path, ...options);
  return path;
}

// Opens a page; every complaint of it and every request beside its own file is remembered.
async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", message => page.complaints.push(message.text()));
  page.on("pageerror", error => page.complaints.push(error.stack));
  page.on("request", request => { if (request.url() !== pathToFileURL(path).href && !request.url().startsWith("data:")) page.complaints.push("request: " + request.url()); });
  await page.goto(pathToFileURL(path).href);
  await page.waitForSelector("html[data-ready=true]", { timeout: 10000 });
  return page;
}

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

const golden = name => join(corpus, "golden", name + ".sav.zst");
const hostile = name => join(corpus, "hostile", name + ".sav.zst");
const view = page => page.locator("#map").evaluate(map => ({ per: Number(map.dataset.per), origin: Number(map.dataset.origin), total: Number(map.dataset.total) }));

// Moves the pointer over the middle of the cell of a position, and gives what the tip says.
async function hover(page, position) {
  await page.mouse.move(1, 1);
  const place = await page.locator("#map").evaluate((map, position) => {
    const box = map.getBoundingClientRect(), { per, origin, cell, columns } = map.dataset;
    const index = Math.floor((position - origin) / per), step = Number(cell) + 1;
    return { x: box.left + (index % columns + .5) * step, y: box.top + (Math.floor(index / columns) + .5) * step };
  }, position);
  await page.mouse.move(place.x, place.y);
  return page.locator("#tip").innerText();
}

const names = ["real340-pv-2vcpu", "real340-hvm-2vcpu", "real310-pv", "r410-hvm-live-4vcpu-hole", "r410-pv-live-balloon", "v1old-pv-live"];

for (const name of names) await test(`${name}: hovering says what map says`, async () => {
  const page = await open(report(golden(name)));
  assert.equal(await page.locator("h1").innerText(), name + ".sav.zst");
  const extents = JSON.parse(ia64save("map", "--format", "json", golden(name))).extents
    .filter(extent => extent.state !== "not_ram")
    .map(extent => ({ ...extent, first_pfn: Number(extent.first_pfn), num_pages: Number(extent.num_pages) }));
  await page.locator("#map").scrollIntoViewIfNeeded();
  const { per } = await view(page);
  let position = 0, looked = 0;
  for (const extent of extents) {
    // The first cell that this extent has for itself.
    const cell = Math.ceil(position / per) * per;
    if (cell + per <= position + extent.num_pages && looked < 60) {
      const tip = await hover(page, cell);
      const pfn = extent.first_pfn + cell - position;
      assert.match(tip, new RegExp("^pfn 0x" + pfn.toString(16) + "\\b"));
      // Ballooned out is what was sent and is listed as unallocated; zero is a state of its own here.
      const state = extent.present && extent.unallocated ? "ballooned out" : extent.present && extent.zero ? "zero" : extent.state.replace("_", " ");
      assert.match(tip, new RegExp("\\n" + state + "\\b"), tip);
      if (extent.present) assert.match(tip.replace(/\u202f/g, ""), new RegExp("page at byte " + (extent.offset + (cell - position) * extent.stride) + "$"));
      looked++;
    }
    position += extent.num_pages;
  }
  assert(looked >= 2, `${looked} extents looked at`);
  assert.equal((await view(page)).total, position);
  await close(page);
});

await test("zooming by wheel, button and key, moving by key and by the strip", async () => {
  const page = await open(report(golden("r410-hvm-live-4vcpu-hole")), { viewport: { width: 340, height: 900 } });
  const map = page.locator("#map");
  await map.scrollIntoViewIfNeeded();
  const whole = await view(page);
  assert(whole.per > 1, "a narrow window shows several pages a cell");
  await hover(page, whole.per * 40);
  await page.mouse.wheel(0, -200);
  await page.waitForFunction(per => Number(document.getElementById("map").dataset.per) === per / 2, whole.per);
  await page.getByRole("button", { name: "Zoom out" }).click();
  assert.equal((await view(page)).per, whole.per);
  await map.focus();
  await page.keyboard.press("+");
  assert.equal((await view(page)).per, whole.per / 2);
  await page.keyboard.press("End");
  assert((await view(page)).origin > 0);
  await page.keyboard.press("Home");
  assert.equal((await view(page)).origin, 0);
  const strip = await page.locator("#overview").boundingBox();
  await page.mouse.click(strip.x + strip.width - 3, strip.y + 10);
  assert((await view(page)).origin > 0);
  await page.getByRole("button", { name: "Show all of it" }).click();
  assert.deepEqual(await view(page), whole);
  await close(page);
});

await test("the legend shows one kind alone", async () => {
  const page = await open(report(golden("r410-pv-live-balloon")));
  const drawn = () => page.locator("#map").evaluate(map => map.toDataURL());
  const before = await drawn();
  const button = page.locator(".legend button").first();
  await button.click();
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  assert.notEqual(await drawn(), before);
  await button.click();
  assert.equal(await drawn(), before);
  await close(page);
});

for (const colorScheme of ["light", "dark"]) await test(`as the system is ${colorScheme}, and as one asks`, async () => {
  const page = await open(report(golden("real340-hvm-2vcpu")), { colorScheme });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number).reduce((a, b) => a + b));
  const dark = async () => (await ground()) < 200;
  assert.equal(await dark(), colorScheme === "dark");
  await page.locator("#theme").click();
  assert.equal(await dark(), false, "light");
  await page.locator("#theme").click();
  assert.equal(await dark(), true, "dark");
  await page.locator("#theme").click();
  assert.equal(await dark(), colorScheme === "dark");
  // Text can be read on its ground: WCAG asks for a contrast of 4.5.
  const contrast = await page.evaluate(() => {
    const light = colour => {
      const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
      return .2126 * r + .7152 * g + .0722 * b;
    };
    const card = light(getComputedStyle(document.querySelector(".card")).backgroundColor);
    return [...document.querySelectorAll("p, dt, dd, td, th, .k, .v, .chip, .badge, .name")].map(node => {
      const own = getComputedStyle(node), ground = own.backgroundColor === "rgba(0, 0, 0, 0)" ? card : light(own.backgroundColor), ink = light(own.color);
      return { ratio: (Math.max(ground, ink) + .05) / (Math.min(ground, ink) + .05), what: node.className + " " + node.textContent.slice(0, 30), faint: own.color };
    }).filter(({ ratio }) => ratio < 4.4).slice(0, 5);
  });
  assert.deepEqual(contrast.filter(({ what }) => !/^(zeros|faint)/.test(what)), []);
  await close(page);
});

await test("registers, decoded; devices and their pins", async () => {
  const page = await open(report(golden("r410-hvm-live-4vcpu-hole")));
  const field = path => JSON.parse(ia64save("dump", "--format", "json", golden("r410-hvm-live-4vcpu-hole"), path)).fields[0].value;
  const core = await page.locator(".core").innerText();
  const cfm = BigInt(field("vcpu[0].regs.cfm"));
  assert(core.includes("0x" + cfm.toString(16)));
  assert(core.includes("sof " + (cfm & 127n)), core);
  const third = page.locator(".tabs button").nth(2);
  await third.click();
  assert.equal(await third.getAttribute("aria-selected"), "true");
  const id = (await third.innerText()).replace("vcpu ", "");
  assert((await page.locator(".core").innerText()).includes("0x" + BigInt(field(`vcpu[${id}].regs.ip`)).toString(16)));
  await page.getByText("Region registers").click();
  assert.match(await page.locator("details[open]", { hasText: "Region registers" }).innerText(), /rid /);
  assert.equal(await page.locator(".pin").count(), 48);
  assert.match(await page.locator(".pin").first().getAttribute("title"), /pin 0: 0x/);
  await close(page);
});

await test("what is wrong, with its bytes", async () => {
  const page = await open(report(hostile("memdesc-npages-huge")));
  assert.equal(await page.locator(".badge.invalid").innerText(), "Invalid");
  const finding = page.locator(".finding.error").first();
  assert.match(await finding.innerText(), /memmap-end/);
  assert.equal((await finding.locator("mark").allInnerTexts()).join(""), "0000000000200000");
  await close(page);
});

for (const name of ["empty-file", "trunc-pv-p2m_size", "trunc-pv-page_body", "trunc-hvm-vcpu0_context", "hvm-typecode-9", "v1-p2m_size-2pow61", "gmfn-2pow61-plus-present", "memmap-size-max"])
  await test(`${name}: a bad image makes a page too`, async () => close(await open(report(hostile(name)))));

await test("nothing that an image says becomes part of the page", async () => {
  const evil = "(domain (name '</script><img src=x onerror=alert(1)><!--'))";
  const config = join(folder, "evil.sxp"), image = join(folder, "<b>evil.sav");
  writeFileSync(config, evil);
  ia64save("convert", "--envelope", "xend", "--config", config, golden("real320-pv"), "-o", image);
  const page = await open(report(image));
  assert.equal(await page.locator("pre.text").innerText(), evil);
  assert.equal(await page.locator("main img, main script, h1 b").count(), 0);
  await close(page);
  const without = await open(report(image, "--no-config"));
  assert.equal(await without.locator("pre.text").count(), 0);
  await close(without);
});

await test("findings are filtered by severity and by text, and link to their clauses", async () => {
  const page = await open(report(hostile("ver-1-on-v3-body")));
  const all = page.locator(".finding"), shown = () => page.locator(".finding:not([hidden])").count();
  const total = await all.count();
  assert(total > 3, `${total} findings`);
  assert.match(await all.first().getAttribute("class"), /error/);
  await page.locator("#tally button.error").click();
  const rest = await shown();
  assert(rest < total);
  assert.equal(await page.locator("#tally button.error").getAttribute("aria-pressed"), "false");
  await page.locator("#tally button.error").click();
  await page.locator("#tally input").fill("no such finding");
  assert.equal(await shown(), 0);
  await page.locator("#tally input").fill("");
  assert.equal(await shown(), total);
  assert.match(await all.first().locator(".head a").getAttribute("href"), /spec\/ia64-save\.md#c\d+-\d+$/);
  await close(page);
});

await test("without a script the summary and the findings are there", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(pathToFileURL(report(hostile("trunc-pv-vcpu0_context"))).href);
  const text = await page.locator("main").innerText();
  for (const words of ["Not everything was read", "the context of vcpu 0", "the input ends inside the stream", "what to do", "not read"]) assert(text.includes(words), words);
  await context.close();
});

await test("one pass is no chart; several have titles", async () => {
  const one = await open(report(golden("real310-pv")));
  assert.equal(await one.locator("svg.plot").count(), 0);
  await close(one);
  const several = await open(report(golden("r410-hvm-live-4vcpu-hole")));
  const titles = await several.locator("svg.plot .title").allTextContents();
  assert.deepEqual(titles, ["page records", "pass"]);
  await close(several);
});

await test("paper shows what is folded", async () => {
  const page = await open(report(golden("r410-hvm-live-4vcpu-hole")), { colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.equal(await page.locator("details:not([open])").count(), 0);
  const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(ground, "rgb(255, 255, 255)");
  assert.equal(await page.locator("nav").isVisible(), false);
  await close(page);
});

await test("kinds of pages differ without their colour", async () => {
  const page = await open(report(golden("r410-pv-live-balloon")));
  // Grey as the eye sees it: what is left differs by shape.
  const samples = await page.locator(".legend canvas.swatch").evaluateAll(all => all.map(canvas => {
    const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), ground = data.slice(0, 3).join();
    let marked = "";
    for (let at = 0; at < data.length; at += 4) marked += data.slice(at, at + 3).join() === ground ? "." : "#";
    return width + marked;
  }));
  assert(samples.length >= 4, `${samples.length} kinds`);
  assert.equal(new Set(samples).size, samples.length);
  await close(page);
});

const guestk = name => join(corpus, "guestk", name);

await test("the system inside, by its kernel's file", async () => {
  const options = ["--kernel", guestk("guestk.elf.zst")];
  const image = guestk("xen34-2vcpu.sav.zst"), told = (...args) => JSON.parse(ia64save(...args, image, "--format", "json", ...options));
  const path = report(image, ...options);
  for (const colorScheme of ["light", "dark"]) for (const width of [390, 1280]) {
    const page = await open(path, { colorScheme, viewport: { width, height: 900 } });
    assert((await page.locator("nav").innerText()).includes("Guest"));
    const text = await page.locator("main").innerText();
    const { vcpus } = told("backtrace");
    assert.equal(await page.locator("ol.frames").count(), vcpus.length);
    for (const { frames } of vcpus) for (const frame of frames) assert(text.includes(frame.function), frame.function);
    for (const { comm, task } of told("guest", "ps").processes) assert(text.includes(comm) && text.includes(task), comm);
    for (const line of told("guest", "log").lines) assert((await page.locator("pre.log").innerText()).includes(line.text), line.text);
    for (const { name } of told("guest", "modules").modules) assert(text.includes(name), name);
    // Registers say where they lead.
    assert.equal(await page.locator("table.led th").count(), await page.locator("table.led tbody tr").first().locator("td").count());
    const led = await page.locator("table.led").innerText(), ip = vcpus[0].frames[0];
    assert.match(led, new RegExp("ip\\s+" + ip.ip + "\\s+" + ip.function));
    await page.getByRole("tab", { name: "vcpu 1" }).click();
    assert((await page.locator("table.led").innerText()).includes(vcpus[1].frames[0].ip.slice(0, -1)));
    // Nothing makes the page wider than the screen.
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${width} pixels`);
    assert((await page.locator("#foot").innerText()).includes("stands under Guest"));
    if (shots) {
      await page.getByRole("tab", { name: "vcpu 0" }).click();
      await page.screenshot({ path: join(shots, `guest-${colorScheme}-${width}.png`), fullPage: true });
    }
    await close(page);
  }
  const without = await open(report(image));
  assert.equal(await without.locator("#guest").count(), 0);
  assert.equal(await without.locator("table.led").count(), 1);
  await close(without);
});

await test("the system inside is told without a script", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(pathToFileURL(report(guestk("xen34-cold.sav.zst"), "--kernel", guestk("guestk.elf.zst"))).href);
  assert((await page.locator("main").innerText()).includes("Backtrace of vcpu 0"));
  await context.close();
});

for (const width of [390, 768, 1280, 2000]) await test(`${width} pixels: letters keep their size`, async () => {
  const page = await open(report(golden("r410-hvm-live-4vcpu-hole")), { viewport: { width, height: 900 } });
  const small = await page.evaluate(() => [...document.querySelectorAll("svg.plot text")].map(text => text.getBoundingClientRect().height));
  assert(Math.min(...small.filter(Boolean)) >= 10, `${small}`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(over <= 0, `${over} pixels too wide`);
  await close(page);
});

for (const width of [360, 768, 1600]) await test(`${width} pixels are wide enough`, async () => {
  const page = await open(report(golden("r410-hvm-live-4vcpu-hole")), { viewport: { width, height: 800 } });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(over <= 0, `${over} pixels too wide`);
  if (shots) await page.screenshot({ path: join(shots, `hvm-${width}.png`), fullPage: true });
  await close(page);
});

await test("a page is small, and holds no page of the guest", async () => {
  for (const name of names) {
    const path = report(golden(name));
    assert(statSync(path).size < 400_000, `${name}: ${statSync(path).size} bytes`);
  }
});

if (shots) for (const colorScheme of ["light", "dark"]) for (const name of names) {
  const page = await open(report(golden(name)), { colorScheme });
  await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`), fullPage: true });
  await page.context().close();
}

await browser.close();
rmSync(folder, { recursive: true });
console.log(`report: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
