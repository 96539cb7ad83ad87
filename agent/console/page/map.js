// The map: nodes where they stand, what their cameras cover, borders, a scale and north.
// The invariant: whatever a shape or a colour says, the label of the node says in words too.
import { word } from "/words.js";

const DEGREE_M = 111320; // of latitude; of longitude times the cosine
const NEAR_PX = 30; // nodes that stand closer to each other on the screen are one mark with a number
const LEAST_VIEW_PX = 20; // what a camera covers is drawn no smaller: its direction stays to be seen
const LABELLED = 30; // with more marks on the map only those that matter have a name
const CLOSEST = 0.15, STEP = 1.6; // metres per pixel; one turn of the zoom
const WORST = ["alone", "silent", "down", "never", "up"];
const DIRECTIONS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const SHAPES = {
  up: "M-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0z", silent: "M-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0z",
  never: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", down: "M-6-6h12v12h-12z", alone: "M0-13l13 22h-26z",
};

const svg = document.getElementById("chart");
const view = { east: 0, north: 0, scale: 1 }; // the middle in metres, metres per pixel
const spots = new Map(); // name -> {east, north, views}
let borders = [], marks = [], told = new Map(), focus = "", widest = 1, origin = [0, 0], choose = () => {};

function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const text = (attributes, content) => { const made = shape("text", attributes); made.textContent = content; return made; };
const metres = ([north, east]) => ({ east: (east - origin[1]) * Math.cos(origin[0] * Math.PI / 180) * DEGREE_M, north: (north - origin[0]) * DEGREE_M });
const width = () => svg.clientWidth || 600;
const height = () => svg.clientHeight || 400;
const across = spot => width() / 2 + (spot.east - view.east) / view.scale;
const down = spot => height() / 2 - (spot.north - view.north) / view.scale;
const isHere = mark => mark.x > -20 && mark.y > -20 && mark.x < width() + 20 && mark.y < height() + 20;

// Begin with a map; whether there is anything to draw.
export function lay(ground, names, chosen) {
  const points = [...Object.values(ground.nodes).map(node => node.at), ...Object.values(ground.outlines).flat()];
  spots.clear();
  if (!points.length) return false;
  origin = points[0];
  for (const [name, node] of Object.entries(ground.nodes)) spots.set(name, { ...metres(node.at), views: node.views ?? [] });
  borders = Object.entries(ground.outlines).map(([comune, outline]) => ({ name: names.get(comune) ?? comune, points: outline.map(metres) }));
  choose = chosen;
  return true;
}

// What is to be seen: [name, {condition, open, label, silence}].
export function mark(nodes) {
  const changed = nodes.filter(([name, now]) => JSON.stringify(told.get(name)) !== JSON.stringify(now));
  told = new Map(nodes);
  if (changed.length) draw();
}

// Show these nodes as large as they can be, or all there is.
export function fit(names = []) {
  const some = names.map(name => spots.get(name)).filter(Boolean);
  const points = some.length ? some : [...spots.values(), ...borders.flatMap(border => border.points)];
  if (!points.length || !svg.clientWidth) return;
  const [west, east] = [Math.min(...points.map(one => one.east)), Math.max(...points.map(one => one.east))];
  const [south, north] = [Math.min(...points.map(one => one.north)), Math.max(...points.map(one => one.north))];
  Object.assign(view, { east: (west + east) / 2, north: (south + north) / 2 });
  view.scale = Math.max(0.3, (east - west) / (width() * 0.88), (north - south) / (height() * 0.8));
  if (!some.length) widest = view.scale * STEP;
  draw();
}

// Nearer to what was chosen last, where that is on the map: else the middle may hold nothing.
export function zoom(times) {
  const spot = spots.get(focus);
  if (times > 1 && spot) Object.assign(view, { east: spot.east, north: spot.north });
  view.scale = Math.min(widest, Math.max(CLOSEST, view.scale / times));
  draw();
}

