import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import dff_widgets.extraction.forward_pass as forward_pass
from dff_widgets.extraction import SmallerBatchWarning, extract, extract_layers, stream
from dff_widgets.heat import fold
from dff_widgets.images import ImageSet, UnreadableImageWarning
from dff_widgets.networks import load_network

from ..small_networks import Small, small, state_of

RNG = np.random.default_rng(0)
SHAPES = [(40, 56), (56, 40), (33, 47), (40, 56), (64, 64), (40, 56)]


@pytest.fixture(scope="module")
def network():
    return load_network(small())


@pytest.fixture(scope="module")
def mixed():
    return ImageSet.from_arrays([RNG.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in SHAPES])


def by_hand(network, pixels, layer, size):
    """The slow twin: one image, the whole forward pass, the layer's output copied before anything changes it."""
    height, width = pixels.shape[:2]
    scale = size / min(height, width)
    image = Image.fromarray(pixels).resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    batch = torch.tensor((np.asarray(image) / 255.0 - network.mean) / network.std).float().permute(2, 0, 1)[None]
    kept = []
    handle = network.module.get_submodule(layer).register_forward_hook(lambda m, i, out: kept.append(out.clone()))
    network.module.eval()
    with torch.no_grad():
        network.module(batch)
    handle.remove()
    return kept[0][0].permute(1, 2, 0).numpy()  # (h, w, c)


@pytest.mark.parametrize("layer", ["stem.0", "stem", "pool", "block.bn1", "block"])
@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_rows_are_those_of_each_image_alone_at_its_own_aspect(network, mixed, layer, batch_size):
    found = extract(network, mixed, layer=layer, size=32, batch_size=batch_size)
    expected = [by_hand(network, mixed[i], layer, 32) for i in range(len(mixed))]
    assert found.shapes == tuple(e.shape[:2] for e in expected)
    assert len(set(found.shapes)) >= 3
    assert found.sizes == tuple(SHAPES)
    assert found.matrix.dtype == np.float32
    assert found.matrix.flags.c_contiguous
    # One grey level, of 255, is 0.017 after normalisation: Pillow and torch do not round a resized pixel alike.
    assert np.allclose(found.matrix, np.concatenate([e.reshape(-1, e.shape[2]) for e in expected]), atol=0.03)
    assert (found.network, found.layer.name, found.size, found.skipped) == ("Small", layer, 32, ())


@pytest.mark.parametrize("layer", ["stem", "block"])
def test_rows_are_exact_where_no_pixel_is_resized(network, mixed, layer):
    images = mixed.subset([0, 1, 3, 5])  # short side 40
    found = extract(network, images, layer=layer, size=40, batch_size=3)
    expected = [by_hand(network, image, layer, 40) for image in images]
    assert np.allclose(found.matrix, np.concatenate([e.reshape(-1, e.shape[2]) for e in expected]), atol=1e-5)


@pytest.mark.parametrize("layers", [["stem.0", "block"], ["block", "stem.0", "block.bn1", "stem"], ["pool"]])
def test_several_layers_in_one_pass_are_what_each_gives_alone(network, mixed, layers):
    found = extract_layers(network, mixed, layers, size=32, batch_size=2)
    assert list(found) == layers
    for name in layers:  # stem.0 is changed in place by the ReLU after it
        alone = extract(network, mixed, layer=name, size=32, batch_size=2)
        assert np.array_equal(found[name].matrix, alone.matrix)
        assert found[name].shapes == alone.shapes
        assert (found[name].layer, found[name].sizes, found[name].size) == (alone.layer, alone.sizes, alone.size)
    assert len({id(one.images) for one in found.values()}) == 1


def test_several_layers_take_one_forward_pass_a_batch_that_ends_at_the_last(mixed):
    module = small()
    network, before = load_network(module), state_of(module)
    ran = []
    for name in ("stem", "block", "head"):
        module.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: ran.append(name))
    extract_layers(network, mixed.subset([0, 3]), ["block.bn1", "stem"], size=32)
    assert ran == ["stem"]
    extract_layers(network, mixed.subset([0, 3]), ["block", "stem", "stem"], size=32)
    assert ran == ["stem", "stem", "block"]
    assert state_of(module)[:1] + state_of(module)[2:] == before[:1] + before[2:]


