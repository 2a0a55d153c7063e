"use strict";
// Tables that sort by a click, and markers that tell their values.

// The number a cell begins with; null for none: "~0.02", "at least 2.4 [..]".
function numberOf(text) {
  const start = text.trim().replace(/^(~|\$|at least |at most )+/, "");
  const match = /^[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?/i.exec(start);
  return match ? Number(match[0].replaceAll(",", "")) : null;
}

const isBlank = (text) => ["", "-", "\u2013"].includes(text.trim());

// Makes the heads of a table buttons. rowsOf: its rows in their first order.
function sortable(table, rowsOf) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  let first = null;
  const text = (row, column) => row.cells[column]?.textContent ?? "";
  // A first cell that is left empty means that of the row above.
  function fill(rows) {
    let above = "";
    for (const row of rows) {
      if (isBlank(text(row, 0))) row.cells[0].textContent = above;
      else above = text(row, 0);
    }
  }
  function sort(column, order) {
    first ??= [...body.rows].map((row) => [row, text(row, 0)]);
    let rows = first.map(([row]) => row);
    for (const [row, cell] of first) {
      if (!row.cells[0].children.length) row.cells[0].textContent = cell;
    }
    for (const head of heads) head.setAttribute("aria-sort", "none");
    if (order) {
      fill(rows);
      heads[column].setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const filled = rows.filter((row) => !isBlank(text(row, column)));
      const numbers = filled.every((r) => numberOf(text(r, column)) !== null);
      const compare = numbers
        ? (a, b) => numberOf(text(a, column)) - numberOf(text(b, column))
        : (a, b) => text(a, column).localeCompare(
          text(b, column), "en", {numeric: true});
      const blank = rows.filter((row) => !filled.includes(row));
      filled.sort((a, b) => sign * compare(a, b));
      rows = [...filled, ...blank];
    }
    body.append(...rows);
  }
  const NEXT = {none: "ascending", ascending: "descending", descending: ""};
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.title = "Sort: rising, falling, as it was";
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () =>
      sort(column, NEXT[head.getAttribute("aria-sort")]));
  });
  // For a table whose rows are made anew.
  return () => {
    first = null;
    const sorted = heads.findIndex(
      (head) => (head.getAttribute("aria-sort") ?? "none") !== "none");
    if (sorted >= 0) sort(sorted, heads[sorted].getAttribute("aria-sort"));
  };
}

// A tip beside the pointer, for each marker of a drawing that has a title.
function showTips() {
  const tip = document.getElementById("tip");
  let beside = null;  // a marker, and where it was when the tip came
  const hide = () => { tip.hidden = true; };
  const placeOf = (marker) => {
    const {left, top} = marker.getBoundingClientRect();
    return `${left} ${top}`;
  };
  for (const marker of document.querySelectorAll(".drawing use")) {
    const title = marker.querySelector("title");
    if (!title) continue;
    marker.setAttribute("role", "img");
    marker.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  function show(event) {
    const marker = event.target.closest?.(".drawing [role=img]");
    if (!marker) return hide();
    tip.textContent = marker.getAttribute("aria-label");
    tip.hidden = false;
    beside = [marker, placeOf(marker)];
    const box = marker.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(box.right + 10, innerWidth - own.width - 8);
    const above = box.top - own.height - 8;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above > 8 ? above : box.bottom + 10}px`;
  }
  // A drawing has the focus: arrow keys go along its markers.
  function leave() {
    for (const each of document.querySelectorAll(".drawing .at")) {
      each.classList.remove("at");
    }
    hide();
  }
  function walk(event) {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
    if (event.key === "Escape") return leave();
    if (!(event.key in step) || !event.target.matches?.(".drawing")) return;
    const markers = [...event.target.querySelectorAll("[role=img]")];
    if (!markers.length) return;
    event.preventDefault();
    const at = markers.findIndex((each) => each.classList.contains("at"));
    const next = at < 0 && step[event.key] < 0 ? -1 : at + step[event.key];
    const marker = markers.at(next % markers.length);
    leave();
    marker.classList.add("at");
    marker.scrollIntoView({block: "nearest", inline: "nearest"});
    show({target: marker});
  }
  document.addEventListener("keydown", walk);
  document.addEventListener("focusout", leave);
  document.addEventListener("mouseover", show);
  document.addEventListener("click", show);
  // The scrolling that brought the marker into view is told after the tip.
  addEventListener("scroll", () => {
    if (beside && placeOf(beside[0]) !== beside[1]) hide();
  }, {capture: true, passive: true});
}

const LONG = 40;  // characters of a cell that may take several lines
for (const table of document.querySelectorAll("section .table:not(#list) table")) {
  sortable(table);
  for (const cell of table.querySelectorAll("td")) {
    const left = cell.style.textAlign !== "right";
    cell.classList.toggle("long", left && cell.textContent.length > LONG);
  }
}
showTips();
// Beside the report where there is space for it, else folded above.
document.getElementById("contents").open = innerWidth >= 1100;
