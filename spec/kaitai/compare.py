"""Compares ia64_save.ksy with ia64save, image by image and field by field.

    compare.py --parser FOLDER --tool IA64SAVE --golden FOLDER --generated FOLDER --layout FOLDER

PARSER holds ia64_save.py, compiled in debug mode. Three things are compared:

1. Every field that `ia64save dump --padding` prints, with path, offset, size and value, and in return
   every field of the grammar; and the bytes of the grammar's fields cover the file once, without a gap.
   So for the golden images, the generated ones, and some of these in envelopes.
2. Page records and start_info, which dump prints only when they are named.
3. The tables of spec/layout against every structure of the grammar, with random bytes: this reaches
   layouts that no dialect used last, members of bit sets and second views of the same bytes.

A mismatch, or less than is known to be there, is a failure.
"""

import argparse
import io
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

import kaitaistruct
import zstandard

PAGE = 16384
TERMINATOR = (1 << 64) - 1
# Fields of the grammar that dump does not print: contents of pages, texts, bytes that mean nothing.
UNPRINTED = re.compile(
    r"(^|\.)rest$|records\[\d+\]\.body$|^trailing$|pages\[\d+\]\.page$|^xend\.(magic|config)$|^xl\.(magic|byteorder)$"
    r"|^xl\.words\.config$|^device_model\.length$"
)
# Names of the grammar, and what dump calls the same.
RENAMED = [
    (r"^checkpoints\[0\]\.", ""),
    (r"^checkpoints\[(\d+)\]\.", r"checkpoint[\1]."),
    (r"(^|\.)tail\.", r"\1"),
    (r"vcpus\[(\d+)\]\.context\.", r"vcpu[\1]."),
    (r"vcpus\[(\d+)\]\.privregs\.regs\.", r"privregs[\1]."),
    (r"^memmap\.info\.", "memmap."),
    (r"hvm_context\.body\.records", "hvm_context.records"),
    (r"^(xend|xl)\.(words\.)?", "envelope."),
    (r"\.vacpi\.", ".vacpi.regs."),
    (r"(im_reg\d)\.is_on$", r"\1.on"),
    (r"\bf(\d*|\[\d+\])\.bits$", r"f\1.u.bits"),
    (r"\.nats_64$", ".nats"),
]
# Names of dump that are no names of attributes, for the tables.
SECOND_VIEWS = [
    (r"redirtbl\[0\]\.fields\.", "redirtbl[0]."),
    (r"console\.dom0\.", "console.dom0_"),
    (r"console\.domU\.", "console."),
    (r"^console_(mfn|evtchn)$", r"console.\1"),
    (r"^console_info\.", ""),
    (r"\.ar\.ar$", ".ar.by_number"),
    (r"\.cr\.cr$", ".cr.by_number"),
    (r"(bank1_regs)$", "vgr"),
    (r"(bank0_regs)$", "vbgr"),
    (r"\.u\.bits$", ".bits"),
    (r"^regs\.(pm1a_\w+|evt_blk|tmr_val)$", r"\1"),
    (r"(im_reg\d)\.on$", r"\1.is_on"),
]


class Leaf:
    def __init__(self, offset, size, value):
        self.offset, self.size, self.value = offset, size, value


def leaves(thing, path="", base=0):
    """Every scalar, array of scalars and run of bytes that was read, with its path and offset."""
    for name in thing.SEQ_FIELDS:
        if name not in thing._debug or "end" not in thing._debug[name]:
            continue  # a field that is not there
        debug = thing._debug[name]
        value = getattr(thing, name)
        here = f"{path}{name}"
        if value == []:
            continue  # none of them
        if isinstance(value, list) and isinstance(value[0], kaitaistruct.KaitaiStruct):
            for index, (element, place) in enumerate(zip(value, debug["arr"], strict=True)):
                yield from inside(thing, element, f"{here}[{index}]", base, place)
        elif isinstance(value, kaitaistruct.KaitaiStruct):
            if name == "body" and path.endswith("]."):
                here = f"{path}{thing.typecode.name}"
            yield from inside(thing, value, here, base, debug)
        else:
            yield here, Leaf(base + debug["start"], debug["end"] - debug["start"], value)


