"""`--dry-run`: what a run would do, how many and how big."""

from __future__ import annotations

from pathlib import Path

from jobs.run.output_dir import rows_at_hand
from stylize import cli
from stylize.config import JobConfig
from stylize.errors import one_line
from stylize.results.parts import keys
from stylize.results.read import read_rows
from stylize.results.schema import key_of
from stylize.tasks import pairing
from stylize.tasks.listing import FileKind


def dry_run(config: JobConfig, retry_failed: bool, weights: str | None, style_kind: FileKind) -> int:
    """Print what a run would do; nothing is written. weights: their SHA-256; style_kind: what serves as one."""
    total = pairing.count(config, style_kind)
    size = 0
    seen_contents: set[str] = set()
    shown: list[str] = []
    for pair in pairing.pairs(config, style_kind):
        if len(shown) < 5:
            shown.append(f"  {one_line(pair.content.uri)}  x  {one_line(pair.style.uri)}")
        if len(seen_contents) < 10_000 and pair.content.uri not in seen_contents:
            seen_contents.add(pair.content.uri)
            size += int(pair.content.identity.split(":")[0]) if ":" in pair.content.identity else 0
        elif (config.manifest is None and config.shard is None) or len(seen_contents) >= 10_000:
            break  # one artwork's pairs have every photo, but not those of one shard
    with rows_at_hand(config.out) as folder:
        done = _done_in(folder, retry_failed)
    stream = pairing.tasks(pairing.pairs(config, style_kind), config.result_settings(), weights, config.format)
    found = (key_of(task.task_id) for task in stream)
    if config.manifest is not None:
        listed = set(found)  # a pair that is listed twice is done once
        total, left = len(listed), len(listed - done)
    else:
        left = total - (sum(key in done for key in found) if done else 0)
    share = f"pairs of shard {config.shard}" if config.shard else "pairs"
    print(
        f"would restyle {left} of {total} {share} with {config.stylizer} in {config.precision} "
        f"on {config.device_name()}:"
    )
    print("\n".join(shown + (["  ..."] if total > len(shown) else [])))
    side = f"{config.resolution_px} px" if config.resolution_px else "as it is"
    print(f"{len(seen_contents)} photos, {size / 1e6:.1f} MB; long side {side}")
    print(f"into {config.out}, where {total - left} have rows that would be kept; nothing was written")
    return cli.EXIT_OK


def _done_in(out: Path, retry_failed: bool) -> set[bytes]:
    if not (out / "rows").is_dir():
        return set()
    table = read_rows(out, ["task_id", "status"])
    rows = zip(keys(table.column("task_id").combine_chunks()), table.column("status").to_pylist(), strict=True)
    return {key for key, status in rows if status == "ok" or not retry_failed}
