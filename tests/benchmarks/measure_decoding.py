"""What an upload may cost: memory above idle and time of the files made to cost most.

Every file is opened in a fresh process, whose peak and processor time are what the kernel says, so
that other work on the machine does not count. Run it with ``python
tests/benchmarks/measure_decoding.py [WORDS]``; it ends with 1 if a file is over the limits.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from attack_zoo import COSTLY, REFUSED  # noqa: E402

MOST_MEGABYTES, MOST_SECONDS = 300, 3.0
OPEN = """
import re, sys, time
from tinydrop.core.errors import PictureError
from tinydrop.data.view import open_picture
from PIL import Image
import io
warm = io.BytesIO()
for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
    Image.new("RGB", (64, 64)).save(warm := io.BytesIO(), kind)
    open_picture(warm.getvalue())
def peak():  # of this program alone: getrusage would count who started it
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
idle = peak()
start = time.process_time()
try:
    picture = open_picture(sys.argv[1])
    said = f"{picture.image.width} x {picture.image.height}"
except PictureError as error:
    said = str(error)
seconds = time.process_time() - start
print((peak() - idle) / 1000, seconds, said)
"""


def measure(path: Path) -> tuple[float, float, str]:
    """Return MB above idle, seconds of the processor, and what came of it."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        return float("inf"), float("inf"), done.stderr.strip().splitlines()[-1:][0]
    megabytes, seconds, said = done.stdout.strip().split(maxsplit=2)
    return float(megabytes), float(seconds), said


def main() -> int:
    """Print one line per file; return 1 if one of them costs too much."""
    only = sys.argv[1:]
    over = 0
    files = {**COSTLY, **{f"refused: {name}": make for name, (make, _) in REFUSED.items()}}
    for name, make in files.items():
        if only and not any(word in name for word in only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload.bin"
            path.write_bytes(make())
            megabytes, seconds, said = measure(path)
            size = path.stat().st_size / 1e6
        bad = megabytes > MOST_MEGABYTES or seconds > MOST_SECONDS
        over += bad
        mark = "OVER" if bad else "    "
        print(f"{mark} {megabytes:6.0f} MB {seconds:6.2f} s  {size:5.1f} MB file  {name}: {said}")
    return 1 if over else 0


if __name__ == "__main__":
    raise SystemExit(main())
