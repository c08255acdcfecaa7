"""The training loop of the bundled arbitrary-style network."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.utils.data import DataLoader

from stylize.backbones import load_backbone
from stylize.stylizers._compact_net import CompactNet
from stylize.training import losses
from stylize.training.data import Crops, list_images

log = logging.getLogger(__name__)
AVERAGE_DECAY = 0.998
IDENTITY_WEIGHT = 50.0


class TrainConfig(BaseModel):
    """What a training run is made of; all of it ends up in the weights' metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    photos: Path = Field(description="folder of photos")
    paintings: Path = Field(description="folder of artworks")
    out: Path = Field(description="folder for the checkpoint, samples, losses and weights")
    vgg: Path | None = Field(None, description="VGG19 weights; none: torchvision's")
    steps: int = Field(14_000, ge=1, description="steps in all")
    decay_steps: int = Field(
        4_000, ge=0, description="the last steps, over which the rate falls; before, it is constant"
    )
    batch: int = Field(4, ge=1, description="photos, and artworks, a step")
    crop_px: int = Field(128, ge=64, description="side of the square crops")
    learning_rate: float = Field(1e-3, gt=0, description="of AdamW, at its highest")
    identity_share: float = Field(
        0.1, ge=0, le=1, description="share of steps whose style is the photo itself: what alpha = 0 is to mean"
    )
    seed: int = Field(0, ge=0, description="of weights and crops")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where to train")
    checkpoint_every: int = Field(100, ge=1, description="steps between checkpoints")
    sample_every: int = Field(500, ge=1, description="steps between sample sheets")
    loaders: int = Field(1, ge=0, description="processes that read images")
    content_weight: float = Field(1.0, ge=0, description="of the content's features")
    moments_weight: float = Field(5.0, ge=0, description="of the style features' means and deviations")
    gram_weight: float = Field(5.0, ge=0, description="of the style features' Gram matrices")
    variation_weight: float = Field(2.0, ge=0, description="of the result's total variation")
    range_weight: float = Field(20.0, ge=0, description="of values outside [0, 1]")

    def weights(self) -> dict[str, float]:
        """Each loss term's weight by its name."""
        return {name.removesuffix("_weight"): value for name, value in self if name.endswith("_weight")}


