// A JupyterLab extension without a build step: the container that module federation expects, written by hand.
// It runs the notebook that `make lab` opens as far as the explorer, once per browser tab.
async function runToExplorer(app) {
  if (sessionStorage.getItem("dff-run-on-open")) return; // a reload finds everything as it was
  const isIt = () => app.shell.currentWidget?.context?.path?.endsWith("01_explore.ipynb");
  while (!isIt()) await new Promise((resolve) => setTimeout(resolve, 100));
  const { context, content, sessionContext } = app.shell.currentWidget;
  await context.ready;
  await sessionContext.ready;
  sessionStorage.setItem("dff-run-on-open", "done");
  const last = content.widgets.findIndex((cell) => cell.model.sharedModel.source.includes("DFFExplorer("));
  for (let cell = 0; cell <= last; cell++) {
    content.activeCellIndex = cell;
    await app.commands.execute("notebook:run-cell");
  }
  await content.scrollToItem(last, "start");
}

const plugin = {
  id: "dff-run-on-open:plugin",
  autoStart: true,
  activate: (app) => void runToExplorer(app), // not awaited: the application starts only after its plugins
};

const container = { init: () => {}, get: async () => () => ({ __esModule: true, default: plugin }) };
(window._JUPYTERLAB ??= {})["dff-run-on-open"] = container;
