"""A name is found however its accents are written: as one character each (NFC) or as two (NFD)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch

from jobs import replay
from jobs.run.output_dir import absolute_input, absolute_uri
from stylize import __main__ as command
from stylize import config as configs
from stylize import images, load
from stylize.errors import UsageError
from stylize.io.files import read_bytes
from stylize.stylizers.johnson import TransformerNet
from stylize.tasks import pairing
from stylize.training.config import configure
from tests.support.s3 import bucket
from tests.support.samples import finished_run, picture

Form = Literal["NFC", "NFD"]
OTHER: dict[Form, Form] = {"NFC": "NFD", "NFD": "NFC"}


@pytest.fixture(params=["NFC", "NFD"])
def form(request: pytest.FixtureRequest) -> Form:
    """How names are on the disk; they are asked for in the other form."""
    found: Form = request.param
    return found


@pytest.fixture
def there(tmp_path: Path, form: Form) -> Callable[[str], Path]:
    """Gives the path of a name as it is on the disk, its folder made."""

    def path(name: str) -> Path:
        made = tmp_path / unicodedata.normalize(form, name)
        made.parent.mkdir(parents=True, exist_ok=True)
        return made

    return path


def asked(path: Path, form: Form) -> str:
    return unicodedata.normalize(OTHER[form], str(path))


def test_the_one_image_command_finds_photo_artwork_and_the_results_place(
    there: Callable[[str], Path], form: Form
) -> None:
    photo, artwork, result = there("Füße/é.png"), there("Künstler/ö.png"), there("Füße/neu.png")
    for seed, path in enumerate((photo, artwork)):
        path.write_bytes(images.encode(picture(seed), "png", 95))
    words = [asked(path, form) for path in (photo, artwork, result)]
    assert command.main([*words, "--stylizer", "identity"]) == 0
    assert result.is_file()
    with pytest.raises(UsageError, match="is there already"):
        command.main([*words, "--stylizer", "identity"])
    with pytest.raises(UsageError, match="is one of the inputs"):
        command.main([words[0], words[1], words[0], "--force"])


def test_weights_and_styles_by_name_are_found(there: Callable[[str], Path], form: Form, tmp_path: Path) -> None:
    checkpoint = there("Gewichte für johnson/träume.pth")
    torch.save(TransformerNet().state_dict(), checkpoint)
    torch.save(TransformerNet().state_dict(), checkpoint.with_name("other.pth"))
    (tmp_path / "photo.png").write_bytes(images.encode(picture(1), "png", 95))
    folder = asked(checkpoint.parent, form)
    words = [str(tmp_path / "photo.png"), asked(Path("träume"), form), str(tmp_path / "new.png")]
    assert command.main([*words, "--stylizer", "johnson", "--weights", folder]) == 0
    stylizer = load("johnson", weights=folder)
    results = [stylizer(picture(1), unicodedata.normalize(one, "träume")) for one in OTHER]
    assert (results[0] == results[1]).all()
    assert absolute_input(folder) == str(checkpoint.parent)


def test_a_runs_folder_is_found_to_go_on_and_by_what_reads_it(
    there: Callable[[str], Path], form: Form, folders: tuple[Path, Path]
) -> None:
    out = there("Ergebnis für Zoë/out")
    finished_run(*folders, out)
    assert absolute_uri(asked(out, form)) == str(out)
    with pytest.raises(UsageError, match="has no row of task_id 'ff00ff00'"):
        replay.main([asked(out, form), "ff00ff00"])


def test_a_recorded_file_is_found_where_another_system_spells_it_otherwise(
    there: Callable[[str], Path], form: Form
) -> None:
    path = there("é/ü.txt")
    path.write_bytes(b"x")
    assert read_bytes(asked(path, form)) == b"x"


def test_training_finds_its_folders(there: Callable[[str], Path], form: Form) -> None:
    photos, styles = there("Fotos für mich/x").parent, there("Bilder für mich/x").parent
    config = configure({"photos": asked(photos, form), "styles": asked(styles, form), "out": "~/out"})
    assert (config.photos, config.styles, config.out) == (photos, styles, Path.home() / "out")


def test_objects_are_found_as_files_are(form: Form, tmp_path: Path) -> None:
    with bucket() as s3:
        photo = s3.put(unicodedata.normalize(form, "Füße/é.png"), b"x")
        other = unicodedata.normalize(OTHER[form], photo)
        assert read_bytes(other) == b"x"
        folder = other.rpartition("/")[0]
        values = {"content": folder, "styles": folder, "out": str(tmp_path / "out")}
        (pair,) = pairing.pairs(configs.build(values))
        assert pair.content.uri == photo
        (tmp_path / "list.csv").write_text(f"content_uri,style_uri\n{other},{photo}\n")
        (pair,) = pairing.pairs(configs.build({"manifest": str(tmp_path / "list.csv"), "out": str(tmp_path / "out")}))
        assert pair.content.identity == pair.style.identity != "missing"
