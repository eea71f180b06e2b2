// A JupyterLab extension without a build step: the container that module federation expects, written by hand.
// It runs the notebook that `make lab` opens, once per browser tab; a reload finds everything as it was.
const plugin = {
  id: "dff-run-on-open:plugin",
  autoStart: true,
  activate: async (app) => {
    await app.restored;
    const notebook = app.shell.currentWidget;
    if (!notebook?.context?.path?.endsWith("01_explore.ipynb") || sessionStorage.getItem("dff-run-on-open")) return;
    await notebook.context.ready;
    await notebook.sessionContext.ready;
    sessionStorage.setItem("dff-run-on-open", "done");
    await app.commands.execute("notebook:run-all-cells");
    notebook.content.activeCellIndex = 0;
  },
};

(window._JUPYTERLAB ??= {})["dff-run-on-open"] = { init: () => {}, get: async () => () => ({ default: plugin }) };
