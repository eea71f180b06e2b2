// `DFFComparison`: the comparison as a widget of its own.

import { alone } from "../kit/alone.js";
import { mountAlone } from "./index.js";

export default alone((host, model, _on, signal) => mountAlone(host, model, signal));
