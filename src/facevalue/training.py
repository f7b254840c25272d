"""Training: one plain loop from a recipe to a checkpoint, exact to resume.

recipe ──► source, codec, network (assembly) ──► Trainee ◄─► checkpoint.pt
source ──► batches (feeding) ──► Trainee.learn ──► Progress: curves and lines
                                    └─► now and then scored on held-out pictures (scoring)
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from facevalue.assembly import check_labels, check_pictures, make_network, make_source, refuse_unused
from facevalue.checkpoint import FILE_NAME, is_finished, read_checkpoint, write_checkpoint
from facevalue.codecs import make_codec
from facevalue.ending import ending_by_signal
from facevalue.errors import DivergedError, SettingError, StoppedError, WorkerKilledError
from facevalue.feeding import batches
from facevalue.growing import grown, refuse_other_network
from facevalue.memory import keep_freed_memory
from facevalue.networks.pretrained import load_pretrained
from facevalue.networks.records import Prepared
from facevalue.optimizer import make_optimizers
from facevalue.plateau import Plateau, epoch_of
from facevalue.progress import Progress, full_disk_told
from facevalue.reader import find_weight
from facevalue.recipes import Recipe, find_recipe, is_finished_weight
from facevalue.restoring import read_file, restore
from facevalue.runs import alone_in, digest_of, matching_checkpoint, place_run, refuse_trained, write_description
from facevalue.scoring import Scored, score_held_out, scored_of
from facevalue.sources import Batch, Limited, Source
from facevalue.trainee import Trainee, to_tensor

CHECKPOINT_SECONDS = 120.0
SCORES_EVERY, SCORES_AT_LEAST_EVERY = 500, 50
HELD_OUT_PICTURES, ALL = 512, sys.maxsize
MOST_WORKERS = 60


def run(
    recipe_name: str,
    settings: dict[str, str],
    out: Path | None,
    resume: bool,
    workers: int | None = None,
    compiled: bool = False,
    data: Path | None = None,
    start_from: str | Path | None = None,
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


def train(
    recipe: Recipe,
    run_dir: Path,
    *,
    resume: bool,
    workers: int | None = None,
    compiled: bool = False,
    data: Path | None = None,
    start_from: str | Path | None = None,
    source: Source | None = None,
    held_out: Batch | None = None,
) -> None:
    """The loop. Writes run.json, checkpoint.pt and TensorBoard's files into run_dir, which it makes.

    source, held_out: other pictures than those of the recipe's source to train on, and to score while it trains.
    Raises StoppedError when asked to end, DivergedError, SettingError for what doesn't fit together, FaceValueError
    where another training has the folder; ModelError for a checkpoint that can't be read, WorkerKilledError.
    """
    if workers is None:
        workers = usual_workers()
    keep_freed_memory()
    source = source or make_source(recipe, data)
    trainee = make_trainee(recipe, source)
    scored = Scored(held_out) if held_out is not None else scored_of(source, scored_pictures(recipe))
    check_pictures(recipe, scored.batch)
    check_labels(recipe, trainee.codec, scored.batch)
    if not (resume and (run_dir / FILE_NAME).exists()):
        begin(trainee, source, data, start_from)
    forward = torch.compile(trainee.network) if compiled else trainee.network
    with contextlib.ExitStack() as held:
        held.enter_context(alone_in(run_dir))
        held.enter_context(full_disk_told(run_dir))
        if (run_dir / FILE_NAME).exists():  # by now; another training may have ended meanwhile
            refuse_trained(run_dir, resume)
            trainee.load(matching_checkpoint(run_dir, recipe, source))
        start = trainee.done
        if resume:
            found = f"resuming at step {start} of {recipe.steps}" if start else "no checkpoint here: starting at step 0"
            print(f"{run_dir}: {found}", file=sys.stderr)
        write_description(recipe, run_dir, start, compiled, describe_pictures(source, data, scored))
        trainee.network.train()
        progress = held.enter_context(contextlib.closing(Progress(run_dir, trainee, scored)))
        first = recipe.steps if trainee.ended else start
        drawn = held.enter_context(contextlib.closing(batches(source, recipe, first, workers)))
        ending = held.enter_context(ending_by_signal())
        trainee.began = saved_at = time.monotonic()
        try:
            for batch in drawn:
                loss, parts = trainee.learn(forward, batch)
                scores = {}
                if is_scored_now(trainee):
                    refuse_broken(trainee, run_dir)
                    scores = score_held_out(trainee.network, trainee.codec, scored.batch, trainee.device)
                    if trainee.plateau is not None:
                        trainee.plateau.judge(scores["loss"], trainee.network, trainee.done)
                progress.tell(loss, parts, scores)
                if trainee.ended or ending.asked or time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                    refuse_broken(trainee, run_dir)
                    if trainee.ended and trainee.plateau is not None and trainee.plateau.best:
                        trainee.plateau.finish(trainee.network)
                        print(f"kept: the weights of step {trainee.plateau.best_step}", file=sys.stderr, flush=True)
                    saved_at = time.monotonic()
                    write_checkpoint(run_dir, trainee.state())
                    progress.flush()
                if trainee.ended:
                    break
                if ending.asked:
                    raise stopped(trainee, run_dir)
        except WorkerKilledError:  # where a whole group of processes is asked to end, those that draw are gone already
            if not ending.asked:
                raise
            refuse_broken(trainee, run_dir)
            write_checkpoint(run_dir, trainee.state())
            progress.flush()
            raise stopped(trainee, run_dir) from None


def stopped(trainee: Trainee, run_dir: Path) -> StoppedError:
    return StoppedError(f"stopped at step {trainee.done} of {trainee.recipe.steps}, which is saved in {run_dir}")


def usual_workers() -> int:
    """A process for each core that this one may use but one; Windows waits for 61 at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(1, min(cores - 1, MOST_WORKERS))


