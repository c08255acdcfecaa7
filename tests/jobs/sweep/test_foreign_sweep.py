"""A sweep.yaml out of an OUT, which may be somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from jobs.benchmark import main
from stylize.errors import UsageError


@pytest.mark.parametrize(
    ("key", "value", "asked", "anew"),
    [
        ("methods", [{"name": "evil:Method"}], "the method evil:Method", []),
        ("methods", [{"name": "gatys", "weights": "/w"}], "weights of gatys /w", ["--weights", "gatys=random"]),
        ("content", "/photos", "content /photos", ["--content", "CONTENT"]),
        ("styles", "s3://evil/styles", "styles s3://evil/styles", ["--styles", "STYLES"]),
        ("perceptual", "/vgg.pth", "perceptual /vgg.pth", []),
    ],
)
def test_a_sweep_that_lies_in_an_out_is_not_the_callers_own(
    tmp_path: Path, folders: tuple[Path, Path], key: str, value: object, asked: str, anew: list[str]
) -> None:
    record = tmp_path / "theirs" / "sweep.yaml"
    record.parent.mkdir()
    text = yaml.safe_dump({"title": "t", "methods": [{"name": "identity"}], "photos_per_type": 1} | {key: value})
    record.write_text(text)
    (record.parent / "run.json").write_text("{}")
    call = [str(record), str(tmp_path / "out"), "--dry-run"]
    with pytest.raises(UsageError, match=f"sweep.yaml is the record of an OUT and names {asked}: give them anew"):
        main(call)
    if anew:
        here = dict(zip(("CONTENT", "STYLES"), map(str, folders), strict=True))
        assert main([*call, *(here.get(word, word) for word in anew)]) == 0
