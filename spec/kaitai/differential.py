"""Holds ia64_save.ksy and ia64save against each other on streams that are good and bad.

    differential.py --parser FOLDER --tool IA64SAVE --corpus FOLDER [--share N/M]

PARSER holds ia64_save.py, compiled in debug mode; CORPUS is what `ia64save corpus export` wrote. For
every stream, read as the dialect and guest that the manifest names:

1. Both accept it or both refuse it. What counts is structure: whether the parts of the stream can be
   told apart. A rule that needs more than that, such as which pages are RAM, refuses nothing here.
2. Where both refuse it, they do so in the same part.
3. Every field that either has read to its end stands at the same offset, with the same size.
4. What both accept has the same values as well, and no byte is left out: see compare.py.

With --share 3/10 the third tenth of the streams is read.
"""

import argparse
import collections
import io
import json
import pathlib
import re
import subprocess
import sys

import kaitaistruct

from compare import RENAMED, UNPRINTED, Comparison, inside, leaves, renamed

# What the grammar refuses by itself, and ia64save in `check`: sizes that reach beyond what they are in.
STRUCTURAL = {
    "memmap-overflow",
    "memmap-desc-small",
    "hvm-record-truncated",
    "hvm-end-missing",
    "hvm-header-magic",
    "hvm-record-length",
    "device-model-truncated",
}
# What ends the reading of a stream.
FATAL = {
    "truncated",
    "limit-exceeded",
    "version-unknown",
    "dialect-mismatch",
    "dialect-none",
    "guest-unsupported",
    "vcpumap-size",
    "out-of-order",
}


def leaves_a_rest(finding):
    """A record longer than its type: the grammar leaves the rest, ia64save looks for the next record in it."""
    if finding["code"] != "hvm-record-length":
        return False
    expected = re.match(r"\d+", finding.get("expected") or "")
    found = re.match(r"\d+", finding.get("found") or "")
    return bool(expected and found) and int(found.group()) > int(expected.group())


def read_so_far(thing, path="", base=0):
    """The fields that were read to their end before something failed, and the one that was not."""
    for name in thing.SEQ_FIELDS:
        debug = thing._debug.get(name)
        if debug is None:
            continue  # a field that is not there, or was not reached
        here = f"{path}{name}"
        value = getattr(thing, name, None)
        elements = debug.get("arr")
        if elements is not None and isinstance(value, list):
            for index, place in enumerate(elements):
                element = value[index] if index < len(value) else None
                yield from element_so_far(thing, element, f"{here}[{index}]", base, place)
        else:
            yield from element_so_far(thing, value, here, base, debug)


def element_so_far(thing, value, here, base, place):
    if isinstance(value, kaitaistruct.KaitaiStruct):
        if value._io is not thing._io:
            base += place["start"]
        if not value.SEQ_FIELDS:
            if "end" in place:
                yield here, base, place["end"] - place["start"]
            return
        if here.endswith(".body") and hasattr(thing, "typecode"):
            here = here[: -len("body")] + getattr(thing.typecode, "name", "body")
        yield from read_so_far(value, f"{here}.", base)
        if "end" not in place:
            yield here, None, None
    elif "end" in place:
        yield here, base + place["start"], place["end"] - place["start"]
    else:
        yield here, None, None


def is_empty_map(finding):
    """More than one page of it is unusual; none leaves nothing to read."""
    return finding["code"] == "memmap-num-pages" and finding["found"] == "0"


def part(path):
    """The part of the stream that a path is of: `vcpu` of `checkpoint[1].vcpu[3].regs.cfm`."""
    path = re.sub(r"^checkpoints?\[\d+\]\.", "", path)
    path = re.sub(r"^vcpus\[\d+\](\.context)?$", "vcpu", path)
    path = re.sub(r"^vcpus\[\d+\]\.privregs$", "privregs", path)
    name = re.split(r"[.\[]", path)[0]
    # The first 16 bytes are looked at together, for what surrounds a stream.
    return "prologue" if name in ("p2m_size", "version") else name


