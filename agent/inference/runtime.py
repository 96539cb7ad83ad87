"""The inference runtime: LiteRT, or tflite_runtime where only that exists. Its only import.

An `Interpreter` lives as long as the process and is shared by all cameras: a lock lends it to one
picture at a time. Its buffers are lent to `fill` and `read` and must not be kept by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.errors import ModelError

T = TypeVar("T")


class Tensor(NamedTuple):
    """One output as the model gives it: `real = (values - zero) * scale`; scale is 0 where it is real already."""

    values: NDArray[Any]
    scale: float
    zero: int


class Interpreter:
    """A loaded model with one input; `threads` share one invoke, `timer` gives seconds.

    `accelerated` says whether XNNPACK took the graph over: without it int8 models run several times
    slower and their outputs differ a little. It stays off where the runtime cannot tell the processor,
    as when a sandbox hides /proc/cpuinfo.
    """

    def __init__(self, content: bytes, *, name: str, threads: int, timer: Callable[[], float]) -> None:
        self._lock = Lock()
        self._timer = timer
        self._runtime = _loaded(content, name=name, threads=threads)
        self.accelerated = any(op["op_name"] == "DELEGATE" for op in self._runtime._get_ops_details())  # noqa: SLF001 -- the runtime tells it nowhere else
        (only,) = self._runtime.get_input_details()
        self._input: int = only["index"]
        self.input_shape: tuple[int, ...] = tuple(only["shape"].tolist())
        self.input_dtype: np.dtype[Any] = np.dtype(only["dtype"])
        self._outputs = [(each["index"], *each["quantization"]) for each in self._runtime.get_output_details()]

    def run(self, fill: Callable[[NDArray[Any]], None], read: Callable[[Sequence[Tensor]], T]) -> tuple[T, float]:
        """What `read` makes of the outputs after `fill` wrote the input, and the seconds of the invoke."""
        with self._lock:
            fill(self._runtime.tensor(self._input)())
            started = self._timer()
            self._runtime.invoke()
            invoke_s = self._timer() - started
            return read([self._output(*each) for each in self._outputs]), invoke_s

    def _output(self, index: int, scale: float, zero: int) -> Tensor:
        return Tensor(self._runtime.tensor(index)(), scale, zero)


def _loaded(content: bytes, *, name: str, threads: int) -> Any:
    try:
        runtime = _runtime()(model_content=content, num_threads=threads)
        runtime.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"model {name}: {error}", hint="the file is no model this runtime can read") from error
    return runtime


def _runtime() -> Any:
    """The class of whichever runtime is installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter as Runtime
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter as Runtime
        except ImportError as error:
            raise ModelError("no inference runtime is installed", hint="pip install 'piazza[vision]'") from error
    return Runtime
