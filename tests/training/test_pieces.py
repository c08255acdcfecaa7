"""Parts of training by themselves: its pace of learning, its numbers, its networks."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from jobs.train import _origin
from stylize.errors import CannotContinueError, UsageError
from stylize.training import loop, record
from stylize.training.config import configure
from stylize.training.loop import Trainer
from stylize.training.trainable_model import AnyStyle, OneStyle


@pytest.mark.parametrize(
    ("step", "decay_share", "share"),
    [(0, 0.4, 0.01), (49, 0.4, 0.5), (99, 0.4, 1), (600, 0.4, 1), (800, 0.4, 0.5), (999, 0.4, 0.01), (999, 0.0, 1)],
)
def test_learning_warms_up_stays_and_falls_over_its_share_of_the_steps(
    step: int, decay_share: float, share: float
) -> None:
    config = SimpleNamespace(steps=1000, decay_share=decay_share, learning_rate=3.0)
    at = cast("Trainer", SimpleNamespace(config=config, step=step))
    assert Trainer.learning_rate(at) == pytest.approx(3 * share)


def test_pace_is_in_images_and_waiting_a_share_of_the_time() -> None:
    plain = {"images": 8, "step_s": 2.0, "wait_s": 0.5}
    status = loop._status([plain | {"step": 3, "loss": 1.0}, plain | {"step": 4, "loss": 2.0}])
    assert (status.step, status.images_per_s, status.wait_share, status.loss) == (4, 4, 0.25, 1.5)


def test_a_card_says_the_loss_of_the_last_steps_and_the_pace_of_all(tmp_path: Path) -> None:
    (tmp_path / "-our art's").touch()
    config = configure({"photos": tmp_path, "styles": tmp_path / "-our art's", "out": tmp_path / "out"})
    losses = record.Losses(tmp_path / "out", 0)
    losses.add([{"step": n, "loss": n, "images": 8, "step_s": 2.0, "wait_s": 0.5} for n in range(1, 21)])
    losses.flush()
    history = json.dumps([{"step": 0, "start_from": None, "settings": {}, "photos": "p", "styles": "s"}])
    metadata = dict.fromkeys(("photos", "styles", "vgg_sha256", "step", "hardware"), "x")
    card = record.card(config, metadata | {"versions": "{}", "history": history}, tmp_path / "out" / "losses")
    assert "Loss, mean of the last 2 steps\n\n| loss |\n|---|\n| 19.5 |" in card
    assert "4 images/s over the whole run, 25.0 % of the time spent waiting" in card
    command = next(line for line in card.splitlines() if line.startswith("python -m"))
    assert shlex.split(command)[-1] == "--weights=-our art's.safetensors"


@pytest.mark.parametrize("name", ["a\n# b.png", "\udcff.png", "a\u202eb.png"])
def test_weights_do_not_take_a_name_that_cannot_be_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    given = {"photos": tmp_path, "styles": tmp_path / name, "out": tmp_path / "out"}
    with pytest.raises(UsageError, match=r"its name would be the weights'; give them a plain one with --name$") as told:
        configure(given)
    assert str(told.value).isprintable()
    assert configure(given | {"name": "plain"}).weights_name == "plain"
    _origin([name])["command"].encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_do_not_take_the_place_of_good_ones(tmp_path: Path, number: float) -> None:
    path = tmp_path / "x.safetensors"
    record.save_weights(path, {"a": torch.ones(3)}, {"step": "6"})
    before = path.read_bytes()
    with pytest.raises(CannotContinueError, match=r"weights of step 7 are no finite numbers; .* lower learning_rate"):
        record.save_weights(path, {"b": torch.ones(2), "a": torch.tensor([1.0, number])}, {"step": "7"})
    assert path.read_bytes() == before


def test_each_style_is_for_its_photos_one_after_another() -> None:
    torch.manual_seed(0)
    model = AnyStyle()
    content, style = torch.rand(4, 3, 32, 32), torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        together = model(content, style)
        for photo, artwork in ((0, 0), (1, 0), (2, 1), (3, 1)):
            alone = model(content[photo : photo + 1], style[artwork : artwork + 1])
            torch.testing.assert_close(together[photo], alone[0], atol=1e-4, rtol=1e-4)


def test_a_network_of_one_style_is_given_and_gives_levels_of_255() -> None:
    class Brighter(torch.nn.Module):
        def forward(self, content: torch.Tensor) -> torch.Tensor:
            assert float(content.mean()) == pytest.approx(51)
            return content + 51

    model = OneStyle()
    model.net = cast("Any", Brighter())
    image = model(torch.full((1, 3, 4, 4), 0.2), torch.empty(0))
    assert float(image.mean()) == pytest.approx(0.4)


@pytest.mark.parametrize(("settle_s", "shown"), [(0.0, [1, 2, 3]), (1e9, [3])])
def test_steps_that_take_long_are_shown_one_by_one(
    settle_s: float, shown: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step() -> tuple[dict[str, float], dict[str, torch.Tensor]]:
        at.step += 1
        return {"step": at.step, "images": 1, "step_s": 1.0, "wait_s": 0.0}, {"loss": torch.tensor(1.0)}

    config = SimpleNamespace(out=tmp_path, steps=3, checkpoint_every=9, sample_every=9)
    at = SimpleNamespace(config=config, worker=SimpleNamespace(rank=0), step=0, _timed_step=step)
    at.sample, at.export, at._checkpoint = (lambda *_: None for _ in range(3))
    monkeypatch.setattr(loop, "SETTLE_S", settle_s)
    told: list[int] = []
    Trainer._train(cast("Trainer", at), lambda path: None, lambda now: told.append(now.step), tmp_path)
    assert told == shown


def test_weights_that_are_gone_are_written_again_from_a_checkpoint_of_the_last_step(tmp_path: Path) -> None:
    written: list[int] = []
    at = SimpleNamespace(config=SimpleNamespace(out=tmp_path, steps=3), worker=SimpleNamespace(rank=0), step=3)
    at.export = lambda: written.append(at.step)
    Trainer._train(cast("Trainer", at), lambda path: None, lambda now: None, tmp_path)
    assert written == [3]
