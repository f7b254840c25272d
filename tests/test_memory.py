"""What a training frees it keeps: measured by the pages that the system maps anew."""

import json
import subprocess
import sys

import pytest

MAPPED = """
import json, resource, sys
import torch
from facevalue.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "kept" else False
def fill(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(16_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fill(50)
print(json.dumps([kept, fill(10)]))
"""


def mapped(how: str) -> tuple[bool, int]:
    """Whether the C library knows how, and pages mapped while 64 MB are taken and freed ten times more."""
    done = subprocess.run([sys.executable, "-c", MAPPED, how], check=True, capture_output=True, text=True)
    kept, pages = json.loads(done.stdout)
    return kept, pages


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no pages")
def test_freed_memory_is_used_again_where_the_c_library_knows_how() -> None:
    kept, pages = mapped("kept")
    if not kept:
        pytest.skip("this C library has no mallopt")
    assert pages < 0.1 * mapped("freed")[1]
