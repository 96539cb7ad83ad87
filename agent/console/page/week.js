// The hours of a week, as warm as the mean of what was counted in them.
import { $, ask, choices, element, figure } from "/parts.js";
import { word } from "/words.js";

export async function drawWeek(options) {
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