def inside(outer, inner, path, base, place):
    if inner._io is not outer._io:  # a stream of its own, which begins at 0
        base += place["start"]
    if not inner.SEQ_FIELDS:  # a page
        yield path, Leaf(base, place["end"] - place["start"], inner)
    else:
        yield from leaves(inner, f"{path}.", base)


def renamed(path, rules):
    for pattern, name in rules:
        path = re.sub(pattern, name, path)
    return path


def same(leaf, printed):
    """Whether a value of the grammar is the one that dump printed."""
    value = leaf.value
    if isinstance(value, (list, tuple)) and isinstance(printed, list):
        return len(value) == len(printed) and all(map(same_number, value, printed))
    if isinstance(value, list):  # the bitmap is an array of bytes here
        return bytes(value).hex() == printed
    if isinstance(value, bytes):
        text = value.split(b"\0")[0]
        if printed in (value.hex(), text.decode("utf-8", "replace")):
            return True
        # The device model's state, of which dump prints the size.
        return printed in (len(value), hex(len(value)))
    if isinstance(value, str):
        return value == printed
    return same_number(value, printed)


def same_number(value, printed):
    return int(value) == (int(printed, 16) if isinstance(printed, str) else printed)


class Comparison:
    def __init__(self, args):
        sys.path.insert(0, args.parser)
        import ia64_save

        self.grammar = ia64_save.Ia64Save
        self.tool = args.tool
        self.complaints = []
        self.images = self.fields = self.pages = self.start_infos = self.table_rows = self.rounds = 0
        self.kinds = set()

    def complain(self, text):
        self.complaints.append(text)
        if len(self.complaints) <= 40:
            print(text)

    def ask(self, *args):
        done = subprocess.run([self.tool, *args], capture_output=True, check=False)
        if not done.stdout:
            raise SystemExit(f"ia64save {' '.join(args)}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def image(self, name, data, path, dialect=None, guest=None):
        """One image; what it is comes from `info` where it is not given."""
        self.images += 1
        options = []
        choice = self.grammar.Guests.by_flags
        if dialect:
            options = ["--dialect", dialect, "--guest", guest]
            choice = self.grammar.Guests[guest]
        else:
            # Of several dialects that lie alike, the one that it is read as.
            era = self.ask("info", "--format", "json", path)["files"][0]["era_likeliest"]
            dialect = re.match(r"D1b|D\d+", era).group()
        stream = kaitaistruct.KaitaiStream(io.BytesIO(data))
        image = self.grammar(self.grammar.Dialects[dialect.lower()], choice, stream)
        try:
            image._read()
        except Exception as error:  # a grammar that cannot read it says so in many ways
            self.complain(f"{name}: {type(error).__name__}: {error} at {stream.pos()}")
            return
        self.kinds.add((dialect, image.is_hvm))
        self.rounds += len(image.checkpoints) - 1

        found = list(leaves(image))
        end = 0
        for path_here, leaf in found:
            if leaf.offset != end:
                self.complain(f"{name}: {path_here}: begins at {leaf.offset}, not at {end}")
            end = leaf.offset + leaf.size
        if end != len(data) or not stream.is_eof():
            self.complain(f"{name}: the grammar ends at {end} of {len(data)}")

        known = {}
        for path_here, leaf in found:
            if not UNPRINTED.search(path_here):
                known[renamed(path_here, RENAMED)] = leaf
        printed = self.dump(path, options)
        gmfns = self.dump(path, options, "pages")
        for index, checkpoint in enumerate(image.checkpoints):
            prefix = f"checkpoint[{index}]." if index else ""
            last = len(checkpoint.pages) - 1
            known[f"{prefix}pages.terminator"] = known.pop(f"{prefix}pages[{last}].gmfn")
            self.pages += last
            if index:
                gmfns += self.dump(path, options, f"{prefix}pages")
            if not image.is_hvm:
                fields = self.dump(path, options, f"{prefix}start_info")
                self.start_info(name, image, index, found, fields)
        self.fields += self.match(name, known, {field["path"]: field for field in printed + gmfns})

    def dump(self, path, options, *part):
        return self.ask("dump", "--format", "json", "--padding", *options, path, *part)["fields"]

    def match(self, name, known, printed):
        for path in printed.keys() - known.keys():
            if printed[path]["size"] > 0:  # an empty list is no field of the grammar
                self.complain(f"{name}: {path}: the grammar has no such field")
        for path in known.keys() - printed.keys():
            self.complain(f"{name}: {path}: ia64save has no such field")
        both = known.keys() & printed.keys()
        for path in both:
            leaf, field = known[path], printed[path]
            if (leaf.offset, leaf.size) != (field["offset"], field["size"]):
                there = f"{field['size']} bytes at {field['offset']}"
                self.complain(f"{name}: {path}: {leaf.size} bytes at {leaf.offset}, ia64save: {there}")
            if not same(leaf, field["value"]):
                self.complain(f"{name}: {path}: {leaf.value!r:.60}, ia64save: {field['value']!r:.60}")
        return len(both)

    def start_info(self, name, image, index, found, fields):
        """The page that shared_info names, as the rounds so far have left it."""
        pfn = image.checkpoints[index].tail.shared_info.arch.start_info_pfn
        offsets = {path: leaf.offset for path, leaf in found if path.endswith(".page")}
        place = None
        for round_, checkpoint in enumerate(image.checkpoints[: index + 1]):
            for number, record in enumerate(checkpoint.pages):
                if record.gmfn == pfn and not record.is_terminator:
                    place = record.page, offsets[f"checkpoints[{round_}].pages[{number}].page"]
        if place is None:
            if fields:
                self.complain(f"{name}: start_info is where the grammar sees none")
            return
        page, base = place
        prefix = f"checkpoint[{index}]." if index else ""
        read = page.start_info  # in debug mode an instance is read when it is asked for
        known = {}
        for path, leaf in leaves(read, "", base):
            path = re.sub(r"^console\.(mfn|evtchn)$", r"console.domU.\1", path)
            known[f"{prefix}start_info.{path.replace('console.pad84', 'pad84')}"] = leaf
        self.fields += self.match(name, known, {field["path"]: field for field in fields})
        self.start_infos += 1

    def tables(self, folder):
        """Every structure against its table."""
        g = self.grammar
        contexts, regs = g.ContextLayouts, g.MappedRegsLayouts
        for table in sorted(pathlib.Path(folder).glob("*.tsv")):
            stem = table.name[:-4]
            kind, _, rest = stem.partition(".")
            root = type("Root", (), {"mapped_regs_layout": regs.m5})()
            make = {
                "arch_setup.0_dom0_op_48": (g.ArchSetupDom0Op, 48),
                "arch_setup.1_40": (g.ArchSetup, 40, False),
                "arch_setup.2_40": (g.ArchSetup, 40, True),
                "arch_shared_info": (g.ArchSharedInfo, 272, g.SharedInfoLayouts.s2),
                "efi_memory_desc": (g.EfiMemoryDesc, 40),
                "hvm.1_hvm_save_header": (g.HvmHeader, 64),
                "hvm.2_hvm_hw_ia64_cpu": (g.HvmCpu, 8),
                "hvm.3_hvm_hw_ia64_vpd": (g.HvmVpd, 65536),
                "hvm.4_hvm_hw_ia64_vlsapic": (g.HvmVlsapic, 48),
                "hvm.5_hvm_hw_ia64_vtime": (g.HvmVtime, 32),
                "hvm.6_hvm_hw_ia64_viosapic": (g.HvmViosapic, 424),
                "hvm.7_hvm_hw_ia64_vacpi": (g.HvmVacpi, 8),
                "hvm.8_hvm_hw_ia64_identity_mappings": (g.HvmIdentityMappings, 72),
                "vcpu_guest_context.A_1056": (g.VcpuContextA, 1056),
                "vcpu_info": (g.VcpuInfo, 48),
                "vcpu_time_info": (g.VcpuTimeInfo, 32),
                "xen_ia64_boot_param.all": (g.BootParam, 96),
            }.get(stem)
            if make is None and kind == "vcpu_guest_context":
                name, _, size = rest.partition("_")
                make = (g.VcpuContext, int(size), contexts[name.lower()])
            elif make is None and kind == "mapped_regs":
                make = (g.MappedRegs, 4096, regs[f"m{rest[0]}"])
            elif make is None and kind == "vpd":
                make = (g.Vpd, 65536, regs[f"m{rest[0]}"])
            elif make is None and kind == "shared_info":
                layout, size = rest.split("_")[:2]
                make = (g.SharedInfo, int(size), g.SharedInfoLayouts[f"s{layout}"])
            elif make is None and kind == "start_info":
                layout, size = rest.split("_")[:2]
                make = (g.StartInfo, int(size), g.StartInfoLayouts[f"i{layout}"])
            if make is None:
                continue
            self.table(table, root, *make)

    def table(self, table, root, cls, size, *params):
        data = bytearray(random.Random(table.name).randbytes(size))
        if cls is self.grammar.HvmHeader:
            struct.pack_into("<Q", data, 0, 0x343641492F6E6558)
        stream = kaitaistruct.KaitaiStream(io.BytesIO(bytes(data)))
        read = cls(*params, stream, None, root)
        try:
            read._read()
        except Exception as error:
            self.complain(f"{table.name}: {type(error).__name__}: {error}")
            return
        places = {path: leaf for path, leaf in leaves(read)}
        end = sum(leaf.size for leaf in places.values())
        if end != size or not stream.is_eof():
            self.complain(f"{table.name}: the grammar ends at {end} of {size}")
        for line in table.read_text().splitlines():
            cells = line.split("\t")
            if line.startswith(("#", "path\t")) or cells[3].startswith(("struct ", "union ")):
                continue
            self.row(table.name, read, places, bytes(data), *cells[:5])

    def row(self, table, read, places, data, path, offset, size, kind, count):
        offset, size, count = int(offset), int(size), int(count)
        bits = re.fullmatch(r"(.*):(\d+)@bit(\d+)", path)
        name = bits[1] if bits else path
        if re.search(r"(^|\.)(reserve\d?|reserved(\[\d+\])?)$", name) or kind.endswith(")"):
            return  # bits without a meaning; arrays of structures, whose elements have rows
        if count > 1:
            name = re.sub(r"\[\d+\]$", "", name)
        name = renamed(name, SECOND_VIEWS)
        if re.search(r"(^|\.)reserved5$", name):
            return  # a second name for what has names of its own
        if name.endswith("regs.nats") and f"{name}_64" in places:
            name += "_64"
        self.table_rows += 1
        leaf = places.get(name)
        if leaf and (leaf.offset, leaf.size) != (offset, size) and not bits:
            self.complain(f"{table}: {name}: {leaf.size} bytes at {leaf.offset}, table: {size} at {offset}")
        value = read
        try:
            for part in name.split("."):
                part, _, index = part.partition("[")
                value = getattr(value, part)
                if index:
                    value = value[int(index[:-1])]
        except AttributeError as error:
            self.complain(f"{table}: {path}: {error}")
            return
        if bits:
            # A bit set begins at the last offset that is a multiple of its 8 bytes, or of 4 in VACPI.
            start = offset // 8 * 8
            raw = int.from_bytes(data[start : start + 8].ljust(8, b"\0"), "little")
            wanted = raw >> int(bits[3]) & ((1 << int(bits[2])) - 1)
        else:
            wanted = data[offset : offset + size]
        if isinstance(value, bytes):
            if value != wanted and value != wanted.split(b"\0")[0]:
                self.complain(f"{table}: {path}: {value!r:.40}, table: {wanted!r:.40}")
            return
        if not bits:
            code = {"u8": "B", "i8": "b", "u16": "H", "u32": "I", "i32": "i", "u64": "Q", "ptr64": "Q"}
            wanted = list(struct.unpack(f"<{count}{code[kind]}", wanted))
            wanted = wanted if isinstance(value, list) else wanted[0]
        if value != wanted:
            self.complain(f"{table}: {path}: {value!r:.40}, table: {wanted!r:.40}")


def envelopes(folder):
    """Generated images with something around them: name, bytes."""
    pv = (folder / "D11-pv.sav").read_bytes()
    rounds = (folder / "D12-pv-rich.sav").read_bytes()
    hvm = (folder / "D11-hvm.sav").read_bytes()
    config = b"(domain (domid 1) (uuid 0) (name guest) (image (linux )))"
    xend = b"LinuxGuestRecord" + struct.pack(">i", len(config)) + config
    magic = b"Xen saved domain, xl format\n \0 \r"
    text = b'name = "guest"\n'
    qemu = b"QEVM" + bytes(range(96))
    yield "xend-pv", xend + pv
    yield "xend-rounds", xend + rounds
    yield "xend-hvm-qemu", xend + hvm + b"QemuDeviceModelRecord" + qemu
    for order, name in (("<", "little"), (">", "big")):
        words = struct.pack(f"{order}IIIII", 0x01020304, 0, 7, 4 + len(text) + 3, len(text))
        yield f"xl-{name}-pv", magic + words + text + b"abc" + pv
    yield "xl-plain-hvm", magic + struct.pack("<IIII", 0x01020304, 0, 0, 0) + hvm
    yield "hvm-dm0002", hvm + b"DeviceModelRecord0002" + struct.pack("<I", len(qemu)) + qemu
    yield "pv-remus-dm", rounds + b"RemusDeviceModelState" + struct.pack("<I", len(qemu)) + qemu
    yield "pv-zeros", pv + bytes(3 * PAGE)


def main():
    parser = argparse.ArgumentParser()
    for name in ("parser", "tool", "golden", "generated", "layout"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    comparison = Comparison(args)
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder) / "image.sav"
        goldens = sorted(pathlib.Path(args.golden).glob("*.sav.zst"))
        for golden in goldens:
            data = zstandard.ZstdDecompressor().stream_reader(golden.read_bytes()).read()
            scratch.write_bytes(data)
            comparison.image(golden.name, data, str(scratch))
        generated = sorted(pathlib.Path(args.generated).glob("*.sav"))
        for image in generated:
            dialect, guest = image.stem.split("-")[:2]
            comparison.image(image.name, image.read_bytes(), str(image), dialect, guest)
        kinds = len(comparison.kinds)
        enveloped = list(envelopes(pathlib.Path(args.generated)))
        for name, data in enveloped:
            scratch.write_bytes(data)
            dialect = "D12" if "rounds" in name or "remus" in name else "D11"
            comparison.image(name, data, str(scratch), dialect, "hvm" if "hvm" in name else "pv")
    comparison.tables(args.layout)
    c = comparison
    print(
        f"kaitai: {c.images} images ({len(goldens)} golden, {len(generated)} generated, {len(enveloped)} in"
        f" envelopes), {kinds} kinds, {c.rounds} Remus rounds; {c.fields} fields compared,"
        f" {c.pages} page records, {c.start_infos} start_info; {c.table_rows} rows of spec/layout"
    )
    for what, count, least in (
        ("golden images", len(goldens), 53),
        ("kinds of image", kinds, 19),
        ("Remus rounds", c.rounds, 12),
        ("fields", c.fields, 120000),
        ("start_info", c.start_infos, 50),
        ("rows of spec/layout", c.table_rows, 1450),
    ):
        if count < least:
            c.complain(f"only {count} {what}, and there have to be {least}")
    if c.complaints:
        print(f"kaitai: {len(c.complaints)} mismatches")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
