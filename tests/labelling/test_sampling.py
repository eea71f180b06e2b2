import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dff_widgets.labelling import Sampling


@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 2**32))
def test_every_image_comes_once(images, size, seed):
    sampling, seen, pages = Sampling(images, size=size, seed=seed), [], sampling_pages(images, size)
    assert sampling.pages == len(pages)
    for many in pages:
        assert len(sampling.page) == many
        assert list(sampling.page) == sorted(sampling.page)
        seen += sampling.page
        sampling.next()
    assert sorted(seen) == list(range(images))
    assert sampling.at == 0
    assert sampling.progress == f"{images} of {images} done"


def sampling_pages(images, size):
    """How many images are on each page, by dealing them out."""
    pages = []
    while images > 0:
        pages.append(min(size, images))
        images -= size
    return pages


def test_the_order_is_drawn_and_seeded():
    pages = [Sampling(100, seed=seed).page for seed in range(20)]
    assert pages == [Sampling(100, seed=seed).page for seed in range(20)]
    assert len(set(pages)) == 20
    assert (0, 1, 2, 3, 4) not in pages


def test_what_is_skipped_is_not_done_and_comes_again():
    sampling = Sampling(7, size=3, seed=2)
    first = sampling.page
    sampling.next(skip=True)
    assert sampling.progress == "0 of 7 done"
    sampling.next()
    assert sampling.progress == "3 of 7 done"
    sampling.next()  # the short page
    assert sampling.progress == "4 of 7 done"
    assert sampling.page == first
    sampling.next(skip=True)
    assert sampling.progress == "4 of 7 done"
    for _ in range(3):  # doing a page again does not count twice
        sampling.next()
    assert sampling.progress == "7 of 7 done"


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 99), st.lists(st.booleans(), max_size=12))
def test_a_state_goes_through_json(images, size, seed, skips):
    sampling = Sampling(images, size=size, seed=seed)
    for skip in skips:
        sampling.next(skip=skip)
    found = Sampling.restored(json.loads(json.dumps(sampling.state())), images)
    assert found == sampling
    assert found.page == sampling.page
    assert found.progress == sampling.progress


@pytest.mark.parametrize(("images", "size"), [(0, 5), (-1, 5), (5, 0), (5, -2)])
def test_there_must_be_images_and_room(images, size):
    with pytest.raises(ValueError, match=f"there are {images} images in pages of {size}; give 1 or more of each"):
        Sampling(images, size=size)


WHOLE = {"images": 12, "size": 5, "seed": 0, "at": 1, "done": [0]}
NUMBERS = [-1, 10**30, -(10**30), float("nan"), float("inf"), "x", None, [], {}]


@pytest.mark.parametrize("damage", [{"at": 3}, {"at": -1}, {"done": [0, 3]}, {"done": [-1]}, {"seed": -1}, {"size": 0}])
def test_a_page_that_is_not_there_is_one_sentence(damage):
    with pytest.raises(ValueError, match="the pages of the session are damaged: "):
        Sampling.restored(WHOLE | damage, 12)


def test_a_claim_of_images_beyond_the_memory_is_refused_before_they_are_numbered():
    with pytest.raises(ValueError, match=r"damaged: they are of 1000000000000 images, and there are 12$"):
        Sampling.restored(WHOLE | {"images": 10**12, "at": 0}, 12)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_a_damaged_state_is_one_sentence_or_harmless(name, value):
    for state in (WHOLE | {name: value}, {n: v for n, v in WHOLE.items() if n != name}):
        said = page = None
        try:
            page = Sampling.restored(state, 12).page
        except ValueError as error:
            said = str(error)
        if said is None:
            assert set(page) <= set(range(12))
        else:
            assert said.startswith("the pages of the session are damaged: ")
            assert "\n" not in said
