// The control room's page. What it knows of the world comes from /api; nothing is loaded from elsewhere.
import { drawChains } from "/chains.js";
import { search } from "/history.js";
import * as map from "/map.js";
import { condition, drawNode, said as conditionSaid, short, silence } from "/node.js";
import { drawOpen, forget, judge, next, step } from "/open.js";
import { $, AGAIN, ask, choices, clockText, element, now, place, sentence, setClock, severity, time, told } from "/parts.js";
import * as ring from "/ring.js";
import * as sheet from "/sheet.js";
import { state } from "/state.js";
import { VERDICTS, drawWaiting, onVerdict, takeBack } from "/verdict.js";
import { drawWeek } from "/week.js";
import { language, otherLanguage, word } from "/words.js";

const DRAW_MS = 150; // what comes meanwhile is drawn together
const AGAIN_MS = 15000; // how often an open view is drawn anew,
const REST = 20; // and so many times as long as the answer took, where that is longer
const RAISED = 3; // silent nodes that are named at the top
const LATELY = 200; // lines that stay on the page, however long it is open
const fresh = []; // latest messages that are not drawn yet
let drawing = false;

// Now

function latest(item) {
  const phase = item.phase ? `${word(item.phase)} · ` : "";
  return element("li", { className: item.severity ?? "" }, time(item.at), `${place(item)} · ${phase}${sentence(item)}`, told(item));
}

function lately(item) {
  state.lately.unshift(item);
  state.lately.length = Math.min(state.lately.length, LATELY);
  fresh.unshift(item);
  soon();
}

function drawLately() {
  $("lately").prepend(...fresh.splice(0).slice(0, LATELY).map(latest));
  while ($("lately").children.length > LATELY) $("lately").lastElementChild.remove();
}

function alarm(text) {
  $("alarm-text").textContent = text;
  $("alarm").hidden = false;
}

// Nodes

const comuneOf = node => state.me.comuni.find(comune => comune.id === node.comune)?.name ?? node.comune;
const tiles = new Map();

function drawMap() {
  const nodes = [...state.nodes.values()];
  $("coverage").textContent = word("nodes", nodes.length, nodes.filter(node => node.silent).length, state.open.size);
  map.mark(nodes.map(node => [node.node, { condition: condition(node), open: node.open, silence: silence(node, state.began),
    label: `${short(node)}, ${comuneOf(node)}: ${conditionSaid(node, state.began)}` }]));
  for (const node of nodes) tile(node);
}

// The same as a list, by comune: a node that has not changed is not touched.
function layTiles() {
  tiles.clear();
  $("comuni").replaceChildren(...state.me.comuni.map(comune => element("section", { className: "comune" },
    element("h3", { textContent: comune.name }),
    element("ul", {}, ...[...state.nodes.values()].filter(node => node.comune === comune.id).map(node => element("li", {}, tile(node)))))));
}

function tile(node) {
  const made = tiles.get(node.node) ?? element("button", { type: "button", onclick: () => look(node.node) });
  tiles.set(node.node, made);
  const text = conditionSaid(node, state.began), kind = `node ${condition(node)} ${node.open ? "open" : ""}`;
  if (made.className !== kind) made.className = kind;
  if (made.title !== text || !made.firstChild) made.replaceChildren(element("strong", { textContent: short(node) }), ` ${text}`);
  made.title = text;
  made.setAttribute("aria-pressed", String(state.node === node.node));
  return made;
}

async function look(name) {
  state.node = name;
  const node = state.nodes.get(name);
  try {
    await drawNode(node, { began: state.began, comune: comuneOf(node), place: state.places[name], show: () => {
      state.chosen = [...state.open.values()].find(item => item.node === name)?.id ?? state.chosen;
      show("now", true);
    } });
  } catch (error) { alarm(error.message); }
  drawMap();
  $("node").scrollIntoView({ block: "nearest" });
}

async function layMap() {
  const ground = await ask("/api/map");
  state.places = ground.nodes;
  $("ground").hidden = !map.lay(ground, new Map(state.me.comuni.map(comune => [comune.id, comune.name])), look);
}

const neighbours = ({ comune }) => [...state.nodes.values()].filter(node => node.comune === comune).map(node => node.node);

// Who is silent while the neighbours speak is said at the top of every view, once: only a change is announced.
function raise() {
  const alone = [...state.nodes.values()].filter(node => condition(node) === "alone");
  const names = alone.map(node => node.node).join(" ") + language();
  if (names === state.raised) return;
  state.raised = names;
  ring.setRaised(alone.length > 0);
  $("raised").hidden = !alone.length;
  $("raised").replaceChildren(`${word("raised")} `, ...alone.slice(0, RAISED).map(node => element("button", { type: "button",
    textContent: `${short(node)} (${comuneOf(node)}) ${word("since_then", clockText(node.heard_at ?? state.began))}`,
    onclick: () => { show("map", true); map.fit(neighbours(node)); look(node.node); } })), alone.length > RAISED ? word("more", alone.length - RAISED) : "");
}

// The whole

const TABS = ["now", "map", "history", "week", "chain"];
const DRAW = { now: drawOpen, map: drawMap, history: search, week: drawWeek, chain: drawChains };

function show(tab, focus = false) {
  for (const name of TABS) {
    $(name).hidden = name !== tab;
    const button = $(`tab-${name}`);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    if (name === tab && focus) button.focus();
  }
  history.replaceState(null, "", `#${tab}`); // an assignment to the hash would scroll
  if (tab === "map" && !state.fitted) { state.fitted = true; map.fit(); }
  Promise.resolve(DRAW[tab]()).catch(error => alarm(error.message));
}

