// `FactorInspector`: the closer as a widget of its own.

import { alone } from "../kit/alone.js";
import { mount } from "./index.js";

export default alone((host, model, _on, signal) => mount(host, { pane: () => model, signal }));
