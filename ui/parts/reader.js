/* A picture with numbered boxes and arrows, and the list that belongs to them. All labels go in as text. */
const NS = "http://www.w3.org/2000/svg";
const ICONS = {
  minus: "M3 8h10", plus: "M3 8h10M8 3v10", fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  boxes: "M2 4h8v6H2zM12 8h2v6H6v-2", arrows: "M2 12L12 4M7 4h5v5",
};

function make(tag, name, text) {
  const one = document.createElement(tag);
  if (name) one.className = name;
  if (text !== undefined && text !== null) one.textContent = text;
  return one;
}

function icon(name) {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(NS, "path");
  path.setAttribute("d", ICONS[name]);
  for (const [key, value] of [["fill", "none"], ["stroke", "currentColor"], ["stroke-width", "1.7"],
    ["stroke-linecap", "round"], ["stroke-linejoin", "round"]]) path.setAttribute(key, value);
  svg.append(path);
  return svg;
}

function tool(name, label, act, pressed) {
  const button = make("button", "tool");
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  if (pressed !== undefined) button.setAttribute("aria-pressed", String(pressed));
  button.append(icon(name));
  button.onclick = () => act(button);
  return button;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".reader");
  const key = JSON.stringify(data);
  if (root._key === key) return;
  const before = root._same === data.same ? root._state : null;
  root._key = key;
  root._same = data.same;
  const state = root._state = { zoom: 1, picked: null, boxes: true, arrows: true, ...(before || {}) };
  build(root, data, state, setTriggerValue);
  return () => root._watch && root._watch.disconnect();
}