@pytest.mark.parametrize("layers", [[], "stem"])
def test_no_layer_is_an_error(network, mixed, layers):
    with pytest.raises(ValueError, match="give a list of names, at least one"):
        extract_layers(network, mixed, layers)


def test_a_stream_gives_each_image_once_and_can_be_left(mixed):
    module = small().train()
    network, before = load_network(module), state_of(module)
    alone = fold(extract(network, mixed, size=32).matrix, extract(network, mixed, size=32).shapes)
    seen, told = {}, []
    for batch in stream(network, mixed, ["block"], size=32, batch_size=2, report=lambda *now: told.append(now)):
        assert len(batch.images) <= 2
        seen.update(zip(batch.images, batch.features["block"], strict=True))
    assert sorted(seen) == list(range(len(mixed)))
    assert all(np.allclose(seen[i].permute(2, 0, 1), alone[i], atol=1e-6) for i in seen)
    assert told[-1] == (len(mixed), len(mixed))
    left = stream(network, mixed, ["block"], size=32)
    next(left)
    left.close()
    assert state_of(module) == before


def test_a_real_network_gives_an_image_the_same_rows_alone_and_in_a_set(mixed):
    network = load_network("efficientnet_lite0")
    together, alone = extract(network, mixed, size=64), extract(network, mixed[2:3], size=64)
    start = sum(h * w for h, w in together.shapes[:2])
    rows = together.matrix[start : start + len(alone.matrix)]
    assert alone.matrix.min() >= 0
    assert np.allclose(rows, alone.matrix, atol=1e-3)


def test_the_caller_finds_everything_as_it_was(mixed):
    module = small().train()
    module.block.bn1.eval()
    module.stem[0].weight.requires_grad_(False)
    before, pixels = state_of(module), [image.copy() for image in mixed]
    extract(module, mixed, size=32)
    assert state_of(module) == before
    assert all(np.array_equal(a, b) for a, b in zip(pixels, mixed, strict=True))
    module(torch.zeros(2, 3, 32, 32)).sum().backward()  # still fit for training
    assert module.head[2].weight.grad is not None


class Hungry(Small):
    """Runs out of memory above `most` images, as CUDA, MPS or the CPU say it."""

    most, error = 3, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    def forward(self, x):
        if len(x) > self.most:
            raise self.error
        return super().forward(x)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        MemoryError(),
    ],
)
def test_out_of_memory_halves_the_batch_says_so_once_and_goes_on(mixed, error):
    images = mixed.subset([0, 3, 5] * 4)  # twelve of one size
    module = small(Hungry)
    module.error = error
    network = load_network(module)
    with pytest.warns(
        SmallerBatchWarning, match="8 images of 45 x 32 pixels do not fit in the memory of cpu"
    ) as caught:
        found = extract(network, images, size=32, batch_size=8)
    assert [w.filename for w in caught] == [__file__]
    np.testing.assert_allclose(found.matrix, extract(small(), images, size=32).matrix, atol=1e-6)


def test_out_of_memory_on_one_image_is_one_sentence(mixed):
    module = small(Hungry).train()
    network, before = load_network(module), state_of(module)
    module.most = 0
    with (
        pytest.warns(SmallerBatchWarning),
        pytest.raises(MemoryError, match="Hungry runs out of memory on one image of 45 x 32 pixels on cpu; take"),
    ):
        extract(network, mixed, size=32)
    assert state_of(module) == before


def test_an_own_preprocess_makes_the_input(mixed):
    def grey(image):
        return torch.from_numpy(np.asarray(image.convert("L"), dtype=np.float32) / 255)[None]

    module = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU())
    network = load_network(module, preprocess=grey, name="edges")
    found = extract(network, mixed, layer="1", size=32)
    assert found.network == "edges"
    assert found.shapes[0] == (16, 23)
    image = Image.fromarray(mixed[0]).resize((45, 32), Image.Resampling.BICUBIC)
    expected = module(grey(image)[None]).detach()[0].permute(1, 2, 0).reshape(-1, 4)
    np.testing.assert_allclose(found.matrix[: 16 * 23], expected, atol=1e-5)


