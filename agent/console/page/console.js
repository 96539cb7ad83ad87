// The control room's page. What it knows of the world comes from /api; nothing is loaded from elsewhere.
import * as map from "/map.js";
import { condition, drawNode, said as conditionSaid, short, silence } from "/node.js";
import { $, AGAIN, ask, clockText, dateText, element, figure, now, place, sentence, setClock, severity, time, told } from "/parts.js";
import * as ring from "/ring.js";
import * as sheet from "/sheet.js";
import { VERDICTS, drawWaiting, onVerdict, say, takeBack } from "/verdict.js";
import { language, otherLanguage, word } from "/words.js";

const DRAW_MS = 150; // what comes meanwhile is drawn together
const AGAIN_MS = 15000; // how often an open view is drawn anew,
const REST = 20; // and so many times as long as the answer took, where that is longer
const RAISED = 3; // silent nodes that are named at the top
const LATELY = 200; // lines that stay on the page, however long it is open
const fresh = []; // latest messages that are not drawn yet
let drawing = false;
const state = { open: new Map(), nodes: new Map(), me: null, lately: [], chosen: null, connected: false, answers: true, why: "", began: 0, node: null, places: {}, raised: "", fitted: false, searched: "" };
const said = item => item.verdicts.map(one => `${one.by} (${word(one.role)}): ${word(one.verdict)}`).join(", ") || "–";

// Now

const newest = () => [...state.open.values()].sort((a, b) => b.at - a.at);
const lacks = item => !item.verdicts.length;

function drawOpen() {
  const items = newest();
  if (!state.open.has(state.chosen)) state.chosen = items[0]?.id ?? null;
  arrange($("open"), items.map(lineOf));
  const left = items.filter(lacks).length;
  $("open-title").textContent = `${word("open")} (${items.length}${left && left < items.length ? word("left", left) : ""})`;
  $("calm").hidden = items.length > 0;
  drawDetail();
}

// Only what has changed is touched: with hundreds of open events a new list each time would keep the browser busy.
function arrange(list, wanted) {
  const kept = new Set(wanted);
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, at) => { if (list.children[at] !== child) list.insertBefore(child, list.children[at] ?? null); });
}

const lines = new Map();

function lineOf(item) {
  const known = lines.get(item.id);
  if (known?.item !== item || known.language !== language()) lines.set(item.id, { item, language: language(), made: line(item) });
  const { made } = lines.get(item.id);
  made.setAttribute("aria-selected", String(item.id === state.chosen));
  if (item.id === state.chosen) $("open").setAttribute("aria-activedescendant", made.id);
  return made;
}

function line(item) {
  const made = element("li", { id: `event-${item.id}`, className: item.severity },
    element("b", { textContent: severity(item.severity) }), " ", time(item.at),
    element("span", { textContent: `${place(item)} · ${sentence(item)}` }), told(item),
    element("span", { className: "dim", textContent: ` · ${word(item.mark)}${lacks(item) ? "" : ` · ✓ ${word(item.verdicts.at(-1).verdict)}`}` }));
  made.setAttribute("role", "option");
  made.addEventListener("click", () => { state.chosen = item.id; drawOpen(); });
  return made;
}

function drawDetail() {
  const item = state.open.get(state.chosen);
  if (!item) return $("detail").replaceChildren();
  const terms = [
    ["when", dateText(item.at)], ["node", item.node], ["source", item.source], ["zone", item.zone || "–"],
    ...item.reasons.flatMap(reason => [
      ["quantity", reason.quantity], ["observed", figure(reason.observed)],
      ["expected", figure(reason.expected) + (reason.spread ? ` ± ${figure(reason.spread)}` : "")],
      ...(reason.evidence ? [["evidence", `${figure(reason.evidence)} ${reason.evidence_unit ?? ""}`]] : []),
    ]),
    ["coverage", `${Math.round((item.quality.observed ?? 1) * 100)} %`], ["clock", item.clock],
    ...(item.unverified ? [["happened", word("by_person")]] : []), ["mark", word(item.mark)], ["seq", String(item.seq)],
    ["verdicts", said(item)],
  ];
  $("detail").replaceChildren(
    element("h3", { textContent: sentence(item) }),
    element("dl", {}, ...terms.flatMap(([name, value]) => [element("dt", { textContent: word(name) }), element("dd", { textContent: value })])),
    element("p", {}, sheet.link(item)),
    state.me?.may_judge ? element("div", { className: "buttons" }, ...VERDICTS.map((verdict, number) =>
      element("button", { type: "button", textContent: `${number + 1} ${word(verdict)}`, onclick: () => judge(verdict) }))) : null);
}

function judge(verdict) {
  const item = state.open.get(state.chosen);
  if (item && state.me?.may_judge) say(item, verdict);
}

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

function step(by) {
  const ids = newest().map(item => item.id);
  if (ids.length) choose(ids[Math.min(ids.length - 1, Math.max(0, ids.indexOf(state.chosen) + by))]);
}

// The next one downwards that nobody has judged, and from the end again from the top.
function next() {
  const items = newest(), at = items.findIndex(item => item.id === state.chosen);
  const found = [...items.slice(at + 1), ...items.slice(0, at)].find(lacks);
  if (found) choose(found.id);
}

