"""How a stylizer of one's own is named, and what is said of a name that is none: one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stylize.errors import UsageError
from stylize.stylizers import find, load
from stylize.stylizers.base import Stylizer

WRONG = {
    "./x.py:Y": "write x:Y, and start in the module's folder or have that on PYTHONPATH",
    "x.py": "write x:CLASS, and",
    "x.py:Y": "write x:Y, and",
    "/abs/x.py:Y": "write x:Y, and",
    "../x:Y": "write x:Y, and",
    "a/b.py": "write b:CLASS, and",
    "my-x.py:Y": "write MODULE:Y, and",
    "mod:": "write mod:CLASS, and",
    ":Y": "write MODULE:Y, and",
    ":": "write MODULE:CLASS, and",
    ".rel:Y": "write MODULE:Y, and",
    "a:b:C": "write MODULE:C, and",
    "mod.sub": "unknown stylizer 'mod.sub'; known: adain, ",
    "no_such_module:Y": "no module named 'no_such_module' here; start in the module's folder or have that on ",
    "own_names.inner:Y": "no module named 'own_names.inner' here; start in",
    "own_lacking:Y": "ModuleNotFoundError: No module named 'no_such_module' at ",
    "own_names:Nearly": "unknown class 'Nearly'; did you mean NearlyOne?",
    "own_names:Path": "is not a subclass of stylize.stylizers.base.Stylizer",
    "own_names:Nameless": "give the class a `name`, a text",
    "own_names:OddSettings": "`settings_type` is not a subclass of",
    "own_names:Comma": "its `precisions` is 'fp32'; expected a tuple, such as (\"fp32\",)",
    "own_names:Each": "its `per_image` is 'strength'; expected a tuple",
    "own_names:Least": "its `least_px` is '8'; expected a whole number",
    "own_broken:Y": "SyntaxError: ",
    "own_failing:Y": "ZeroDivisionError: division by zero at ",
    "own_ending:Y": "SystemExit: 5 at ",
}
FILES = {
    "own_names": "from pathlib import Path\nfrom stylize import Stylizer\nclass Nameless(Stylizer): ...\n"
    "class NearlyOne(Stylizer): name = 'nearly'\nclass OddSettings(NearlyOne): settings_type = dict\n"
    "class Comma(NearlyOne): precisions = ('fp32')\nclass Each(NearlyOne): per_image = ('strength')\n"
    "class Least(NearlyOne): least_px = '8'\n",
    "own_broken": "def (:\n",
    "own_failing": "1 / 0\n",
    "own_ending": "raise SystemExit(5)\n",
    "own_lacking": "import no_such_module\n",
}


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that can be imported."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_is_none_is_one_line_that_says_what_to_write(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find(name)
    message = str(caught.value)
    assert WRONG[name] in message
    assert "\n" not in message


def test_an_empty_name_is_not_the_bundled_model() -> None:
    with pytest.raises(UsageError, match=r"^unknown stylizer ''"):
        load("")


def test_a_class_of_a_module_is_found() -> None:
    assert issubclass(find("own_names:NearlyOne"), Stylizer)


def test_a_module_in_the_current_folder_is_found_and_shadows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "own_here.py").write_text("from stylize import Stylizer\nclass One(Stylizer): name = 'one'\n")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])  # as where `stylize` itself is the command
    before = list(sys.path)
    for _ in range(2):
        assert find("own_here:One").name == "one"
        assert sys.path == [*before, str(tmp_path / "here")]
    monkeypatch.delitem(sys.modules, "own_here")