def make_trainee(recipe: Recipe, source: Source) -> Trainee:
    """A network as its recipe's seed draws it, with fresh optimizers."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    codec = make_codec(recipe.codec)
    network = make_network(recipe, codec).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = make_optimizers(network, recipe.learning_rate, recipe.weight_decay, recipe.optimizer, recipe.l2)
    plateau = Plateau(recipe, epoch_of(source, recipe)) if recipe.schedule == "plateau" else None
    return Trainee(recipe, codec, network, optimizers, device, plateau, digest_of(source))


def scored_pictures(recipe: Recipe) -> int:
    """At most so many a training is scored on; all of them where their loss decides how it goes on."""
    return ALL if recipe.schedule == "plateau" else HELD_OUT_PICTURES


def begin(trainee: Trainee, source: Source, data: Path | None, start_from: str | Path | None) -> None:
    """What comes before the first step: a parent's weights, pretrained ones, or parts that are made of pictures."""
    recipe, network = trainee.recipe, trainee.network
    if recipe.parent or start_from is not None:
        take_over(trainee, start_from, source)
    elif recipe.pretrained:
        load_pretrained(network, recipe.pretrained, data)
    elif isinstance(network, Prepared):
        began = time.monotonic()
        network.prepare(to_tensor(source.batch(recipe.seed, 0, network.prepared_on).pictures, trainee.device))
        trainee.trained_seconds = time.monotonic() - began  # it counts as training


def take_over(trainee: Trainee, start_from: str | Path | None, source: Source) -> None:
    """Load the network of the parent's run, or of a weight exported from one; its seconds and its parents count too.

    A network that has more blocks than the parent's starts as it all the same, see ``growing``.
    Raises SettingError where the recipe has no parent, the run is not the parent's, or its network another one.
    """
    recipe = trainee.recipe
    if start_from is None or not recipe.parent:
        wanted = (
            f"goes on from {recipe.parent}: name its run or weight with --from"
            if recipe.parent
            else "starts anew, from no other run: leave --from out; to teach a reader your own pictures leave "
            f"{recipe.name} out"
        )
        raise SettingError(f"{recipe.name} {wanted}")
    weight, folder = None, Path(start_from)
    if (folder / FILE_NAME).is_file():
        state = read_checkpoint(folder)
        theirs, step, seconds = Recipe.from_json(state["recipe"]), int(state["step"]), float(state["seconds"])
        ancestry, trained, finished = state.get("ancestry", []), state["network"], is_finished(state)
    else:
        weight = find_weight(recipe.kind, start_from)
        metadata = read_file(weight)[1]
        theirs, step = Recipe.from_json(metadata["recipe"]), int(metadata["steps"])
        seconds, ancestry = 60 * float(metadata["training_minutes"]), json.loads(metadata.get("ancestry", "[]"))
        finished = is_finished_weight(metadata)
    if theirs.name != recipe.parent or not finished:
        raise SettingError(
            f"{start_from} holds step {step} of {theirs.steps} of {theirs.name}; "
            f"{recipe.name} goes on from a finished run of {recipe.parent}"
        )
    refuse_other_network(theirs, recipe)  # before its network is run on other pictures
    if weight is not None:
        trained = restore(weight, source)[2].state_dict()
    trainee.network.load_state_dict(grown(trained, theirs, recipe, trainee.network.state_dict()))
    trainee.trained_seconds, trainee.ancestry = seconds, [*ancestry, theirs.to_json()]


def scores_every(recipe: Recipe) -> int:
    """Steps between two scores on held-out pictures: ten times in a training of 500 to 5,000 steps."""
    return min(SCORES_EVERY, max(SCORES_AT_LEAST_EVERY, recipe.steps // 10))


def is_scored_now(trainee: Trainee) -> bool:
    """After the last step; before it when an epoch has ended, where those decide, else ten times in the training."""
    recipe, done, plateau = trainee.recipe, trainee.done, trainee.plateau
    due = done % scores_every(recipe) == 0 if plateau is None else plateau.ends_epoch(done)
    return due or done == recipe.steps


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


def refuse_broken(trainee: Trainee, run_dir: Path) -> None:
    """Raise DivergedError where a weight is no longer a number, before it replaces the last good checkpoint."""
    if not trainee.is_finite():
        good = (run_dir / FILE_NAME).exists()
        kept = f"the last good checkpoint stands in {run_dir}" if good else "no checkpoint was written before"
        raise DivergedError(
            f"step {trainee.done}: the weights are no longer finite; {kept}. Try a lower --set learning_rate"
        )
