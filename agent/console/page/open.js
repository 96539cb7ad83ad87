// What is open now, as a list and in detail: chosen and judged with one key.
import { $, dateText, element, figure, place, sentence, severity, time, told, verdictsOf } from "/parts.js";
import * as sheet from "/sheet.js";
import { state } from "/state.js";
import { VERDICTS, say } from "/verdict.js";
import { language, word } from "/words.js";

const newest = () => [...state.open.values()].sort((a, b) => b.at - a.at);
const lacks = item => !item.verdicts.length;

export function drawOpen() {
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

const lines = new Map(); // by event: what was drawn, and of what

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
    ["verdicts", verdictsOf(item)],
  ];
  $("detail").replaceChildren(
    element("h3", { textContent: sentence(item) }),
    element("dl", {}, ...terms.flatMap(([name, value]) => [element("dt", { textContent: word(name) }), element("dd", { textContent: value })])),
    element("p", {}, sheet.link(item)),
    state.me?.may_judge ? element("div", { className: "buttons" }, ...VERDICTS.map((verdict, number) =>
      element("button", { type: "button", textContent: `${number + 1} ${word(verdict)}`, onclick: () => judge(verdict) }))) : null);
}

export function judge(verdict) {
  const item = state.open.get(state.chosen);
  if (item && state.me?.may_judge) say(item, verdict);
}

export function step(by) {
  const ids = newest().map(item => item.id);
  if (ids.length) choose(ids[Math.min(ids.length - 1, Math.max(0, ids.indexOf(state.chosen) + by))]);
}

// The next one downwards that nobody has judged, and from the end again from the top.
export function next() {
  const items = newest(), at = items.findIndex(item => item.id === state.chosen);
  const found = [...items.slice(at + 1), ...items.slice(0, at)].find(lacks);
  if (found) choose(found.id);
}

function choose(id) {
  state.chosen = id;
  drawOpen();
  $(`event-${id}`).scrollIntoView({ block: "nearest" });
}

// An event is drawn anew when it is drawn next; without an id, all are.
export function forget(id) {
  if (id === undefined) lines.clear();
  else lines.delete(id);
}
