"""Training: one plain loop from a recipe to a checkpoint, exact to resume."""

from __future__ import annotations

import collections
import contextlib
import errno
import functools
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facevalue.checkpoint import FILE_NAME, read_checkpoint, write_checkpoint
from facevalue.codecs import Codec, make_codec
from facevalue.codecs.digits import COLUMN_PX, COLUMNS, FRAME_PX
from facevalue.ending import ending_by_signal
from facevalue.errors import DivergedError, FaceValueError, ModelError, SettingError, StoppedError
from facevalue.losses import total_loss
from facevalue.networks.classic import CLASSIC, make_classic
from facevalue.networks.clocks import CLOCKS, make_clock_network
from facevalue.networks.cnn import CNN, make_cnn
from facevalue.networks.convnet import ConvNet
from facevalue.networks.mlp import MLP, make_mlp
from facevalue.networks.pretrained import TRUNKS, load_pretrained, make_transfer
from facevalue.networks.records import RECORDS, Prepared, make_record
from facevalue.networks.rownet import RowNet
from facevalue.optimizer import make_optimizers
from facevalue.plateau import Plateau, epoch_of, validation_loss
from facevalue.reader import find_weight
from facevalue.recipes import Recipe, find_recipe
from facevalue.restoring import read_file, restore
from facevalue.runs import (
    alone_in,
    digest_of,
    matching_checkpoint,
    place_run,
    refuse_trained,
    write_description,
)
from facevalue.sources import Batch, Limited, Source

CHECKPOINT_SECONDS = 120.0
SCALARS_EVERY = 20
SCORES_EVERY, SCORES_AT_LEAST_EVERY = 500, 50
HELD_OUT_SEED = 1_000_003
HELD_OUT_PICTURES, ALL = 512, sys.maxsize
STORED = ("clocks/index", "clocks/index-skip-bad")  # sources of clocks that aren't drawn
OF_NETWORK = ("widths", "blocks", "hidden", "squeeze", "dropout", "channels", "kernel", "activations")
STAIR, STAIR_STEPS = 0.95, 500


@dataclass(frozen=True)
class Scored:
    """Pictures that a training is scored on while it runs.

    name: in logs, ``held_out``, or ``trained_on`` where the source holds none out.
    """

    batch: Batch
    name: str = "held_out"

    def words(self) -> str:
        """How many they are, and whether they are held out."""
        return f"{len(self.batch.pictures):,} pictures {self.name.replace('_', ' ')}"


def scored_of(source: Source, most: int) -> Scored:
    """At most so many pictures to score a training on, of a source of few each but once."""
    if not isinstance(source, Limited):
        return Scored(source.batch(HELD_OUT_SEED, 0, most))
    trained, held_out = source.counts()
    batch = source.batch(HELD_OUT_SEED, 0, min(most, held_out or trained))
    return Scored(batch, "held_out" if held_out else "trained_on")