// Nodes that would cover each other are one mark.
function gathered() {
  const found = [];
  for (const [name, now] of told) {
    const spot = spots.get(name);
    if (!spot) continue;
    const [x, y] = [across(spot), down(spot)];
    const near = found.find(one => Math.hypot(one.x - x, one.y - y) < NEAR_PX);
    if (near) near.names.push(name);
    else found.push({ x, y, names: [name] });
  }
  for (const one of found) {
    const some = one.names.map(name => told.get(name));
    one.condition = WORST.find(word => some.some(now => now.condition === word));
    one.open = some.reduce((sum, now) => sum + now.open, 0);
    one.silence = some.find(now => now.condition === one.condition)?.silence ?? "";
    one.label = one.names.length === 1 ? some[0].label
      : word("gathered", one.names.length, WORST.filter(name => name !== "up").map(name => [some.filter(now => now.condition === name).length, word(name)]).filter(([count]) => count), one.open);
  }
  return found;
}

function draw() {
  if (!svg.clientWidth) return;
  const had = svg.contains(document.activeElement);
  marks = gathered();
  const here = marks.filter(isHere);
  if (!here.some(one => one.names.includes(focus))) focus = here[0]?.names[0] ?? "";
  const few = here.length <= LABELLED;
  svg.setAttribute("viewBox", `0 0 ${width()} ${height()}`);
  svg.style.touchAction = view.scale < widest / STEP / 1.1 ? "none" : "auto";
  svg.replaceChildren(...borders.map(border), ...titles(), ...here.flatMap(covers), ...here.map(one => drawn(one, few)), scale(), north());
  if (had) svg.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
}

function border({ points }) {
  const line = points.map((one, at) => `${at ? "L" : "M"}${across(one).toFixed(1)} ${down(one).toFixed(1)}`).join("");
  return shape("path", { d: `${line}z`, class: "border" });
}

// Each in the middle of its comune or above a mark that stands there; what would cover another name is left out.
function titles() {
  const put = [];
  for (const { name, points } of borders) {
    const mean = way => points.reduce((sum, one) => sum + one[way], 0) / points.length;
    const [x, middle] = [across({ east: mean("east") }), down({ north: mean("north") })];
    const covered = marks.find(one => Math.abs(one.x - x) < 70 && Math.abs(one.y - middle) < 40);
    const y = covered ? covered.y - 34 : middle;
    if (put.every(one => Math.abs(one.x - x) > 100 || Math.abs(one.y - y) > 16)) put.push({ x, y, name });
  }
  return put.filter(one => marks.every(mark => Math.abs(mark.x - one.x) > 60 || Math.abs(mark.y + 5 - one.y) > 20))
    .map(({ x, y, name }) => text({ x, y, class: "comune-name" }, name));
}

// What the cameras of a node that stands alone on the screen cover: filled while they are heard, only a line when not.
function covers({ x, y, names, condition }) {
  if (names.length > 1) return [];
  return spots.get(names[0]).views.map(({ looks, angle = 60, range_m = 30 }) => {
    const far = Math.max(LEAST_VIEW_PX, range_m / view.scale);
    const at = bearing => `${(x + far * Math.sin(bearing * Math.PI / 180)).toFixed(1)} ${(y - far * Math.cos(bearing * Math.PI / 180)).toFixed(1)}`;
    const open = Math.min(359.9, angle);
    return shape("path", { class: `view ${condition}`, d: `M${x.toFixed(1)} ${y.toFixed(1)}L${at(looks - open / 2)}A${far} ${far} 0 ${open > 180 ? 1 : 0} 1 ${at(looks + open / 2)}z` });
  });
}

