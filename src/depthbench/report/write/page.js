"use strict";
const value = (row, index) => {
  const cell = row.cells[index], number = parseFloat(cell.dataset.value);
  return Number.isNaN(number) ? cell.textContent.trim().toLowerCase() : number;
};
const compare = (a, b) => (typeof a === typeof b ? (a > b) - (a < b) : typeof a === "number" ? -1 : 1);

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = head.closest("table");
    const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") !== "ascending" : head.dataset.first !== "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      rows.sort((a, b) => (up ? 1 : -1) * compare(value(a, head.cellIndex), value(b, head.cellIndex)));
      body.append(...rows);
    }
  });
}

for (const input of document.querySelectorAll("input[type=search]")) {
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of input.closest("section").querySelectorAll("[data-filter]")) {
      const text = item.dataset.filter.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
  });
}

const dialog = document.getElementById("zoom");
const enlarge = (item) => {
  dialog.replaceChildren(item.cloneNode(true));
  dialog.showModal();
};
for (const item of document.querySelectorAll(".panel > svg, .shots img")) {
  item.tabIndex = 0;
  item.addEventListener("click", () => enlarge(item));
  item.addEventListener("keydown", (event) => event.key === "Enter" && enlarge(item));
}
dialog.addEventListener("click", () => dialog.close());

for (const box of document.querySelectorAll(".tools input[type=checkbox]")) {
  box.addEventListener("change", () => {
    box.closest(".tools").nextElementSibling.classList.toggle("plain", !box.checked);
  });
}
