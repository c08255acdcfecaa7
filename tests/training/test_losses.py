"""Loss terms against their formulas."""

from __future__ import annotations

import torch

from stylize.measure.perceptual import CONTENT_LAYER, STYLE_LAYERS, StyleFeatures
from stylize.training import losses


def features(seed: int) -> losses.Features:
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.rand(2, 3 + i, 8, 8, generator=rng) for i, name in enumerate(STYLE_LAYERS)}


def test_terms_follow_their_formulas() -> None:
    ours, theirs, content = features(0), features(1), features(2)[CONTENT_LAYER]
    image = torch.rand(2, 3, 16, 16) * 1.2 - 0.1
    parts = losses.terms(ours, content, StyleFeatures.of(theirs), image)
    moments = grams = 0.0
    for name in STYLE_LAYERS:
        a, b = ours[name], theirs[name]
        moments += float((a.mean((2, 3)) - b.mean((2, 3))).square().mean())
        moments += float((a.std((2, 3), correction=0) - b.std((2, 3), correction=0)).square().mean())
        for one, other in zip(a, b, strict=True):
            g, h = (x.flatten(1) @ x.flatten(1).T / 64 for x in (one, other))
            grams += float(((g - h) ** 2).sum() / (h**2).sum()) / 2
    assert abs(float(parts["moments"]) - moments) < 1e-4
    assert abs(float(parts["gram"]) - grams) < 1e-4
    assert abs(float(parts["content"]) - float((ours[CONTENT_LAYER] - content).square().mean())) < 1e-6
    outside = (image - 1).clamp_min(0).square() + image.clamp_max(0).square()
    assert abs(float(parts["range"]) - float(outside.mean())) < 1e-6


def test_one_style_serves_a_whole_batch() -> None:
    ours, one = features(0), {name: value[:1] for name, value in features(1).items()}
    both = {name: torch.cat([value, value]) for name, value in one.items()}
    image, content = torch.rand(2, 3, 16, 16), ours[CONTENT_LAYER]
    got, expected = (losses.terms(ours, content, StyleFeatures.of(s), image) for s in (one, both))
    assert all(torch.allclose(got[name], expected[name]) for name in expected)


def test_each_style_serves_its_share_of_a_batch() -> None:
    ours = {name: torch.cat([features(0)[name], features(1)[name]]) for name in features(0)}
    styles = features(2)
    image, content = torch.rand(4, 3, 16, 16), ours[CONTENT_LAYER]

    def terms(photos: slice, style: slice) -> dict[str, torch.Tensor]:
        mine = {name: value[photos] for name, value in ours.items()}
        look = StyleFeatures.of({name: value[style] for name, value in styles.items()})
        return losses.terms(mine, content[photos], look, image[photos], 0.3)

    halves = terms(slice(0, 2), slice(0, 1)), terms(slice(2, 4), slice(1, 2))
    for name, value in terms(slice(None), slice(None)).items():
        torch.testing.assert_close(value, (halves[0][name] + halves[1][name]) / 2)


def test_a_picture_is_at_no_distance_from_itself() -> None:
    ours = features(0)
    flat = torch.full((2, 3, 16, 16), 0.5)
    parts = losses.terms(ours, ours[CONTENT_LAYER], StyleFeatures.of(ours), flat)
    assert all(float(value) < 1e-8 for value in parts.values())


def test_pooled_statistics_are_those_of_the_images_side_by_side() -> None:
    ours = features(0)
    joined = {name: torch.cat(list(value), dim=2)[None] for name, value in ours.items()}
    got, expected = losses.pooled(StyleFeatures.of(ours), 2), StyleFeatures.of(joined)
    for name in STYLE_LAYERS:
        for a, b in zip(got.moments[name], expected.moments[name], strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=0)
        torch.testing.assert_close(got.grams[name], expected.grams[name])


def test_halves_of_a_style_are_far_from_it_singly_and_at_no_distance_together() -> None:
    style = {name: value[:1] for name, value in features(1).items()}
    halves = {name: torch.cat(value.chunk(2, dim=3)) for name, value in style.items()}
    image, content = torch.full((2, 3, 16, 16), 0.5), halves[CONTENT_LAYER]
    singly, half, together = (
        losses.terms(halves, content, StyleFeatures.of(style), image, share) for share in (0.0, 0.5, 1.0)
    )
    # Each goes by its own statistics of both together.
    whole = {name: torch.cat([value, 2 * value]) for name, value in style.items()}
    both = losses.style_distance(losses.pooled(StyleFeatures.of(whole), 2), StyleFeatures.of(style))
    parts = losses.terms(whole, whole[CONTENT_LAYER], StyleFeatures.of(style), image, 1.0)
    torch.testing.assert_close((parts["moments"], parts["gram"]), both)
    for term in ("moments", "gram"):
        assert together[term] < 1e-6 < singly[term]
        torch.testing.assert_close(half[term], singly[term] / 2, atol=1e-6, rtol=0)
