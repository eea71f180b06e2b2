// `TreeView`: the tree as a widget of its own.

import { alone } from "../kit/alone.js";
import { mountTree } from "./index.js";
import { traitSource } from "./source.js";

export default alone((host, model, on, signal) => mountTree(host, (own) => traitSource(model, on, own), signal));