def test_an_own_preprocess_may_enlarge_some_images(mixed):
    def square(image):  # 96 x 96 for all but the square ones, which stay as they are
        image = image if image.width == image.height else image.resize((96, 96), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)

    together = extract(load_network(small(), preprocess=square), mixed, layer="block", size=32, batch_size=2)
    assert together.shapes == ((24, 24), (24, 24), (24, 24), (24, 24), (8, 8), (24, 24))
    alone = [
        extract(load_network(small(), preprocess=square), mixed[i : i + 1], layer="block", size=32) for i in range(6)
    ]
    np.testing.assert_allclose(together.matrix, np.concatenate([a.matrix for a in alone]), atol=1e-5)


class CancelledError(Exception):
    pass


def test_a_cancel_leaves_nothing_behind(mixed):
    module = small().train()
    before, calls, threads = state_of(module), [], threading.active_count()

    def progress(done, total):
        calls.append((done, total))
        raise CancelledError

    with pytest.raises(CancelledError):
        extract(module, mixed, size=32, batch_size=2, progress=progress)
    assert calls == [(2, 6)]
    assert state_of(module) == before
    assert threading.active_count() == threads


def test_a_cancel_is_noticed_while_thousands_of_headers_are_read(network):
    images = ImageSet.from_arrays([np.zeros((32, 32, 3), np.uint8)] * 250)

    def progress(done, total):
        assert (done, total) == (0, 250)
        raise CancelledError

    with pytest.raises(CancelledError):
        extract(network, images, size=32, batch_size=250, progress=progress)


def test_images_are_decoded_ahead_of_the_network_but_not_all_of_them():
    opened, seen = [], []

    class Counted(ImageSet):
        def open(self, index, size=None):
            opened.append(index)
            return super().open(index, size)

    images = Counted(tuple(np.zeros((32, 32, 3), np.uint8) for _ in range(40)), tuple(map(str, range(40))))
    extract(small(), images, size=32, batch_size=4, progress=lambda done, _: seen.append((done, len(opened))))
    assert [done for done, _ in seen] == list(range(4, 41, 4))
    assert all(ahead <= done + 3 * 4 for done, ahead in seen)


def test_an_error_in_the_network_is_one_sentence_and_leaves_nothing_behind(mixed):
    class Picky(Small):
        def forward(self, x):
            if x.shape[2] == 45:
                raise RuntimeError("I do not like\n45 pixels")
            return super().forward(x)

    module = small(Picky).train()
    before = state_of(module)
    with pytest.raises(ValueError, match=r"Picky does not take images of 32 x 45 pixels \(I do not like 45 pixels\)"):
        extract(module, mixed, size=32)
    assert state_of(module) == before


def test_the_forward_pass_ends_at_the_layer(mixed):
    ran = []

    class Watched(Small):
        def __init__(self):
            super().__init__()
            self.head = nn.Sequential(*self.head, nn.Identity())
            self.head[-1].register_forward_hook(lambda *_: ran.append(1))

    network = load_network(small(Watched))
    ran.clear()
    extract(network, mixed, layer="block", size=32)
    assert not ran


def test_progress_counts_images_up_to_all_of_them(network, mixed, capsys):
    calls = []
    extract(network, mixed, size=32, batch_size=2, progress=lambda done, total: calls.append((done, total)))
    assert [total for _, total in calls] == [6] * len(calls)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1] == (6, 6)
    extract(network, mixed, size=32, progress=True)
    assert "6/6" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------------------- bad input
