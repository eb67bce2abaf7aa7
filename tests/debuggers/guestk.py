"""Backtraces of a whole kernel in gdb-multiarch, out of cores that `ia64save extract` makes.

    guestk.py --tool ia64save --guestk tests/corpus/guestk

For every image of the small kernel, against what its source says (who calls whom with what), never against
another part of ia64save:

- gdb-multiarch shows the chain of every vcpu, with arguments: of the one in the suspend hypercall, of one
  that was interrupted in a C loop, and of one in user mode; whether the core was made of its own view or,
  for a kernel's stack, of another vcpu's;
- the words of each register stack stand where they belong, NaT collections too, and rnat behind them;
- drgn takes the core for one of a Linux kernel of the release that ran, and reads memory in it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import drgn

GDB = "gdb-multiarch"
FRAMES = Path(__file__).with_name("frames.py")


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


def gdb(program, core, *commands):
    words = [GDB, "-nx", "-batch", "-iex", "set confirm off", program, core]
    for command in commands:
        words += ["-ex", command]
    return output(*words)


def value(text):
    """An argument in the truth: a number, or a text in quotes."""
    return int(text, 16) if text.startswith("0x") else text.strip('"')


def backtrace(name, program, core, vcpu):
    shown = gdb(program, core, f"thread {vcpu['vcpu'] + 1}", f"source {FRAMES}")
    lines = [line for line in shown.splitlines() if line.startswith("FRAMES ")]
    check(f"{name}, lines of frames", len(lines), 1)
    frames = json.loads(lines[0].removeprefix("FRAMES "))
    expected = vcpu["backtrace"]
    chain = [frame["function"] for frame in frames]
    check(f"{name}, chain", chain[: len(expected)], [frame["function"] for frame in expected])
    check(f"{name}, behind it", set(chain[len(expected) :]) - {None}, set())
    arguments = 0
    for frame, truth in zip(frames, expected):
        for argument, text in truth["arguments"].items():
            what = f"{name}, {truth['function']}({argument})"
            check(what, frame["arguments"].get(argument), value(text))
            arguments += 1
    return len(expected), arguments


def stack(name, program, core, vcpu):
    truth = vcpu["register_stack"]
    first, end = int(truth["bspstore"], 16), int(truth["end_of_words"], 16)
    count = (end - first) // 8
    shown = gdb(
        program,
        core,
        f"thread {vcpu['vcpu'] + 1}",
        f"x/{count}xg {first:#x}",
        "p/x $bsp",
        "p/x $rnat",
    ).splitlines()
    words = []
    for line in shown:
        place, colon, rest = line.partition(":")
        if colon and place.startswith("0x"):
            words += [int(word, 16) for word in rest.split()]
    check(f"{name}, words", words, [int(word["value"], 16) for word in truth["words"]])
    bsp, rnat = [int(line.split(" = ")[1], 16) for line in shown if line.startswith("$")]
    check(f"{name}, bsp", bsp, int(truth["bsp_for_debuggers"], 16))
    slot = (bsp >> 3) & 63
    check(f"{name}, rnat", rnat & (1 << slot) - 1, int(truth["rnat_of_last_collection"], 16))


def in_drgn(name, core, truth):
    program = drgn.Program()
    program.set_core_dump(core)
    kernel = drgn.ProgramFlags.IS_LINUX_KERNEL
    check(f"{name}, drgn takes it for a kernel", bool(program.flags & kernel), True)
    banner = truth["banner"].encode()
    at = int(truth["symbols"]["linux_banner"], 16)
    check(f"{name}, drgn reads", program.read(at, len(banner)), banner)
    module = truth["module"]
    text = module["text_at_core"].encode()
    check(f"{name}, drgn reads", program.read(int(module["core"], 16), len(text)), text)


def compare(tool, path, folder):
    name = path.name.removesuffix(".sav.zst")
    truth = json.loads(path.with_name(f"{name}.truth.json").read_text())
    kernel = "guestk-64m" if name.endswith("-64m") else "guestk"
    programs = {}
    for program in (kernel, "user"):
        programs[f"{program}.elf"] = folder / f"{program}.elf"
        packed = path.with_name(f"{program}.elf.zst")
        output("zstd", "-dqf", packed, "-o", folder / f"{program}.elf")
    frames = arguments = 0
    for shown in truth["vcpus"]:
        core = folder / "core"
        vcpu = str(shown["vcpu"])
        output(tool, "extract", path, "--virtual", "--vcpu", vcpu, "-o", core)
        for vcpu in truth["vcpus"]:
            user = vcpu["registers"]["cpl"] == 3
            if user and vcpu is not shown:
                continue  # its stack is in its own address space
            what = f"vcpu {vcpu['vcpu']} in the view of {shown['vcpu']}"
            program = programs[vcpu["symbols"]]
            stack(what, program, core, vcpu)
            counts = backtrace(what, program, core, vcpu)
            frames, arguments = frames + counts[0], arguments + counts[1]
        in_drgn(f"view of vcpu {shown['vcpu']}", core, truth)
    print(f"{name}: {len(truth['vcpus'])} vcpus, {frames} frames, {arguments} arguments")


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--tool", type=Path, required=True)
    parser.add_argument("--guestk", type=Path, required=True)
    options = parser.parse_args()
    print(output(GDB, "--version").splitlines()[0])
    failed = 0
    images = sorted(options.guestk.glob("*.sav.zst"))
    with tempfile.TemporaryDirectory() as folder:
        for path in images:
            try:
                compare(options.tool.resolve(), path, Path(folder))
            except Differs as error:
                failed += 1
                print(f"{path.name}: {error}")
    if failed or not images:
        sys.exit(f"{failed} of {len(images)} images differ")
    print(f"{len(images)} kernels are to debuggers what they were")


main()
