"use strict";
// Shows a scene: photo and map under a slider, and the map's points. All text from the scene is set as text.

const START = { yaw: -0.35, pitch: 0.16, away: 1.15 };
const SWING = { angle: 0.3, seconds: 7 }; // of the points, once, until somebody takes hold of them
const state = { frame: 0, layer: "depth", source: "depth", tint: "photo", shared: false, split: 50, turn: { ...START } };
const byId = (id) => document.getElementById(id);
const columns = [];
let scene;
let current;
let swinging = null;

function element(tag, content = {}, ...children) {
  const made = Object.assign(document.createElement(tag), content);
  made.append(...children);
  return made;
}

async function ask(name, kind) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer[kind]();
}

async function load(index) {
  const about = scene.frames[index];
  const maps = scene.columns.map((_, column) => ask(`${index}-${column}`, "arrayBuffer"));
  const truth = about.truth ? ask(`${index}-truth`, "arrayBuffer") : null;
  const picture = new Image();
  picture.src = `${index}.png`;
  await picture.decode();
  const [height, width] = about.size;
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(3 * width * height).map((_, i) => rgba[4 * Math.floor(i / 3) + (i % 3)]);
  return {
    ...about, index, height, width, picture: canvas, rgb,
    maps: (await Promise.all(maps)).map((bytes) => new Float32Array(bytes)),
    truthMap: truth && new Float32Array(await truth),
  };
}

// The values of a layer, and the colors that they get.
function layerOf(column, layer) {
  const prediction = current.maps[column];
  if (layer === "truth") return current.truthMap;
  if (layer !== "error") return prediction;
  return prediction.map((value, i) => (current.truthMap[i] > 0 ? (value - current.truthMap[i]) / current.truthMap[i] : NaN));
}

function rangeOf(layer) {
  if (layer === "error") return { near: -scene.errors.limit, far: scene.errors.limit, labels: scene.errors.labels };
  return state.shared && scene.shared ? scene.shared : current.range;
}

function paint(values, layer) {
  const { near, far } = rangeOf(layer);
  const table = layer === "error" ? scene.palette.error : scene.palette.depth;
  const positive = layer !== "error" && (scene.positive || layer === "truth");
  const colors = new Uint8Array(3 * values.length);
  for (let i = 0; i < values.length; i++) {
    const known = Number.isFinite(values[i]) && (values[i] > 0 || !positive);
    const share = Math.min(Math.max((values[i] - near) / (far - near), 0), 1);
    const color = known ? table[Math.min(Math.floor(share * table.length), table.length - 1)] : scene.palette.missing;
    colors.set(color, 3 * i);
  }
  return colors;
}

function drawMap(column) {
  const colors = paint(layerOf(column, state.layer), state.layer);
  const { map } = columns[column];
  [map.width, map.height] = [current.width, current.height];
  const context = map.getContext("2d");
  const pixels = context.createImageData(current.width, current.height);
  for (let i = 0; i < current.width * current.height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = colors[3 * i + c];
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

function setPoints(column) {
  if (!scene.points) return;
  const depth = layerOf(column, state.source);
  const colors = state.tint === "photo" ? current.rgb : paint(depth, state.source);
  columns[column].points.set(depth, colors, current.width, current.height, current.camera);
}

const turnAll = () => columns.forEach(({ points }) => points && points.draw(state.turn));

function show() {
  const { labels } = rangeOf(state.layer);
  const table = state.layer === "error" ? scene.palette.error : scene.palette.depth;
  const stops = Array.from({ length: 17 }, (_, i) => `rgb(${table[Math.round((i / 16) * (table.length - 1))]})`);
  byId("bar").style.background = `linear-gradient(to right, ${stops})`;
  byId("missing").firstElementChild.style.background = `rgb(${scene.palette.missing})`;
  byId("labels").replaceChildren(
    ...labels.map(([share, text]) => {
      const label = element("span", { textContent: text });
      label.style.left = `${100 * share}%`;
      return label;
    }),
  );
  columns.forEach((column, index) => {
    const { picture, space, name, score } = column;
    [picture.width, picture.height] = [current.width, current.height];
    picture.getContext("2d").drawImage(current.picture, 0, 0);
    column.figure.style.aspectRatio = space.style.aspectRatio = `${current.width} / ${current.height}`;
    column.figure.classList.toggle("coarse", current.width < 240);
    name.textContent = scene.columns[index];
    score.textContent = current.absrel[index] == null ? "" : `AbsRel ${current.absrel[index].toFixed(3)}`;
    column.right.textContent = { depth: "depth", truth: "truth", error: "error" }[state.layer];
    column.note.textContent = !scene.points
      ? `No points: ${scene.kind} has no known shape.`
      : !column.points.sound
        ? "No points: this browser has no WebGL."
        : `Drag to turn, scroll to come closer.${current.camera_known ? "" : " The camera is not known: drawn with a field of view of 60°."}`;
    drawMap(index);
    setPoints(index);
  });
  split();
  turnAll();
}

function split() {
  columns.forEach(({ figure, slider }) => {
    figure.style.setProperty("--split", `${state.split}%`);
    slider.value = state.split;
  });
}

function read(event, figure) {
  const box = figure.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * current.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * current.height);
  if (x < 0 || y < 0 || x >= current.width || y >= current.height) return;
  const i = y * current.width + x;
  const value = (number, positive) => (Number.isFinite(number) && (number > 0 || !positive) ? number : null);
  const said = (number) => (number == null ? "none" : `${number.toPrecision(3)}${scene.unit ? " m" : ""}`);
  const seen = current.maps.map((map, column) => {
    const name = scene.columns.length > 1 ? scene.columns[column] : scene.unit ? "Depth" : scene.kind;
    return `${name}: ${said(value(map[i], scene.positive))}`;
  });
  if (current.truthMap) seen.push(`truth: ${said(value(current.truthMap[i], true))}`);
  byId("readout").textContent = `${seen.join("; ")} (column ${x}, row ${y})`;
}

function hold(canvas) {
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
    stopSwing();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    state.turn.yaw -= (event.clientX - last[0]) / 200;
    state.turn.pitch = Math.min(Math.max(state.turn.pitch + (event.clientY - last[1]) / 200, -1.4), 1.4);
    last = [event.clientX, event.clientY];
    turnAll();
  });
  ["pointerup", "pointercancel"].forEach((name) => canvas.addEventListener(name, () => (last = null)));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    stopSwing();
    nearer(Math.exp(event.deltaY / 600));
  }, { passive: false });
  canvas.addEventListener("dblclick", () => turnTo(START));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (step) turnTo({ ...state.turn, yaw: state.turn.yaw + step[0], pitch: state.turn.pitch + step[1] });
    else if (event.key === "+" || event.key === "-") nearer(event.key === "+" ? 0.9 : 1.1);
    else if (event.key === "Home") turnTo(START);
    else return;
    event.preventDefault();
  });
}

