import random
import sys

import numpy as np
import pytest
from scipy import ndimage

from dff_widgets import warming
from dff_widgets.datasets import creatures
from dff_widgets.datasets.creatures import animals
from dff_widgets.datasets.creatures.animals import draw_animal
from dff_widgets.datasets.creatures.coats import noise, speckle
from dff_widgets.datasets.creatures.drawing import memory
from dff_widgets.datasets.creatures.raymarch import Camera, cast
from dff_widgets.datasets.creatures.render import render
from dff_widgets.datasets.creatures.sdf import FILL, Body, Bone

PARTS = ["head", "legs", "tail", "torso"]


def test_shapes_types_and_names():
    images = creatures(3, seed=5, size=75)
    assert len(images) == 3
    assert list(images.names) == ["creature 0", "creature 1", "creature 2"]
    for image, parts in zip(images, images.parts, strict=True):
        assert image.shape == (75, 75, 3)
        assert image.dtype == np.uint8
        assert sorted(parts) == PARTS
        assert all(mask.shape == (75, 75) and mask.dtype == bool for mask in parts.values())


def test_the_same_seed_draws_the_same_pictures_again():
    first, again = render(3, 1, 64), render(3, 1, 64)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_image_depends_on_neither_n_nor_the_order_of_drawing():
    memory.clear()
    few = creatures(4, seed=2, size=48)
    memory.clear()
    many = creatures(12, seed=2, size=48)
    for i in range(4):
        np.testing.assert_array_equal(few[i], many[i])
        for part in PARTS:
            np.testing.assert_array_equal(few.parts[i][part], many.parts[i][part])


def test_seeds_and_images_differ():
    a, b = creatures(2, seed=0, size=48), creatures(2, seed=1, size=48)
    assert (a[0] != a[1]).any()
    assert (a[0] != b[0]).any()


def test_every_size_shows_the_same_scene():
    small, large = creatures(2, size=64), creatures(2, size=128)
    for i in range(2):
        shrunk = large[i].reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(shrunk - small[i]).mean() < 12
        agree = small.parts[i]["torso"] == large.parts[i]["torso"][::2, ::2]
        assert agree.mean() > 0.97


def test_parts_are_disjoint_and_fill_the_frame():
    images = creatures(12, size=128)
    shares = {part: np.array([masks[part].mean() for masks in images.parts]) for part in PARTS}
    for masks in images.parts:
        assert sum(mask.astype(int) for mask in masks.values()).max() == 1
    animal = sum(shares.values())
    assert 0.35 < animal.mean() < 0.55
    assert animal.min() > 0.25
    assert 0.05 < shares["head"].mean() < 0.12
    assert shares["head"].min() > 0.02
    assert 0.08 < shares["legs"].mean() < 0.20
    assert shares["legs"].min() > 0.04
    assert shares["torso"].min() > 0.10
    assert (shares["tail"] > 0).mean() >= 0.8


def test_masks_follow_the_outlines():
    image, labels = render(0, 0, 128)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 1, 2, 3, 255}
    inside = labels != 255
    edge = inside[1:] != inside[:-1]
    contrast = np.abs(np.diff(image.astype(int), axis=0)).sum(-1)
    assert contrast[edge].mean() > 2 * contrast[~edge].mean()


def test_pictures_are_cached_and_read_only():
    a, b = creatures(1, size=40), creatures(2, size=40)
    assert a.sources[0] is b.sources[0]
    with pytest.raises(ValueError, match="read-only"):
        a.sources[0][0, 0] = 0


@pytest.fixture
def importing_torch(monkeypatch):
    monkeypatch.setattr(warming, "under_way", lambda: True)


def test_while_torch_is_imported_another_process_draws_the_same_pictures(importing_torch, monkeypatch):
    drawn = [render(6, index, 48) for index in range(3)]
    monkeypatch.setattr(sys.modules[render.__module__], "render", None)  # not here
    creatures(1, seed=6, size=48)
    images = creatures(3, seed=6, size=48)  # the first from memory
    for image, parts, (picture, labels) in zip(images.sources, images.parts, drawn, strict=True):
        np.testing.assert_array_equal(image, picture)
        for code, part in enumerate(animals.PARTS):
            np.testing.assert_array_equal(parts[part], labels == code)
        assert not image.flags.writeable


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/true", "", None])
def test_without_another_process_they_are_drawn_here(importing_torch, monkeypatch, python):
    monkeypatch.setattr(sys, "executable", python)
    memory.clear()
    np.testing.assert_array_equal(creatures(1, seed=6, size=40)[0], render(6, 0, 40)[0])