class Trainer:
    """One run: resumes from `out/checkpoint.pt` if it is there."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        config.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.device = torch.device(config.device)
        self.photos = list_images(config.photos)
        self.paintings = list_images(config.paintings)
        self.vgg, vgg = load_backbone("vgg19", losses.STYLE_LAYERS, config.vgg)
        self.vgg_sha256 = vgg.sha256
        self.vgg = self.vgg.to(self.device).to(memory_format=torch.channels_last)
        self.net = CompactNet().to(self.device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), config.learning_rate, weight_decay=1e-4)
        self.step = 0
        self.resume()
        seed = config.seed * 1_000_003 + self.step
        # Paintings and photos both serve as styles: two thousand paintings alone are few.
        self.contents = self._stream(self.photos, 2.0, seed)
        self.styles = self._stream(self.paintings + self.photos[::8], 1.8, seed + 1)
        with self._autocast():
            self.scales = losses.layer_scales(
                self.vgg, [self._take(self._stream(self.photos, 2.0, 1)) for _ in range(8)]
            )

    def _stream(self, files: list[Path], largest: float, seed: int) -> Any:
        crops = Crops(files, self.config.crop_px, largest, seed)
        return iter(DataLoader(crops, batch_size=self.config.batch, num_workers=self.config.loaders))

    def _take(self, stream: Any) -> Tensor:
        batch: Tensor = next(stream)
        return batch.to(self.device, memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def rate(self) -> float:
        """The learning rate of this step: warm-up, constant, then a linear fall."""
        config = self.config
        left = (config.steps - self.step) / max(1, config.decay_steps)
        return config.learning_rate * min(1.0, (self.step + 1) / 100, max(0.01, left))

    def one_step(self) -> dict[str, float]:
        """One batch forwards and backwards; the terms of its loss."""
        content, style = self._take(self.contents), self._take(self.styles)
        same = torch.rand(()).item() < self.config.identity_share
        if same:
            style = content
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with self._autocast():
            with torch.no_grad():
                seen_content, seen_style = self.vgg(content), self.vgg(style)
            image = self.net(content, self.net.encode_style(style))
            seen = self.vgg(image)
        parts = losses.terms(seen, seen_content, seen_style, self.scales, image.float())
        if same:
            parts["identity"] = (image.float() - content).square().mean()
        loss = losses.total(parts, self.config.weights() | {"identity": IDENTITY_WEIGHT})
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return {name: value.item() for name, value in {"loss": loss, **parts}.items()}

    def _follow(self) -> None:
        decay = min(AVERAGE_DECAY, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)

    def run(self) -> Path:
        """Train to the last step; returns the path of the weights."""
        config = self.config
        start, first = time.perf_counter(), self.step
        recent: dict[str, float] = {}
        with (config.out / "losses.jsonl").open("a", encoding="utf-8") as record:
            while self.step < config.steps:
                parts = self.one_step()
                record.write(json.dumps({"step": self.step, **parts}) + "\n")
                for name, value in parts.items():
                    recent[name] = 0.98 * recent.get(name, value) + 0.02 * value
                if self.step % 50 == 0:
                    record.flush()
                    pace = (time.perf_counter() - start) / (self.step - first)
                    shown = " ".join(f"{name} {value:.4f}" for name, value in recent.items())
                    log.info("step %d of %d, %.2f s a step: %s", self.step, config.steps, pace, shown)
                if self.step % config.checkpoint_every == 0:
                    self.save()
                if self.step % config.sample_every == 0:
                    self.sample()
        self.save()
        return self.export()

    def save(self) -> None:
        """Write a checkpoint; a kill at any moment leaves the one before it."""
        state = {
            "step": self.step,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = self.config.out / "checkpoint.tmp"
        torch.save(state, temporary)
        temporary.replace(self.config.out / "checkpoint.pt")
        self.export()

    def resume(self) -> None:
        """Take up the run at `out/checkpoint.pt`, if there is one."""
        path = self.config.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        log.info("resumed at step %d", self.step)

    def export(self) -> Path:
        """Write the averaged weights as fp16 safetensors, with what made them as metadata."""
        from safetensors.torch import save_file

        tensors = {name: value.detach().half().cpu().contiguous() for name, value in self.average.state_dict().items()}
        path = self.config.out / "compact.safetensors"
        temporary = path.with_suffix(".tmp")
        save_file(tensors, temporary, metadata=self.describe())
        temporary.replace(path)
        return path

    def describe(self) -> dict[str, str]:
        """Settings, versions and data hashes, as strings."""
        config = self.config.model_dump(exclude={"photos", "paintings", "out", "vgg", "device"})
        return {
            "format": "stylize-compact-1",
            "step": str(self.step),
            "settings": json.dumps(config),
            "torch": torch.__version__,
            "vgg_sha256": self.vgg_sha256,
            "photos": f"{len(self.photos)} files, {_names_hash(self.photos)}",
            "paintings": f"{len(self.paintings)} files, {_names_hash(self.paintings)}",
            "layer_scales": json.dumps(self.scales),
        }

    def sample(self) -> None:
        """A sheet of four contents by four styles: what the averaged network makes now."""
        from torchvision.utils import save_image

        files = self.photos[:: len(self.photos) // 4][:4], self.paintings[:: len(self.paintings) // 4][:4]
        contents, styles = (torch.stack([next(iter(Crops([path], 256, 1.0, 0))) for path in part]) for part in files)
        blank = torch.ones_like(contents[:1])
        rows = [torch.cat([blank, styles])]
        with torch.no_grad():
            codes = self.average.encode_style(styles.to(self.device))
            for content in contents:
                batch = content.expand(len(styles), -1, -1, -1).to(self.device)
                image = self.average(batch, codes).clamp(0, 1).cpu()
                rows.append(torch.cat([content[None], image]))
        save_image(torch.cat(rows), self.config.out / f"sample_{self.step:06d}.jpg", nrow=len(styles) + 1)


def _names_hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return f"sha256 of names and sizes {digest.hexdigest()[:16]}"
