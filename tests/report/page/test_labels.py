from __future__ import annotations

from stylize.report.page.labels import MOST, short


def test_what_tells_a_method_apart_stands_first_and_is_never_cut_off() -> None:
    shared = "alpha=1.0, channels_last=True"
    names = [f"compact ({shared}, compile={compile}, style_weights=[0.5, 0.5])" for compile in (False, True)]
    found = short((name, "fp32") for name in names)
    assert found == ["compact fp32 (compile=False, ..)", "compact fp32 (compile=True, ..)"]
    assert max(map(len, found)) <= MOST


def test_settings_that_fit_are_all_shown_and_as_few_as_tell_apart_are_needed() -> None:
    names = ["m (alpha=0.5, runtime=x)", "m (alpha=1.0, runtime=x)", "m (alpha=1.0, runtime=y)", "m", "other"]
    assert short((name, "bf16") for name in names) == [
        "m bf16 (alpha=0.5, runtime=x)", "m bf16 (alpha=1.0, runtime=x)", "m bf16 (alpha=1.0, runtime=y)", "m bf16",
        "other bf16",
    ]  # fmt: skip


def test_no_two_labels_are_the_same_however_long_what_differs() -> None:
    keys: list[tuple[str, ...]] = [(f"{'a long name ' * 4}{end}", "fp32") for end in "ab"]
    keys += [(f"m (weights={'x' * 60}{end})", "fp32", "weak") for end in "ab"]
    found = short(keys)
    assert len(set(found)) == len(keys)
    assert all(len(line) <= MOST for text in found for line in text.splitlines())


def test_a_name_is_no_formula_and_is_not_hidden() -> None:
    assert short([("$x_", "fp32"), ("_y", "fp32")]) == [r"\$x_ fp32", " _y fp32"]