def test_the_last_64_are_kept_of_however_many():
    images = creatures(66, seed=9, size=32)
    assert len(images) == 66
    assert len(memory) == 64
    assert creatures(66, seed=9, size=32).sources[65] is images.sources[65]


def test_leaves_the_global_random_generators_alone():
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    memory.clear()
    creatures(1, size=40)
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert before[1] == random.getstate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be a whole number of at least 1: got 0"),
        ({"n": 2.5}, r"n must be a whole number of at least 1: got 2\.5"),
        ({"n": True}, "n must be a whole number of at least 1: got True"),
        ({"seed": -1}, "seed must be a whole number of at least 0: got -1"),
        ({"seed": "a"}, "seed must be a whole number of at least 0: got 'a'"),
        ({"seed": None}, "seed must be a whole number of at least 0: got None"),
        ({"size": 31}, "size must be a whole number of at least 32: got 31"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        creatures(**arguments)


def test_numpy_integers_are_whole_numbers():
    assert len(creatures(np.int64(1), seed=np.uint8(0), size=np.int32(32))) == 1


def test_rays_find_a_sphere_and_a_cone_where_they_are():
    bones = [Bone(0, (0.3, 0, 0), (0.3, 0, 0), 0.4, 0.4), Bone(1, (-0.7, -0.5, 0), (-0.7, 0.5, 0), 0.2, 0.2)]
    camera = Camera(np.eye(3, dtype=np.float32), (0.0, 0.0), 2.0, 100)
    hits = cast(Body.from_bones(bones, width=0.8), camera)
    right, up = camera.coordinates(np.arange(100 * 100))
    sphere = np.hypot(right - 0.3, up) - 0.4
    cone = np.hypot(right + 0.7, np.maximum(np.abs(up) - 0.5, 0)) - 0.2
    for part, outside in enumerate((sphere, cone)):
        found = np.zeros(100 * 100, bool)
        found[hits.pixels[hits.part == part]] = True
        wrong = found != (outside < 0)
        assert np.abs(outside[wrong]).max(initial=0) < 0.3 * camera.pixel
    on_sphere = hits.part == 0
    x, y = right[hits.pixels[on_sphere]] - 0.3, up[hits.pixels[on_sphere]]
    inside = np.hypot(x, y) < 0.38
    depth = 0.8 * np.sqrt(np.maximum(0.4**2 - x**2 - y**2, 0))
    np.testing.assert_allclose(hits.depth[on_sphere][inside], depth[inside], atol=0.01)
    normals = np.stack([x, y, depth / 0.8**2])
    normals /= np.sqrt((normals**2).sum(0))
    assert ((normals * hits.normals[:, on_sphere]).sum(0)[inside] > 0.99).all()


def a_body():
    return draw_animal(np.random.default_rng(4), "deer").body


def some_points(n, seed=0):
    return np.random.default_rng(seed).uniform((-0.9, 0, -0.4), (1.2, 1.8, 0.4), (n, 3)).T.astype(np.float32)


def squares(body, points):
    overlap = body.overlap(body.distances(points)[0])
    return (overlap**2).sum(0)


def test_distances_are_those_to_the_nearest_of_the_spheres_along_a_bone():
    body, points = a_body(), some_points(30)
    distance, foot = body.distances(points)
    along = np.linspace(0, 1, 2001)[:, None]
    for bone in range(len(body.r0)):
        at = along * body.length[bone]
        centres = body.start[bone] + at * body.axis[bone]
        radii = body.r0[bone] + at * body.slope[bone]
        to_spheres = np.linalg.norm(points.T[:, None] - centres, axis=-1) - radii[:, 0]
        np.testing.assert_allclose(distance[bone], to_spheres.min(1), atol=1e-4)
        chosen = np.linalg.norm(points.T - body.start[bone] - foot[bone][:, None] * body.axis[bone], axis=1)
        np.testing.assert_allclose(chosen - body.r0[bone] - foot[bone] * body.slope[bone], distance[bone], atol=1e-5)


def test_outward_is_minus_half_the_gradient_of_the_sum_of_squares():
    body, points = a_body(), some_points(4000)
    points = points[:, np.abs(squares(body, points) - 0.8) < 0.6]
    assert points.shape[1] > 100
    distance, foot = body.distances(points)
    pull = body.pull(distance, foot, body.overlap(distance))
    for i, step in enumerate(np.eye(3, dtype=np.float32)[..., None] * np.float32(1e-3)):
        slope = (squares(body, points + step) - squares(body, points - step)) / 2e-3
        np.testing.assert_allclose(body.outward(points, foot, pull, i), -slope / 2, atol=0.2, rtol=0.02)


def test_the_skin_of_a_lone_bone_is_its_surface_and_two_fill_their_crease():
    ball = Bone(0, (0, 0, 0), (0, 0, 0), 0.3, 0.3, reach=0.1)
    on_it = np.array([[0.3], [0], [0]], np.float32)
    np.testing.assert_allclose(squares(Body.from_bones([ball], 1), on_it), 1, atol=1e-5)
    near = on_it + np.array([[0.1 * (1 - 0.5**0.5)], [0], [0]], np.float32)
    np.testing.assert_allclose(squares(Body.from_bones([ball, ball], 1), near), 1, atol=1e-5)


def test_entry_is_where_a_ray_first_comes_as_close_as_three_bones_fill():
    body = a_body()
    x, y, _ = some_points(200, seed=1)
    entry = body.entry(x, y)
    z = np.linspace(0.6, -0.6, 1201, dtype=np.float32)
    columns = np.stack(np.broadcast_arrays(x[:, None], y[:, None], z)).reshape(3, -1)
    inside = (body.distances(columns)[0] < FILL * body.reach[:, None]).any(0).reshape(len(x), -1)
    assert 0.2 < np.isfinite(entry).mean() < 0.9
    thin = inside.sum(1) < 10  # only touched
    np.testing.assert_array_equal(np.isfinite(entry)[~thin & inside.any(1)], True)
    assert not np.isfinite(entry)[~inside.any(1)].any() or entry[~inside.any(1)].max() < 0.6
    both = inside.any(1) & np.isfinite(entry)
    np.testing.assert_allclose(entry[both], z[inside.argmax(1)][both], atol=0.03)


@pytest.mark.parametrize("species", ["leopard", "cow"])
def test_rays_hit_what_small_steps_hit(species):
    body = draw_animal(np.random.default_rng(2), species).body
    turn = 0.6
    sin, cos = np.sin(turn), np.cos(turn)
    axes = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
    camera = Camera(axes, (0.0, 0.7), 1.9, 72)
    hits = cast(body, camera)
    low, high = body.bounds(axes)
    pixels = np.arange(72 * 72)
    most, first = np.zeros(72 * 72), np.full(72 * 72, -9.0)
    for depth in np.arange(high[2] + 0.1, low[2] - 0.1, -0.004):
        points = camera.points(pixels, np.full(72 * 72, depth, np.float32))
        points[2] /= np.float32(body.width)
        square = squares(body, points)
        first[(first == -9) & (square >= 1)] = depth
        most = np.maximum(most, square)
    found = np.zeros(72 * 72, bool)
    found[hits.pixels] = True
    assert found[most > 1].all()
    assert not found[most < 0.7].any()
    exact = most[hits.pixels] > 1.2
    assert exact.sum() > 500
    assert np.mean(np.abs(hits.depth - first[hits.pixels])[exact] < 0.02) > 0.985  # others graze a nearer outline


def test_noise_interpolates_its_grid():
    points = some_points(500)
    values = np.random.default_rng(3).random((16, 16, 16), np.float32)
    twin = ndimage.map_coordinates(values, points * np.float32(9), order=1, mode="grid-wrap")
    np.testing.assert_allclose(noise(np.random.default_rng(3), points, 9), twin, atol=1e-5)


def test_speckle_is_the_distance_to_the_nearest_seed():
    points = np.random.default_rng(0).uniform(3, 5, (3, 200)).astype(np.float32)
    seeds = 0.15 + 0.7 * np.random.default_rng(5).random((3, 16, 16, 16), np.float32)
    seeds = (seeds + np.indices((16, 16, 16))).reshape(3, -1)
    nearest = np.linalg.norm(points[:, :, None] - seeds[:, None], axis=0).min(1)
    np.testing.assert_allclose(
        np.minimum(speckle(np.random.default_rng(5), points, 1), 0.65), np.minimum(nearest, 0.65), atol=1e-5
    )
