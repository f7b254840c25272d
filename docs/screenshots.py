"""Takes page-clock.png and page-unsure.png anew: the page of a service of its own, with a clock and with a blurred one.

python docs/screenshots.py

Needs Chromium and the extras serve and test; page-pad.png and page-history.png are taken by hand.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageFilter
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WIDTH_PX = 1000


def main() -> None:
    command = [sys.executable, "-m", "facevalue", "serve", "--port", "0"]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        address = re.search(r"http://\S+", service.stderr.readline())[0]
        blurred = Path(folder, "blurred.png")
        with Image.open(HERE / "clock.jpg") as clock:
            clock.resize((48, 48)).filter(ImageFilter.GaussianBlur(1.6)).resize((300, 300)).save(blurred)
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, picture, scheme in (("clock", HERE / "clock.jpg", "light"), ("unsure", blurred, "dark")):
            page = chromium.new_page(color_scheme=scheme, viewport={"width": WIDTH_PX, "height": 690})
            page.goto(address)
            for _ in range(3):  # the first reading loads the weight, which is no time to show
                page.set_input_files("#file", [])
                page.set_input_files("#file", picture)
                page.locator("#marks .minute").wait_for()
                page.wait_for_timeout(500)
            page.screenshot(path=HERE / f"page-{name}.png", full_page=True)
        chromium.close()
    service.terminate()
    service.wait(60)


if __name__ == "__main__":
    main()
