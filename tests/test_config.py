"""One model behind YAML and flags; what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from jobs.run.agreement import NEAR
from stylize.commands import call
from stylize.config import GROUPS, OF_RESULT, OF_RESULT_TOO, JobConfig, build
from stylize.errors import UsageError
from stylize.images.encode import COPIED_BYTES, FORMATS
from stylize.safe_yaml import read_mapping
from stylize.viewer.table import _SUFFIXES

PATHS = {"content": "c", "styles": "s", "out": "o"}


def test_defaults_make_a_whole_config() -> None:
    config = build(PATHS)
    assert (config.stylizer, config.precision, config.format, config.actors) == ("compact", "auto", "jpg", "auto")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": "red"}, "unknown setting 'colour'; known: stylizer, weights, settings, precision, runtime"),
        ({"precision": "fp7"}, "precision"),
        ({"quality": 0}, "quality"),
        ({"resolution_px": "wide"}, r"resolution_px.*got 'wide'"),
        ({"actors": 0}, "actors"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"retries": -1}, "retries"),
        ({"actors": "all"}, r"actors: expected a whole number, or auto \(got 'all'\)"),
        ({"actors": -1}, "actors: expected 1 or more, or auto"),
        ({"actors": 10**9}, r"actors: expected 10000 or less, or auto \(got 1000000000\)"),
        ({"actors": str(10**30)}, "actors: expected 10000 or less, or auto"),
        ({"cpus_per_actor": 10**30}, "cpus_per_actor: expected 100000 or less, or auto"),
        ({"gpus_per_actor": "1e9"}, "gpus_per_actor: expected 100000 or less, or auto"),
        ({"max_memory": "20000000.GB"}, r"max_memory: expected a size such as 2GiB, or auto \(got '20000000.GB'\)"),
        ({"batch_size": 0}, "batch_size: expected 1 or more, or auto"),
        ({"resolution_px": True}, "resolution_px: not a yes-or-no"),
        ({"resolution_px": 1.5}, "resolution_px"),
        ({"resolution_px": 40_000}, "32768"),
        ({"max_pixels": 10**10}, "max_pixels"),
        ({"cpus_per_actor": 0}, "cpus_per_actor"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"seed": 2**63}, "seed"),
        ({"out": ""}, "out"),
        ({"content": 5}, "content: expected a text"),
        ({"format": "gif"}, "format: expected jpg, png or webp"),
        ({"settings": "alpha"}, "settings"),
        ({1: 2}, "unknown setting '1'"),
        ({"stylizer": ["x\n" * 1000]}, "stylizer"),
        ({"manifest": "m.csv"}, "not both"),
        ({"content": None}, "give content, styles and out, or manifest and out"),
        ({"shard": "0/4"}, r"shard: give K/N with 1 <= K <= N, such as 2/4.*got '0/4'"),
        ({"shard": "5/4"}, "K/N"),
        ({"shard": "1"}, "K/N"),
        ({"shard": "/2"}, "K/N"),
        ({"shard": "-1/2"}, "K/N"),
        ({"shard": "1/2/3"}, "K/N"),
        ({"shard": "1.0/2"}, "K/N"),
        ({"shard": ""}, "K/N"),
        ({"name": "{photo}\n"}, "give one line without control characters"),
        ({"shard": "\u0661/\u0662"}, "K/N"),
        ({"out": "caf\udce9"}, "expected a text in UTF-8"),
        ({"shard": 2}, "shard"),
        ({"gpus_per_actor": 1.5}, r"gpus_per_actor: give 0, a fraction .* or a whole number \(got 1.5\)"),
        ({"gpus_per_actor": 0.00001}, "gpus_per_actor: give 0, a fraction of at least 0.0001"),
        ({"gpus_per_actor": -1}, "gpus_per_actor"),
        ({"cpus_per_actor": 0.00001}, "cpus_per_actor.*0.0001"),
        ({"content": "s3://b/a//b"}, "content: s3://b/a//b: no key that can be used"),
        ({"weights": "s3://b?x/k"}, "weights: s3://: expected s3://BUCKET/KEY"),
        ({"scores": "cfsd, lpips"}, r"\(got 'cfsd, lpips'\); give a list$"),
        ({"scores": ["lpips"], "lpips": "none"}, "scores lpips needs a network, and lpips is none: leave one of them"),
        ({"perceptual": "ftp://host/vgg"}, "perceptual: ftp:// is not supported; what is: plain paths"),
    ],
)
def test_wrong_values_are_named_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        build(PATHS | values)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("name", ["content", "styles", "out", "manifest", "weights", "perceptual"])
@pytest.mark.parametrize(
    "uri",
    ["s3://KEY:SECRET@b/vgg", "s3a://KEY:SECRET@b/x", "https://b/x?X-Amz-Signature=SECRET", ["s3://KEY:SECRET@b/x"]],
)
def test_no_setting_repeats_what_may_be_a_password(name: str, uri: object) -> None:
    with pytest.raises(UsageError, match=name) as refused:
        build(PATHS | {name: uri})
    assert "SECRET" not in str(refused.value)


def test_places_in_buckets_are_kept_in_one_form() -> None:
    config = build({"content": "S3://b//photos/", "styles": "gs://c/", "out": "o/", "weights": "random"})
    assert (config.content, config.styles, config.out, config.weights) == ("s3://b/photos", "gs://c", "o/", "random")


@pytest.mark.parametrize("gpus", [0, 0.0001, 0.5, 1, 2.0])
def test_shares_of_a_card_and_whole_cards_are_taken(gpus: float) -> None:
    assert build(PATHS | {"gpus_per_actor": gpus}).gpus_per_actor == gpus


def test_no_out_is_named() -> None:
    with pytest.raises(UsageError, match="out: is missing"):
        build({"content": "c", "styles": "s"})


def test_settings_of_a_method_may_be_switches() -> None:
    assert build(PATHS | {"settings": {"keep_colour": True}}).settings == {"keep_colour": True}


def test_strings_from_flags_become_numbers() -> None:
    config = build(PATHS | {"resolution_px": "768", "actors": "3", "timeout_s": "2.5", "max_memory": "2e9"})
    assert (config.resolution_px, config.actors, config.timeout_s, config.max_memory) == (768, 3, 2.5, 2 * 10**9)
    assert build(PATHS | {"max_memory": "2_000_000_000"}).max_memory == 2 * 10**9


def test_what_makes_another_picture_belongs_to_a_tasks_identity() -> None:
    elsewhere = {"weights", "device", "layout", "name"}  # known by their hash, or no part of a picture
    told = (
        "a setting that changes the picture goes into OF_RESULT_TOO of stylize/config.py, another into the line above"
    )
    assert {*GROUPS["method"], *GROUPS["output"]} - elsewhere == {*OF_RESULT, *OF_RESULT_TOO}, told


def test_every_format_of_results_is_known_to_all_that_read_them() -> None:
    known = {
        "format in stylize/config.py": get_args(JobConfig.model_fields["format"].annotation),
        "FORMATS in stylize/commands/call.py": call.FORMATS.values(),
        "COPIED_BYTES in stylize/images/encode.py": COPIED_BYTES,
        "NEAR in jobs/run/agreement.py": NEAR,
        "_SUFFIXES in stylize/viewer/table.py": _SUFFIXES,
    }
    assert {place: left for place, names in known.items() if (left := set(FORMATS) - set(names))} == {}


def test_settings_that_came_later_change_no_older_tasks_identity() -> None:
    recorded = [build(PATHS | more).result_settings() for more in ({}, {"strip": True, "runtime": "torch"})]
    assert recorded[0].keys() == set(OF_RESULT)
    assert recorded[1] == recorded[0] | {"strip": True, "runtime": "torch"}


def test_yaml_gives_the_same_settings(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("resolution_px: 512\nweights: none\nstyle_resolution_px: none\nsettings: {alpha: 0.5}\n")
    config = build(PATHS | read_mapping(path))
    assert (config.resolution_px, config.settings) == (512, {"alpha": 0.5})
    assert (config.weights, config.style_resolution_px) == (None, None)
    assert build(PATHS | {"content": "none"}).content == "none"


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in JobConfig.model_fields.values())


def test_device_follows_the_gpus() -> None:
    assert build(PATHS).device_name() == "cpu"
    assert build(PATHS | {"gpus_per_actor": 0.5}).device_name() == "accelerator"
    assert build(PATHS | {"gpus_per_actor": 1, "device": "cpu"}).device_name() == "cpu"
