"""An accelerator that is not there: tensors that say they are on "cuda" or "mps", and compute on the CPU.

    with Pretended("cuda") as seen:
        nmf(A, 5, device="cuda")
    seen.launches, seen.syncs, seen.copies, seen.bytes_up

What is made on the device is wrapped, and every operation on it passes through here. So values are real, and what fails
on a GPU fails: tensors of two devices in one operation, ``.numpy()``, and on MPS float64 and pooling to sides that do
not divide. Counted are kernels (operations that are no views), copies with their direction and bytes, and what makes
the host wait.
"""

import collections
import traceback

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

import torch._dynamo  # isort: skip - the first dispatch imports it otherwise, while is_available is patched

aten = torch.ops.aten
VIEWS = {aten.detach.default, aten.alias.default, aten.lift_fresh.default, aten._reshape_alias.default}
VIEWS |= {aten._unsafe_view.default}
NO_KERNEL = {aten.empty.memory_format, aten.empty_like.default, aten.empty_strided.default}
NO_KERNEL |= {aten.new_empty.default, aten.new_empty_strided.default}
COPIES = {aten.copy_.default, aten._to_copy.default, aten._local_scalar_dense.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}
WAITING = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default}
HERE = "/dff_widgets/"


class OnDevice(torch.Tensor):
    """A CPU tensor that claims another device."""

    @staticmethod
    def __new__(cls, real, device):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            real.size(),
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            device=device,
        )
        made.held = real
        return made

    def __init__(self, real, device):
        pass

    def __repr__(self):
        return f"OnDevice({self.held}, {self.device})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} on a pretended tensor outside of its `with`")

    def data_ptr(self):
        return self.held.data_ptr()

    def tolist(self):  # torch refuses it for subclasses
        return self.cpu().tolist()

    def numpy(self, *, force=False):
        if force:
            return self.cpu().numpy()
        raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() first.")

    def __array__(self, dtype=None, copy=None):
        return self.numpy()


