"""What a training tells while it runs: curves for TensorBoard, lines for people."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from facevalue.errors import FaceValueError
from facevalue.scoring import Scored
from facevalue.trainee import Trainee

SCALARS_EVERY = 20  # steps
LINE_SECONDS, TERMINAL_SECONDS = 30.0, 1.0
PACE_SECONDS = 120.0  # of the last minutes the pace is told
SHOWN_PICTURES = 24


class Progress:
    """Of one session of a training.  What one before it logged of steps that are done again is dropped."""

    def __init__(self, run_dir: Path, trainee: Trainee, scored: Scored) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.trainee, self.scored = trainee, scored
        self.writer = SummaryWriter(str(run_dir), purge_step=trainee.done + 1)
        self.writer.add_text("recipe", f"```\n{trainee.recipe.to_json()}\n```", trainee.done)
        self.told_at = time.monotonic()
        self.paced = [(self.told_at, trainee.done)]  # when, and how many steps were done

    def tell(self, loss: Tensor, parts: Mapping[str, Tensor], scores: Mapping[str, float]) -> None:
        """Log a step that is done.  parts: losses by head.  scores: {} where it was not scored."""
        trainee, recipe, step = self.trainee, self.trainee.recipe, self.trainee.done
        if step % SCALARS_EVERY == 0 or trainee.ended:
            self.writer.add_scalar("train/loss", loss.item(), step)
            self.writer.add_scalar("train/rate", trainee.rate_share(step - 1) * recipe.learning_rate, step)
            for name, part in parts.items():
                self.writer.add_scalar(f"train/loss_{name}", part.item(), step)
        if scores:
            name, pictures = self.scored.name, self.scored.batch.pictures[:SHOWN_PICTURES]
            for metric, value in scores.items():
                self.writer.add_scalar(f"{name}/{metric}", value, step)
            self.writer.add_images(f"{name}/pictures", pictures, step, dataformats="NHWC")
            line = f"step {step}: {self.scored.words()}: {self.scored.batch.describe(dict(scores))}"
            print(f"\n{line}", file=sys.stderr, flush=True)
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.told_at > (TERMINAL_SECONDS if terminal else LINE_SECONDS) or trainee.ended:
            self.told_at = now
            pace = self.seconds_a_step(now)
            shares = {name: part.item() for name, part in parts.items()}
            heads = " ".join(f"{name} {share:.3f}" for name, share in shares.items() if share)  # 0: none is shown
            left = remaining_time((recipe.steps - step) * pace)
            line = f"step {step}/{recipe.steps}  loss {loss.item():.3f} ({heads})  "
            line += f"{recipe.batch_size / pace:.0f} pictures/s  {left} left"
            print(line, file=sys.stderr, end="\r" if terminal else "\n", flush=True)

    def seconds_a_step(self, now: float) -> float:
        """Of the last minutes: other work comes and goes."""
        self.paced.append((now, self.trainee.done))
        while len(self.paced) > 2 and now - self.paced[1][0] > PACE_SECONDS:
            del self.paced[0]
        began, done = self.paced[0]
        return (now - began) / max(1, self.trainee.done - done)

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


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


def remaining_time(seconds: float) -> str:
    """1:05:09 or 5:09."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds_left:02d}" if hours else f"{minutes}:{seconds_left:02d}"
