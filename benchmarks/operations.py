"""What an exported folder asks of a machine for each second of music, counted and not timed.

    saxsolo benchmark operations FOLDER examples/ballad.flac

A solo is played over the beginning of the backing (seed 1). Of each graph: calls; multiply-adds of
its products and convolutions by the shapes that they had, its weights; the weights that its calls
read if no cache holds them; and what its calls take in and give out. The planner, spectra,
pulses and searches are NumPy and are not counted: their share of the processor time is printed.
"""

import math
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import onnxruntime
import soundfile
import typer

from saxsolo.runtime import command

PRODUCTS = ("MatMul", "MatMulInteger", "Gemm")


class CountingSession:
    """A graph that also gives the operands of its products, and counts.

    Attributes:
        calls: so far. operations: multiply-adds. moved: bytes of inputs and outputs.
        weights: bytes.
    """

    def __init__(self, path: Path):
        model = onnx.load(str(path))
        graph = model.graph
        self.weights = sum(len(one.raw_data) for one in graph.initializer)
        shapes = {one.name: tuple(one.dims) for one in graph.initializer}
        self.outputs = [one.name for one in graph.output]
        known = {*self.outputs}
        self.nodes: list[tuple[str, str, tuple[int, ...] | str]] = []
        for node in graph.node:
            if node.op_type not in (*PRODUCTS, "Conv"):
                continue
            # a product's inner size stands in its right side, a filter's in its weights
            right: tuple[int, ...] | str = shapes.get(node.input[1], node.input[1])
            self.nodes.append((node.op_type, node.output[0], right))
            for name in (node.output[0], right):
                if isinstance(name, str) and name not in known:
                    known.add(name)
                    graph.output.append(onnx.ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.names = [one.name for one in self.session.get_outputs()]
        self.calls = self.operations = self.moved = 0

    def run(self, names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """As `InferenceSession.run`."""
        values = dict(zip(self.names, self.session.run(self.names, feeds), strict=True))
        for kind, out, right in self.nodes:
            shape = values[right].shape if isinstance(right, str) else right
            inner = math.prod(shape[1:]) if kind == "Conv" else shape[-2]
            self.operations += math.prod(values[out].shape) * inner
        wanted = [values[name] for name in names or self.outputs]
        self.moved += sum(np.asarray(value).nbytes for value in [*feeds.values(), *wanted])
        self.calls += 1
        return wanted


class TimedSession:
    """A graph that says how much processor time its calls took."""

    def __init__(self, session: Any):
        self.session, self.seconds = session, 0.0

    def run(self, names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """As `InferenceSession.run`."""
        begun = time.process_time()
        values: list[Any] = self.session.run(names, feeds)
        self.seconds += time.process_time() - begun
        return values


def main(
    folder: Annotated[Path, typer.Argument(help="Of saxsolo export --format onnx.")],
    backing: Annotated[Path, typer.Argument(help="A backing track.")],
    seconds: Annotated[float, typer.Option(help="Of it.")] = 12.0,
) -> None:
    sessions, planner, config = command.load(folder)
    audio, rate = soundfile.read(backing, dtype="float32")
    audio = audio[: round(seconds * rate)]
    seconds = len(audio) / rate
    timed = {name: TimedSession(session) for name, session in sessions.items()}
    begun = time.process_time()
    command.improvise(audio, rate, folder, seed=1, loaded=(timed, planner, config))
    whole = time.process_time() - begun
    inside = sum(one.seconds for one in timed.values())

    counted = {name: CountingSession(folder / "graphs" / f"{name}.onnx") for name in sessions}
    command.improvise(audio, rate, folder, seed=1, loaded=(counted, planner, config))
    print("a second of music:")
    print(
        "| graph | calls | multiply-adds, 10^6 | weights, MB | weights read, MB | in and out, MB |"
    )
    print("|" + " --- |" * 6)
    total = np.zeros(5)
    for name, one in counted.items():
        calls = one.calls / seconds
        row = np.array([
            calls, one.operations / seconds / 1e6, one.weights / 1e6, one.weights * calls / 1e6,
            one.moved / seconds / 1e6,
        ])  # fmt: skip
        total += row
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |")
    print("| all | " + " | ".join(f"{value:.1f}" for value in total) + " |")
    print(
        f"{seconds:.1f} s of music took {whole:.1f} processor seconds here, "
        f"{1 - inside / whole:.0%} of them outside the graphs"
    )


if __name__ == "__main__":
    typer.run(main)
