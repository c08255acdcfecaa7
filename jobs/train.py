"""Train the bundled arbitrary-style network: `python -m jobs.train PHOTOS PAINTINGS OUT`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    photos: Annotated[Path, typer.Argument(help="A folder of photos.")],
    paintings: Annotated[Path, typer.Argument(help="A folder of artworks.")],
    out: Annotated[Path, typer.Argument(help="Where checkpoints, samples and weights go.")],
    vgg: Annotated[Path | None, typer.Option(help="VGG19 weights; else torchvision's.")] = None,
    steps: Annotated[int, typer.Option(min=1)] = 8000,
    decay_steps: Annotated[int, typer.Option(min=0)] = 2000,
    batch: Annotated[int, typer.Option(min=1)] = 4,
    crop_px: Annotated[int, typer.Option(min=64)] = 128,
    learning_rate: Annotated[float, typer.Option(min=0)] = 1e-3,
    seed: Annotated[int, typer.Option()] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train for `--steps` steps; the same command again goes on where it stopped."""
    from stylize.errors import StylizeError
    from stylize.training.loop import TrainConfig, Trainer

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = TrainConfig(
        photos, paintings, out, vgg,
        steps=steps, decay_steps=decay_steps, batch=batch, crop_px=crop_px,
        learning_rate=learning_rate, seed=seed, device=device,
    )  # fmt: skip
    try:
        path = Trainer(config).run()
    except StylizeError as error:
        typer.echo(f"train: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"weights: {path}")


if __name__ == "__main__":
    app()