@pytest.fixture
def files(tmp_path):
    for i in range(5):
        Image.fromarray(RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    images = ImageSet.from_folder(tmp_path)
    (tmp_path / "0.png").unlink()
    data = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(data[: len(data) // 2])
    return images


def test_images_that_cannot_be_read_are_left_out(network, files):
    with pytest.warns(UnreadableImageWarning) as caught:
        found = extract(network, files, size=32)
    assert [str(w.message).removeprefix("left out: ") for w in caught] == list(found.skipped)
    assert [sentence.split()[0] for sentence in found.skipped] == ["0.png", "2.png"]
    assert {w.filename for w in caught} == {__file__}
    assert found.images.names == ("1.png", "3.png", "4.png")
    assert len(found.shapes) == len(found.sizes) == 3
    assert np.allclose(found.matrix, extract(network, files.subset([1, 3, 4]), size=32).matrix, atol=1e-6)
    assert len(files) == 5


def test_no_readable_image_is_one_sentence(network, files):
    with pytest.raises(ValueError, match=r"none of the 2 images can be used: 0\.png is no longer there"):
        extract(network, files.subset([0, 2]), size=32)


def test_a_strip_is_left_out_rather_than_filling_the_memory(network):
    with pytest.warns(UnreadableImageWarning, match="image 1 is 9000 x 2 pixels, a strip"):
        found = extract(network, [np.zeros((40, 50, 3), np.uint8), np.zeros((2, 9000, 3), np.uint8)], size=32)
    assert found.images.names == ("image 0",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "blok"}, "no layer 'blok'; the nearest are block"),
        ({"layer": "head.2"}, "no spatial output"),
        ({"size": 8}, "size is 8; give the short side in whole pixels, at least 16"),
        ({"size": 32.5}, "size is 32.5"),
        ({"size": "big"}, "size is 'big'"),
        ({"batch_size": 0}, "batch_size is 0; give a whole number of images, at least 1"),
        ({"device": "abacus"}, "device 'abacus' is not available here"),
    ],
)
def test_options_that_cannot_be(network, mixed, options, message):
    with pytest.raises(ValueError, match=message):
        extract(network, mixed, **options)


def test_a_module_of_another_precision_or_without_weights(mixed):
    expected = extract(small(), mixed, size=32)
    assert np.allclose(extract(small().double(), mixed, size=32).matrix, expected.matrix, atol=1e-5)
    bare = extract(nn.Sequential(nn.ReLU(), nn.MaxPool2d(4)), mixed, layer="0", size=32)
    assert bare.matrix.shape[1] == 3
    assert bare.matrix.min() == 0


def test_threads_that_share_a_network_do_not_meet_in_it(network):
    pictures = [[np.full((40 + i, 50, 3), 10 * j, np.uint8) for j in range(12)] for i in range(4)]

    def rows(images):
        return extract(network, images, size=40, batch_size=1).matrix

    alone = [rows(images) for images in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(rows, pictures))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


# --------------------------------------------------------------------------------------------------- quicker copies
@pytest.mark.parametrize("fuse", [None, True])
def test_the_embedded_network_runs_fused_and_gives_the_same_maps(mixed, fuse, monkeypatch):
    network = load_network("efficientnet_lite0")
    used = []
    monkeypatch.setattr(type(network.module), "forward", lambda self, x: used.append(self) or self.forward_features(x))
    for layers in (["bn2"], ["blocks.2", "bn2"]):
        plain = extract_layers(network, mixed, layers, size=32, fuse=False)
        assert all(module is network.module for module in used)
        used.clear()
        quick = extract_layers(network, mixed, layers, size=32, fuse=fuse)
        assert used[-1] is not network.module
        used.clear()
        for name in layers:
            a, b = plain[name].matrix, quick[name].matrix
            assert np.abs(a - b).max() <= 1e-3 * (a.max() - a.min())


def test_another_network_runs_as_it_is_unless_asked(network, mixed):
    plain, quick = extract(network, mixed, size=32), extract(network, mixed, size=32, fuse=True)
    np.testing.assert_allclose(quick.matrix, plain.matrix, atol=1e-4)
    np.testing.assert_array_equal(plain.matrix, extract(network, mixed, size=32, fuse=False).matrix)


def test_batches_are_as_large_as_their_maps_are_small(network):
    images = [np.zeros((32, 48, 3), np.uint8)] * 20
    counts = [len(batch.images) for batch in stream(network, ImageSet.of(images), ["block"], size=32)]
    assert counts == [8, 8, 4]
    at_once = forward_pass.images_at_once
    lite0 = load_network("efficientnet_lite0")
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [at_once(lite0, cpu, (side, side)) for side in (64, 320, 2000)] == [8, 2, 1]
    assert [at_once(lite0, gpu, (side, side)) for side in (64, 320, 2000)] == [64, 54, 1]