function build(root, data, state, trigger) {
  const words = data.words;
  root.replaceChildren();
  root.classList.toggle("alone", !data.items);
  root.lang = data.lang || "";

  const stage = make("section", "stage");
  stage.setAttribute("aria-label", data.image.alt);
  const bar = make("div", "bar");
  const view = make("div", "view");
  const page = make("div", "page");
  const img = make("img");
  img.alt = data.image.alt;
  img.draggable = false;
  page.append(img);
  view.append(page);
  stage.append(bar, view);
  root.append(stage);

  let width = data.image.width || 0, height = data.image.height || 0;
  const fit = () => {
    if (!width || !height || !view.clientWidth) return;
    const tall = parseFloat(getComputedStyle(view).maxHeight) || view.clientHeight;
    const scale = state.zoom * Math.min((view.clientWidth - 28) / width, (tall - 28) / height, data.image.most || 2);
    page.style.width = `${Math.max(24, width * scale)}px`;
    page.style.height = `${Math.max(24, height * scale)}px`;
    for (const { box: [x0, y0, x1, y1], id } of data.boxes)
      boxes.get(id)?.classList.toggle("small", Math.min(x1 - x0, y1 - y0) * scale < 34);
  };
  img.onload = () => {
    if (!width) [width, height] = [img.naturalWidth || 800, img.naturalHeight || 600];
    fit();
  };
  img.src = data.image.src;

  const zoom = (by) => {
    const [x, y] = [(view.scrollLeft + view.clientWidth / 2) / view.scrollWidth,
      (view.scrollTop + view.clientHeight / 2) / view.scrollHeight];
    state.zoom = by ? Math.min(8, Math.max(1, state.zoom * by)) : 1;
    fit();
    view.scrollLeft = x * view.scrollWidth - view.clientWidth / 2;
    view.scrollTop = y * view.scrollHeight - view.clientHeight / 2;
  };
  bar.append(tool("minus", words.smaller, () => zoom(1 / 1.4)), tool("plus", words.larger, () => zoom(1.4)),
    tool("fit", words.fit, () => zoom(0)));
  const toggle = (name, label) => tool(name, label, (button) => {
    state[name] = !state[name];
    button.setAttribute("aria-pressed", String(state[name]));
    page.classList.toggle(`no${name}`, !state[name]);
  }, state[name]);
  if (data.boxes.length) bar.append(make("span", "gap"), toggle("boxes", words.boxes));
  if (data.arrows.length) bar.append(toggle("arrows", words.arrows));
  for (const name of ["boxes", "arrows"]) page.classList.toggle(`no${name}`, !state[name]);

  view.onwheel = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  };
  let held = null;
  view.onpointerdown = (event) => {
    if (event.pointerType !== "mouse" || event.button) return;
    held = [event.clientX + view.scrollLeft, event.clientY + view.scrollTop];
  };
  view.onpointermove = (event) => {
    if (!held || !event.buttons) { held = null; view.classList.remove("held"); return; }
    view.classList.add("held");
    view.scrollLeft = held[0] - event.clientX;
    view.scrollTop = held[1] - event.clientY;
  };
  view.onpointerup = () => { held = null; view.classList.remove("held"); };

  const boxes = new Map();
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const size = Math.max(5, Math.max(width, height) / 110);
  const arrows = data.arrows.map((arrow) => {
    const group = document.createElementNS(NS, "g");
    group.setAttribute("class", arrow.kind);
    const line = document.createElementNS(NS, "polyline");
    line.setAttribute("points", arrow.points.map((p) => p.join(",")).join(" "));
    group.append(line);
    const [[x0, y0], [x1, y1]] = arrow.points.slice(-2);
    const turn = Math.atan2(y1 - y0, x1 - x0);
    const at = (angle, far) => `${x1 + Math.cos(turn + angle) * far},${y1 + Math.sin(turn + angle) * far}`;
    const head = document.createElementNS(NS, "polygon");
    head.setAttribute("class", "head");
    head.setAttribute("points", `${x1},${y1} ${at(Math.PI - 0.42, size)} ${at(Math.PI + 0.42, size)}`);
    group.append(head);
    svg.append(group);
    return { group, ...arrow };
  });
  page.append(svg);

  for (const one of [...data.boxes].sort((a, b) => area(b.box) - area(a.box))) {
    const box = make("button", `box ${one.family}`);
    box.type = "button";
    box.tabIndex = -1;
    const [x0, y0, x1, y1] = one.box;
    Object.assign(box.style, { left: `${100 * x0 / width}%`, top: `${100 * y0 / height}%`,
      width: `${100 * (x1 - x0) / width}%`, height: `${100 * (y1 - y0) / height}%` });
    box.title = one.label;
    box.dataset.id = one.id;
    box.setAttribute("aria-label", one.label);
    if (one.number) box.append(make("b", "", one.number));
    box.onclick = () => pick(one.id, true);
    page.append(box);
    boxes.set(one.id, box);
  }

  const rows = new Map();
  if (data.items) {
    const list = make("section", "list");
    const head = make("h3", "", words.list);
    head.append(make("small", "", data.count || ""));
    const ul = make("ul", "rows");
    ul.setAttribute("role", "listbox");
    ul.setAttribute("aria-label", words.list);
    ul.tabIndex = 0;
    for (const item of data.items) {
      const row = make("li", `row ${item.family}`);
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", "false");
      row.id = `row-${item.id}`;
      row.dataset.id = item.id;
      row.append(make("b", "", item.number), make("p", "", item.text));
      if (item.role) row.append(make("small", "", item.role));
      if (item.links && item.links.length) {
        const links = make("div", "links");
        for (const link of item.links) {
          const chip = make("button", "", link.text);
          chip.type = "button";
          chip.tabIndex = -1;
          chip.onclick = (event) => { event.stopPropagation(); pick(link.id, false); };
          links.append(chip);
        }
        row.append(links);
      }
      if (item.facts) row.append(make("small", "facts", item.facts));
      row.onclick = () => pick(item.id, false);
      ul.append(row);
      rows.set(item.id, row);
    }
    if (!data.items.length) list.append(head, make("p", "none", words.none));
    else list.append(head, ul);
    const ids = data.items.map((item) => item.id);
    ul.onkeydown = (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step && !["Home", "End"].includes(event.key)) return;
      event.preventDefault();
      const now = ids.indexOf(state.picked);
      const next = event.key === "Home" ? 0 : event.key === "End" ? ids.length - 1
        : Math.min(ids.length - 1, Math.max(0, now + step));
      pick(ids[next], false);
    };
    root.append(list);
  }

  function pick(id, fromPicture, quiet) {
    state.picked = id;
    for (const [other, box] of boxes) box.classList.toggle("on", other === id);
    for (const [other, row] of rows) {
      row.classList.toggle("on", other === id);
      row.setAttribute("aria-selected", String(other === id));
    }
    for (const arrow of arrows) {
      arrow.group.classList.toggle("from", arrow.source === id);
      arrow.group.classList.toggle("to", arrow.target === id);
    }
    const row = rows.get(id);
    if (row) {
      row.parentElement.setAttribute("aria-activedescendant", row.id);
      const [list, low] = [row.parentElement, row.offsetTop - row.parentElement.offsetTop];
      if (low < list.scrollTop || low + row.offsetHeight > list.scrollTop + list.clientHeight)
        list.scrollTop = low - list.clientHeight / 3;
    }
    const box = boxes.get(id);
    if (box && !fromPicture) {
      view.scrollLeft = box.offsetLeft + box.offsetWidth / 2 - view.clientWidth / 2;
      view.scrollTop = box.offsetTop + box.offsetHeight / 2 - view.clientHeight / 2;
    }
    if (data.tells && !quiet) trigger("picked", id);
  }

  root._watch && root._watch.disconnect();
  root._watch = new ResizeObserver(fit);
  root._watch.observe(view);
  fit();
  if (state.picked) pick(state.picked, true, true);
}

function area([x0, y0, x1, y1]) { return (x1 - x0) * (y1 - y0); }
