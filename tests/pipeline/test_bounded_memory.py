"""Images that need more memory than there may be: done in strips on the same worker, or a row that says why not."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import stylize
from stylize import images
from stylize.__main__ import main
from stylize.errors import NoRoomError, UsageError
from stylize.images import scratch
from stylize.measure import memory
from stylize.pipeline.stylize_stage import StylizeStage
from stylize.stylizers._runtimes import sessions
from stylize.stylizers.compact import Compact
from stylize.stylizers.identity import Identity
from tests.support.inline_runs import make
from tests.support.samples import picture

pytestmark = pytest.mark.usefixtures("by_torch")

WIDTH, HEIGHT = 550, 400
LITTLE = "40MiB"
"""Less than `compact` takes for such a photo in fp32 (80 MB), more than it needs in strips."""


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    for kind, seed, size in (("photos", 0, (WIDTH, HEIGHT)), ("photos", 1, (90, 60)), ("artworks", 2, (90, 60))):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{seed}.png").write_bytes(images.encode(picture(seed, *size), "png", 95))
    return tmp_path


def rows(inputs: Path, stylizer: Any, **settings: Any) -> list[dict[str, Any]]:
    folders, out = (inputs / "photos", inputs / "artworks"), settings.pop("out", inputs / "out")
    runner, tasks = make(folders, out, stylizer, **({"precision": "fp32"} | settings))
    stylizer.max_memory = runner._config.max_memory
    found: list[dict[str, Any]] = runner.run(tasks).to_pylist()
    runner.close()
    return found


@functools.cache
def loaded(runtime: str = "torch") -> Any:
    """The bundled model, loaded once for all tests of this module; each run sets its limit."""
    return stylize.load("compact", device="cpu", precision="fp32", runtime=runtime)


@pytest.fixture(autouse=True, scope="module")
def none_is_kept() -> Iterator[None]:
    """What was loaded is let go behind the last test."""
    yield
    loaded.cache_clear()


@pytest.mark.parametrize("limit", [LITTLE, "110MiB"])
def test_photos_of_a_batch_that_fit_singly_alone_are_all_done(inputs: Path, limit: str) -> None:
    (inputs / "photos" / "1.png").write_bytes(images.encode(picture(3, WIDTH, HEIGHT), "png", 95))
    found = rows(inputs, loaded(), max_memory=limit, batch_size=2)
    assert [row["status"] for row in found] == ["ok"] * 2
    assert [row["batch_size"] for row in found] == [1] * 2
    assert {row["strips"] > 1 for row in found} == {limit == LITTLE}


@pytest.mark.parametrize("mode", ["throughput", "isolated"])
def test_a_photo_over_the_limit_is_done_in_strips_with_the_same_result(inputs: Path, mode: str) -> None:
    whole, _ = rows(inputs, loaded(), max_memory="4GiB", measure_mode=mode)
    expected = images.decode(Path(whole["output_uri"]).read_bytes()).pixels
    large, small = rows(inputs, loaded(), max_memory=LITTLE, measure_mode=mode)
    assert [whole["strips"], small["strips"], large["passes"]] == [1, 1, 13]
    assert large["strips"] > 1
    assert (large["width_px"], large["height_px"], large["status"]) == (WIDTH, HEIGHT, "ok")
    assert (large["cpu_wait_s"] is None) == (whole["cpu_wait_s"] is None)
    result = images.decode(Path(large["output_uri"]).read_bytes()).pixels
    assert (np.abs(result.astype(int) - expected) > 1).mean() <= 1e-3


def test_a_single_strip_that_takes_several_passes_is_not_taken_at_once(inputs: Path) -> None:
    """It was, which takes more than the limit, and its row said one pass."""
    _, whole = rows(inputs, loaded(), max_memory="4GiB")
    _, small = rows(inputs, loaded(), max_memory=LITTLE, out=inputs / "again")
    assert [(row["strips"], row["passes"]) for row in (whole, small)] == [(1, 1), (1, 13)]
    expected, result = (images.decode(Path(row["output_uri"]).read_bytes()).pixels for row in (whole, small))
    assert (np.abs(result.astype(int) - expected) > 1).mean() <= 1e-3


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_pictures_in_mapped_files_change_nothing(inputs: Path, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory, _ = rows(inputs, loaded(), max_memory=LITTLE, format=format)
    expected = Path(in_memory["output_uri"]).read_bytes()
    monkeypatch.setattr("stylize.machine.memory_limit.ALWAYS_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr("stylize.machine.memory_limit.PICTURE_SHARE", 10**5)
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 10_000)
    mapped, empty = [], scratch.empty

    def noted(shape: tuple[int, ...], most_in_memory: int | None = None) -> images.Pixels:
        mapped.append((shape, most_in_memory))
        return empty(shape, most_in_memory)

    monkeypatch.setattr(scratch, "empty", noted)
    in_files, _ = rows(inputs, loaded(), max_memory=LITTLE, format=format, out=inputs / "again")
    assert ((HEIGHT, WIDTH, 3), 0) in mapped
    assert Path(in_files["output_uri"]).read_bytes() == expected
    measured = ("status", "ssim", "strips", "content_edge_density", "output_colourfulness")
    assert [in_files[name] for name in measured] == [in_memory[name] for name in measured]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_torch_does_in_strips_what_another_runtime_has_no_room_for(inputs: Path, runtime: str) -> None:
    if not sessions.installed(runtime):
        pytest.skip(f"{runtime} is not installed")
    stylizer = loaded(runtime)
    large, small = rows(inputs, stylizer, max_memory=LITTLE, runtime=runtime)
    assert [(row["status"], row["runtime"]) for row in (large, small)] == [("ok", "torch"), ("ok", runtime)]
    assert large["strips"] > small["strips"] == 1


def test_an_allocation_that_fails_is_done_again_in_strips(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: Compact, _contents: Tensor, _code: Any) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Compact, "stylize_batch", fails)
    found = rows(inputs, loaded())
    assert [row["status"] for row in found] == ["ok", "ok"]
    assert found[0]["strips"] > 1
    assert [row["warmup"] for row in found] == [True, False]
    assert [row["style_s"] is not None for row in found] == [True, False]


# As each said it, held to an address space that was too small.
@pytest.mark.parametrize(
    ("runtime", "error"),
    [
        (
            "onnxruntime",
            Exception("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : while running Conv node: std::bad_alloc"),
        ),
        (
            "openvino",
            RuntimeError("Check 'ptr' failed at cpu_memory.cpp:257:\nFailed to allocate 146700288 bytes of memory"),
        ),
    ],
    ids=["onnxruntime", "openvino"],
)
def test_where_a_runtimes_allocation_fails_torch_does_the_image(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, error: Exception
) -> None:
    if not sessions.installed(runtime):
        pytest.skip(f"{runtime} is not installed")
    stylizer = loaded(runtime)
    released = []

    def fails(_inputs: Any) -> Any:
        raise error

    monkeypatch.setattr(stylizer.net, "run", fails)
    monkeypatch.setattr(stylizer.net, "release", lambda: released.append(True))
    large, _ = rows(inputs, stylizer, runtime=runtime)
    assert (large["status"], large["runtime"]) == ("ok", "torch")
    assert large["strips"] > 1
    assert released


def test_what_does_not_fit_in_any_way_is_a_row_that_says_what_it_takes(inputs: Path) -> None:
    large, small = rows(inputs, loaded(), max_memory="19MiB")
    assert (large["status"], small["status"]) == ("oom", "ok")
    assert f"{WIDTH} x {HEIGHT} px: compact takes an image in " in large["error"]
    assert re.search(r"needs \d+ MiB with the pictures, and max_memory is 19 MiB; raise max_memory", large["error"])


class Greedy(Identity):
    """Has no room, and takes images at once only."""

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """Fail."""
        raise MemoryError("no room")


def test_a_method_without_strips_says_what_it_takes(inputs: Path) -> None:
    large, _ = rows(inputs, Greedy(Greedy.settings_type(), device="cpu"))
    assert large["status"] == "oom"
    assert "identity takes an image at once" in large["error"]


def test_a_loaded_stylizer_keeps_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, artwork = picture(0, WIDTH, HEIGHT), picture(2)
    free = stylize.load("compact", device="cpu", precision="fp32")
    tight = stylize.load("compact", device="cpu", precision="fp32", max_memory=LITTLE)
    expected = free(photo, artwork)
    monkeypatch.setattr(Compact, "stylize_batch", None)
    for result in (tight(photo, artwork), *tight.batch([photo], artwork)):
        assert (np.abs(result.astype(int) - expected) > 1).mean() <= 1e-3
    small = stylize.load("compact", device="cpu", precision="fp32", max_memory="18MiB")
    with pytest.raises(
        NoRoomError, match=r"^550 x 400 px: compact [^-]* max_memory is 18 MiB; raise max_memory or "
    ) as e:
        small(photo, artwork)
    # What it says would fit does.
    side = int(re.findall(r"long side of (\d+) px", str(e.value))[0])
    assert small.plan_within(side, side * HEIGHT // WIDTH, small.code(artwork)).strips > 1
    with pytest.raises(UsageError, match=r"max_memory='much': expected a size of 1MiB or more, .*bytes\), or auto"):
        stylize.load("compact", max_memory="much")
    with pytest.raises(UsageError, match="max_memory=True: expected a size of 1MiB or more"):
        stylize.load("compact", max_memory=True)


@pytest.mark.parametrize(("limit", "calls"), [("60MiB", [1, 1, 1]), ("120MiB", [2, 1]), ("auto", [3])])
def test_pictures_of_a_batch_go_together_as_far_as_the_limit_allows(
    limit: str, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stylizer = stylize.load("compact", device="cpu", precision="fp32", max_memory=limit)
    seen, stylize_batch = [], Compact.stylize_batch

    def noted(self: Compact, contents: Tensor, code: Any) -> Tensor:
        seen.append(len(contents))
        return stylize_batch(self, contents, code)

    monkeypatch.setattr(Compact, "stylize_batch", noted)
    assert len(stylizer.batch([picture(seed, 100, 80) for seed in range(3)], picture(5))) == 3
    assert seen == calls


def test_one_photo_from_the_command_line(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = [str(inputs / "photos" / "0.png"), str(inputs / "artworks" / "2.png"), str(inputs / "result.png")]
    assert main([*call, "--precision", "fp32", "--max-memory", LITTLE]) == 0
    assert "strips, 13 passes" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--max-memory"):
        main([*call[:2], str(inputs / "other.png"), "--max-memory", "lots"])


def test_nan_in_a_strip_is_a_row(inputs: Path) -> None:
    stylizer: Any = stylize.load("compact", device="cpu", precision="fp32")
    with torch.no_grad():
        stylizer.net.out.bias.fill_(float("nan"))
    large, _ = rows(inputs, stylizer, max_memory=LITTLE)
    assert (large["status"], large["width_px"], large["height_px"]) == ("nan", WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("limit", "size", "kept"),
    [
        (2**30, (3000, 2000), "SMALL"),
        (700 * 2**20, (3000, 2000), "TINY"),
        (2**30, (12_000, 8_400), "TINY"),
        (2**32, (24_000, 16_800), "SMALL"),
        ("auto", (200, 100), "ALL"),
    ],
)
def test_how_much_a_heap_keeps_goes_by_what_room_there_is(
    limit: int | str, size: tuple[int, int], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "free_on_disk", lambda: 2**40)
    told: list[int] = []
    monkeypatch.setattr("stylize.pipeline.stylize_stage.keep_blocks", told.append)
    stylizer: Any = stylize.load("compact", device="cpu", precision="bf16", max_memory=limit)
    plan = stylizer.plan_within(*size, stylizer.code(picture(2)), pixel_bytes=0)
    stage = SimpleNamespace(_stylizer=stylizer, _kept=0)
    StylizeStage._set_heap(stage, size[0] * size[1], plan)  # type: ignore[arg-type]
    StylizeStage._set_heap(stage, size[0] * size[1], plan)  # type: ignore[arg-type]
    assert told == [getattr(memory, f"{kept}_BLOCKS")]