class _AsMps(torch.overrides.TorchFunctionMode):
    """Without a driver nothing can be asked for on "mps": it is made on the pretended "cuda", which says "mps"."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        def there(v):
            if isinstance(v, torch.device):
                return torch.device("cuda", 0) if v.type == "mps" else v
            return "cuda:0" if isinstance(v, str) and v.split(":")[0] == "mps" else v

        out = func(*tree_map(there, tuple(args)), **tree_map(there, kwargs or {}))
        return torch.device("mps", 0) if isinstance(out, torch.device) and out.type == "cuda" else out


class Pretended(TorchDispatchMode):
    """Inside the `with`, an accelerator of that kind is there.

    Attributes:
        launches: kernels by operation; an addend that is copied into its result first counts as one more.
        syncs: by (what, the line of the project) how often the host waited for the device.
        copies: by (direction, the line of the project).
        bytes_up, bytes_down: to the device, and from it.
    """

    def __init__(self, kind="cuda", free=80e9):
        super().__init__()
        self.kind, self.free, self.depth = kind, free, 0
        self.device = torch.device("cuda", 0)
        self.reset()

    def reset(self):
        self.launches, self.syncs, self.copies = (collections.Counter() for _ in range(3))
        self.bytes_up = self.bytes_down = 0

    # -------------------------------------------------------------------------------------------------- the patches
    def __enter__(self):
        self.depth += 1
        if self.depth > 1:  # the dispatch below enters again
            return super().__enter__()
        self.saved = []
        self._patch(torch.cuda, "is_available", lambda: self.kind == "cuda")
        self._patch(torch.backends.mps, "is_available", lambda: self.kind == "mps")
        for name, value in {
            "_lazy_init": None,
            "is_initialized": True,
            "current_device": 0,
            "empty_cache": None,
        }.items():
            self._patch(torch.cuda, name, lambda *_, value=value: value)
        self._patch(torch, "inference_mode", torch.no_grad)  # views of wrapped tensors cannot be made in it
        self._patch(torch.Tensor, "pin_memory", lambda tensor, *_: tensor)  # asks a driver for it
        self._patch(torch.cuda, "mem_get_info", lambda device=None: (int(self.free), int(80e9)))
        self._patch(torch.cuda, "memory_reserved", lambda device=None: 0)
        self._patch(torch.cuda, "memory_allocated", lambda device=None: 0)
        if self.kind == "mps":
            self._patch(torch.mps, "recommended_max_memory", lambda: int(self.free))
            self._patch(torch.mps, "driver_allocated_memory", lambda: 0)
            self._patch(torch.mps, "empty_cache", lambda: None)
        self.overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        torch._C._set_only_lift_cpu_tensors(True)
        self.as_mps = _AsMps() if self.kind == "mps" else None
        if self.as_mps:
            self.as_mps.__enter__()
        torch._C._ensureCUDADeviceGuardSet()  # guards that do nothing where there is no driver
        return super().__enter__()

    def __exit__(self, *error):
        done = super().__exit__(*error)
        self.depth -= 1
        if not self.depth:
            if self.as_mps:
                self.as_mps.__exit__(None, None, None)
            torch._C._set_only_lift_cpu_tensors(False)
            torch.__future__.set_overwrite_module_params_on_conversion(self.overwrite)
            for place, name, value in reversed(self.saved):
                setattr(place, name, value)
        return done

    def _patch(self, place, name, value):
        self.saved.append((place, name, getattr(place, name)))
        setattr(place, name, value)

    # ------------------------------------------------------------------------------------------------- the dispatch
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
        there = [t for t in tensors if isinstance(t, OnDevice)]
        asked = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        up = asked is not None and asked.type == "cuda"
        if not there and not up:
            return func(*args, **kwargs)
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):
            with self:  # in inference mode they arrive whole
                return func.decompose(*args, **kwargs)
        if asked is not None:
            kwargs["device"] = torch.device("cpu")
        kwargs.pop("pin_memory", None)
        self._check(func, args, tensors, there)
        if func is aten.cudnn_batch_norm.default:  # (x, weight, bias, mean, var, training, momentum, eps)
            x, w, b, mean, var, *rest = tree_map(_real, args)
            self.launches["aten::cudnn_batch_norm"] += 1
            made = torch.nn.functional.batch_norm(x, mean, var, w, b, *rest)
            return tuple(OnDevice(t, self.device) for t in (made, *(x.new_empty(0) for _ in range(3))))
        result = func(*tree_map(_real, args), **tree_map(_real, kwargs))
        self._no_float64(
            [_real(t) for t in there] + [t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor)]
        )
        return self._account(func, args, kwargs, tensors, there, result, up or (asked is None and bool(there)))

    def _check(self, func, args, tensors, there):
        """What a GPU refuses."""
        if self.kind == "mps" and "adaptive_avg_pool2d" in str(func):
            (h, w), (a, b) = args[0].shape[-2:], args[1]
            if h % a or w % b:
                raise RuntimeError("Adaptive pool MPS: input sizes must be divisible by output sizes.")
        here = [t for t in tensors if not isinstance(t, OnDevice) and t.ndim]
        if func in INDEXING and isinstance(args[0], OnDevice):  # indices may lie on the host, and are copied
            for index in [t for t in tree_flatten(args[1])[0] if isinstance(t, torch.Tensor)]:
                if not isinstance(index, OnDevice):
                    self._copy("up", index)
                    here = [t for t in here if t is not index]
        if there and here and func not in COPIES:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found {self.device} and cpu! "
                f"({func}, shapes {[tuple(t.shape) for t in tensors]})"
            )

    def _no_float64(self, tensors):
        if self.kind == "mps" and any(t.dtype == torch.float64 for t in tensors):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )

    def _account(self, func, args, kwargs, tensors, there, result, stays):
        if func is aten._local_scalar_dense.default:
            self._sync("item")
            return result
        if func is aten._to_copy.default and isinstance(args[0], OnDevice) != stays:
            self._copy("up" if stays else "down", args[0], kwargs.get("non_blocking"))
            return OnDevice(result, self.device) if stays else result
        if func is aten.copy_.default and isinstance(args[0], OnDevice) != isinstance(args[1], OnDevice):
            self._copy("up" if isinstance(args[0], OnDevice) else "down", args[1], len(args) > 2 and args[2])
            return args[0]
        if func in WAITING or (func is aten.index.Tensor and any(t.dtype == torch.bool for t in tensors[1:])):
            self._sync(str(func))
        if any(name in str(func) for name in ("linalg_", "cholesky")) and "vector_norm" not in str(func):
            self._sync(str(func))  # solvers report to the host, or are its own
        if not func.is_view and func not in VIEWS | NO_KERNEL:
            self.launches[str(func)] += (
                2 if str(func).startswith(("aten.addmv.", "aten.addmm.", "aten.baddbmm.")) else 1
            )
        given = {id(_real(t)): t for t in tensors}  # in-place operations and out= give back what they were given
        return tree_map(
            lambda t: given.get(id(t), OnDevice(t, self.device)) if isinstance(t, torch.Tensor) else t, result
        )

    def _copy(self, direction, tensor, non_blocking=False):
        size = tensor.numel() * tensor.element_size()
        self.copies[direction, _line()] += 1
        self.bytes_up += size * (direction == "up")
        self.bytes_down += size * (direction == "down")
        if tensor.numel() and not non_blocking:
            self._sync(direction)

    def _sync(self, what):
        self.syncs[what, _line()] += 1


def _real(t):
    return t.held if isinstance(t, OnDevice) else t


def _line():
    """The line of the project that asked."""
    for frame in reversed(traceback.extract_stack()):
        if HERE in frame.filename:
            return f"{frame.filename.split(HERE)[-1]}:{frame.lineno}"
    return "?"
