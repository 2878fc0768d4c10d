"use strict";
for (const form of document.querySelectorAll(".filter")) {
  const [search, select, output] = ["input", "select", "output"].map((name) => form.querySelector(name));
  const rows = [...form.nextElementSibling.tBodies[0].rows].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
    outcomes: row.dataset.outcomes.trim().split(" "),
  }));
  const differ = (outcomes) => new Set(outcomes.map((outcome) => outcome.split(":")[1])).size > 1;
  const update = () => {
    const words = search.value.trim().toLowerCase();
    let shown = 0;
    for (const { row, text, outcomes } of rows) {
      const fits = !select.value || (select.value === "differ" ? differ(outcomes) : outcomes.includes(select.value));
      row.hidden = !(fits && text.includes(words));
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = `${shown} of ${rows.length}`;
  };
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
}
