import base64
import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dff_widgets.images import ImageSet, UnreadableImageError, UnreadableImageWarning, open_header

RNG = np.random.default_rng(0)
SMOOTH = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize((40, 24), Image.Resampling.BICUBIC)
)
LOSSLESS = {"PNG": {}, "TIFF": {}, "BMP": {}, "WEBP": {"lossless": True}}


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def one(source, name="x"):
    return ImageSet((source,), (name,))


# ------------------------------------------------------------------------------------------------------- formats
@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_the_same_pixels(kind):
    images = one(encoded(Image.fromarray(SMOOTH), kind, **LOSSLESS[kind]))
    assert np.array_equal(images[0], SMOOTH)
    assert images[0].dtype == np.uint8
    assert images.size(0) == (24, 40)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_jpeg_in_any_mode_is_rgb(mode):
    source = Image.fromarray(SMOOTH).convert(mode)
    expected = np.asarray(source.convert("RGB"))
    found = one(encoded(source, "JPEG", quality=95))[0]
    assert found.shape == SMOOTH.shape
    assert np.abs(found.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("L", "TIFF"), ("L", "BMP"), ("1", "PNG"), ("1", "TIFF"), ("1", "BMP")]
)
def test_grey_and_one_bit_files_keep_their_brightness(mode, kind):
    source = Image.fromarray(SMOOTH).convert(mode)
    found = one(encoded(source, kind))[0]
    assert np.array_equal(found, np.repeat(np.asarray(source.convert("L"))[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("brightest", [65535, 4095, 200])
def test_sixteen_bit_greys_are_scaled_by_what_sixteen_bits_can_hold(kind, brightest):
    values = np.linspace(0, brightest, 24 * 40).reshape(24, 40).astype(np.uint16)
    found = one(encoded(Image.fromarray(values), kind))[0]
    assert np.array_equal(found[..., 0], (values * (255 / 65535)).round())
    assert np.array_equal(found[..., 0], found[..., 2])


def sixteen_bit_rgb_png(values):
    """(h, w, 3) uint16 as PNG, which Pillow does not write."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bit_rgb_png():
    values = SMOOTH.astype(np.uint16) * 257
    assert np.abs(one(sixteen_bit_rgb_png(values))[0].astype(int) - SMOOTH).max() <= 1


@pytest.mark.parametrize(
    ("white", "dtype"), [(1.0, np.float32), (255, np.float32), (65535, np.int32), (10**6, np.int32)]
)
def test_greys_of_32_bits_are_scaled_by_the_smallest_usual_white_that_fits(white, dtype):
    values = (np.linspace(0, 1, 24 * 40).reshape(24, 40) * white).astype(dtype)
    found = one(encoded(Image.fromarray(values), "TIFF"))[0]
    assert found.min() == 0
    assert found.max() == 255


def test_a_float_tiff_with_holes_is_read():
    values = np.full((24, 40), 0.5, dtype=np.float32)
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -1
    assert one(encoded(Image.fromarray(values), "TIFF"))[0].shape == SMOOTH.shape


def test_a_palette_without_transparency():
    source = Image.fromarray(SMOOTH).quantize(16)
    assert np.array_equal(one(encoded(source, "PNG"))[0], np.asarray(source.convert("RGB")))


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "bytes"])
def test_what_is_transparent_lies_on_white(kind):
    alpha = np.zeros((24, 40), dtype=np.uint8)
    alpha[:, 20:] = 255
    image = Image.fromarray(SMOOTH)
    if kind == "RGBA":
        image.putalpha(Image.fromarray(alpha))
        source, opaque = encoded(image, "PNG"), SMOOTH
    elif kind == "LA":
        image = image.convert("L")
        opaque = np.asarray(image.convert("RGB"))
        image.putalpha(Image.fromarray(alpha))
        source = encoded(image, "PNG")
    else:  # a palette with one transparent entry, or a transparency for each
        indices = np.zeros((24, 40), dtype=np.uint8)
        indices[:, 20:] = 1
        image = Image.fromarray(indices)
        image.putpalette([0, 0, 0, 200, 30, 40])
        source = encoded(image, "PNG", transparency=0 if kind == "P" else bytes([0, 255]))
        opaque = np.broadcast_to(np.array([200, 30, 40], dtype=np.uint8), SMOOTH.shape)
    found = one(source)[0]
    assert (found[:, :20] == 255).all()
    assert np.array_equal(found[:, 20:], opaque[:, 20:])


def test_half_transparent_is_half_white():
    image = Image.new("RGBA", (4, 3), (100, 0, 200, 128))
    assert np.abs(one(encoded(image, "PNG"))[0].astype(int) - [177, 127, 227]).max() <= 1


TURN_BACK = {  # what a camera does to the scene, from the definition of the orientations
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_photos_come_out_upright_and_their_size_is_known_before(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(TURN_BACK[orientation](SMOOTH)))
    images = one(encoded(stored, kind, exif=exif, **LOSSLESS.get(kind, {"quality": 95, "subsampling": 0})))
    assert images.size(0) == (24, 40)
    assert images[0].shape == (24, 40, 3)
    assert np.abs(images[0].astype(int) - SMOOTH).mean() < (3 if kind == "JPEG" else 1e-9)
    assert images.thumbnail(0, 20).size == (20, 12)
    assert np.array_equal(ImageSet.of([open_header(images.sources[0], "x")])[0], images[0])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_damaged_exif_data_does_not_cost_the_image(kind):
    images = one(encoded(Image.fromarray(SMOOTH), kind, exif=b"Exif\0\0rubbish"))
    assert images.size(0) == images[0].shape[:2] == (24, 40)


def test_the_size_of_a_png_is_known_without_its_pixels():
    data = encoded(Image.fromarray(SMOOTH), "PNG")
    assert one(data[: data.index(b"IDAT") + 8]).size(0) == (24, 40)


# ------------------------------------------------------------------------------------------------------ unreadable
@pytest.fixture
def folder(tmp_path):
    """A folder with one good photo and four that are not."""
    data = encoded(Image.fromarray(RNG.integers(0, 256, (200, 300, 3), dtype=np.uint8)), "JPEG")
    (tmp_path / "good.jpg").write_bytes(data)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.tif").write_text("no image")
    (tmp_path / "truncated.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "folder.bmp").mkdir()
    (tmp_path / "notes.txt").write_text("left alone")
    (tmp_path / "._good.jpg").write_bytes(b"left alone too")
    return tmp_path


def test_unreadable_files_are_named_and_the_others_load(folder):
    with pytest.warns(UnreadableImageWarning) as caught:
        images = ImageSet.from_folder(folder)
    said = " ".join(str(w.message) for w in caught)
    assert len(caught) == 3
    assert all(name in said for name in ("empty.png", "text.tif", "folder.bmp"))
    assert {w.filename for w in caught} == {__file__}  # the line that asked for the images
    assert images.names == ("good.jpg", "truncated.jpg")
    assert images[0].shape == (200, 300, 3)
    with pytest.raises(UnreadableImageError, match=r"truncated\.jpg cannot be read: .*truncated"):
        images[1]


def test_a_file_that_vanishes_is_named(folder):
    images = ImageSet.from_files([folder / "good.jpg"])
    (folder / "good.jpg").unlink()
    for read in (images.size, images.open, lambda i: images.thumbnail(i, 10)):
        with pytest.raises(UnreadableImageError, match=r"good\.jpg is no longer there"):
            read(0)


def test_decompression_bombs_are_refused(monkeypatch):
    data = encoded(Image.fromarray(SMOOTH), "PNG")
    for limit in (24 * 40 - 1, 24 * 40 // 3):  # Pillow warns at the first, and refuses at the second
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        for read in (ImageSet.size, ImageSet.open):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with pytest.raises(UnreadableImageError, match=f"x has more than {limit} pixels"):
                    read(one(data), 0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert one(data).size(0) == (24, 40)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]),  # not TIFF: libtiff prints its complaints
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=5),
)
def test_no_damage_gives_another_error_than_ours(kind, cut, changes):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(Image.fromarray(SMOOTH), kind, **({} if kind == "BMP" else {"exif": exif})))
    for place, value in changes:
        data[int(place * len(data))] = value
    images = one(bytes(data[: round(cut * len(data))]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in (images.size, images.open, lambda i: images.thumbnail(i, 8)):
            try:
                read(0)
            except UnreadableImageError as error:
                assert str(error).startswith("x ")  # noqa: PT017 - it need not fail


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: ImageSet.of([]), "no images: give at least one"),
        (lambda folder: ImageSet.of(folder / "nowhere"), "no folder at '.*nowhere'"),
        (lambda folder: ImageSet.of(folder / "folder.bmp"), "no images in '.*': it must hold files ending in .bmp, "),
        (lambda folder: ImageSet.of([folder / "text.tif"]), r"text\.tif is not an image that can be read"),
        (lambda folder: ImageSet.of([folder / "gone.jpg"]), r"gone\.jpg is no longer there"),
        (lambda folder: ImageSet.from_files([]), "no images"),
    ],
)
def test_no_readable_image_is_one_sentence(folder, make, message):
    with pytest.raises(ValueError, match=message):
        make(folder)


# -------------------------------------------------------------------------------------------------------- in memory
@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (SMOOTH, SMOOTH),
        (SMOOTH / 255, SMOOTH),
        (SMOOTH.astype(np.float32)[::-1] / 255, SMOOTH[::-1]),
        (SMOOTH[..., 0], np.repeat(SMOOTH[..., :1], 3, axis=2)),
        (SMOOTH[..., :1], np.repeat(SMOOTH[..., :1], 3, axis=2)),
        (SMOOTH[..., 0] > 100, np.repeat((SMOOTH[..., :1] > 100) * np.uint8(255), 3, axis=2)),
        (np.dstack([SMOOTH, np.full((24, 40), 255, dtype=np.uint8)]), SMOOTH),
        (np.dstack([SMOOTH, np.zeros((24, 40), dtype=np.uint8)]), np.full_like(SMOOTH, 255)),
    ],
)
def test_arrays_of_every_kind(array, expected):
    before = array.copy()
    images = ImageSet.from_arrays([array])
    assert np.array_equal(images[0], expected)
    assert np.array_equal(array, before)
    assert images.names == ("image 0",)


@pytest.mark.parametrize("mode", ["P", "1", "L", "LA", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_pil_images_of_every_mode(mode):
    source = Image.fromarray(SMOOTH)
    if mode == "P":
        source = source.quantize(8)
    elif mode == "I;16":
        source = Image.fromarray(np.asarray(source.convert("L")).astype(np.uint16) * 257)
    else:
        source = source.convert(mode)
    found = ImageSet.of([source])[0]
    expected = np.asarray(Image.fromarray(SMOOTH).convert("L")) if mode == "I;16" else None
    if expected is None:
        expected = np.asarray(source.convert("RGB"))
    else:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert np.array_equal(found, expected)
    assert np.array_equal(ImageSet.of(source)[0], expected)


@pytest.mark.parametrize(
    ("array", "count"), [(SMOOTH, 1), (SMOOTH[..., 0], 1), (np.stack([SMOOTH] * 5), 5), (np.zeros((7, 24, 40)), 7)]
)
def test_one_array_is_one_image_and_a_stack_is_many(array, count):
    assert len(ImageSet.of(array)) == count


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (SMOOTH.astype(np.float64), "values outside 0..1"),
        (np.full((2, 2), np.nan), "values outside 0..1"),
        (SMOOTH.astype(np.int64), r"int64; give uint8 \(0..255\) or float"),
        (SMOOTH.transpose(2, 0, 1), r"\(3, 24, 40\).*give \(h, w, 3\)"),
        (np.zeros((0, 4, 3), dtype=np.uint8), r"\(0, 4, 3\)"),
        ("photo.jpg", "image 1 is an array of shape"),
    ],
)
def test_an_array_that_is_no_image_is_described(array, message):
    with pytest.raises(ValueError, match=message):
        ImageSet.of([SMOOTH, array])


@pytest.mark.parametrize("nonsense", [3, None, {"a": 1}, object()])
def test_what_is_no_set_of_images_is_refused(nonsense):
    with pytest.raises(TypeError, match="images is a "):
        ImageSet.of(nonsense)


# -------------------------------------------------------------------------------------------------------- the set
def test_what_belongs_to_an_image_stays_with_it():
    arrays = [np.full((h, 5, 3), h, dtype=np.uint8) for h in (2, 3, 4)]
    parts = [{"head": np.ones((h, 5), dtype=bool)} for h in (2, 3, 4)]
    boxes = [np.full((1, 4), h) for h in (2, 3, 4)]
    images = ImageSet.from_arrays(arrays, names="abc", parts=parts, boxes=boxes)
    for found, order in ((images.subset([2, 0]), [2, 0]), (images[::-2], [2, 0]), (images[1:], [1, 2])):
        assert found.names == tuple("abc"[i] for i in order)
        assert [found.size(i) for i in range(2)] == [arrays[i].shape[:2] for i in order]
        assert [p["head"].shape for p in found.parts] == [parts[i]["head"].shape for i in order]
        assert [int(b[0, 0]) for b in found.boxes] == [i + 2 for i in order]
    assert len(images.subset([])) == 0
    assert np.array_equal(images[-1], arrays[2])
    with pytest.raises(IndexError):
        images[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["a"]}, "names must hold one entry per image: got 1 for 2"),
        ({"parts": [{}] * 3}, "parts must hold one entry per image: got 3 for 2"),
        ({"boxes": []}, "boxes must hold one entry per image: got 0 for 2"),
        (
            {"parts": [{}, {"leg": np.ones((40, 24))}]},
            r"mask of 'leg' in image 1 is \(40, 24\); its image is \(24, 40\)",
        ),
    ],
)
def test_what_does_not_fit_the_images_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImageSet.from_arrays([SMOOTH, SMOOTH], **options)


def test_a_single_path_is_one_file(folder):
    for images in (ImageSet.of(folder / "good.jpg"), ImageSet.of(str(folder / "good.jpg"))):
        assert images.names == ("good.jpg",)
    assert ImageSet.from_files(str(folder / "good.jpg")).names == ("good.jpg",)


def test_a_thumbnail_leaves_the_image_alone():
    images = ImageSet.of([SMOOTH.copy()])
    assert images.thumbnail(0, 10).size == (10, 6)
    assert images.thumbnail(0, 400).size == (40, 24)
    assert np.array_equal(images[0], SMOOTH)


def test_a_set_says_what_it_holds() -> None:
    one = ImageSet.from_arrays([np.zeros((4, 5, 3), np.uint8)])
    assert repr(one) == "ImageSet(1 image: image 0)"
    masks = [{"head": np.ones((4, 5), bool)}] * 4
    four = ImageSet.from_arrays([np.zeros((4, 5, 3), np.uint8)] * 4, parts=masks)
    assert repr(four) == "ImageSet(4 images: image 0, image 1, image 2, …; with parts)"


def test_a_notebook_shows_the_first_images_and_no_more_than_it_may(tmp_path) -> None:
    names = ["<script>alert(1)</script>", *(f"{i}" for i in range(30))]
    noise = [RNG.integers(0, 256, (300, 400, 3), dtype=np.uint8) for _ in names]
    shown = ImageSet.from_arrays(noise, names=names)._repr_html_()
    assert shown.count("<img") == 8
    assert "31 images" in shown
    assert "<script" not in shown
    assert len(shown) < 150_000  # of pure noise; photos need a third
    data = base64.b64decode(shown.split("base64,")[1].split('"')[0])
    assert Image.open(io.BytesIO(data)).size == (112, 84)


def test_an_unreadable_image_is_said_and_the_others_are_shown(tmp_path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not a photo")
    Image.new("RGB", (4, 4)).save(tmp_path / "b.png")
    shown = ImageSet((tmp_path / "a.jpg", tmp_path / "b.png"), ("a.jpg", "b.png"))._repr_html_()
    assert shown.count("<img") == 1
    assert "cannot be read" in shown
    assert "0 images" in ImageSet((), ())._repr_html_()


def test_numbers_in_names_of_files_count_as_numbers(tmp_path):
    for name in ("10.png", "2.png", "1.png", "0.png", "01.png", "a10.png", "a9b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    names = ImageSet.from_folder(tmp_path).names
    assert names == ("0.png", "01.png", "1.png", "2.png", "10.png", "a9b.png", "a10.png")
