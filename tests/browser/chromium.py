"""The browser of the browser tests: an installed Chrome or Chromium, else Debian's package, else Playwright's own.

``python tests/browser/chromium.py`` installs one where there is none.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find() -> str | None:
    """The path of a browser, or None."""
    for candidate in (os.environ.get("DFF_WIDGETS_CHROMIUM"), *NAMES):
        if candidate and (path := shutil.which(candidate)):
            return path
    return _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None  # noqa: PTH110 - Playwright gives a str


def install() -> None:
    """Debian's package where apt may be used, else Playwright's download."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"] if shutil.which("sudo") else None
    if shutil.which("apt-get") and root is not None:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
            if subprocess.run([*root, "apt-get", *command], env=quiet, check=False).returncode:
                break
        else:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    if find() is None:
        install()
    print(find() or sys.exit("no browser could be installed: install Chrome or Chromium yourself"))