def make_source(recipe: Recipe, data: Path | None = None) -> Source:
    """The recipe's source. data: folder of the data sets, None for where ``datasets.find_dataset`` looks."""
    from facevalue.sources.clock_index import open_index
    from facevalue.sources.clock_sets import kitchen_clocks, plain_clocks
    from facevalue.sources.clocks import ClockSource
    from facevalue.sources.dials import DialSource
    from facevalue.sources.digits import DigitSource
    from facevalue.sources.mnist import MnistSequences, MnistSource, SvhnSource
    from facevalue.sources.pictures import PICTURES, open_pictures

    table: dict[str, Callable[[], Source]] = {
        "clocks/wild": lambda: ClockSource(size_px=recipe.size_px),
        "clocks/plain": lambda: plain_clocks(recipe.size_px),
        "clocks/plain-second": lambda: plain_clocks(recipe.size_px, second_hand=True),
        "clocks/plain-x15": lambda: plain_clocks(recipe.size_px, copies=15),
        "clocks/plain-x25": lambda: plain_clocks(recipe.size_px, copies=25),
        "clocks/kitchen": lambda: kitchen_clocks(recipe.size_px),
        "clocks/kitchen-x15": lambda: kitchen_clocks(recipe.size_px, copies=15),
        "clocks/kitchen-x25": lambda: kitchen_clocks(recipe.size_px, copies=25),
        "clocks/index": lambda: open_index(data, recipe.size_px),
        "clocks/index-skip-bad": lambda: open_index(data, recipe.size_px, skip_bad=True),
        "dials/wild": lambda: DialSource(size_px=recipe.size_px),
        "digits/wild": lambda: DigitSource(size_px=recipe.frame_px, data=data),
        "digits/mnist": lambda: MnistSource(data, recipe.steps),
        "digits/mnist-all": lambda: MnistSource(data, recipe.steps, hold_out=False),
        "digits/mnist-plain": lambda: MnistSource(data),
        "digits/mnist-sequences": lambda: MnistSequences(data),
        "digits/mnist-sequences-augmented": lambda: MnistSequences(data, recipe.steps),
        "digits/svhn": lambda: SvhnSource(data),
        **{name: functools.partial(open_pictures, name, data) for name in PICTURES},
    }
    if recipe.source.startswith("own/"):
        raise ModelError(
            f"{recipe.name} is taught with pictures of one's own: train, measure and export it with "
            "facevalue train --from READER --data labels.csv"
        )
    if recipe.source not in table:
        raise SettingError(f"there is no source {recipe.source!r}; there are: {', '.join(sorted(table))}")
    return table[recipe.source]()


def make_network(recipe: Recipe, codec: Codec) -> nn.Module:
    """The recipe's network, its start drawn from the recipe's seed."""
    table: dict[str, Callable[[Recipe, Codec], nn.Module]] = {
        "convnet": make_convnet,
        "rownet": make_rownet,
        **dict.fromkeys(CLASSIC, make_classic),
        **dict.fromkeys(CLOCKS, make_clock_network),
        **dict.fromkeys(CNN, make_cnn),
        **dict.fromkeys(MLP, make_mlp),
        **dict.fromkeys(RECORDS, make_record),
        **dict.fromkeys(TRUNKS, make_transfer),
    }
    if recipe.network not in table:
        raise SettingError(f"there is no network {recipe.network!r}; there are: {', '.join(table)}")
    torch.manual_seed(recipe.seed)
    return table[recipe.network](recipe, codec)


def make_convnet(recipe: Recipe, codec: Codec) -> nn.Module:
    check_stages(recipe)
    return ConvNet(codec.heads, recipe.size_px, recipe.widths, recipe.blocks, recipe.hidden, recipe.squeeze)


def make_rownet(recipe: Recipe, codec: Codec) -> nn.Module:
    check_stages(recipe)
    frame = (COLUMNS * COLUMN_PX, FRAME_PX)
    if recipe.frame_px != frame or len(recipe.widths) < 2:
        raise SettingError(
            f"{recipe.frame_px[0]} x {recipe.frame_px[1]} px and {len(recipe.widths)} stages make no row network: "
            f"{codec.name} counts the columns of {frame[0]} x {frame[1]}, after two stages at least"
        )
    return RowNet(codec.heads, recipe.size_px, recipe.widths, recipe.blocks, recipe.hidden)


def check_stages(recipe: Recipe) -> None:
    """Raise SettingError for stages that don't fit each other or the size."""
    stages, blocks = len(recipe.widths), recipe.blocks
    if len(blocks) != stages or 0 in blocks[1:] or recipe.size_px < 1 or recipe.size_px % 2**stages:
        raise SettingError(
            f"widths={recipe.widths}, blocks={blocks} and size_px={recipe.size_px} make no network: expected as many "
            f"blocks as widths, none but the first 0, and a size that {2**stages} divides, as each stage halves it"
        )


