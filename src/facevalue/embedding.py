"""Embeddings: what a trained network knows of held-out pictures before its last layer, for TensorBoard's projector.

Of a source that holds none out they are pictures that it was trained on, and the embedding's name says so.

RUN/checkpoint.pt ──► network ──► input of its output layer ──► RUN/projector: a point for each picture, with its
held-out pictures ────┘                                         label, what was read, how far off, a thumbnail
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facevalue.assembly import make_source
from facevalue.checkpoint import read_checkpoint
from facevalue.codecs import Codec, Floats
from facevalue.codecs.clock import format_time
from facevalue.codecs.needles import degrees_apart
from facevalue.errors import FaceValueError, ModelError
from facevalue.export import trained_network
from facevalue.images import warp, whole_picture
from facevalue.metrics import digits_are_right, minutes_apart
from facevalue.runs import data_of, refuse_other_data
from facevalue.scoring import Scored, scored_of
from facevalue.sources import Batch
from facevalue.sources.clocks import ClockBatch
from facevalue.sources.dials import DialBatch
from facevalue.sources.digits import DigitBatch
from facevalue.sources.mnist import WrittenBatch
from facevalue.sources.pictures import LabelledBatch
from facevalue.trainee import to_tensor

FOLDER = "projector"
THUMB_PX = 64
AT_ONCE = 128


@dataclass(frozen=True)
class Table:
    """What stands beside the points.

    records: (N,) which pictures of the batch they are of.  header, rows: columns, the first one the label.
    """

    records: NDArray[np.int64]
    header: list[str]
    rows: list[list[str]]


def output_layers(network: nn.Module) -> list[nn.Module]:
    """The last linear layer of ``network.out``, or of each of its parts where it has parts for several heads.

    Raises ModelError for a network without.
    """
    out = getattr(network, "out", None)
    parts = list(out.children()) if isinstance(out, nn.ModuleDict | nn.ModuleList) else [out]
    found: list[nn.Module] = []
    for part in parts:
        linear = [module for module in part.modules() if isinstance(module, nn.Linear)] if part is not None else []
        found += linear[-1:]
    if not found:
        raise ModelError(f"{type(network).__name__} has no linear layer in 'out', so there is nothing to embed")
    return found


@torch.inference_mode()
def look_inside(
    network: nn.Module, codec: Codec, pictures: NDArray[np.uint8], device: torch.device
) -> tuple[Floats, list[Any]]:
    """What the output layers are given of each picture, (N, D), and what the codec makes of their outputs.

    pictures: (N, H, W, 3) uint8.  Of several layers what they are given stands side by side, the same but once; so do
    the cells of a picture that is read in cells. What a layer is given of each digit of a row apart is left out.
    """
    given: list[Tensor] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if not any(tensor is inputs[0] for tensor in given):
            given.append(inputs[0])

    hooks = [layer.register_forward_pre_hook(note) for layer in output_layers(network)]
    features: list[Floats] = []
    outputs: dict[str, list[Floats]] = {head.name: [] for head in codec.heads}
    network.eval()
    for start in range(0, len(pictures), AT_ONCE):
        part = to_tensor(pictures[start : start + AT_ONCE], device)
        given.clear()
        for name, value in network(part).items():
            outputs[name].append(value.float().cpu().numpy())
        flat = [tensor.reshape(len(part), -1) for tensor in given if tensor.ndim == 2]
        features.append(torch.cat(flat, dim=1).float().cpu().numpy())
    for hook in hooks:
        hook.remove()
    beliefs = codec.decode({name: np.concatenate(values) for name, values in outputs.items()})
    return np.concatenate(features), beliefs


def distinct(pictures: NDArray[np.uint8]) -> list[int]:
    """The first of each of the pictures that are the same: a small set gives some of its pictures several times."""
    first: dict[bytes, int] = {}
    for index, picture in enumerate(pictures):
        first.setdefault(hashlib.sha256(picture.tobytes()).digest(), index)
    return list(first.values())


def make_table(batch: Batch, beliefs: Sequence[Any], records: Sequence[int]) -> Table:
    """Label, reading and error of each of those pictures that show something: a time, digits, a needle, a class."""
    if isinstance(batch, ClockBatch):
        return clock_table(batch, beliefs, records)
    if isinstance(batch, DialBatch):
        return dial_table(batch, beliefs, records)
    if isinstance(batch, LabelledBatch):
        return class_table(batch, beliefs, records)
    assert isinstance(batch, WrittenBatch | DigitBatch)
    labels = batch.texts() if isinstance(batch, WrittenBatch) else [batch.label(i) for i in range(len(beliefs))]
    counts = batch.labels()["count"].tolist()
    told = [record for record in records if labels[record] != "NaN"]
    rows = []
    for record in told:
        number, label = beliefs[record].read(), labels[record]
        wrong = not digits_are_right(number.text(), number.number(), label)
        rows.append([label, number.text(), str(int(wrong)), str(counts[record])])
    return Table(np.array(told, dtype=np.int64), ["digits", "read", "wrong", "length"], rows)


def clock_table(batch: ClockBatch, beliefs: Sequence[Any], records: Sequence[int]) -> Table:
    told = [record for record in records if not np.isnan(batch.seconds[record])]
    rows = []
    for record in told:
        true, read = float(batch.seconds[record]) / 60, float(beliefs[record].minutes())
        off = float(minutes_apart(read, true))
        hour, minute = format_time(true).split(":")
        rows.append([f"{hour}:{minute}", format_time(read), f"{off:.2f}", hour, str(int(minute))])
    return Table(np.array(told, dtype=np.int64), ["time", "read", "minutes_off", "hour", "minute"], rows)


def dial_table(batch: DialBatch, beliefs: Sequence[Any], records: Sequence[int]) -> Table:
    told = [record for record in records if not np.isnan(batch.needle[record])]
    rows = []
    for record in told:
        true, read = float(batch.needle[record]) % 360, float(beliefs[record].degrees()) % 360
        off = abs(degrees_apart(read, true))
        rows.append([f"{true:.1f}", f"{read:.1f}", f"{off:.2f}"])
    return Table(np.array(told, dtype=np.int64), ["needle_degrees", "read", "degrees_off"], rows)


def class_table(batch: LabelledBatch, beliefs: Sequence[Any], records: Sequence[int]) -> Table:
    rows = []
    for record in records:
        true, read = int(batch.classes[record]), int(beliefs[record].read())
        rows.append([str(true), str(read), str(int(read != true))])
    return Table(np.array(records, dtype=np.int64), ["class", "read", "wrong"], rows)


def thumbnails(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, 3, THUMB_PX, THUMB_PX) float32, 0..1: each picture, whole."""
    small = np.array([warp(picture, whole_picture(picture), THUMB_PX) for picture in pictures])
    # TensorBoard's writer cuts decimals off: half a level more keeps each level what it is.
    return torch.from_numpy((small.astype(np.float32) + 0.5) / 255).permute(0, 3, 1, 2)


