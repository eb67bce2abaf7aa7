"""Cores that `ia64save extract` makes, opened by the tools that people have for cores.

    compare.py --tool ia64save --golden tests/corpus/golden

For every golden image, against what is known of it (never against another part of ia64save):

- readelf (binutils-ia64-linux-gnu) finds the pages as program headers, the registers as notes, and the
  sections of a core of xm dump-core;
- gdb-multiarch reads pages at their addresses and the registers of each vcpu; through a vcpu's own view
  it disassembles the bundle at ip, as objdump does with the bytes alone;
- the Elf64Layer of volatility3 reads every page.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from volatility3.framework import contexts
from volatility3.framework.layers import elf, physical

PAGE = 16384
READELF = "ia64-linux-gnu-readelf"
OBJDUMP = "ia64-linux-gnu-objdump"
GDB = "gdb-multiarch"
# Images of guests that ran on a real hypervisor: there is code at ip.
REAL = {"real310-pv", "real320-pv", "real340-pv-2vcpu", "real340-pv-live"}


class Differs(Exception):
    """What a tool sees is not what is there."""


def check(name, found, expected):
    if found != expected:
        raise Differs(f"{name}: expected {expected}, found {found}")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        line = " ".join(map(str, command))
        raise Differs(f"{line}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def sha(data):
    return hashlib.sha256(data).hexdigest()


def memory(truth):
    """Digests of the pages that a restore leaves: the last copies, without what was given back."""
    gone = set(truth["unallocated"]["pfns"])
    pages = {int(pfn): digest for pfn, digest in truth["pages"]["last_sha256"].items()}
    return {pfn: pages[pfn] for pfn in sorted(pages) if pfn not in gone}


def runs(pfns):
    """Neighbours as (address, bytes)."""
    found = []
    for pfn in pfns:
        if found and found[-1][0] + found[-1][1] == pfn * PAGE:
            found[-1][1] += PAGE
        else:
            found.append([pfn * PAGE, PAGE])
    return [tuple(run) for run in found]


def readelf(core, xen_core, truth):
    header = output(READELF, "-hW", core)
    check("type", re.search(r"Type: +(\S+)", header)[1], "CORE")
    check("machine", re.search(r"Machine: +(.+)", header)[1], "Intel IA-64")
    loads = []
    for line in output(READELF, "-lW", core).splitlines():
        words = line.split()
        if words[:1] == ["LOAD"]:
            _, _, virtual, at, in_file, in_memory = words[:6]
            check("p_vaddr", virtual, at)
            check("p_memsz", in_memory, in_file)
            loads.append((int(at, 16), int(in_file, 16)))
    check("program headers", loads, runs(memory(truth)))
    notes = output(READELF, "-nW", core)
    for kind in ("NT_PRSTATUS", "NT_FPREGSET"):
        own = re.findall(rf"^ +CORE +\S+\s+{kind}", notes, re.M)
        check(kind, len(own), len(truth["vcpus"]))

    sections = {}
    for line in output(READELF, "-SW", xen_core).splitlines():
        found = re.match(r" +\[ *\d+\] (\.\S+) +\S+ +\S+ +(\S+) (\S+) (\S+)", line)
        if found:
            sections[found[1]] = [int(word, 16) for word in found.groups()[1:]]
    vcpus, pages = len(truth["vcpus"]), len(memory(truth))
    size = truth["vcpus"][0]["ctx_size"]
    expected = {
        ".xen_prstatus": (vcpus * size, size),
        ".xen_shared_info": (PAGE, PAGE),
        ".xen_pages": (pages * PAGE, PAGE),
        ".xen_pfn": (pages * 8, 8),
    }
    if truth["mode"] == "pv":
        expected[".xen_ia64_mapped_regs"] = (vcpus * PAGE, PAGE)
    found = {name: tuple(words[1:]) for name, words in sections.items() if name.startswith(".xen_")}
    check("sections", found, expected)


def gdb(core, *commands):
    words = [GDB, "-nx", "-batch", "-iex", "set confirm off", "-ex", f"core-file {core}"]
    for command in commands:
        words += ["-ex", command]
    return output(*words)


def gdb_memory(core, truth, folder):
    """The first, the last and a page in the middle, dumped from their addresses."""
    pages = memory(truth)
    pfns = sorted(pages)
    chosen = {pfns[0], pfns[len(pfns) // 2], pfns[-1]}
    dump = folder / "page"
    for pfn in chosen:
        at = pfn * PAGE
        gdb(core, f"dump binary memory {dump} {at:#x} {at + PAGE:#x}")
        check(f"gdb, pfn {pfn:#x}", sha(dump.read_bytes()), pages[pfn])


def gdb_registers(core, truth):
    commands = []
    for number in range(1, len(truth["vcpus"]) + 1):
        commands += [f"thread {number}", "info registers ip psr cfm pr b0"]
    found = re.findall(r"^(ip|psr|cfm|pr|b0) +(0x[0-9a-f]+)", gdb(core, *commands), re.M)
    frame = (1 << 38) - 1
    expected = []
    for vcpu in truth["vcpus"]:
        values = dict(vcpu, cfm=vcpu["cfm"] & frame)
        expected += [(name, hex(values[name])) for name in ("ip", "psr", "cfm", "pr", "b0")]
    # gdb prints them in the order of its own register numbers.
    check("gdb, registers", sorted(found), sorted(expected))


def slot_of(line):
    """An instruction without the template of its bundle and without spaces that only align."""
    return re.sub(r"^\[[A-Z]{3}\] *", "", re.sub(r"\s+", " ", line).strip())


def code(tool, image, vcpu, raw, folder):
    """The bundle at ip through the vcpu's view, and the same bytes by themselves."""
    core = folder / "virtual"
    output(tool, "extract", image, "--virtual", "--vcpu", str(vcpu["id"]), "-o", core)
    at = vcpu["ip"]
    # gdb counts the slots of a bundle in the last digit of the address.
    slot = re.compile(rf"[ =>]+{at:#x}"[:-1] + r"[012]:(.*)")
    by_gdb = [found[1] for found in map(slot.match, gdb(core, f"x/3i {at:#x}").splitlines()) if found]
    check(f"bundle at {at:#x}", len(by_gdb), 3)
    part = folder / "bundle"
    part.write_bytes(raw.read_bytes()[at : at + 16])
    by_objdump = output(OBJDUMP, "-b", "binary", "-m", "ia64", "-D", part).splitlines()
    by_objdump = [line.split("\t")[-1] for line in by_objdump if re.match(r" +[0-9a-f]+:\t", line)]
    found, expected = [[slot_of(line) for line in lines] for lines in (by_gdb, by_objdump)]
    check(f"code at {at:#x}", found, expected)
    return found


