"""Make the bundled model's weights: `python -m jobs.train PHOTOS PAINTINGS OUT`; the same command again resumes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from stylize import cli
from stylize.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Train to the last step; returns 0."""
    from pydantic import ValidationError

    from stylize.training.loop import TrainConfig, Trainer

    parser = cli.Parser(prog="train", description="Train the bundled arbitrary-style network.")
    for name in ("photos", "paintings", "out"):
        parser.add_argument(name, metavar=name.upper(), help=TrainConfig.model_fields[name].description)
    cli.add_model(parser, TrainConfig, skip=("photos", "paintings", "out"))
    try:
        config = TrainConfig(**vars(parser.parse_args(argv)))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]}: {first['msg']} (got {first['input']!r})") from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    print(f"weights: {Trainer(config).run()}")
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