class Differential(Comparison):
    def __init__(self, args):
        super().__init__(args)
        self.accepted = self.refused = self.places = 0
        self.parts = collections.Counter()

    def stream(self, row, path, findings):
        data = path.read_bytes()
        name = row["file"]
        choice = self.grammar.Guests[row["guest"]]
        dialect = self.grammar.Dialects[row["dialect"].lower()]
        image = self.grammar(dialect, choice, kaitaistruct.KaitaiStream(io.BytesIO(data)))
        try:
            image._read()
            error = None
        except Exception as caught:  # a grammar that cannot read it says so in many ways
            error = caught
        fatal = [f for f in findings if f["code"] in FATAL and f["severity"] == "error"]
        if error is None and any(leaves_a_rest(finding) for finding in findings):
            return
        structural = [f for f in findings if f["code"] in STRUCTURAL or is_empty_map(f)]
        refusal = min(fatal + structural, key=lambda finding: finding["offset"], default=None)
        if error is None and refusal is None:
            self.accepted += 1
            options = ["--dialect", row["dialect"], "--guest", row["guest"]]
            self.image(name, data, str(path), row["dialect"], row["guest"])
            return
        if error is None or refusal is None:
            said = f"{refusal['code']} at {refusal['offset']} ({refusal['path']})" if refusal else "nothing"
            self.complain(f"{name}: the grammar says {error!r:.120}, ia64save: {said}")
            return
        self.refused += 1
        self.compare_refusals(row, path, image, error, refusal)

    def compare_refusals(self, row, path, image, error, refusal):
        name = row["file"]
        known, broken = {}, []
        for place, offset, size in read_so_far(image):
            place = renamed(place, RENAMED)
            if offset is None:
                broken.append(place)
            elif not UNPRINTED.search(place):
                known[place] = (offset, size)
        # A rule about a field fails behind it; nothing at all is what the envelope is looked for in.
        where = broken[0] if broken else next(reversed(known), "p2m_size")
        if part(where) != part(refusal["path"]):
            self.complain(
                f"{name}: the grammar fails in {where} ({error!r:.80}), ia64save in {refusal['path']}"
                f" ({refusal['code']})"
            )
        self.parts[part(where)] += 1
        options = ["--dialect", row["dialect"], "--guest", row["guest"]]
        printed = {}
        for what in ([], ["pages"]):
            for field in self.partial(str(path), options, what):
                printed[field["path"]] = (field["offset"], field["size"])
        for place in known.keys() & printed.keys():
            if known[place] != printed[place]:
                self.complain(f"{name}: {place}: {known[place]}, ia64save: {printed[place]}")
            self.places += 1

    def partial(self, path, options, what):
        """What dump prints of a stream that cannot be read to its end."""
        command = [self.tool, "dump", "--format", "json", "--padding", *options, path, *what]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode not in (0, 1):
            self.complain(f"{' '.join(command)}: {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)["fields"] if done.stdout else []


def findings_of(tool, dialect, guest, paths):
    """What `check` says of many files that are read alike."""
    command = [tool, "check", "--format", "jsonl", "--dialect", dialect, "--guest", guest]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, check=False)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    if len(reports) != len(paths):
        raise SystemExit(f"{len(reports)} reports on {len(paths)} files: {done.stderr.decode()}")
    return [report["findings"] for report in reports]


def main():
    parser = argparse.ArgumentParser()
    for name in ("parser", "tool", "corpus"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--share", default="1/1")
    args = parser.parse_args()
    number, of = map(int, args.share.split("/"))
    corpus = pathlib.Path(args.corpus)
    rows = json.loads((corpus / "manifest.json").read_text())["files"]
    # Good streams are always read; of the bad ones the share that was asked for.
    rows = [r for i, r in enumerate(rows) if r["class"] == "valid" or i % of == number - 1]
    kinds = collections.defaultdict(list)
    for row in rows:
        kinds[row["dialect"], row["guest"]].append(row)
    differential = Differential(args)
    for (dialect, guest), rows in kinds.items():
        paths = [corpus / row["file"] for row in rows]
        found = findings_of(args.tool, dialect, guest, paths)
        for row, path, findings in zip(rows, paths, found, strict=True):
            differential.stream(row, path, findings)
    d = differential
    parts = ", ".join(f"{name} {count}" for name, count in sorted(d.parts.items()))
    print(
        f"differential: {d.accepted + d.refused} streams, {len(kinds)} kinds; {d.accepted} accepted by both,"
        f" {d.fields} fields compared; {d.refused} refused by both ({parts}), {d.places} places compared"
    )
    if len(kinds) < 19 or d.accepted < 100 or d.refused < 100 or d.places < 1000:
        d.complain("there have to be more of each")
    if d.complaints:
        print(f"differential: {len(d.complaints)} differences")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
