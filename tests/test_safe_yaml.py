"""YAML from strangers: settings come out of it, and nothing else happens."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from stylize.cli import pairs_to_dict
from stylize.config import build
from stylize.errors import UsageError
from stylize.safe_yaml import MAX_DEPTH, MAX_NODES, dump, read_mapping


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("\0", "not YAML"),
        ("- 1\n- 2\n", "expected `name: value` lines, got a list"),
        ("milk", "got a text"),
        ("7", "got a number"),
    ],
)
def test_bad_yaml_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as raised:
        read_mapping(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("a: 1\nb: 2\na: 1\n", "'a' stands twice, in lines 1 and 3"),
        ("x: [{a: 1, 'a': 2}]", "'a' stands twice, in lines 1 and 1"),
        ("1: a\n1: b\n", "'1' stands twice"),
    ],
)
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, text: str, twice: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=twice):
        read_mapping(path)
    path.write_text("a: {c: 1}\nb: {c: 1}\n'1': x\n1: y\n")
    assert read_mapping(path)["b"] == {"c": 1}


@pytest.mark.parametrize(
    "text", ["10:24", "1:30.5", "1:1:1", "010", "-0512", "0_512", "yes", "No", "ON", "off", "2024-01-02", "2020-13-45",
             "2024-01-02 10:24:00", "="],
)  # fmt: skip
def test_what_yaml_1_1_reads_otherwise_stays_what_is_written(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"{text}: {text}\nlist: [{text}]\n")
    assert read_mapping(path) == {text: text, "list": [text]}
    assert pairs_to_dict([f"name={text}"]) == {"name": text}


def test_numbers_and_truths_are_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("a: 7\nb: 0x10\nc: 0\nd: '512'\ne: 0.5\nf: 1_000\ng: true\nh: False\ni: null\nj: -0\nk: 00.5\n")
    expected = {"a": 7, "b": 16, "c": 0, "d": "512", "e": 0.5, "f": 1000, "g": True, "h": False, "i": None, "j": 0}
    assert read_mapping(path) == expected | {"k": 0.5}


@pytest.mark.parametrize("text", ["1e3", "1E3", ".5e2", "-.5e-1", "1e-3", "+1.5e3", "1.e3", "6.0e+10", "0e0"])
def test_an_exponent_makes_a_number_in_a_file_as_in_an_option(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"a: {text}\nb: '{text}'\nlist: [{text}]\n")
    expected = {"a": float(text), "b": text, "list": [float(text)]}
    assert read_mapping(path) == expected
    assert pairs_to_dict([f"a={text}"]) == {"a": float(text)}
    path.write_text(dump(expected))
    assert read_mapping(path) == expected


@pytest.mark.parametrize("text", ["e3", "1e", "1e3x", "1_0e3", "1e3.5", "2e5/3", "0x1e3z", ".e3"])
def test_what_only_looks_like_an_exponent_stays_a_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(dump({"a": text}) + f"b: {text}\n")
    assert read_mapping(path) == {"a": text, "b": text}


def test_a_setting_takes_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("out: 2024-01-02\ncontent: 'on'\nstyles: 010\nprogress: off\nstrip: yes\nresolution_px: 0512\n")
    config = build(read_mapping(path))
    assert (config.out, config.styles, config.progress, config.strip) == ("2024-01-02", "010", "off", True)
    assert config.resolution_px == 512
    with pytest.raises(UsageError, match=r"^resolution_px: expected a whole number \(got '10:24'\)$"):
        build(read_mapping(path) | {"resolution_px": "10:24"})


def test_empty_yaml_means_no_settings(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("")
    assert read_mapping(tmp_path / "run.yaml") == {}


def test_missing_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml"):
        read_mapping(tmp_path / "gone.yaml")


ALIASES = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ALIASES, "aliases written out"),
        ("a: &a [*a]", "aliases written out"),
        ("a: &a {<<: *a}", "aliases written out"),
        ("a: " + "[" * 100_000, "deep"),
        ("a: " + "{b: " * 5_000, "deep"),
        ("".join("  " * n + f"a{n}:\n" for n in range(200)), "deep"),
        ("".join(f"a{n}: 1\n" for n in range(MAX_NODES)), "more than"),
        ("a: " + "x" * 2_000_000, "bytes"),
        ("a: !!python/object/apply:os.system [true]", "not YAML"),
        ("a: !include /etc/passwd", "not YAML"),
        ("a: !!bool perhaps", "tags"),
        ("a: !!timestamp then", "tags"),
        ("a: !!map {b: 1}", "tags"),
        ("a: 0x" + "f" * 5000, "a number of 5002 digits"),
    ],
)
def test_what_no_settings_need_is_refused_at_once(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as raised:
        read_mapping(path)
    assert len(str(raised.value)) < 500
    assert "\n" not in str(raised.value)


def test_aliases_that_only_save_typing_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("a: &one {b: 1}\nc: *one\nd: {<<: *one, e: 2}\n")
    assert read_mapping(path) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}


def test_as_deep_as_allowed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))
    assert list(read_mapping(path)) == ["a"]


def test_a_text_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes("title: Größe".encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_mapping(path)


@pytest.mark.parametrize(
    "value", ["[" * 5000, "2020-13-45", "!!python/name:os.system", "{", "*nothing", "#ff0000", "red #1", "---", "C#"]
)
def test_a_setting_on_the_command_line_that_is_no_yaml_stays_a_text(value: str) -> None:
    assert pairs_to_dict([f"name={value}"]) == {"name": value}


def test_what_is_none_on_purpose_is_none_and_quotes_hold_what_begins_a_comment() -> None:
    given = ["a=null", "b=~", "c='#1'", "d=[1, 2] # both"]
    assert pairs_to_dict(given) == {"a": None, "b": None, "c": "#1", "d": [1, 2]}


def test_a_packed_file_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes(gzip.compress(b"quality: 90"))
    with pytest.raises(UsageError, match=r"job\.yaml: packed by gzip; unpack it first$"):
        read_mapping(path)
