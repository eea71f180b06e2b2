"""One process that gives a reader damaged files, and watches it; ``python -m tests.fuzz.worker -h`` tells how."""

import argparse
import faulthandler
import json
import os
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from .mutations import damaged
from .readers import READERS

SECONDS = 10  # for one input, on a busy machine; it takes milliseconds
PIXELS = 10**6  # of an image, in place of Pillow's limit: what is legal then stays quick
MEMORY = 2**29  # bytes beyond those in use when all is loaded
STRANGE = (
    "subprocess.",
    "socket.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
)
WRITES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
    "shutil.",
)


class Watch:
    """What the interpreter reports of: processes, sockets, pickles and code from text, and files written outside.

    Args:
        inside: the one folder in which files may be written.
    """

    def __init__(self, inside):
        self.inside, self.seen, self.on = f"{inside}{os.sep}", [], False
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if not self.on:
            return
        if event == "open":
            path, _mode, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                self._written(event, path)
        elif event.startswith(WRITES):
            for path in arguments[:2] if event != "os.mkdir" or not Path(arguments[0]).is_dir() else ():
                if isinstance(path, str | bytes):
                    self._written(event, path)
        elif event.startswith(STRANGE):
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "exec" and not Path(arguments[0].co_filename).is_file():  # no module that is loaded late
            self.seen.append(f"{event} of {arguments[0]!r:.200}")

    def _written(self, event, path):
        if isinstance(path, int) or not os.path.realpath(os.fsdecode(path)).startswith(self.inside):
            self.seen.append(f"{event} {path!r:.200}")


def trial(reader, folder, watch):
    """What comes of one input: "accepted", or "refused" and the sentence, or another word and what was wrong."""
    watch.seen, watch.on = [], True
    try:
        reader.read(folder)
        found = "accepted", ""
    except reader.refuses as error:
        said = str(error)
        found = "refused", said
        if not said.strip() or len(said.splitlines()) > 1 or len(said) > 1000:
            found = "no sentence", f"{type(error).__name__}: {said!r:.1200}"
    except BaseException:
        found = "another error", traceback.format_exc(limit=-4)
    watch.on = False
    return ("ran or wrote", "; ".join(watch.seen)) if watch.seen else found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("folder", type=Path, help="an empty one, to work in")
    parser.add_argument("--inputs", type=int, default=300)
    parser.add_argument("--only", type=int, help="the number of one input, to see it again")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    reader, box = READERS[args.reader], args.folder.resolve()
    folder, near = box / "here", box / "near"
    for place in (folder, near, box / "elsewhere"):
        place.mkdir()
    (near / "mine").write_text("mine")
    os.mkfifo(box / "elsewhere" / "pipe")  # a name from a file must not make us wait
    last = os.open(box / "last", os.O_RDWR | os.O_CREAT)
    os.chdir(box / "elsewhere")
    warnings.simplefilter("ignore")
    os.fsync = lambda _file: None  # no power will fail, and disks are slow
    Image.MAX_IMAGE_PIXELS = PIXELS
    Image.init()  # its readers make types when they are loaded, from text

    reader.make(folder)
    whole = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    targets = [path for path in whole if path.suffix in reader.suffixes]
    for place in targets if reader.alone else [folder]:
        reader.read(place)  # else the damage would prove nothing
    watch = Watch(folder)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    counts, problems, began = Counter(), [], time.monotonic()
    for number in range(args.inputs) if args.only is None else [args.only]:
        os.pwrite(last, b"%8d" % number, 0)
        rng = np.random.default_rng([args.seed, number])
        target = targets[int(rng.integers(len(targets)))]
        data = damaged(whole[target], target.suffix, rng, [whole[path] for path in targets])
        target.write_bytes(data)
        if reader.mend is not None and rng.random() < 0.8:
            reader.mend(folder)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        kind, said = trial(reader, target if reader.alone else folder, watch)
        faulthandler.cancel_dump_traceback_later()
        counts[kind] += 1
        if kind not in ("accepted", "refused"):
            problems.append(f"{args.reader} {number}, {target.name}: {kind}: {said}")
        if args.only is not None:
            print(kind, said, data[:4000], sep="\n", file=sys.stderr)
        for path in [p for p in folder.rglob("*") if p.is_file() and p not in whole]:
            path.unlink()
        for path, content in whole.items():
            if path == target or path.stat().st_size != len(content) or path.suffix in reader.written:
                path.write_bytes(content)
    assert [p.name for p in near.iterdir()] == ["mine"]
    assert (near / "mine").read_text() == "mine"
    assert [p.name for p in (box / "elsewhere").iterdir()] == ["pipe"]
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"seconds": seconds, "outcomes": counts, "problems": problems}))


if __name__ == "__main__":
    main()
