"""Export: a trained run to one ONNX file that stands alone, checked against the network that it came from."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facevalue import __version__
from facevalue.assembly import make_network, make_source
from facevalue.calibration import FEATURES_OF, Calibration
from facevalue.checkpoint import is_finished, read_checkpoint
from facevalue.codecs import Codec, Floats, make_codec
from facevalue.codecs.digits import BESIDE_PX, COLUMN_PX, MOST_DIGITS, STEP_PX
from facevalue.codecs.needles import log_softmax
from facevalue.ending import ending_by_signal
from facevalue.errors import MissingExtraError, ModelError, SettingError, StoppedError
from facevalue.files import told_as_ours, unfinished_file
from facevalue.networks.narrow import NarrowRowNet
from facevalue.networks.rownet import RowNet
from facevalue.reader import find_weight, load_weight
from facevalue.recipes import Recipe
from facevalue.restoring import read_file, restore
from facevalue.runs import data_of
from facevalue.sources import Source

# Largest difference that rounding the stored weights to fp16 may make: in logits, in counts, or in pose units.
# Of numbers larger than 1, such as minutes, it is the share of the largest.
PARITY = {"circle": 0.05, "classes": 0.05, "value": 0.03, "vector": 0.004}
NARROW_PARITY = 0.02  # digits counted, and shares of places, that narrow pictures may differ by on average
LENGTH_PARITY = 0.1  # shares of lengths, which the count outweighs and confidence is fitted on as the file reads
NARROW_DRAWN, NARROW_LEAST = 256, 16  # pictures drawn to find narrow ones, and how few of these are too few
NARROW_SHOWN_PX = 32  # of the middle of others
HALF_FROM = 256  # tensors of at least this many numbers are stored in fp16


class Exported(nn.Module):
    """The network as its file has it: (N, H, W, 3) uint8 in, one output a head."""

    def __init__(self, network: nn.Module, codec: Codec) -> None:
        super().__init__()
        self.network = network
        self.names = [head.name for head in codec.heads]

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(pictures.permute(0, 3, 1, 2))
        return tuple(outputs[name] for name in self.names)


def trained_network(state: dict[str, object]) -> tuple[Recipe, Codec, nn.Module]:
    """The network of a checkpoint, ready to read.  Raises ModelError for one of another version of the network."""
    try:
        recipe = Recipe.from_json(str(state["recipe"]))
        codec = make_codec(recipe.codec)
        network = make_network(recipe, codec)
        network.load_state_dict(state["network"])  # type: ignore[arg-type]
    except (SettingError, RuntimeError) as error:  # RuntimeError: parameters that don't fit the network
        reason = str(error).splitlines()[0]
        raise ModelError(f"a run of another version of facevalue ({reason}); use that one, or train it anew") from error
    return recipe, codec, network.eval()


def averaged(*networks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of networks' parameters and running statistics, by name; counts are the last one's.

    Of trainings that went on from one another that is a model soup (Wortsman et al. 2022, "Model soups: averaging
    weights of multiple fine-tuned models", uniform). Of a fine-tuning's start and its end it is WiSE-FT (Wortsman et
    al. 2022, "Robust fine-tuning of zero-shot models", alpha 0.5): it keeps what the training gained, and loses less
    of what was known before.
    """
    return {
        name: torch.stack([network[name] for network in networks]).mean(0) if value.is_floating_point() else value
        for name, value in networks[-1].items()
    }


def read_alike(run_dir: Path, state: Mapping[str, Any]) -> dict[str, Any]:
    """The checkpoint of a run whose network can be averaged with that of another's state.

    Raises SettingError for one whose parameters are others, or of another codec.
    """
    other = read_checkpoint(run_dir)
    recipes = [Recipe.from_json(str(one["recipe"])) for one in (state, other)]
    shapes = [{name: value.shape for name, value in one["network"].items()} for one in (state, other)]
    if recipes[0].codec != recipes[1].codec or shapes[0] != shapes[1]:
        raise SettingError(f"{run_dir}: of {recipes[1].name}, another network than {recipes[0].name}'s: no average")
    return other


