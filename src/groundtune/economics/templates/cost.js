// Cost tables and curves that follow the numbers a reader changes; needs formula.js above it. What rests on draws from
// ranges (small print, drivers) is hidden meanwhile.
for (const section of document.querySelectorAll(".cost-model")) {
  const inputs = [...section.querySelectorAll("input[data-name]")];
  const systems = section.dataset.systems.split(" ");
  const read = () => Object.fromEntries(inputs.map((input) => [input.dataset.name, input.value === "" ? NaN : input.valueAsNumber]));
  const printed = JSON.stringify(read());
  const figures = ["volume", "time"].map((kind) => section.querySelector(`figure[data-curves="${kind}"] .drawing`));
  const sentences = section.querySelector(".break-even");
  const reset = section.querySelector("button");
  const changed = section.querySelector(".changed");
  const original = {
    figures: figures.map((figure) => figure && figure.innerHTML),
    cells: [...section.querySelectorAll("td[data-amount]")].map((cell) => [cell, cell.innerHTML]),
    sentences: sentences.innerHTML,
  };

  const update = () => {
    const values = read();
    const same = JSON.stringify(values) === printed;
    const valid = inputs.every((input) => input.validity.valid);
    changed.hidden = same && valid;
    reset.hidden = same;
    changed.textContent = valid
      ? "These are your numbers. Ranges are left out, because they belong to the numbers as they were."
      : "A number is outside of what it can be; the amounts below stay as they were.";
    if (!valid) return;
    for (const part of section.querySelectorAll(".as-printed")) part.hidden = !same;
    if (same) {
      figures.forEach((figure, place) => { if (figure) figure.innerHTML = original.figures[place]; });
      for (const [cell, html] of original.cells) cell.innerHTML = html;
      sentences.innerHTML = original.sentences;
      return;
    }
    const costs = Object.fromEntries(systems.map((system) => [system, costItems(values, system)]));
    const known = systems.filter((system) => !Number.isNaN(totalCost(costs[system], values.queries_per_month, 12)));
    for (const [cell] of original.cells) cell.textContent = dollars(amount(costs[cell.dataset.system], cell.dataset.amount, values.queries_per_month));
    const pairs = pairsOf(systems, costs);
    sentences.replaceChildren(...pairs.map((pair) => item(sentence(pair))));
    drawVolume(figures[0], known, costs, pairs, values.queries_per_month);
    drawTime(figures[1], known, costs, values.queries_per_month);
  };

  for (const input of inputs) input.disabled = false;
  section.querySelector(".numbers").addEventListener("input", update);
  section.querySelector(".numbers").addEventListener("submit", (event) => event.preventDefault());
  reset.addEventListener("click", () => {
    for (const input of inputs) input.value = input.defaultValue;
    update();
  });
}

function amount(items, kind, volume) {
  if (kind === "setup") return sum(items.setup);
  if (kind === "thousand") return 1000 * sum(items.perQuery);
  if (kind === "month") return monthlyCost(items, volume);
  return totalCost(items, volume, Number(kind));
}