def volatility(core, truth):
    context = contexts.Context()
    context.config["file.location"] = core.resolve().as_uri()
    context.layers.add_layer(physical.FileLayer(context, "file", "file"))
    context.config["core.base_layer"] = "file"
    layer = elf.Elf64Layer(context, "core", "core")
    for pfn, digest in memory(truth).items():
        check(f"volatility3, pfn {pfn:#x}", sha(layer.read(pfn * PAGE, PAGE)), digest)


def compare(tool, path, folder):
    name = path.name.removesuffix(".sav.zst")
    truth = json.loads(path.with_name(f"{name}.json").read_text())
    core, xen_core, raw = folder / "core", folder / "xen-core", folder / "raw"
    output(tool, "extract", path, "--elf-core", "-o", core)
    output(tool, "extract", path, "--xen-core", "-o", xen_core)
    readelf(core, xen_core, truth)
    gdb_memory(core, truth, folder)
    gdb_registers(core, truth)
    volatility(core, truth)
    hypercalls = 0
    if name in REAL:
        output(tool, "extract", path, "--raw", "-o", raw)
        for vcpu in truth["vcpus"]:
            hypercalls += "break.m 0x1000" in code(tool, path, vcpu, raw, folder)
        # A PV guest saves itself by a hypercall: its first vcpu stands right there.
        check("vcpus at a hypercall", hypercalls >= 1, True)
    shown = f", {hypercalls} at a hypercall" if hypercalls else ""
    print(f"{name}: {len(memory(truth))} pages, {len(truth['vcpus'])} vcpus{shown}")


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--tool", type=Path, required=True)
    parser.add_argument("--golden", type=Path, required=True)
    options = parser.parse_args()
    for program in (READELF, OBJDUMP, GDB):
        print(output(program, "--version").splitlines()[0])
    failed = 0
    images = sorted(options.golden.glob("*.sav.zst"))
    with tempfile.TemporaryDirectory() as folder:
        for path in images:
            try:
                compare(options.tool.resolve(), path, Path(folder))
            except Differs as error:
                failed += 1
                print(f"{path.name}: {error}")
    if failed or not images:
        sys.exit(f"{failed} of {len(images)} images differ")
    print(f"{len(images)} images are to the tools what they are")


main()
