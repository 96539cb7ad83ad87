// One node: its condition in a word, what is said of it on the map, and all of it beside the map.
import { $, age, ask, clockText, dateText, element, figure, now, sentence, severity, terms } from "/parts.js";
import { word } from "/words.js";

const OF_THE_NODE = ["cpu_temp_c", "disk_free_pct"]; // shown before the other numbers
let asked = 0;

export function condition(node) {
  if (node.status === "down") return "down";
  if (node.alone) return "alone";
  if (node.heard_at === null) return "never";
  return node.silent ? "silent" : "up";
}

export const short = node => node.node.split("/")[2];
const isSilent = node => node.silent && condition(node) !== "down";

// "12 min" of a node that is silent, counted from its last word, or from when this page's server began to listen.
export const silence = (node, began) => isSilent(node) ? age(now() - (node.heard_at ?? began)) : "";

export function said(node, began) {
  const since = silence(node, began);
  return [word(condition(node)), since && word("for", since), node.open ? `${node.open} ⚑` : "",
    node.missing ? `${node.missing} ${word("missing").toLowerCase()}` : "", node.faults ? word("alarm") : ""].filter(Boolean).join(" · ");
}

export async function drawNode(node, { began, comune, place, show }) {
  const turn = ++asked;
  const chart = await ask(`/api/node?${new URLSearchParams({ node: node.node })}`);
  if (turn !== asked) return; // another one was chosen meanwhile
  $("node").replaceChildren(
    element("h3", { textContent: `${short(node)} · ${comune}` }),
    element("p", { className: `state ${condition(chart)}`, textContent: said(chart, began) }),
    node.open ? element("button", { type: "button", textContent: `${word("open")} (${node.open})`, onclick: show }) : element("span"),
    terms([[word("heard"), heard(chart, began)], ...chain(chart), ...numbers(chart), ...views(place), ...runs(chart)]),
    element("h4", { textContent: word("last_events") }),
    element("ol", {}, ...(chart.held.events.length ? chart.held.events.map(event) : [element("li", { textContent: "–" })])));
}

const heard = (chart, began) => chart.heard_at === null ? word("not_since", clockText(began)) : dateText(chart.heard_at);

function chain({ held, promised, came, faults }) {
  const kept = held.chain;
  const missing = Math.max(0, promised - came);
  const text = kept ? word("kept", figure(kept.held), figure(kept.last)) : "–";
  const bad = [kept?.missing ? `${kept.missing} ${word("missing").toLowerCase()}` : "", missing ? word("promised", missing) : "",
    kept?.equivocations || faults ? word("alarm") : ""].filter(Boolean);
  return [[word("chain_one"), element("span", { className: bad.length ? "bad" : "ok", textContent: [text, ...bad].join(" · ") })]];
}

// A camera's numbers are under its name: "gate-cam/fps".
function numbers(chart) {
  const latest = chart.health_at === null ? chart.held.health[0] : { at: chart.health_at, values: chart.health };
  if (!latest) return [[word("numbers"), "–"]];
  const groups = new Map([["", []]]);
  for (const [name, value] of Object.entries(latest.values)) {
    const [camera, quantity] = name.includes("/") ? name.split("/") : ["", name];
    groups.set(camera, [...(groups.get(camera) ?? []), [quantity, value]]);
  }
  const own = groups.get("").sort(([a], [b]) => OF_THE_NODE.includes(b) - OF_THE_NODE.includes(a));
  groups.delete("");
  return [...[...groups].map(([camera, some]) => [camera, some.map(number).join(", ")]),
    [word("numbers"), `${own.map(number).join(", ")} (${clockText(latest.at)})`]];
}

const number = ([name, value]) => name === "observed" ? `${word("coverage").toLowerCase()} ${Math.round(value * 100)} %` : `${word(name)} ${figure(value, 1)}`;

const views = place => place?.views?.length ? [[word("looks"), place.views.map(view =>
  `${word("winds")[Math.round(view.looks / 45) % 8]}, ${figure(view.angle ?? 60)}°, ${figure(view.range_m ?? 30)} m`).join("; ")]] : [];

const runs = chart => chart.status ? [[word("runs"), `${chart.agent} · ${chart.cfg} · ${chart.model}`], [word("clock"), chart.clock]] : [];

const event = item => element("li", { className: item.severity }, element("time", { textContent: dateText(item.at) }), element("b", { textContent: severity(item.severity) }),
  ` ${word(item.phase)} · ${sentence(item)}`);