function dollars(value) {
  if (Number.isNaN(value)) return "–";
  if (value === 0) return "$0";
  const digits = Math.abs(value) >= 100 ? 0 : Math.max(2, 2 - Math.floor(Math.log10(Math.abs(value))));
  return "$" + value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function item(text) {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}

function pairsOf(systems, costs) {
  return systems.flatMap((first, place) => systems.slice(place + 1).map((second) => {
    const swap = sum(costs[first].perQuery) < sum(costs[second].perQuery);
    const [below, above] = swap ? [second, first] : [first, second];
    return { below, above, volume: breakEven(costs[below], costs[above], 12) };
  }));
}

function sentence({ below, above, volume }) {
  if (Number.isNaN(volume)) return `${below} or ${above}: not known, because what they cost is not.`;
  if (volume === Infinity) return `${above} is never cheaper than ${below}, at any volume.`;
  if (volume === 0) return `${above} is cheaper than ${below} at any volume.`;
  return `${above} is cheaper than ${below} from ${Math.round(volume).toLocaleString("en-US")} queries a month on.`;
}

function drawVolume(figure, systems, costs, pairs, volume) {
  if (!figure) return;
  const crossings = pairs.filter((pair) => Number.isFinite(pair.volume) && pair.volume > 0);
  const [first, last] = decades([volume, ...crossings.map((pair) => pair.volume)]);
  const monthly = (system, queries) => totalCost(costs[system], queries, 12) / 12;
  const curves = systems.map((system) => ({
    system,
    points: Array.from({ length: 61 }, (_, step) => 10 ** (first + (last - first) * step / 60)).map((queries) => [queries, monthly(system, queries)]),
  }));
  const marks = crossings.map((pair) => [pair.volume, monthly(pair.above, pair.volume)]);
  draw(figure, curves, { across: "queries a month", up: "dollars a month", logarithmic: true, marks });
}

function drawTime(figure, systems, costs, volume) {
  if (!figure) return;
  const curves = systems.map((system) => ({
    system,
    points: Array.from({ length: 37 }, (_, month) => [month, totalCost(costs[system], volume, month)]),
  }));
  draw(figure, curves, { across: "months", up: "dollars in all", logarithmic: false, marks: [] });
}

function decades(volumes) {
  const shown = volumes.filter((volume) => volume > 0).map(Math.log10);
  const first = Math.min(Math.max(Math.floor(Math.min(...(shown.length ? shown : [3])) - 0.5), 1), 7);
  return [first, Math.max(Math.min(Math.ceil(Math.max(...(shown.length ? shown : [5])) + 0.5), 10), first + 3)];
}

function draw(figure, curves, { across, up, logarithmic, marks }) {
  const [width, height, left, bottom] = [300, 210, 64, 214];
  const places = curves.flatMap((curve) => curve.points.filter((point) => !logarithmic || point[1] > 0));
  if (!places.length) { figure.textContent = "Nothing to draw: what the systems cost is not known."; return; }
  const scale = (values, size, flip) => {
    const at = logarithmic ? Math.log10 : (value) => value;
    let [low, high] = [Math.min(...values), Math.max(...values)].map(at);
    if (!logarithmic) low = Math.min(low, 0);
    if (high === low) high = low + 1;
    const place = (value) => (at(value) - low) / (high - low) * size;
    return { low, high, place: flip ? (value) => size - place(value) + 4 : (value) => place(value) + left };
  };
  const x = scale(places.map((point) => point[0]), width, false);
  const y = scale(places.map((point) => point[1]), height, true);
  const svg = element("svg", { viewBox: `0 0 ${left + width + 20} 258` });
  axes(svg, x, y, { across, up, logarithmic, width, left, bottom });
  for (const { system, points } of curves) {
    const path = points.filter((point) => !logarithmic || point[1] > 0).map((point) => `${x.place(point[0])} ${y.place(point[1])}`).join("L");
    element("path", { d: "M" + path, fill: "none", stroke: `var(--${system})`, "stroke-width": 2, "stroke-dasharray": DASHES[system], "data-system": system }, svg);
  }
  for (const [place, money] of marks) {
    element("circle", { cx: x.place(place), cy: y.place(money), r: 4, fill: "var(--paper)", stroke: "var(--ink)", "stroke-width": 1.5 }, svg);
  }
  figure.replaceChildren(svg);
}

const DASHES = { prompt: "none", rag: "6 3", tuned: "2 3", tuned_rag: "8 3 2 3" };

function axes(svg, x, y, { across, up, logarithmic, width, left, bottom }) {
  const label = (text, attributes) => { element("text", { "font-size": 12, fill: "var(--soft)", ...attributes }, svg).textContent = text; };
  for (const tick of ticks(x, logarithmic)) {
    const at = x.place(tick);
    element("line", { x1: at, x2: at, y1: 4, y2: bottom, stroke: "var(--line)" }, svg);
    label(short(tick), { x: at, y: bottom + 16, "text-anchor": "middle" });
  }
  for (const tick of ticks(y, logarithmic)) {
    const at = y.place(tick);
    element("line", { x1: left, x2: left + width, y1: at, y2: at, stroke: "var(--line)" }, svg);
    label("$" + short(tick), { x: left - 6, y: at + 4, "text-anchor": "end" });
  }
  label(across, { x: left + width / 2, y: bottom + 38, "text-anchor": "middle" });
  label(up, { transform: `translate(12 ${bottom / 2}) rotate(-90)`, "text-anchor": "middle" });
}

function ticks({ low, high }, logarithmic) {
  if (logarithmic) {
    const between = high - low < Math.log10(200) ? [1, 2, 5] : [1];
    const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, place) => Math.floor(low) + place);
    return powers.flatMap((power) => between.map((factor) => factor * 10 ** power)).filter((value) => Math.log10(value) > low - 0.005 && Math.log10(value) < high + 0.005);
  }
  const rough = (high - low) / 5;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((candidate) => candidate >= rough);
  return Array.from({ length: 8 }, (_, place) => Math.ceil(low / step) * step + place * step).filter((value) => value <= high);
}

function short(value) {
  const [unit, name] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(value) >= size) || [1, ""];
  return Number((value / unit).toPrecision(3)) + name;
}

function element(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}
