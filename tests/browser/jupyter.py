"""A private Jupyter server on loopback, and a notebook page in Chromium to drive it with."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

# Loopback only: a test must never depend on a CDN.
BROWSER_ARGS = [
    *(["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []),
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

_SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # every output is in the page
    "@jupyterlab/apputils-extension/notification": {
        "checkForUpdates": False,
        "fetchNews": "false",
        "doNotDisturbMode": True,
    },
}


class Server:
    """JupyterLab 4 (``app="lab"``) or Notebook 7 (``app="notebook"``) with folders, token and port of its own."""

    def __init__(
        self, root: Path, app: str, *extra: str, theme: str = "JupyterLab Light", kernels: Path | None = None
    ) -> None:
        self.app = app
        self._token = secrets.token_hex(16)
        self._home = tempfile.TemporaryDirectory(prefix="dff-jupyter-")
        home = Path(self._home.name)
        settings = {**_SETTINGS, "@jupyterlab/apputils-extension/themes": {"theme": theme}}
        for plugin, values in settings.items():
            file = home / "settings" / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        folders = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "run"}
        env = {
            **os.environ,
            **{f"JUPYTER_{name}": str(home / folder) for name, folder in folders.items()},
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "JUPYTER_PLATFORM_DIRS": "1",
            **({"JUPYTER_PATH": str(kernels)} if kernels else {}),
        }
        exposing = "LabApp" if app == "lab" else "JupyterNotebookApp"
        self._log = (home / "server.log").open("wb")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab" if app == "lab" else "notebook", "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
                *(f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={root}"),
                *(f"--{exposing}.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
                "--LanguageServerManager.autodetect=False",  # a search with npm that takes seconds
                *extra,
            ],
            env=env,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        end = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{self.base}/api/status?token={self._token}", timeout=2).read()
                return
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    self._log.flush()
                    raise RuntimeError((home / "server.log").read_text()[-3000:]) from None
                time.sleep(0.2)

    def url(self, path: str) -> str:
        """The address of a notebook."""
        folder = "notebooks" if self.app == "notebook" else "doc/tree"
        return f"{self.base}/{folder}/{path}?token={self._token}" + ("" if self.app == "notebook" else "&reset")

    def close(self) -> None:
        """Stop the server and its kernels."""
        for kill in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self._process.pid, kill)
                self._process.wait(10)
        self._log.close()
        self._home.cleanup()


_CURRENT = "window.jupyterapp?.shell.currentWidget"


class Notebook:
    """One open notebook: its page, its kernel, and what crosses the wire between them."""

    def __init__(self, context: BrowserContext, server: Server, path: str) -> None:
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.sent: list[str] = []  # what the page told the kernel, as text where it is text
        self.received = 0  # bytes from the kernel
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.errors.append(f"pageerror: {e}"))
        self.page.on("websocket", self._listen)
        self.page.goto(server.url(path))
        self.ready()

    def _listen(self, socket: Any) -> None:
        if "/channels" not in socket.url:
            return

        def received(payload: bytes | str) -> None:
            self.received += len(payload)

        socket.on("framesent", lambda p: self.sent.append(p if isinstance(p, str) else p.decode("utf-8", "replace")))
        socket.on("framereceived", received)

    def ready(self) -> None:
        """Wait until the notebook is open and its kernel answers."""
        self.page.wait_for_function(f"{_CURRENT}?.sessionContext?.session?.kernel", timeout=60000)
        self.page.evaluate(
            f"""async () => {{const w = {_CURRENT}; await w.context.ready; await w.sessionContext.ready;
            await w.sessionContext.session.kernel.info;}}"""
        )

    def run_all(self, timeout: float = 120) -> None:
        """Run every cell; an error in one fails the test."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells').then(() => 1)")
        self.page.wait_for_function(
            f"{_CURRENT}.sessionContext.session.kernel.status === 'idle'", timeout=timeout * 1000
        )
        failed = self.page.evaluate(
            f"""() => {_CURRENT}.content.widgets.filter(c => c.model.type === 'code')
            .flatMap(c => c.model.outputs.toJSON()).filter(o => o.output_type === 'error')
            .map(o => o.ename + ': ' + o.evalue)"""
        )
        assert not failed, failed

    def run(self, code: str) -> str:
        """Run code in the kernel, outside the notebook; its printed text, or the error's.

        Widgets send a change only when the one before it was answered. So the kernel is asked for nothing first: when
        it has answered that, all changes made so far are on their way, before the code.
        """
        return self.page.evaluate(
            f"""async (code) => {{const kernel = {_CURRENT}.sessionContext.session.kernel; let out = '';
            await kernel.requestExecute({{code: 'pass', silent: true, store_history: false}}).done;
            const future = kernel.requestExecute({{code, store_history: false}});
            future.onIOPub = (m) => {{const t = m.header.msg_type;
              if (t === 'stream') out += m.content.text;
              if (t === 'execute_result') out += m.content.data['text/plain'];
              if (t === 'error') out += 'ERROR ' + m.content.ename + ': ' + m.content.evalue;}};
            await future.done; return out.trim();}}""",
            code,
        )

    def cells(self) -> int:
        """The number of cells."""
        return self.page.evaluate(f"() => {_CURRENT}.content.widgets.length")

    def messages(self) -> list[str]:
        """The widget messages the page has sent so far (the kernel's own heartbeat and info requests left out)."""
        return [text for text in self.sent if "comm_msg" in text]

    def save(self) -> None:
        """Save the notebook with its outputs."""
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save').then(() => 1)")

    def close(self) -> None:
        """Shut the kernel down and close the page."""
        with contextlib.suppress(Exception):
            self.page.evaluate(f"() => {_CURRENT}.sessionContext.shutdown()")
        self.page.close()
