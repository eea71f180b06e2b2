import numpy as np
import pytest

from dff_widgets import datasets
from dff_widgets.labelling import alike, filled, smoothed


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_a_click_takes_what_is_alike_and_connected():
    rng = np.random.default_rng(0)
    photo = np.full((60, 90, 3), 90.0)
    disc, twin = np.zeros((60, 90), dtype=bool), np.zeros((60, 90), dtype=bool)
    disc[10:40, 10:40] = True
    twin[10:40, 55:80] = True
    photo[disc | twin] = [180, 60, 60]
    noisy = np.clip(photo + rng.normal(0, 4, photo.shape), 0, 255).astype(np.uint8)
    found = alike(noisy, (20.5, 20.5))
    assert iou(found, disc) > 0.95
    assert not found[twin].any()
    assert iou(alike(noisy, (60.5, 30.5)), twin) > 0.9


def test_in_drawn_animals_a_click_stays_within_the_animal():
    images = datasets.creatures(4, seed=0, size=128)
    for i in range(4):
        rows, columns = np.nonzero(images.parts[i]["torso"])
        point = columns.mean() + 0.5, rows.mean() + 0.5
        found = alike(images[i], point)
        animal = np.any(list(images.parts[i].values()), axis=0)
        assert found[int(point[1]), int(point[0])]
        assert (found & animal).sum() > 0.8 * found.sum()


@pytest.mark.parametrize("point", [(-1, 2), (2, 40), (90, 0)])
def test_a_click_outside_is_refused_in_a_sentence(point):
    with pytest.raises(ValueError, match="is outside of the photo, which is 90 x 40"):
        alike(np.zeros((40, 90, 3), np.uint8), point)


def test_a_photo_of_one_colour_or_one_pixel_has_a_region():
    assert alike(np.zeros((20, 30, 3), np.uint8), (3, 3)).all()
    assert alike(np.zeros((1, 1, 3), np.uint8), (0, 0)).all()


def test_holes_are_filled_and_the_rest_stays():
    mask = np.zeros((20, 20), dtype=bool)
    mask[4:16, 4:16] = True
    whole = mask.copy()
    mask[8:10, 8:10] = False
    assert (filled(mask) == whole).all()
    mask[8, :10] = False  # open to the outside
    assert not filled(mask)[8, 4]


def test_smoothing_takes_spikes_and_islands_away():
    mask = np.zeros((60, 60), dtype=bool)
    mask[20:40, 20:40] = True
    rough = mask.copy()
    rough[30, 40:46] = rough[5, 5] = True
    rough[30, 20] = False
    found = smoothed(rough, 4)
    assert not found[5, 5]
    assert not found[30, 44]
    assert found[30, 20]
    assert iou(found, mask) > 0.9
    with pytest.raises(ValueError, match="radius is 0; give a number of pixels above 0"):
        smoothed(mask, 0)
