// What crosses the wire and what the parts of the front end hand to each other. Types only: nothing here is run.

import type { AnyModel } from "@anywidget/types";

export type Look = "heat" | "sharp" | "masks";
export type Photo = "grey" | "colour" | "dim";
export type Sort = "as given" | "name" | "factor" | "doubt";
export type Bytes = DataView | Uint8Array;

/** What a person chooses; set in the browser at once, told to the kernel when the hand lets go. */
export interface Choices {
  k: number;
  layer: string;
  look: Look;
  photo: Photo;
  percentile: number; // 0..100
  threshold: null | "auto" | "otsu";
  selected: number; // factor of the present k, -1: none
  tile_size: number; // height of a row in CSS pixels, 0: as fits
  sort: Sort;
  filter: string;
  reviewed: "" | "unreviewed" | "accepted" | "rejected"; // only these images are shown, "": all
  tab: string;
  opened: number; // the image in focus, -1: none
  opacities: Record<string, number>; // by concept, 0..1
  hidden: number[]; // concepts
  height: number; // of the app in CSS pixels, 0: its own
}

export interface Place {
  key?: string; // of the stack that is wanted; the overlays fade while it is not the stack's
  images: string; // the set's title
  n: number;
  network: string;
  layer: string;
  solver: string;
  focus: string; // "object", or "" for all of the images
  seed: number;
  size: number;
  held: boolean;
  shown: number[];
  store: boolean;
  k_max: number;
  sampling?: { at: number; pages: number; size: number; done: number; of: number } | null; // pages of a few images
  device?: string;
  steer?: { undo: number; redo: number }; // acts of steering that can be undone, and done again
  locked?: number[]; // factors whose W stays
}

export interface LayerChoice {
  name: string;
  grid: [number, number] | null;
  channels: number;
  stride: number;
  signed: boolean;
  scrub: boolean; // one of the scrubber's
  ready: boolean; // extracted
}

export interface ExportChoice {
  format: string;
  title: string;
  note: string;
  path: string; // by default; a folder has no suffix
  folder: boolean;
  masks: boolean; // made of masks of named classes
  photos: boolean; // the photos can go along
  url: boolean; // it must be said where the photos are
}

export interface NetworkChoice {
  name: string;
  installed: boolean;
  note: string;
}

export interface KernelChoices {
  networks: NetworkChoice[];
  layers: LayerChoice[];
  solvers: [string, string][];
  datasets: { name: string; title: string; note: string }[];
  recent: string[];
  exports: ExportChoice[];
}

/** The factors of one k, in the order of the tree. */
export interface StackLevel {
  k: number;
  explained: number; // 0..1
  shares: number[];
  gains: number[]; // what a heat map is multiplied by before it is drawn, as a viewer's contrast limits do
  parents: number[]; // index in the level before, -1 in the first
  overlaps: number[];
  concepts: number[];
  quantiles: number[][]; // per factor its levels 0..255 at the percentiles 0..100
}

export interface Stack {
  key: string;
  ks: number[];
  grids: [number, number][]; // per image
  kept: number; // images whose heat maps are in `heat`
  suggested: number | null;
  levels: StackLevel[];
}

export interface LevelAppearance {
  colors: string[]; // #RRGGBB
  names: string[][]; // the parts a factor is named after
  titles: string[];
}

export interface Appearance {
  levels: Record<string, LevelAppearance>;
  parked: Record<string, string[]>;
  known: string[];
  undoable: boolean;
  redoable: boolean;
}

export interface Scores {
  k: number;
  look: string;
  iou: (number | null)[];
  over: number[]; // per factor in how many images it is measured
  mean: number | null;
  coverage: number[][];
  parts: string[];
  threshold: number;
  covered: number;
  of: number;
  stale: boolean;
  summary: string;
}

export interface Status {
  text: string;
  step: string;
  done: number;
  total: number;
  left: number | null; // seconds
  busy: boolean;
  problem: string | null;
}

