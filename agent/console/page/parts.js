// What all views of the page are made of. The invariant: text from the network becomes text on the page, never markup.
import { language, word } from "/words.js";

export const $ = id => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter(child => child !== null));
  return made;
}

export async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

// What a page asks by itself, because its view is open: nobody has looked anew.
export const AGAIN = { headers: { "piazza-again": "1" } };

// The server's time: this machine's clock may be another.
let ahead = 0;
export const now = () => Date.now() / 1000 + ahead;
export const setClock = at => { ahead = at - Date.now() / 1000; };

const moment = at => new Date(at * 1000);
const region = () => ({ it: "it-IT", en: "en-GB" })[language()];
export const clockText = at => moment(at).toLocaleTimeString(region(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const dateText = at => moment(at).toLocaleString(region(), { dateStyle: "short", timeStyle: "medium" });
export const time = at => element("time", { dateTime: moment(at).toISOString(), textContent: clockText(at) });
export const place = item => item.node.split("/").slice(1).join("/");
export const severity = name => word(name === "alarm" ? "alarm_severity" : name);
export const sentence = item => [item.type ? word(item.type) : "", item[`sentence_${language()}`] ?? item.sentence].filter(Boolean).join(" · ");
export const told = item => item.unverified ? element("span", {}, " ", element("span", { className: "person", textContent: word("by_person") })) : null;
export const figure = (value, digits = 2) => value === undefined || value === null ? "–" : Number(value).toLocaleString(region(), { maximumFractionDigits: digits });

// How long ago: the largest unit that is whole.
export function age(seconds) {
  const [count, unit] = seconds < 3600 ? [seconds / 60, "minutes"] : seconds < 172800 ? [seconds / 3600, "hours"] : [seconds / 86400, "whole_days"];
  return word(unit, Math.floor(Math.max(0, count)));
}

export const terms = pairs => element("dl", {}, ...pairs.flatMap(([name, value]) =>
  [element("dt", { textContent: name }), element("dd", {}, value)]));
export const verdictsOf = item => item.verdicts.map(one => `${one.by} (${word(one.role)}): ${word(one.verdict)}`).join(", ") || "–";

// What is the same is not drawn anew: whoever reads or has chosen a line stays there.
export function table(target, names, rows) {
  const head = element("thead", {}, element("tr", {}, ...names.map(name => element("th", { scope: "col", textContent: name }))));
  const body = element("tbody", {}, ...rows.map(cells =>
    element("tr", {}, ...cells.map(cell => cell instanceof Node ? element("td", {}, cell) : element("td", { textContent: cell })))));
  if (!target.firstChild?.isEqualNode(head) || !target.lastChild.isEqualNode(body)) target.replaceChildren(head, body);
}

export function choices(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value, textContent: text, selected: value === chosen })));
}
