from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from stylize.errors import UsageError
from stylize.tasks import sweep
from stylize.tasks.sweep import Block, Method, Sweep
from stylize.tasks.task import Input, Pair, Task

SHIPPED = Path(__file__).parents[2] / "jobs" / "sweep"
PAIRS = [
    Pair(Input(f"/p/{kind}/{n}.jpg", "1:1", kind), Input(f"/s/{style}.jpg", "1:1", None))
    for style in "xy" for kind in ("day", "night") for n in range(3)
]  # fmt: skip


def plan(**changes: object) -> Sweep:
    """Two methods at two sizes."""
    return Sweep.model_validate(
        {"title": "t", "methods": [{"name": "compact"}, {"name": "identity"}], "resolutions_px": [64, 128]} | changes
    )


def ids(found: Sweep, block: Block) -> list[str]:
    config = block.variant.config(found, "/out", {})
    return [task.task_id for task in sweep.tasks(block, PAIRS, config, "abc")]


def test_every_combination_is_a_variant_and_a_methods_own_lists_win() -> None:
    methods = [{"name": "compact"}, {"name": "identity", "precisions": ["fp32"], "resolutions_px": [32]}]
    found = plan(methods=methods, precisions=["fp32", "bf16"], workers=[1, 2], mode="throughput")
    assert len(sweep.variants(found)) == 2 * 2 * 2 + 2


def test_repeats_come_one_after_the_other_each_in_its_own_shuffled_order() -> None:
    found = plan(repeats=4, resolutions_px=[64, 96, 128, 160])
    blocks = sweep.plan(found)
    assert [block.repeat for block in blocks] == sorted(block.repeat for block in blocks)
    orders = [[b.variant.name for b in blocks if b.repeat == repeat] for repeat in range(1, 5)]
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_the_order_is_the_seeds() -> None:
    assert sweep.plan(plan(seed=1)) == sweep.plan(plan(seed=1))
    assert sweep.plan(plan(seed=1, repeats=5)) != sweep.plan(plan(seed=2, repeats=5))


def test_blocks_of_one_number_of_workers_stay_together_within_a_repeat() -> None:
    found = plan(workers=[1, 2], mode="throughput", repeats=1, resolutions_px=[64, 96, 128])
    counts = [block.variant.workers for block in sweep.plan(found)]
    assert sum(a != b for a, b in itertools.pairwise(counts)) == 1


def test_no_two_tasks_of_a_sweep_share_an_id_and_they_are_the_same_every_time() -> None:
    found = plan(workers=[1, 2], scaling=["strong", "weak"], mode="throughput", repeats=2)
    every = [one for block in sweep.plan(found) for one in ids(found, block)]
    assert len(every) == len(set(every))
    assert sorted(every) == sorted(one for block in sweep.plan(found) for one in ids(found, block))


def test_weak_scaling_does_as_many_images_for_each_worker_and_of_one_no_more_than_strong() -> None:
    found = plan(workers=[1, 2], scaling=["strong", "weak"], mode="throughput", resolutions_px=[64], repeats=1)
    blocks = [block for block in sweep.plan(found) if block.variant.method.name == "compact"]
    counts = {block.variant.name.partition("64 px ")[2]: len(ids(found, block)) for block in blocks}
    assert counts == {"x1": 13, "x2": 14, "x2 each": 26}


def test_weak_scaling_alone_measures_one_worker_too() -> None:
    found = plan(workers=[1, 2], scaling=["weak"], mode="throughput", resolutions_px=[64], repeats=1)
    assert {variant.name.rpartition(" x")[2] for variant in sweep.variants(found)} == {"1 each", "2 each"}


def test_fewer_photos_are_one_of_each_type_first() -> None:
    found = plan(methods=[Method(name="compact", photos=2, warmup=False)])
    block = sweep.plan(found)[0]
    tasks = list(sweep.tasks(block, PAIRS, block.variant.config(found, "/o", {}), None))
    assert {task.pair.content.uri for task in tasks} == {"/p/day/0.jpg", "/p/night/0.jpg"}
    assert len(tasks) == 4


def tasks_of(found: Sweep, block: Block, pairs: list[Pair] = PAIRS) -> list[Task]:
    return list(sweep.tasks(block, pairs, block.variant.config(found, "/o", {}), None))


@pytest.mark.parametrize("warmup", [True, False])
def test_a_method_without_warm_up_has_none_in_its_workers_either(warmup: bool) -> None:
    found = plan(methods=[Method(name="compact", warmup=warmup)])
    assert sweep.plan(found)[0].variant.config(found, "/o", {}).warmup_images == int(warmup)


