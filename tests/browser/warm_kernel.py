"""Kernels that start warm: forked from one process that has imported torch and the widgets already.

Importing them takes a kernel seconds; most tests are about what comes after. A process of `Forge` imports once and
forks a kernel for each connection to its socket. The kernelspec it offers starts a small client, which connects, hands
signals on to its kernel and lives as long as the kernel does, so that Jupyter sees an ordinary process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}  # a fork loses all threads but one


class Forge:
    """The process that forks kernels; `folder` is for JUPYTER_PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        address = folder / "socket"
        spec = folder / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [sys.executable, "-I", "-S", __file__, "client", str(address), "{connection_file}"]
        spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(address))
        listener.listen()  # clients wait here while the imports last
        with listener:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "forge", str(listener.fileno())],
                pass_fds=[listener.fileno()],
                env={**os.environ, **ONE_THREAD},
            )

    def close(self) -> None:
        """Stop it; its kernels notice that their parent is gone."""
        self._process.terminate()
        self._process.wait()


def forge(listener: socket.socket) -> None:
    """Fork a kernel for each connection."""
    import timm  # noqa: F401 - these are imported to be there
    import torchvision  # noqa: F401
    from ipykernel import kernelapp, zmqshell  # noqa: F401

    import dff_widgets

    for name in dff_widgets.__all__:  # what is loaded on first use
        if name != "FactorCanvas":  # importing ipycanvas opens a channel to the page, which a kernel must do itself
            getattr(dff_widgets, name)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the kernels here
    while True:
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                be_a_kernel(connection)


def be_a_kernel(connection: socket.socket) -> None:
    """Be what the client would have been, had it imported everything itself."""
    import ipywidgets
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    message, outputs, _, _ = socket.recv_fds(connection, 1 << 16, 2)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    asked = json.loads(message)
    os.chdir(asked["folder"])
    os.environ.update(asked["environment"])
    connection.sendall(str(os.getpid()).encode())

    def end_with_the_client() -> None:
        connection.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_the_client, daemon=True).start()
    app = IPKernelApp.instance(parent_handle=os.getppid())  # it ends with its parent, too
    app.initialize(["-f", asked["file"]])
    ipywidgets.register_comm_target()  # done by its import where there is a kernel already
    app.start()
    os._exit(0)


def client(address: str, file: str) -> None:
    """Ask for a kernel, hand signals on to it and wait for its end."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    asked = {"file": file, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - pathlib is slow to import
    socket.send_fds(connection, [json.dumps(asked).encode()], [1, 2])
    kernel = int(connection.recv(32))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(kernel, number))
    connection.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "forge":
        forge(socket.socket(fileno=int(sys.argv[2])))
    else:
        client(*sys.argv[2:])