def embed(run_dir: Path, count: int = 1000, data: Path | None = None) -> tuple[int, int, Scored]:
    """Write RUN/projector, whole or not at all.

    Returns how many points it has, how many numbers each of them, and the pictures.

    count: held-out pictures drawn; those drawn twice, and those that show nothing to tell, make no point.
    data: folder of the data sets that the run was trained on, see ``assembly.make_source``.
    Raises ModelError for a run without a checkpoint, FaceValueError where the folder can't be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    state = read_checkpoint(run_dir)
    recipe, codec, network = trained_network(state)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    source = make_source(recipe, data or data_of(run_dir))
    refuse_other_data(run_dir, state, source)
    scored = scored_of(source, count)
    batch = scored.batch
    features, beliefs = look_inside(network.to(device), codec, batch.pictures, device)
    table = make_table(batch, beliefs, distinct(batch.pictures))
    if not table.rows:
        raise FaceValueError(f"none of {scored.words()} shows a value: draw more with --n")
    unfinished, folder = run_dir / f".{FOLDER}.unfinished", run_dir / FOLDER
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        with SummaryWriter(str(unfinished)) as writer:
            writer.add_embedding(
                features[table.records],
                metadata=table.rows,
                metadata_header=table.header,
                label_img=thumbnails(batch.pictures[table.records]),
                global_step=int(state["step"]),
                tag=scored.name,
            )
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except OSError as error:
        raise FaceValueError(f"can't write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return len(table.records), features.shape[1], scored


def embed_command(run_dir: Path, count: int, data: Path | None) -> None:
    """``facevalue embed RUN``."""
    points, numbers, scored = embed(run_dir, count, data)
    total = len(scored.batch.pictures)
    left_out = f"; {total - points} of them came twice or show no value" if points < total else ""
    print(
        f"{points} points of {numbers} numbers, of {scored.words()}, are in {run_dir / FOLDER}{left_out}. "
        f"Look at them in the projector of: tensorboard --logdir {run_dir}",
        file=sys.stderr,
    )
