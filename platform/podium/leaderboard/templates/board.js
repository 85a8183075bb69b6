"use strict";
(() => {
  const table = document.getElementById("board");
  const bodies = Array.from(table.tBodies, (body) => [body, Array.from(body.rows).filter((row) => row.className !== "group")]);
  const rows = bodies.flatMap(([, own]) => own);
  const heads = Array.from(table.tHead.rows[0].cells);

  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const x = Number(a), y = Number(b);
    const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
    return sign * order;
  };

  const sortBy = (column) => {
    const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    for (const [body, own] of bodies)
      body.append(...own.slice().sort((a, b) =>
        compare(a.cells[column].dataset.value, b.cells[column].dataset.value, ascending ? 1 : -1)));
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(column));
    head.replaceChildren(button);
  });

  const box = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      count += row.hidden ? 0 : 1;
    }
    for (const [body, own] of bodies) body.hidden = own.every((row) => row.hidden);
    shown.textContent = count + " of " + rows.length + " entries";
  };
  box.addEventListener("input", filter);
  document.querySelector(".tools").hidden = false;
  filter();

  const open = () => {
    const target = location.hash.startsWith("#row-") && document.getElementById(location.hash.slice(1));
    if (target) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