function turnTo(turn) {
  stopSwing();
  state.turn = { ...turn };
  turnAll();
}

function nearer(factor) {
  state.turn.away = Math.min(Math.max(state.turn.away * factor, 0.2), 5);
  turnAll();
}

function stopSwing() {
  cancelAnimationFrame(swinging);
}

function swing() {
  if (!scene.points || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const start = performance.now();
  const step = (now) => {
    const share = (now - start) / 1000 / SWING.seconds;
    state.turn.yaw = START.yaw + SWING.angle * Math.sin(2 * Math.PI * Math.min(share, 1));
    turnAll();
    if (share < 1) swinging = requestAnimationFrame(step);
  };
  swinging = requestAnimationFrame(step);
}

function addColumn() {
  const [picture, map, space] = ["canvas", "canvas", "canvas"].map((tag) => element(tag));
  picture.className = "picture";
  map.className = "map";
  space.className = "space";
  space.tabIndex = 0;
  space.setAttribute("role", "img");
  space.setAttribute("aria-label", "Points in space; the arrow keys turn them");
  const slider = element("input", { type: "range", min: 0, max: 100, step: 0.1, value: state.split });
  slider.setAttribute("aria-label", "Between photo and depth");
  const right = element("span", { className: "right" });
  const line = element("div", { className: "line" });
  const figure = element("figure", {}, picture, map, line, element("span", { className: "left", textContent: "photo" }), right, slider);
  const [name, score] = [element("span"), element("span", { className: "score" })];
  const note = element("p", { className: "note" });
  const column = { picture, map, space, slider, right, figure, name, score, note };
  slider.addEventListener("input", () => {
    state.split = Number(slider.value);
    split();
  });
  figure.addEventListener("pointermove", (event) => read(event, figure));
  figure.addEventListener("pointerdown", (event) => read(event, figure));
  const around = element("div", { className: "around", hidden: !scene.points }, space);
  const article = element("article", {}, element("h2", {}, name, score), element("div", { className: "pair" }, figure, element("div", {}, around, note)));
  byId("columns").append(article);
  column.points = scene.points ? new Points(space) : null;
  if (column.points && !column.points.sound) around.hidden = true;
  hold(space);
  columns.push(column);
}

function addChoices(place, key, choices) {
  choices.forEach(([value, text]) => {
    const input = element("input", { type: "radio", name: key, value, checked: state[key] === value });
    input.addEventListener("change", () => {
      state[key] = value;
      show();
    });
    byId(place).append(element("label", {}, input, ` ${text}`));
  });
  byId(place).hidden = choices.length < 2;
}

async function choose(index) {
  state.frame = index;
  [...byId("frames").children].forEach((button, i) => button.setAttribute("aria-pressed", i === index));
  const loaded = await load(index);
  if (state.frame !== index) return; // another one was chosen meanwhile
  current = loaded;
  byId("title").textContent = current.name;
  show();
}

async function begin() {
  scene = await ask("scene.json", "json");
  document.title = `${scene.columns.join(" and ")} (depthbench view)`;
  byId("columns").dataset.count = scene.columns.length;
  scene.columns.forEach(addColumn);
  const truth = scene.frames.every((frame) => frame.truth);
  addChoices("layers", "layer", [["depth", "depth"], ...(truth ? [["truth", "truth"], ["error", "error"]] : [])]);
  addChoices("sources", "source", scene.points && truth ? [["depth", "prediction"], ["truth", "truth"]] : []);
  addChoices("tints", "tint", scene.points ? [["photo", "photo's colors"], ["depth", "depth's colors"]] : []);
  byId("same").hidden = !(scene.shared && scene.frames.length > 1);
  byId("shared").addEventListener("change", (event) => {
    state.shared = event.target.checked;
    show();
  });
  scene.frames.forEach((frame, index) => {
    const picture = element("img", { src: `${index}.png`, alt: frame.name, loading: "lazy" });
    const button = element("button", { type: "button", title: frame.name, onclick: () => choose(index) }, picture);
    byId("frames").append(button);
  });
  byId("frames").hidden = scene.frames.length < 2;
  byId("controls").hidden = false;
  await choose(0);
  const word = scene.frames.length === 1 ? "picture" : "pictures";
  byId("about").textContent = `${scene.frames.length} ${word}; ${scene.kind}.`;
  document.documentElement.dataset.ready = "yes";
  window.addEventListener("resize", turnAll);
  swing();
}

begin().catch((error) => {
  byId("about").textContent = `The page can't be shown (${error.message}); is the command still running?`;
});