def export(
    run_dir: Path,
    out: Path,
    name: str,
    data: Path | None = None,
    source: Source | None = None,
    notes: Mapping[str, str] | None = None,
    start: Mapping[str, Tensor] | None = None,
    average: Sequence[Path] = (),
) -> Path:
    """Write a run's weight as ONNX and assert that it reads as the network does. Returns the file.

    source: of the pictures that this is asserted on; the recipe's own when None.  notes: more metadata, or others.
    start: of a fine-tuning, the network that it started from; its parameters and the trained ones are then averaged.
    average: more runs of the same network, all of which are averaged.
    Raises ModelError when outputs differ from torch's by more than PARITY, FaceValueError when out can't be written,
    SettingError for a kind that no reader reads and for runs that can't be averaged.
    """
    state = read_checkpoint(run_dir)
    if start is not None:
        state["network"] = averaged(start, state["network"])
    others = [read_alike(other, state) for other in average]
    state["network"] = averaged(*(other["network"] for other in others), state["network"])
    recipe, codec, network = trained_network(state)
    if recipe.kind not in FEATURES_OF:
        raise SettingError(
            f"{run_dir}: a training of {recipe.kind}, which are no instrument that can be read; "
            f"expected one of {', '.join(FEATURES_OF)}"
        )
    metadata = {
        "model": name,
        "kind": recipe.kind,
        "codec": recipe.codec,
        "size_px": str(recipe.size_px),
        "width_px": str(recipe.frame_px[0]),
        "heads": json.dumps([[h.name, h.size, h.kind, *([h.places] if h.places > 1 else [])] for h in codec.heads]),
        "recipe": recipe.to_json(),
        "recipe_hash": recipe.hash(),
        "ancestry": json.dumps(state.get("ancestry", [])),
        **({"averaged": json.dumps([str(other["recipe"]) for other in others])} if others else {}),
        "steps": str(state["step"]),
        "finished": str(int(is_finished(state))),
        "training_minutes": f"{float(state['seconds']) / 60:.0f}",
        "calibration": Calibration.untrained(recipe.kind).to_json(),
        "facevalue": __version__,
        **(notes or {}),
    }
    source = source or make_source(recipe, data or data_of(run_dir))
    trained = Exported(network, codec)

    def expected(pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        with torch.inference_mode():
            outputs = trained(torch.from_numpy(pictures))
        return dict(zip(trained.names, (output.numpy() for output in outputs), strict=True))

    return write_weight(out, recipe, network, metadata, source, expected)


def export_again(weight: Path, out: Path, data: Path | None = None, source: Source | None = None) -> Path:
    """Write the network of a weight file anew, as this version writes it, and assert that both files read alike.

    Name, calibration and history stay.  data, source: of pictures that its norms are unfolded on, see
    ``restoring.restore``.  Raises as that and ``export`` do, and SettingError for a weight that was taught one's own
    pictures, which are not in it.
    """
    recipe = Recipe.from_json(read_file(weight)[1]["recipe"])
    if source is None and recipe.source.startswith("own/"):
        raise SettingError(
            f"{weight}: taught by pictures that are not in it, so it can't be written again; teach it anew"
        )
    source = source or make_source(recipe, data)
    _, metadata, network = restore(weight, source)
    before = load_weight(weight, threads=1)
    return write_weight(out, recipe, network.eval(), {**metadata, "facevalue": __version__}, source, before.run)


def write_weight(
    out: Path,
    recipe: Recipe,
    network: nn.Module,
    metadata: Mapping[str, str],
    source: Source,
    expected: Callable[[NDArray[np.uint8]], Mapping[str, Floats]],
) -> Path:
    """Write a network that is ready to read as ONNX. Returns the file.

    expected: what pictures, (N, H, W, 3) of the source, are to come to, by head.  Raises ModelError where the file
    gives something else, FaceValueError when it can't be written, StoppedError by Ctrl-C.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("export needs the laboratory: pip install 'facevalue[train]'") from error
    across, down = recipe.frame_px
    shapes: dict[int, Any] = {0: torch.export.Dim("n", min=1)}
    narrow_px = 0
    if isinstance(network, RowNet):
        network = NarrowRowNet(network, recipe.frame_px)
        narrow_px = network.narrow_px
        shapes[2] = STEP_PX * torch.export.Dim("steps", min=2, max=across // STEP_PX)
    module = Exported(network, make_codec(recipe.codec)).eval()
    example = torch.zeros(2, down, narrow_px or across, 3, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it regrets that torchvision is not there
    with warnings.catch_warnings(), ending_by_signal() as ending:  # the exporter takes a Ctrl-C for a fault of its own
        warnings.simplefilter("ignore")  # its remarks on its own workings
        program = torch.onnx.export(
            module,
            (example,),
            input_names=["pictures"],
            output_names=module.names,
            dynamic_shapes={"pictures": shapes},
            dynamo=True,
            verbose=False,
        )
    if ending.asked:
        raise StoppedError(f"stopped: {out} is not written")
    model = program.model_proto  # type: ignore[union-attr]
    drop_remarks(model)
    store_as_half(model)
    onnx.helper.set_model_props(model, {**metadata, **({"narrow_px": str(narrow_px)} if narrow_px else {})})
    onnx.checker.check_model(model)
    with told_as_ours(out), unfinished_file(out) as unfinished:
        unfinished.write_bytes(model.SerializeToString())
        check_parity(unfinished, source, expected)
        if narrow_px and not reads_narrow(unfinished, narrow_px, source):
            print(f"{out}: reads whole frames alone, as narrow ones would be read otherwise", file=sys.stderr)
            onnx.helper.set_model_props(model, {**metadata, "narrow_px": "0"})
            unfinished.write_bytes(model.SerializeToString())
    return out


def drop_remarks(model: object) -> None:
    """Drop what the exporter notes of its workings: it names the files of the machine, and is as large as the rest."""
    graph = model.graph  # type: ignore[attr-defined]
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def store_as_half(model: object) -> None:
    """Store large weights as fp16 behind a Cast, which onnxruntime folds away when it loads: half the download."""
    import onnx
    from onnx import numpy_helper

    graph = model.graph  # type: ignore[attr-defined]
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= HALF_FROM:
            with np.errstate(over="ignore"):
                half = numpy_helper.to_array(tensor).astype(np.float16)
            if not np.isfinite(half).all():  # larger than 65,504
                continue
            full_name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, full_name + ".half"))
            casts.append(onnx.helper.make_node("Cast", [full_name + ".half"], [full_name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]


def check_parity(path: Path, source: Source, expected: Callable[[NDArray[np.uint8]], Mapping[str, Floats]]) -> None:
    """Compare what a file makes of pictures of the source with what is expected. Raises ModelError when they differ."""
    pictures = source.batch(seed=987, step=0, count=32).pictures
    weight = load_weight(path, threads=1)
    wanted, outputs = expected(pictures), weight.run(pictures)
    for head in weight.codec.heads:
        difference = float(np.abs(outputs[head.name] - wanted[head.name]).max())
        largest = float(np.abs(wanted[head.name]).max()) if head.kind in ("value", "vector") else 1.0
        allowed = PARITY[head.kind] * max(1.0, largest)
        if not difference <= allowed:  # nor NaN
            raise ModelError(
                f"head {head.name!r} of the file differs from what it is to be by {difference:.3g}, more than "
                f"{allowed:.3g}, and is not written; its numbers may be too large for halves: train on at a lower rate"
            )


def reads_narrow(path: Path, narrow_px: int, source: Source) -> bool:
    """Whether a file of rows reads narrow pictures as whole ones, which are the same but for black beside them.

    Asked of those pictures of the source that the reader would read narrow; where there are few, of the middles of
    others. Counts and places may differ by NARROW_PARITY on average, lengths by LENGTH_PARITY.
    """
    pictures = np.array(source.batch(seed=987, step=1, count=NARROW_DRAWN).pictures)
    across = pictures.shape[2]
    beside = (across - narrow_px) // 2
    reach = np.where(pictures.any(axis=(1, 3)), np.abs(np.arange(across) + 0.5 - across / 2), 0).max(axis=1)
    are_narrow = reach <= narrow_px / 2 - BESIDE_PX
    if are_narrow.sum() >= NARROW_LEAST:
        pictures = pictures[are_narrow]
    else:
        black = (across - NARROW_SHOWN_PX) // 2
        pictures[:, :, :black], pictures[:, :, -black:] = 0, 0
    weight = load_weight(path, threads=1)
    whole, narrow = weight.run(pictures), weight.run(np.ascontiguousarray(pictures[:, :, beside:-beside]))
    cut = beside // COLUMN_PX
    counted = whole["count"][:, -cut - 1] - whole["count"][:, cut - 1]
    shown = np.arange(MOST_DIGITS) < np.rint(counted)[:, None]
    place, length = (
        np.exp(log_softmax(narrow[name])) - np.exp(log_softmax(whole[name])) for name in ("place", "length")
    )
    off = (
        np.abs(counted - narrow["count"][:, -1]).mean(),
        np.abs(place).sum(2)[shown].sum() / max(shown.sum(), 1) / 2,
    )
    return bool(max(off) <= NARROW_PARITY and np.abs(length).sum(1).mean() / 2 <= LENGTH_PARITY)


def export_command(run: str | Path, out: Path | None, data: Path | None = None, average: Sequence[Path] = ()) -> None:
    """``facevalue export RUN``: writes RUN/weight.onnx, or the file named, whose stem becomes the model's name.

    average: more runs of the same network, whose parameters are averaged with this one's.
    Of a weight instead, a file or a shipped one by name: writes it again to the file named, under its own name.
    """
    trained = Path(run)
    if not trained.is_dir():
        if average:
            raise SettingError(f"{run}: only runs are averaged, which are folders with a checkpoint")
        weight = find_weight("", run)
        if out is None:
            raise SettingError(f"{weight} is a weight: say with --out where it is to be written again")
        target = export_again(weight, out, data)
        print(f"{target}  {target.stat().st_size / 1e6:.2f} MB, written again", file=sys.stderr)
        return
    target = out or trained / "weight.onnx"
    name = out.stem if out else trained.resolve().name
    export(trained, target, name, data, average=average)
    print(f"{target}  {target.stat().st_size / 1e6:.2f} MB, reads as the network does", file=sys.stderr)
    print(
        "its confidence is the network's own belief until it is fitted on labelled pictures with: "
        f"facevalue calibrate {shlex.quote(str(target))} --data labels.csv",
        file=sys.stderr,
    )
