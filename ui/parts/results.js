/* A table of pictures: thumbnail, name, how it stands, what it says. Choosing one that has an id tells the id. */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".results");
  const key = JSON.stringify(data);
  if (root._key === key) return;
  root._key = key;
  const make = (tag, name, text) => {
    const one = document.createElement(tag);
    if (name) one.className = name;
    if (text) one.textContent = text;
    return one;
  };
  const table = make("table"), head = make("thead"), top = make("tr"), body = make("tbody");
  for (const title of data.head) {
    const th = make("th", "", title);
    th.scope = "col";
    top.append(th);
  }
  head.append(top);
  for (const one of data.rows) {
    const tr = make("tr"), shot = make("td", "shot"), name = make("td", "name"), state = make("td"), told = make("td", "told");
    tr.dataset.state = one.state;
    if (one.src) {
      const img = make("img");
      img.src = one.src;
      img.alt = one.name;
      img.loading = "lazy";
      shot.append(img);
    }
    if (one.id) {
      const open = make("button", "", one.name);
      open.type = "button";
      name.append(open);
      tr.onclick = () => setTriggerValue("picked", one.id);
    } else name.textContent = one.name;
    state.append(make("span", `state ${one.state}`, one.said));
    told.append(make("span", "", one.text));
    if (one.note) told.append(make("small", "", one.note));
    tr.append(shot, name, state, told);
    body.append(tr);
  }
  table.append(head, body);
  root.replaceChildren(table);
}