function choose(id) {
  state.chosen = id;
  drawOpen();
  $(`event-${id}`).scrollIntoView({ block: "nearest" });
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

// History

// What is the same is not drawn anew: whoever reads or has chosen a line stays there.
function table(target, names, rows) {
  const head = element("thead", {}, element("tr", {}, ...names.map(name => element("th", { scope: "col", textContent: name }))));
  const body = element("tbody", {}, ...rows.map(cells =>
    element("tr", {}, ...cells.map(cell => cell instanceof Node ? element("td", {}, cell) : element("td", { textContent: cell })))));
  if (!target.firstChild?.isEqualNode(head) || !target.lastChild.isEqualNode(body)) target.replaceChildren(head, body);
}

function question() {
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData($("search"))) {
    if (!value) continue;
    const end = name === "until" ? 86400 : 0;
    asked.set(name, ["since", "until"].includes(name) ? new Date(new Date(`${value}T00:00:00`).getTime() + end * 1000).toISOString() : value);
  }
  return String(asked);
}

// Drawn anew it shows what was searched for, whatever stands in the form meanwhile.
async function search(options) {
  if (!options) state.searched = question();
  const { searched } = state, items = await ask(`/api/events?${searched}`, options);
  if (searched !== state.searched) return; // something else is searched for meanwhile
  const found = word("found", items.length);
  if ($("found").textContent !== found) $("found").textContent = found;
  table($("rows"), [word("when"), word("node"), word("severity"), word("event"), word("mark"), word("verdicts"), word("sheet")],
    items.map(item => [dateText(item.at), place(item), severity(item.severity), element("span", {}, `${word(item.phase)} · ${sentence(item)}`, ...[told(item)].filter(Boolean)), word(item.mark), said(item), sheet.link(item)]));
}

// Week

async function drawWeek(options) {
  const node = $("pick").elements.node.value;
  if (!node) return;
  const asked = $("pick").elements.quantity.value;
  const week = await ask(`/api/week?${new URLSearchParams({ node, quantity: asked })}`, options);
  if (node !== $("pick").elements.node.value || asked !== $("pick").elements.quantity.value) return; // another one was chosen meanwhile
  choices($("pick").elements.quantity, week.quantities.map(name => [name, name]), asked || week.quantities[0]);
  if (!asked && week.quantities.length) return drawWeek();
  const most = Math.max(1e-9, ...week.cells.map(cell => cell.mean));
  const known = new Map(week.cells.map(cell => [`${cell.day} ${cell.hour}`, cell]));
  const head = element("tr", {}, element("td", {}), ...Array.from({ length: 24 }, (_, hour) => element("th", { scope: "col", textContent: hour })));
  $("heat").replaceChildren(element("thead", {}, head), element("tbody", {}, ...word("days").map((name, day) =>
    element("tr", {}, element("th", { scope: "row", textContent: name }), ...Array.from({ length: 24 }, (_, hour) => heat(known.get(`${day} ${hour}`), most))))));
}

function heat(cell, most) {
  if (!cell) return element("td", {});
  const made = element("td", { textContent: figure(cell.mean, 0), title: `${cell.quarters}` });
  made.style.background = `color-mix(in srgb, var(--accent) ${Math.round(cell.mean / most * 45)}%, var(--paper))`;
  return made;
}

// Chains

async function drawChains(options) {
  const { chains, audits, accesses } = await ask("/api/chains", options);
  table($("chains"), [word("node"), word("held"), word("last"), word("missing"), word("given_up"), word("equivocations"), word("mark")],
    chains.map(chain => [chain.node, figure(chain.held), figure(chain.last), figure(chain.missing), figure(chain.given_up), figure(chain.equivocations),
      element("span", { className: chain.missing || chain.equivocations ? "bad" : "ok", textContent: chain.equivocations ? word("alarm") : chain.missing ? word("gap") : word("whole") })]));
  $("audits").replaceChildren(...audits.map(item => act(item, `${place(item)} · ${word(`did-${item.action}`)}`)));
  $("accesses").replaceChildren(...accesses.map(item => act(item, `${item.node.split("/").pop()} (${word(item.role)})`)));
}

function act(item, who) {
  const what = [item.subject, item.outcome].filter(Boolean).map(word).join(": ");
  return element("li", {}, element("time", { textContent: dateText(item.at) }), [who, what].filter(Boolean).join(" · "));
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

function choices(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value, textContent: text, selected: value === chosen })));
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
  lines.clear();
  state.open = new Map(whole.open.map(item => [item.id, item]));
  state.nodes = new Map(whole.nodes.map(node => [node.node, node]));
  drawWords();
  drawOpen();
  drawMap();
}

const HEAR = {
  event(item) {
    if (item.phase !== "closed") state.open.set(item.id, item);
    else { state.open.delete(item.id); lines.delete(item.id); }
    lately(item);
    if (ring.isUrgent(item)) ring.callFor(item);
  },
  node(item) { state.nodes.set(item.node, item); },
  verdict(item) { state.open.get(item.id)?.verdicts.push(item); lines.delete(item.id); },
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
  await begin();
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
