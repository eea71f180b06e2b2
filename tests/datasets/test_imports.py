import subprocess
import sys

HEAVY = {"torch", "torchvision", "timm", "scipy.io", "pycocotools", "pooch", "matplotlib", "ipywidgets"}


def test_data_sets_and_metrics_load_nothing_heavy():
    code = f"import sys, dff_widgets.datasets, dff_widgets.evaluation;print(sorted({HEAVY!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == "[]"