/** What was said of the images, by their index among those that are shown. */
export interface Notes {
  reviews?: { accepted: number[]; rejected: number[] };
  corrected?: number[]; // with a mask that a person corrected
  misfits?: number[]; // and that is predicted elsewhere by now
  parked?: number; // corrections of factors that are not here
  doubts?: number[]; // per image how unsure its masks are, where the order asks for it
}

/** The masks as they were seen, for one k: maps that are above one half inside, and follow the edges where these did. */
export interface SeenMaps {
  k: number;
  grids: [number, number][];
  maps: Bytes; // of all images, a byte a cell
}

/** What the kernel alone writes. */
export interface Told {
  place: Place;
  choices: KernelChoices;
  captions: string[];
  sizes: [number, number][]; // per image its height and width in pixels
  photos: Bytes[];
  stack: Stack;
  heat: Bytes;
  appearance: Appearance;
  scores: Scores;
  notes: Notes;
  seen: SeenMaps | null; // of an exported page
  status: Status;
  /** Whether there is one result and no network. */
  alone: boolean;
}

export interface Progress {
  done: number;
  total: number; // 0: nothing is on its way
}

/** What only this view knows. */
export interface Local {
  asleep: boolean; // no kernel answers
  page: boolean; // an exported page: there never was a kernel
  solo: number; // the concept shown alone, -1: none
  pointing: "" | "add" | "refine"; // what the next click on an image steers
  pointed: number[]; // the last click that steers: image, and x and y as fractions of it
  hovered: number; // the factor whose card is under the pointer, -1: none
  sharpening: Progress; // of the sharp maps that are shown
  order: number[]; // the images that the gallery shows, in its order
  row_height: number; // of the gallery, as chosen or as fits
  side: string; // the tab beside the stage
  closer: boolean; // whether the drawer under the stage is open
}

export type State = Choices & Told & Local;
export type Model = AnyModel<Choices & Told>;

export interface Answer {
  content: Record<string, unknown>;
  buffers: DataView[];
}

/** One request to the kernel: resolves with its last answer, rejects with what the kernel says is wrong. */
export type Ask = (
  what: string,
  payload?: Record<string, unknown>,
  options?: { buffers?: ArrayBuffer[]; part?: (answer: Answer) => void },
) => Promise<Answer>;

export interface Store<S> {
  get<N extends keyof S>(name: N): S[N];
  set(changes: Partial<S>): void;
  on(names: keyof S | (keyof S)[], listener: () => void, signal?: AbortSignal): void;
  batch(work: () => void): void;
}

/** A model like a widget's own, whose values live in messages: what a presenter in Python serves. */
export interface PaneModel {
  get(name: string): any;
  set(name: string | Record<string, unknown>, value?: unknown): void;
  on(event: string, listener: (...args: any[]) => void): void;
  off(event: string, listener: (...args: any[]) => void): void;
  save_changes(): void;
  send(content: Record<string, unknown>, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

/** A part of the app that its registry names; see app/panes.js. */
export interface Pane {
  name: string; // as `State.tab` has it
  title: string;
  mount(host: HTMLElement, context: Context): Mounted;
  kernel?: boolean; // it can do nothing without one: an exported page does not offer it
}

export interface FactorAction {
  title: string;
  run(context: Context, factor: import("./levels.js").Factor): void;
}

/** What else there is to see and do; see app/panes.js. */
export interface Panes {
  STAGE: Pane[];
  SIDE: Pane[];
  FOCUS: Pane | null;
  CLOSER: Pane | null;
  FACTOR_ACTIONS: FactorAction[];
}

/** What every part of the app is given. */
export interface Context {
  store: Store<State>;
  ask: Ask;
  /** Choose; `held: true` while a hand still drags, and then `release` when it lets go: the kernel is told once. */
  choose(changes: Partial<Choices>, options?: { held?: boolean }): void;
  release(): void;
  pane(name: string): PaneModel;
  tiles: import("./tiles.js").Tiles;
  asleep(): boolean;
  panes: Panes;
  /** Whether there is one result and no network. */
  alone: boolean;
  signal: AbortSignal;
}

/** A part that can be put in place of others; `mount(host, context)` makes one. */
export interface Mounted {
  update?(): void;
  dispose?(): void;
}