def end_with_parent() -> None:
    """In a drawing process: leave Ctrl-C to the parent, and don't outlive it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def without_interrupt() -> Iterator[None]:
    """Keep Ctrl-C from processes that begin meanwhile, for good and not only from ``end_with_parent`` on."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def batches(source: Source, recipe: Recipe, start: int, workers: int) -> Generator[Batch]:
    """The batches of steps ``start``, ``start`` + 1, ..., drawn ahead in worker processes.

    Each is a pure function of (seed, step), so neither the number of workers nor a resume changes a pixel.
    Raises FaceValueError when a process is killed from outside, as by a machine short of memory.
    """
    if workers == 0:
        for step in range(start, recipe.steps):
            yield source.batch(recipe.seed, step, recipe.batch_size)
        return
    context = multiprocessing.get_context("spawn")
    ahead: collections.deque[Future[Batch]] = collections.deque()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        try:
            for step in range(start, recipe.steps):
                with without_interrupt():
                    while len(ahead) < 2 * workers + 1 and step + len(ahead) < recipe.steps:
                        ahead.append(pool.submit(source.batch, recipe.seed, step + len(ahead), recipe.batch_size))
                yield ahead.popleft().result()
        except BrokenProcessPool as error:
            raise FaceValueError(
                "a drawing process was killed, perhaps for want of memory: go on with --resume and fewer --workers"
            ) from error
        finally:
            for future in ahead:
                future.cancel()


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Share of the recipe's rate at a step: linear warm-up, then as its schedule says, see ``Recipe``."""
    rise = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    if recipe.schedule in ("constant", "plateau"):
        return rise
    if recipe.schedule == "staircase":
        return rise * float(STAIR ** (step // STAIR_STEPS))
    fall = min(1.0, (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps))
    return rise * fall


def scores_every(recipe: Recipe) -> int:
    """Steps between two scores on held-out pictures: ten times in a training of 500 to 5,000 steps."""
    return min(SCORES_EVERY, max(SCORES_AT_LEAST_EVERY, recipe.steps // 10))


def to_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S), channels last in memory as it already is."""
    return torch.from_numpy(pictures).to(device, non_blocking=True).permute(0, 3, 1, 2)


@torch.inference_mode()
def score_held_out(network: nn.Module, codec: Codec, held_out: Batch, device: torch.device) -> dict[str, float]:
    """The loss, and the metrics of evaluation, on pictures that training never sees."""
    network.eval()
    outputs: dict[str, list[NDArray[np.float32]]] = collections.defaultdict(list)
    for part in to_tensor(held_out.pictures, device).split(128):  # type: ignore[no-untyped-call]
        for name, value in network(part).items():
            outputs[name].append(value.float().cpu().numpy())
    network.train()
    whole = {name: np.concatenate(parts) for name, parts in outputs.items()}
    return {"loss": validation_loss(codec, whole, held_out), **held_out.scores(codec.decode(whole))}


def run(
    recipe_name: str,
    settings: dict[str, str],
    out: Path | None,
    resume: bool,
    workers: int | None = None,
    compiled: bool = False,
    data: Path | None = None,
    start_from: Path | None = None,
) -> Path:
    """Train a recipe, or go on with a training that was stopped. Returns the run's folder.

    recipe_name: of the table.  settings: fields set by ``--set``.  out: the run's folder, by default
    ``runs/<name>-<hash>``, with the digest of an index behind it.  data: folder of the data sets that the recipe trains
    on, if any.
    start_from: a run of the recipe's parent, or a weight exported from one or its shipped name, to go on from.
    Raises SettingError for unknown names, settings and data that nothing makes use of, and when the folder holds
    another recipe's run, one of other data, or one not to be resumed.
    """
    recipe = find_recipe(recipe_name).with_settings(settings)
    refuse_unused(recipe, settings, data)
    source = make_source(recipe, data)
    run_dir = place_run(recipe, out, resume, digest_of(source))
    train(
        recipe,
        run_dir,
        resume=resume,
        workers=workers,
        compiled=compiled,
        data=data,
        start_from=start_from,
        source=source,
    )
    return run_dir


def refuse_unused(recipe: Recipe, settings: Mapping[str, str], data: Path | None) -> None:
    """Raise SettingError for settings of the network that it makes no use of, and for data that the source doesn't."""
    drawn = recipe.source.startswith(("clocks/", "dials/")) and recipe.source not in STORED
    if data is not None and drawn and not recipe.pretrained:
        index = "; to train on pictures of an index add --set source=clocks/index" if recipe.kind == "clock" else ""
        raise SettingError(f"{recipe.name} draws its pictures ({recipe.source}) and makes no use of --data{index}")
    codec = make_codec(recipe.codec)
    used = {
        "width_px": recipe.source == "digits/wild",
        "smoothing": any(head.kind == "classes" for head in codec.heads),
        "decay": recipe.schedule == "linear",
        "weight_decay": recipe.optimizer in ("muon", "adamw", "muon-normed"),
        "l2": recipe.optimizer in ("adam", "sgd", "momentum"),
    }
    asked = [name for name in settings if name in OF_NETWORK]
    if asked:
        read: set[str] = set()

        class Noting(Recipe):
            def __getattribute__(self, name: str) -> Any:
                read.add(name)
                return super().__getattribute__(name)

        make_network(Noting(**vars(recipe)), codec)
        used |= {name: name in read for name in asked}
    for name in settings:
        if not used.get(name, True):
            parts = f"{recipe.source}, {recipe.codec}, {recipe.network}, {recipe.schedule}, {recipe.optimizer}"
            raise SettingError(f"setting {name!r} has no use here: none of {parts} reads it")


def train(
    recipe: Recipe,
    run_dir: Path,
    *,
    resume: bool,
    workers: int | None = None,
    compiled: bool = False,
    data: Path | None = None,
    start_from: Path | None = None,
    source: Source | None = None,
    held_out: Batch | None = None,
) -> None:
    """The loop. Writes run.json, checkpoint.pt and TensorBoard's files into run_dir, which it makes.

    source, held_out: other pictures than those of the recipe's source to train on, and to score while it trains.
    Raises StoppedError when asked to end, DivergedError, SettingError for what doesn't fit together, FaceValueError
    where another training has the folder.
    """
    from torch.utils.tensorboard import SummaryWriter

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if workers is None:
        workers = max(1, (os.cpu_count() or 2) - 1)
    codec, source = make_codec(recipe.codec), source or make_source(recipe, data)
    network = make_network(recipe, codec).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = make_optimizers(network, recipe.learning_rate, recipe.weight_decay, recipe.optimizer, recipe.l2)
    start, trained_seconds = 0, 0.0
    ancestry: list[str] = []  # recipes, as JSON, of the runs that this one went on from
    plateau = None
    if recipe.schedule == "plateau":
        plateau = Plateau(recipe, epoch_of(source, recipe))
    scored = Scored(held_out) if held_out is not None else scored_of(source, ALL if plateau else HELD_OUT_PICTURES)
    check_labels(recipe, codec, scored.batch)
    digest = digest_of(source)
    if not (resume and (run_dir / FILE_NAME).exists()):
        if recipe.parent or start_from is not None:
            trained_seconds, ancestry = take_over(recipe, network, start_from, source)
        elif recipe.pretrained:
            load_pretrained(network, recipe.pretrained, data)
        elif isinstance(network, Prepared):
            network.prepare(to_tensor(source.batch(recipe.seed, 0, network.prepared_on).pictures, device))
    forward = torch.compile(network) if compiled else network
    began = saved_at = told_at = time.monotonic()

    def save(step: int) -> None:
        write_checkpoint(
            run_dir,
            {
                "step": step,
                "seconds": trained_seconds + time.monotonic() - began,
                "device": device.type,
                "recipe": recipe.to_json(),
                "recipe_hash": recipe.hash(),
                "ancestry": ancestry,
                "data": digest,
                "network": network.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                "rng": torch.get_rng_state(),
                **({"plateau": plateau.state_dict()} if plateau is not None else {}),
            },
        )
        writer.flush()

    with contextlib.ExitStack() as held:
        held.enter_context(alone_in(run_dir))
        held.enter_context(full_disk_told(run_dir))
        if (run_dir / FILE_NAME).exists():  # by now; another training may have ended meanwhile
            refuse_trained(run_dir, resume)
            state = matching_checkpoint(run_dir, recipe, source)
            network.load_state_dict(state["network"])
            for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            torch.set_rng_state(state["rng"])
            if plateau is not None:
                plateau.load_state_dict(state["plateau"])
            start, trained_seconds, ancestry = state["step"], state["seconds"], state.get("ancestry", [])
        network.train()
        first = recipe.steps if plateau is not None and plateau.ended else start
        # What was logged after the checkpoint is drawn anew.
        log = contextlib.closing(SummaryWriter(str(run_dir), purge_step=start + 1 if start else None))
        writer = held.enter_context(log)
        drawn = held.enter_context(contextlib.closing(batches(source, recipe, first, workers)))
        ending = held.enter_context(ending_by_signal())
        if resume:
            found = f"resuming at step {start} of {recipe.steps}" if start else "no checkpoint here: starting at step 0"
            print(f"{run_dir}: {found}", file=sys.stderr)
        write_description(recipe, run_dir, start, compiled, describe_pictures(source, data, scored))
        writer.add_text("recipe", f"```\n{recipe.to_json()}\n```", start)
        for step, batch in enumerate(drawn, first):
            rate = learning_rate_at(step, recipe) * (plateau.share if plateau is not None else 1.0)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * rate * group.get("multiple", 1.0)
            targets = {
                name: (torch.from_numpy(target.values).to(device), torch.from_numpy(target.weight).to(device))
                for name, target in codec.encode(batch.labels()).items()
            }
            with torch.autocast(device.type, dtype=torch.bfloat16):
                outputs = forward(to_tensor(batch.pictures, device))
            loss, parts = total_loss(codec.heads, outputs, targets, recipe.smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()

            done = step + 1
            score_due = plateau.ends_epoch(done) if plateau is not None else done % scores_every(recipe) == 0
            scores = {}
            if score_due or done == recipe.steps:
                refuse_broken(network, run_dir, done)
                scores = score_held_out(network, codec, scored.batch, device)
                if plateau is not None:
                    plateau.judge(scores["loss"], network, done)
            ended = done == recipe.steps or (plateau is not None and plateau.ended)
            now = time.monotonic()
            if done % SCALARS_EVERY == 0 or ended:
                writer.add_scalar("train/loss", loss.item(), done)
                writer.add_scalar("train/rate", rate * recipe.learning_rate, done)
                for name, part in parts.items():
                    writer.add_scalar(f"train/loss_{name}", part.item(), done)
            if scores:
                for name, value in scores.items():
                    writer.add_scalar(f"{scored.name}/{name}", value, done)
                writer.add_images(f"{scored.name}/pictures", scored.batch.pictures[:24], done, dataformats="NHWC")
                line = f"step {done}: {scored.words()}: {scored.batch.describe(scores)}"
                print(f"\n{line}", file=sys.stderr, flush=True)
            if now - told_at > (1.0 if sys.stderr.isatty() else 30.0) or ended:
                told_at = now
                pace = (now - began) / (done - start)
                shares = {name: part.item() for name, part in parts.items()}
                heads = " ".join(f"{name} {share:.3f}" for name, share in shares.items() if share)  # 0: none is shown
                line = f"step {done}/{recipe.steps}  loss {loss.item():.3f} ({heads})  "
                line += (
                    f"{recipe.batch_size / pace:.0f} pictures/s  {remaining_time((recipe.steps - done) * pace)} left"
                )
                print(line, file=sys.stderr, end="\r" if sys.stderr.isatty() else "\n", flush=True)
            if now - saved_at > CHECKPOINT_SECONDS or ended or ending.asked:
                refuse_broken(network, run_dir, done)
                if ended and plateau is not None and plateau.best:
                    plateau.finish(network)
                    print(f"kept: the weights of step {plateau.best_step}", file=sys.stderr, flush=True)
                saved_at = now
                save(done)
            if ended:
                break
            if ending.asked:
                raise StoppedError(f"stopped at step {done} of {recipe.steps}, which is saved in {run_dir}")


def check_labels(recipe: Recipe, codec: Codec, batch: Batch) -> None:
    """Raise SettingError for a codec that labels other things than the source shows."""
    labels = batch.labels()
    try:
        codec.encode(labels)
    except KeyError as error:
        raise SettingError(
            f"codec {recipe.codec} needs labels of {error.args[0]!r}, and {recipe.source} has: {', '.join(labels)}"
        ) from error


def describe_pictures(source: Source, data: Path | None, scored: Scored) -> dict[str, Any]:
    """For run.json and standard error: what is trained on, and what scores are of."""
    about: dict[str, Any] = {"scored_on": scored.words()}
    if data is not None:
        about["data"] = str(data.resolve())
    if isinstance(source, Limited):
        trained, held_out = source.counts()
        about |= {"trained_on": trained, "held_out": held_out}
        told = f"{held_out:,} are held out" if held_out else "none is held out: scores are of pictures that it learns"
        print(f"trained on {trained:,} pictures, {told}", file=sys.stderr, flush=True)
    if digest := digest_of(source):
        about["digest"] = digest
    return about


@contextlib.contextmanager
def full_disk_told(run_dir: Path) -> Iterator[None]:
    """Turn what TensorBoard's writer raises on a full disk into a FaceValueError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise FaceValueError(
            f"can't write the log in {run_dir} ({error.strerror}): make room, then go on with --resume"
        ) from error


def take_over(recipe: Recipe, network: nn.Module, start_from: Path | None, source: Source) -> tuple[float, list[str]]:
    """Load the network of the parent's run, or of a weight exported from one.

    Returns its seconds of training and its recipes, the earliest first.
    Raises SettingError where the recipe has no parent, or the run is not the parent's.
    """
    if start_from is None or not recipe.parent:
        wanted = (
            f"goes on from {recipe.parent}: name its run or weight with --from"
            if recipe.parent
            else "starts anew, from no other run: leave --from out; to teach a reader your own pictures leave "
            f"{recipe.name} out"
        )
        raise SettingError(f"{recipe.name} {wanted}")
    weight = None
    if (start_from / FILE_NAME).exists() or start_from.is_dir():
        state = read_checkpoint(start_from)
        theirs, step, seconds = Recipe.from_json(state["recipe"]), int(state["step"]), float(state["seconds"])
        ancestry, trained = state.get("ancestry", []), state["network"]
    else:
        weight = find_weight(recipe.kind, str(start_from))
        metadata = read_file(weight)[1]
        theirs, step = Recipe.from_json(metadata["recipe"]), int(metadata["steps"])
        seconds, ancestry = 60 * float(metadata["training_minutes"]), json.loads(metadata.get("ancestry", "[]"))
    if theirs.name != recipe.parent or step < theirs.steps:
        raise SettingError(
            f"{start_from} holds step {step} of {theirs.steps} of {theirs.name}; "
            f"{recipe.name} goes on from a finished run of {recipe.parent}"
        )
    if weight is not None:
        trained = restore(weight, source)[2].state_dict()
    network.load_state_dict(trained)
    return seconds, [*ancestry, theirs.to_json()]


def refuse_broken(network: nn.Module, run_dir: Path, step: int) -> None:
    """Raise DivergedError where a weight is no longer a number, before it replaces the last good checkpoint."""
    if not all(bool(parameter.isfinite().all()) for parameter in network.parameters()):
        good = (run_dir / FILE_NAME).exists()
        kept = f"the last good checkpoint stands in {run_dir}" if good else "no checkpoint was written before"
        raise DivergedError(f"step {step}: the weights are no longer finite; {kept}. Try a lower --set learning_rate")


def remaining_time(seconds: float) -> str:
    """1:05:09 or 5:09."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds_left:02d}" if hours else f"{minutes}:{seconds_left:02d}"
