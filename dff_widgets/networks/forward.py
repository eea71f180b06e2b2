"""A forward pass that leaves a module as it was: its mode, its gradients, its hooks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

FORWARD_ERRORS = (  # an input that a module cannot take
    *(RuntimeError, AssertionError, ValueError, TypeError, IndexError),
    *(AttributeError, KeyError),  # an input that is no tensor to it, but a list or a dict
)


class StopForwardError(Exception):
    """Raised inside a forward pass to end it once the asked layer has spoken; never leaves `dff_widgets`."""


_IN_USE: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_IN_USE_GUARD = threading.Lock()


@contextlib.contextmanager
def inference(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; the mode of every submodule is as before afterwards.

    One thread at a time: the hooks, the mode and the device of a module that two explorers share are shared too.
    Not torch's inference mode: what a module of the caller caches in its forward pass must be fit for training.
    """
    with _IN_USE_GUARD:
        in_use = _IN_USE.setdefault(module, threading.RLock())
    with in_use, torch.no_grad():
        training = [m for m in module.modules() if m.training]
        try:
            module.eval()
            yield
        finally:
            for m in training:
                m.training = True


Hook = Callable[[str, nn.Module, tuple[Any, ...], Any], Any]


@contextlib.contextmanager
def hooked(modules: Mapping[str, nn.Module], hook: Hook) -> Iterator[None]:
    """`hook(name, module, inputs, output)` after each forward of each module, inside the `with` only.

    What a hook returns, unless it is None, takes the place of the module's output.
    """
    with contextlib.ExitStack() as stack:
        for name, m in modules.items():
            handle = m.register_forward_hook(lambda m, inputs, output, name=name: hook(name, m, inputs, output))
            stack.callback(handle.remove)
        yield


def forward_to(module: nn.Module, layers: Collection[str], batch: Tensor) -> dict[str, Any]:
    """What some submodules give in a forward pass, which ends after the last of them.

    Args:
        module: of which the names are.
        layers: names; each is expected to run once.
        batch: what the module takes.
    """
    caught: dict[str, Any] = {}

    def catch(name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        if len(caught) == len(set(layers)) - 1:
            caught[name] = output
            raise StopForwardError
        caught[name] = output.clone()  # a later module may change it in place

    with hooked({name: module.get_submodule(name) for name in layers}, catch), contextlib.suppress(StopForwardError):
        module(batch)
    return caught


def input_like(module: nn.Module) -> Tensor:
    """A tensor of the device and the dtype that the module's input must have."""
    return next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
