/* Small plots of the last minutes: a title, the value now, a line. */
const NS = "http://www.w3.org/2000/svg";
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".plots");
  root.replaceChildren(...data.plots.map((plot) => {
    const one = document.createElement("div");
    one.className = "plot";
    const head = document.createElement("h4");
    head.textContent = plot.title;
    const now = document.createElement("strong");
    now.textContent = plot.now;
    const note = document.createElement("small");
    note.textContent = plot.note || "";
    one.append(head, now, note);
    const values = plot.values;
    if (values.length > 1) {
      const svg = document.createElementNS(NS, "svg");
      svg.setAttribute("viewBox", "0 0 100 40");
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${plot.title}: ${plot.now}`);
      const most = plot.most || Math.max(1, ...values);
      const points = values.map((v, i) => `${(100 * (data.length - values.length + i)) / (data.length - 1)},${39 - (37 * Math.min(v, most)) / most}`);
      const shape = (name, d) => {
        const path = document.createElementNS(NS, "path");
        path.setAttribute("class", name);
        path.setAttribute("d", d);
        svg.append(path);
      };
      const base = document.createElementNS(NS, "line");
      for (const [key, value] of [["x1", 0], ["x2", 100], ["y1", 39.5], ["y2", 39.5]]) base.setAttribute(key, value);
      svg.append(base);
      const first = points[0].split(",")[0];
      shape("area", `M${first},39.5L${points.join("L")}L100,39.5Z`);
      shape("line", `M${points.join("L")}`);
      one.append(svg);
    }
    return one;
  }));
}