def test_the_score_lpips_takes_a_network_but_none_that_is_named() -> None:
    found, named = plan(scores=["lpips"]), plan(scores=["lpips"], lpips="none")
    assert sweep.plan(found)[0].variant.config(found, "/o", {}).lpips == "alex"
    with pytest.raises(UsageError, match="lpips is none: leave one of them out"):
        sweep.plan(named)[0].variant.config(named, "/o", {})


def test_one_more_task_for_each_worker_warms_up() -> None:
    found = plan(workers=[3], mode="throughput", resolutions_px=[64])
    tasks = tasks_of(found, sweep.plan(found)[0])
    assert [task.warms_up for task in tasks] == [True] * 3 + [False] * len(PAIRS)
    # Of fewer photos another one may warm up, and all that counts be there.
    assert sweep.worth_doing(tasks[:3], again=False) == []
    assert sweep.worth_doing(tasks[:4], again=False) == tasks[:4]
    assert sweep.worth_doing(tasks[:3], again=True) == tasks[:3]


def test_pairs_that_come_to_a_sweep_leave_the_others_their_tasks() -> None:
    found = plan(workers=[2], scaling=["weak"], mode="throughput")
    block = sweep.plan(found)[0]
    fewer, all_ = ({task.task_id for task in tasks_of(found, block, pairs)} for pairs in (PAIRS[:6], PAIRS))
    assert len(fewer & all_) >= 2 * 6


def test_each_repeat_has_the_pairs_in_an_order_of_its_own() -> None:
    found = plan(methods=[Method(name="compact", warmup=False)], resolutions_px=[64])
    orders = [[task.pair for task in tasks_of(found, block)] for block in sweep.plan(found)]
    assert len(orders) == 3
    assert all(a != b for a, b in itertools.combinations(orders, 2))


def test_a_photo_that_meets_several_artworks_counts_once_among_the_photos() -> None:
    found = plan(methods=[Method(name="compact", photos=4, warmup=False)])
    few_by_day = [pair for pair in PAIRS if pair.content.uri not in ("/p/day/1.jpg", "/p/day/2.jpg")]
    tasks = tasks_of(found, sweep.plan(found)[0], few_by_day)
    assert len({task.pair.content.uri for task in tasks}) == 4


def test_one_name_for_two_methods_is_a_wrong_call() -> None:
    with pytest.raises(UsageError, match="twice; give one of the methods another label"):
        sweep.variants(plan(methods=[{"name": "compact"}, {"name": "compact"}]))
    one = {"name": "compact", "label": "a"}
    for other in ({"name": "identity"}, {"settings": {"alpha": 0.5}}, {"weights": "random"}, {"runtime": "torch"}):
        methods = [one, one | {"resolutions_px": [32]} | other]
        with pytest.raises(UsageError, match="calls two methods 'a'; give one of them another label"):
            sweep.variants(plan(methods=methods))
    assert len(sweep.variants(plan(methods=[one, one | {"resolutions_px": [32], "repeats": 1}]))) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: t\nmethods: [{name: compact}]\nresolutions_px: [9, 8, 9]\n", "resolutions_px: 9 stands there twice"),
        ("title: t\nmethods: [{name: compact}]\nmode: throughput\nworkers: [2, 2]\n", "workers: 2 stands there twice"),
        ("title: t\nmethods: [{name: compact, precisions: [fp32, fp32]}]\n", "precisions: fp32 stands there twice"),
        ("title: t\nmethods: []\n", "methods: expected a list that is not empty"),
        ("title: t\nmethods: [{name: compact}]\nworkers: [2]\n", "several workers disturb each other"),
        ("title: t\nmethods: [{name: compact}]\ncolour: 9\n", "unknown setting 'colour'; known: title, methods"),
        ("title: t\nmethods: [{name: compact}]\nresolutions_px: [0]\n", "resolutions_px.0: expected 1 or more"),
        ("title: t\nmethods: [{name: compact}]\nrepeats: 1000000000\n", "repeats: expected 10000 or less"),
        ("title: t\nmethods: [{name: compact}]\nrepeats: yes\n", "repeats: expected a whole number (got 'yes')"),
        ("title: t\nmethods: [{name: compact}]\nworkers: [true]\n", "workers: not a yes-or-no setting"),
        ("title: t\nmethods: [{name: compact}]\nclaims: 7\n", "claims: expected true or false"),
        ("title: t\nmethods: [{name: compact}]\nprecisions: [fp8]\n", "precisions.0: expected auto, fp32"),
    ],
)
def test_a_wrong_sweep_is_told_in_a_line_that_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"s\.yaml") as caught:
        sweep.read(tmp_path / "s.yaml", {})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_sweeps_are_whole(path: Path) -> None:
    found = sweep.read(path, {})
    for variant in sweep.variants(found):
        variant.config(found, "/out", {})
