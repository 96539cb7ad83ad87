// What the store holds, searched.
import { $, ask, dateText, element, place, sentence, severity, table, told, verdictsOf } from "/parts.js";
import * as sheet from "/sheet.js";
import { word } from "/words.js";

let searched = ""; // what the lines on the page answer

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
export async function search(options) {
  if (!options) searched = question();
  const asked = searched, items = await ask(`/api/events?${asked}`, options);
  if (asked !== searched) return; // something else is searched for meanwhile
  const found = word("found", items.length);
  if ($("found").textContent !== found) $("found").textContent = found;
  table($("rows"), [word("when"), word("node"), word("severity"), word("event"), word("mark"), word("verdicts"), word("sheet")],
    items.map(item => [dateText(item.at), place(item), severity(item.severity), element("span", {}, `${word(item.phase)} · ${sentence(item)}`, ...[told(item)].filter(Boolean)), word(item.mark), verdictsOf(item), sheet.link(item)]));
}
