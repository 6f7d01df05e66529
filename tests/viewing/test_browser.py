"""The page in a real browser: what is drawn, what turns, and what a hostile run can't do."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from depthbench.output_kinds import OutputKind
from depthbench.palette import MISSING, color_depth, color_error, own_range
from depthbench.runs.panels import read_panels, relative_error
from depthbench.viewing.page import page_files
from depthbench.viewing.scene import Scene, ShownFrame, scene_of_runs
from tests.browser import FOUND
from tests.browser import MISSING as NO_BROWSER
from tests.report.conftest import write_run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(FOUND is None, reason=NO_BROWSER)]
READY = "document.documentElement?.dataset.ready === 'yes'"
PIXELS = """(() => {
  const canvas = document.querySelectorAll('%s')[%d];
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [canvas.width, canvas.height];
  copy.getContext('2d').drawImage(canvas, 0, 0);
  return [canvas.height, canvas.width, [...copy.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]];
})()"""


def pixels(page, selector, index=0):
    height, width, values = page.evaluate(PIXELS % (selector, index))
    return np.array(values, np.uint8).reshape(height, width, 4)


def choose(page, key, value):
    page.evaluate(f"document.querySelector('input[name={key}][value={value}]').click()")


def box(page, selector, index=0):
    script = f"(() => {{ const b = document.querySelectorAll('{selector}')[{index}].getBoundingClientRect();"
    return page.evaluate(script + " return [b.left, b.top, b.width, b.height] })()")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [write_run(root, loss=loss, images=5) for loss in ("l1", "eigen")]


def test_two_runs_side_by_side(runs, serve, page):
    kept = [read_panels(run / "panels.npz") for run in runs]
    server = serve(page_files(scene_of_runs(runs)))
    page.open(server.url, READY)
    truth = kept[0].truth[0]
    colors = own_range(truth[truth > 0])
    for index, panels in enumerate(kept):
        shown = pixels(page, "canvas.map", index)[..., :3]
        expected = color_depth(panels.prediction[0], colors)
        assert (shown == expected).all(-1).mean() > 0.999  # the browser's numbers are double
        error = relative_error(panels.prediction[0], truth)
        score = page.evaluate(f"document.querySelectorAll('.score')[{index}].textContent")
        assert score == f"AbsRel {np.nanmean(np.abs(error)):.3f}"
    choose(page, "layer", "error")
    shown = pixels(page, "canvas.map", 1)[..., :3]
    expected = color_error(relative_error(kept[1].prediction[0], truth))
    assert (shown == expected).all(-1).mean() > 0.999
    assert page.evaluate("document.getElementById('labels').textContent") == "40 %-40-20020"
    choose(page, "layer", "truth")
    np.testing.assert_array_equal((pixels(page, "canvas.map")[..., :3] == MISSING).all(-1), truth == 0)
    page.evaluate("document.querySelectorAll('#frames button')[2].click()")
    page.wait("document.getElementById('title').textContent === 'frame2'")
    np.testing.assert_array_equal(pixels(page, "canvas.picture")[..., :3], kept[0].image[2])
    assert page.complaints == []
    assert all(url.startswith((server.url, "data:")) for url in page.requested)


def test_points_turn_together_and_the_slider_moves(runs, serve, page):
    page.show((1280, 1400))
    page.open(serve(page_files(scene_of_runs(runs))).url, READY)
    before = [pixels(page, "canvas.space", index) for index in (0, 1)]
    for picture in before:
        assert 0.2 < (picture[..., 3] > 0).mean() < 1
    left, top, width, height = box(page, "canvas.space")
    middle = (left + width / 2, top + height / 2)
    page.drag(middle, (middle[0] + 120, middle[1] + 30))
    after = [pixels(page, "canvas.space", index) for index in (0, 1)]
    for old, new in zip(before, after, strict=True):
        assert (old != new).any(-1).mean() > 0.1
    page.evaluate("document.querySelector('canvas.space').dispatchEvent(new MouseEvent('dblclick'))")
    np.testing.assert_array_equal(pixels(page, "canvas.space"), before[0])
    left, top, width, height = box(page, "figure", 1)
    page.drag((left + width / 2, top + 40), (left + width / 5, top + 40))
    for index in (0, 1):
        left, _, width, _ = box(page, "figure", index)
        assert box(page, ".line", index)[0] == pytest.approx(left + width / 5, abs=5)
    said = page.evaluate("document.getElementById('readout').textContent")
    assert re.fullmatch(r"loss=l1.*: [\d.]+ m; loss=eigen.*: [\d.]+ m; truth: [\d.]+ m \(column \d+, row \d+\)", said)
    assert page.complaints == []


def test_points_are_where_the_camera_puts_them(serve, page):
    """Seen from the camera itself, a point lies over its pixel: a red block on a blue wall, asymmetric camera."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[...] = (0, 0, 255)
    picture[10:20, 5:15] = (255, 0, 0)
    depth = np.full((40, 60), 4.0, np.float32)
    depth[10:20, 5:15] = 2.0
    camera = np.array([[50.0, 0, 29.5], [0, 50.0, 19.5], [0, 0, 1]])
    scene = Scene(("network",), (ShownFrame("x", picture, (depth,), None, camera, True),))
    page.open(serve(page_files(scene)).url, READY)
    page.evaluate("turnTo({ yaw: 0, pitch: 0, away: 1 })")
    shown = pixels(page, "canvas.space")
    red = (shown[..., 0] > 200) & (shown[..., 2] < 50)
    rows, columns = np.nonzero(red)
    height, width = red.shape
    fit = 0.92 * min(width / 60, height / 40)
    found = [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
    wanted = [(edge - 30) * fit + width / 2 for edge in (5, 15)] + [(edge - 20) * fit + height / 2 for edge in (10, 20)]
    np.testing.assert_allclose(found, wanted, atol=0.3 * fit)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 800), (400, 800)])
def test_nothing_is_cut_off(size, dark, runs, serve, page):
    page.show(size, dark)
    page.open(serve(page_files(scene_of_runs(runs))).url, READY)
    for place in ("document.documentElement", "document.getElementById('page')"):
        assert page.evaluate(f"{place}.scrollWidth") <= size[0]
    picture = np.asarray(Image.open(io.BytesIO(page.picture())).convert("L")).astype(int)
    assert (np.median(picture[:20]) < 60) == dark
    columns = {round(box(page, "article", index)[0]) for index in (0, 1)}
    assert len(columns) == (2 if size[0] > 1000 else 1)


def test_a_hostile_name_is_text(serve, page):
    name = "<img src=x onerror=\"document.title='run'\">"
    picture, depth = np.zeros((4, 6, 3), np.uint8), np.random.default_rng(0).uniform(-1, 1, (4, 6)).astype(np.float32)
    depth[0, 0] = np.nan
    frame = ShownFrame(name, picture, (depth,), None, np.eye(3), False)
    page.open(serve(page_files(Scene((name,), (frame,), OutputKind.AFFINE_DISPARITY))).url, READY)
    assert page.evaluate("document.getElementById('title').textContent") == name
    assert page.evaluate("document.querySelectorAll('main img').length") == 0
    assert page.evaluate("document.title").startswith("<img")
    assert page.evaluate("document.querySelector('.note').textContent").startswith("No points: disparity up to scale")
    shown = pixels(page, "canvas.map")[..., :3]
    expected = color_depth(depth, own_range(depth, falls=True), positive=False)
    np.testing.assert_array_equal(shown, expected)
    assert page.evaluate("document.getElementById('labels').textContent") == "nearfarrelative"
    assert page.complaints == []
