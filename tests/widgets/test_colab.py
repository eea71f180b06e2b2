import sys
from types import ModuleType, SimpleNamespace

from dff_widgets.widgets import colab


def test_the_manager_of_custom_widgets_is_turned_on_in_colab_and_only_there(monkeypatch) -> None:
    calls = []
    google = ModuleType("google.colab")
    google.output = SimpleNamespace(enable_custom_widget_manager=lambda: calls.append(1))
    colab.prepare()
    assert not calls
    monkeypatch.setitem(sys.modules, "google.colab", google)
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    colab.prepare()
    assert calls == [1]
