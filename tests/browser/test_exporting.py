"""The export menu, with a kernel behind it: a file is written, asked about, and brought to this computer."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from playwright.sync_api import Page, expect

CELL = """
import dff_widgets as dff
explorer = dff.DFFExplorer(dff.datasets.creatures(n=3, seed=0, size=96), k=2, size=96, labels={0: "torso"}, height=640)
explorer
"""


@pytest.fixture
def book(open_notebook):
    book = open_notebook(CELL)
    book.run_all()
    book.run("explorer.wait(60)")
    return book


def menu(page: Page):
    page.locator(".dffw-export").click()
    return page.get_by_role("dialog", name="Export")


def downloaded(page: Page, panel) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        panel.get_by_role("button", name="Download").click()
    with open(waiting.value.path(), "rb") as file:  # noqa: PTH123 - a path of playwright's
        return waiting.value.suggested_filename, file.read()


@pytest.mark.lab_only
def test_an_export_is_written_asked_about_and_downloaded(book) -> None:
    page = book.page
    panel = menu(page)
    panel.get_by_role("radio", name="YOLO segmentation").check()
    expect(panel.get_by_label("File or folder to write")).to_have_value("creatures-efficientnet_lite0-k2-yolo")
    panel.get_by_label("Unnamed factors are background").check()
    panel.get_by_label("With the photos").check()
    panel.get_by_role("button", name="Export", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("3 images in 'creatures-efficientnet_lite0-k2-yolo'")
    name, content = downloaded(page, panel)
    assert name == "creatures-efficientnet_lite0-k2-yolo.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len([one for one in names if one.endswith(".png")]) == 3
        assert len([one for one in names if "/labels/train/" in one]) == 3
        assert b"torso" in archive.read("creatures-efficientnet_lite0-k2-yolo/data.yaml")

    panel.get_by_role("radio", name="COCO").check()
    expect(panel.get_by_role("button", name="Download")).to_be_hidden()
    expect(panel.get_by_label("With the photos")).to_be_hidden()
    box = panel.get_by_label("File or folder to write")
    book.run("open('mine.json', 'w').write('mine')")
    box.fill("mine.json")
    panel.get_by_role("button", name="Export", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("overwrite it?")
    panel.get_by_role("button", name="Overwrite").click()
    expect(panel.get_by_role("status")).to_contain_text("3 images in 'mine.json'")
    name, content = downloaded(page, panel)
    assert (name, len(json.loads(content)["images"])) == ("mine.json", 3)
    for text, said in (("", "give the name of a file"), ("/nowhere/x.json", "no folder at '/nowhere'")):
        box.fill(text)
        panel.get_by_role("button", name="Export", exact=True).click()
        expect(panel.get_by_role("status")).to_contain_text(said)


@pytest.mark.lab_only
def test_masks_are_opened_by_the_images_menu_and_measured(book) -> None:
    page = book.page
    book.run("explorer.panel.export('coco', 'truth.json')")
    page.get_by_role("button", name="Images").first.click()
    panel = page.get_by_role("dialog", name="Open images")
    box = panel.get_by_label("Path of label maps, a COCO file, a labelme or YOLO folder")
    box.fill("nowhere")
    box.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("no file or folder at 'nowhere'")
    box.fill("truth.json")
    panel.get_by_role("button", name="Open part masks").click()
    expect(panel.get_by_role("status")).to_contain_text("part masks of 2 of 3 images: torso")
    page.keyboard.press("Escape")
    book.run("explorer.wait(60)")
    assert book.run("print(explorer.iou)").strip() == "[1.0, None]"  # they are the masks that were exported