function drawn(one, few) {
  const alone = one.names.length === 1;
  const made = shape("g", { class: `spot ${one.condition}${one.open ? " open" : ""}`, role: "button", "aria-label": one.label,
    tabindex: one.names.includes(focus) ? 0 : -1, transform: `translate(${one.x.toFixed(1)} ${one.y.toFixed(1)})` },
  shape("circle", { r: 17, class: "ring" }),
  alone ? shape("path", { d: SHAPES[one.condition], class: "sign" }) : shape("circle", { r: 14, class: "sign" }));
  if (!alone) made.append(text({ y: 5, class: "count" }, one.names.length));
  if (one.condition === "alone") made.append(text(alone ? { y: 6, class: "bang" } : { x: 15, y: -8, class: "flag" }, alone ? "!" : "▲!"));
  if (one.open) made.append(text({ x: -15, y: -9, class: "flag left" }, `⚑${one.open}`));
  const name = alone ? one.names[0].split("/")[2] : "";
  if (few || one.condition === "alone") made.append(text({ y: 30, class: "name" }, [name, one.silence].filter(Boolean).join(" · ")));
  made.addEventListener("click", () => pick(one));
  return made;
}

function pick(one) {
  focus = one.names[0];
  if (one.names.length === 1) { choose(one.names[0]); draw(); } else fit(one.names);
}

// A length of 1, 2 or 5 that is about a hundred pixels long.
function scale() {
  const about = 100 * view.scale, ten = 10 ** Math.floor(Math.log10(about));
  const long = [5, 2, 1].find(times => times * ten <= about) * ten, px = long / view.scale, y = height() - 14;
  return shape("g", { class: "scale", "aria-hidden": "true" }, shape("path", { d: `M14 ${y - 6}v6h${px.toFixed(1)}v-6` }),
    text({ x: 20 + px, y }, long >= 1000 ? `${long / 1000} km` : `${long} m`));
}

const north = () => shape("g", { class: "scale", "aria-hidden": "true", transform: `translate(${width() - 24} 34)` },
  shape("path", { d: "M0 8V-16M-6-9L0-17L6-9" }), text({ x: 0, y: 24, "text-anchor": "middle" }, "N"));

// The nearest mark in a direction; one that is out of sight is brought to the middle.
function go([right, below]) {
  const from = marks.find(one => one.names.includes(focus)) ?? marks[0];
  const far = one => Math.hypot(one.x - from.x, one.y - from.y);
  const ahead = marks.filter(one => one !== from && (one.x - from.x) * right + (one.y - from.y) * below > far(one) * 0.5);
  const next = ahead.sort((a, b) => far(a) - far(b))[0];
  if (!next) return;
  focus = next.names[0];
  if (next.x < 0 || next.y < 0 || next.x > width() || next.y > height()) Object.assign(view, { east: spots.get(focus).east, north: spots.get(focus).north });
  draw();
}

svg.addEventListener("keydown", event => {
  const done = { Enter: () => pick(marks.find(one => one.names.includes(focus))), "+": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: () => fit() };
  done[" "] = done.Enter;
  const act = DIRECTIONS[event.key] ? () => go(DIRECTIONS[event.key]) : done[event.key];
  if (act && marks.length) { event.preventDefault(); act(); }
});
svg.addEventListener("wheel", event => {
  if (!event.ctrlKey) return; // the wheel alone moves the page
  event.preventDefault();
  zoom(event.deltaY < 0 ? STEP : 1 / STEP);
}, { passive: false });
let held = null;
svg.addEventListener("pointerdown", event => { held = event.target.closest(".spot") ? null : [event.clientX, event.clientY]; });
svg.addEventListener("pointermove", event => {
  if (!held || !event.buttons) return;
  view.east -= (event.clientX - held[0]) * view.scale;
  view.north += (event.clientY - held[1]) * view.scale;
  held = [event.clientX, event.clientY];
  draw();
});
addEventListener("resize", draw);
document.getElementById("nearer").addEventListener("click", () => zoom(STEP));
document.getElementById("farther").addEventListener("click", () => zoom(1 / STEP));
