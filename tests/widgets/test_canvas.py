"""The canvas of factors: what it sends to a page, and what it makes of a click; the page is in tests/browser."""

import ipycanvas
import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.factorization import Factorization

H, W, SHAPE = 60, 90, (4, 6)


def result_of(maps, size=(H, W)):
    maps = np.asarray(maps, dtype=np.float32)
    photos = dff.ImageSet.from_arrays([np.full((*size, 3), 90, dtype=np.uint8)])
    factors = Factorization(maps.reshape(len(maps), -1).T, np.ones((len(maps), 3)), 0.0, 1, True)
    return dff.DFFResult(factors, photos, (maps.shape[1:],), (size,), "toy", "layer", 60)


@pytest.fixture
def result():
    maps = np.zeros((2, *SHAPE))
    maps[0, :, :3] = 1  # the left half, and one cell
    maps[1, 3, 5] = 2
    return result_of(maps)


@pytest.fixture
def sent(monkeypatch):
    """What is drawn: (canvas, command, arguments, buffers)."""
    found, names = [], {number: name for name, number in ipycanvas.canvas.COMMANDS.items()}
    manager = ipycanvas.canvas._CANVAS_MANAGER

    def draw(canvas, name, args=(), buffers=()):
        found.append((canvas, names[name], list(args), list(buffers), manager._caching))

    monkeypatch.setattr(type(manager), "send_draw_command", lambda self, *args: draw(*args))
    return found


def ready(canvas):
    canvas.drawing._handle_frontend_event(None, {"event": "client_ready"}, [])


def test_the_layers_are_photo_factors_and_the_persons_own(result):
    canvas = dff.FactorCanvas(result, side=45)
    assert isinstance(canvas, ipycanvas.MultiCanvas)
    assert all(isinstance(layer, ipycanvas.Canvas) for layer in (canvas.factor_layer(0), canvas.drawing))
    assert (
        len({id(layer) for layer in (canvas[0], canvas.factor_layer(0), canvas.factor_layer(1), canvas.drawing)}) == 4
    )
    assert (canvas.width, canvas.height) == (90, 60)  # twice what it takes on the page
    assert (canvas.layout.width, canvas.layout.height) == ("45px", "30px")


def test_a_page_that_opens_gets_everything_in_pixels_of_the_image(result, sent):
    canvas = dff.FactorCanvas(result, side=90)
    for _ in range(2):  # a reload
        sent.clear()
        ready(canvas)
        assert [c for c, name, *_ in sent if name == "putImageData"] == [canvas[0], canvas[1], canvas[2]]
        assert all(held for *_, held in sent)  # one message each time, not one for each command
        for layer in canvas._canvases:
            last = [args for c, name, args, *_ in sent if c is layer and name == "setTransform"][-1]
            assert last == [2, 0, 0, 2, 0, 0]
        stretched = next(args for c, name, args, *_ in sent if c is canvas[1] and name == "setTransform")
        assert stretched == [180 / 6, 0, 0, 120 / 4, 0, 0]  # the layer's grid over the whole image
    assert not ipycanvas.canvas._CANVAS_MANAGER._caching


def test_a_click_says_where_in_the_image_and_how_strong_each_factor_is_there(result):
    canvas, found = dff.FactorCanvas(result, side=45), []
    canvas.on_click(lambda *what: found.append(what))
    for x, y in ((10, 30), (89, 59), (1e4, -5)):  # canvas pixels; the last is beyond the image
        canvas.drawing._handle_frontend_event(None, {"event": "mouse_down", "x": x, "y": y}, [])
    assert [(x, y) for x, y, _ in found] == [(10, 30), (89, 59), (89, 0)]
    assert np.allclose(found[0][2], [1, 0])
    assert np.allclose(found[1][2], result.heatmaps(0)[:, 59, 89])
    assert found[1][2][1] > 0.9


def test_a_listener_can_be_taken_away(result):
    canvas, found = dff.FactorCanvas(result), []
    canvas.on_click(found.append)
    canvas.on_click(found.append, remove=True)
    canvas.drawing._handle_frontend_event(None, {"event": "mouse_down", "x": 1, "y": 1}, [])
    assert found == []


def test_other_factors_of_the_image_take_the_place_of_the_first(result, sent):
    canvas, other = dff.FactorCanvas(result, side=90), result_of(np.ones((2, 7, 5)))
    sent.clear()
    canvas.show(other)
    assert canvas.result is other
    assert [c for c, name, *_ in sent if name == "putImageData"] == [canvas[1], canvas[2]]
    for wrong in (result_of(np.ones((3, *SHAPE))), result_of(np.ones((2, *SHAPE)), size=(W, H))):
        with pytest.raises(ValueError, match="this canvas has 2 factors"):
            canvas.show(wrong)
    assert canvas.result is other


def test_an_error_while_drawing_silences_no_canvas(result, monkeypatch):
    canvas, manager = dff.FactorCanvas(result), ipycanvas.canvas._CANVAS_MANAGER
    monkeypatch.setattr(type(result), "coarse_heatmaps", lambda self, i: [np.full((2, 2), "no number")])
    with pytest.raises((ValueError, TypeError)):
        canvas._draw_factors()
    assert not manager._caching
    assert manager._commands_cache == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": 1}, r"image is 1; this result has images 0\.\.0"),
        ({"side": 0}, "side is 0 and opacity 0.8"),
        ({"opacity": 2}, "opacity 2; give at least 1 pixel, and 0 to 1"),
        ({"colors": ["#112233"]}, "give one '#RRGGBB' for each of 2 factors"),
        ({"colors": ["red", "blue"]}, "give one '#RRGGBB' for each of 2 factors"),
    ],
)
def test_what_does_not_fit_is_said(result, arguments, message):
    with pytest.raises(ValueError, match=message):
        dff.FactorCanvas(result, **arguments)
    with pytest.raises(ValueError, match=r"factor is 2; there are factors 0\.\.1"):
        dff.FactorCanvas(result).factor_layer(2)