// What is open is drawn anew by itself; a view that nobody can see is not.
async function again() {
  const tab = TABS.find(name => !$(name).hidden), began = performance.now();
  try { if (tab !== "now" && !document.hidden && state.answers) await DRAW[tab](AGAIN); } catch { /* whoever asks for it is told why */ }
  setTimeout(again, Math.max(AGAIN_MS, REST * (performance.now() - began)));
}

function drawWords() {
  document.documentElement.lang = language();
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", word(one.dataset.label));
  $("language").textContent = language() === "it" ? "English" : "Italiano";
  $("language").lang = language() === "it" ? "en" : "it";
  const me = state.me;
  $("union").textContent = me.union;
  $("who").textContent = `${me.party.split("/").pop()} (${word(me.role)})`;
  const all = ["", word("all")];
  choices($("search").elements.comune, [all, ...me.comuni.map(comune => [comune.id, comune.name])]);
  choices($("search").elements.kind, [all, ...me.kinds.map(kind => [kind, word(kind)])]);
  choices($("search").elements.severity, [all, ...["info", "notice", "warning", "alarm"].map(name => [name, severity(name)])]);
  choices($("where"), [all, ...me.comuni.map(comune => [comune.id, comune.name])]);
  layTiles();
  raise();
  choices($("pick").elements.node, [...state.nodes.keys()].map(name => [name, name.split("/").slice(1).join("/")]));
  fresh.length = 0;
  $("lately").replaceChildren(...state.lately.map(latest));
  ring.drawRing();
  drawWaiting();
  drawBroker();
}

function drawBroker() {
  const good = state.connected && state.answers;
  $("broker").textContent = !state.answers ? word("ended") : word(good ? "connected" : "lost") + (good || !state.why ? "" : `: ${state.why}`);
  $("broker").className = good ? "ok" : "bad";
}

async function begin(options) {
  state.me = await ask("/api/me", options);
  const whole = await ask("/api/now", options);
  setClock(whole.at);
  sheet.prepare(state.me.party, error => alarm(error.message));
  state.connected = whole.connected;
  state.why = whole.why;
  state.began = whole.began;
  forget();
  state.open = new Map(whole.open.map(item => [item.id, item]));
  state.nodes = new Map(whole.nodes.map(node => [node.node, node]));
  drawWords();
  drawOpen();
  drawMap();
  return whole;
}

const HEAR = {
  event(item) {
    if (item.phase !== "closed") state.open.set(item.id, item);
    else { state.open.delete(item.id); forget(item.id); }
    lately(item);
    if (ring.isUrgent(item)) ring.callFor(item);
  },
  node(item) { state.nodes.set(item.node, item); },
  verdict(item) { state.open.get(item.id)?.verdicts.push(item); forget(item.id); },
  broker(item) { if (state.connected && !item.connected) ring.call(word("lost")); state.connected = item.connected; state.why = item.why ?? ""; drawBroker(); },
  alarm(item) { alarm(`${clockText(item.at)} ${word("unverified")}: ${item.topic} (${item.why})`); },
  again() { begin(AGAIN).catch(error => alarm(error.message)); },
};

function hear(batch) {
  for (const item of batch) HEAR[item.kind]?.(item);
  soon();
}

function soon() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    drawLately();
    if (!$("now").hidden) drawOpen();
    if (!$("map").hidden) drawMap();
    raise();
  }, DRAW_MS);
}

function listen() {
  const stream = new EventSource("/api/live");
  stream.onmessage = message => hear(JSON.parse(message.data));
  stream.onopen = () => { if (!state.answers) begin(AGAIN).catch(error => alarm(error.message)); state.answers = true; drawBroker(); };
  stream.onerror = () => { if (state.answers) ring.call(word("ended")); state.answers = false; drawBroker(); };
}

for (const name of TABS) $(`tab-${name}`).addEventListener("click", () => show(name));
document.querySelector("[role=tablist]").addEventListener("keydown", event => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by) show(TABS[(TABS.findIndex(name => !$(name).hidden) + by + TABS.length) % TABS.length], true);
});
$("open").addEventListener("keydown", event => {
  const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (by) { event.preventDefault(); step(by); }
});
document.addEventListener("keydown", event => {
  if ($("sheet").open || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") takeBack();
  if ($("now").hidden) return;
  if (/^[1-4]$/.test(event.key)) judge(VERDICTS[event.key - 1]);
  if (event.key.toLowerCase() === "n") next();
});
onVerdict((item, verdict) => lately({ at: now(), node: item.node, sentence: `${word("said")}: ${word(verdict)}` }),
  error => alarm(`${word("refused")} – ${error.message}`));
$("dismiss").addEventListener("click", () => { $("alarm").hidden = true; });
$("language").addEventListener("click", () => { otherLanguage(); drawWords(); $("node").replaceChildren(); show(TABS.find(name => !$(name).hidden)); });
$("where").addEventListener("change", () => map.fit(neighbours({ comune: $("where").value })));
$("search").addEventListener("submit", event => { event.preventDefault(); search().catch(error => alarm(error.message)); });
$("pick").elements.node.addEventListener("change", () => { $("pick").elements.quantity.value = ""; drawWeek(); });
$("pick").elements.quantity.addEventListener("change", () => drawWeek());

try {
  const { alarms } = await begin();
  hear(alarms); // what was not believed before the page was opened
  await layMap();
  setTimeout(again, AGAIN_MS);
  sheet.follow();
  show(TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "now");
  listen();
  document.body.dataset.ready = "yes";
} catch (error) {
  $("broker").textContent = error.message; // such as: the address that was printed last is another one
  $("broker").className = "bad";
}
