/* A text or a table to read, copy and keep. All of it goes in as text. */
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".sheet");
  const key = JSON.stringify(data);
  if (root._key === key) return;
  root._key = key;
  root.replaceChildren();
  const make = (tag, name, text) => {
    const one = document.createElement(tag);
    if (name) one.className = name;
    if (text !== undefined) one.textContent = text;
    return one;
  };
  const bar = make("div", "bar");
  bar.append(make("span", "name", data.name));
  const said = make("span", "sr");
  said.setAttribute("role", "status");
  const copy = make("button", "tool copy", data.words.copy);
  copy.type = "button";
  copy.onclick = async () => {
    let done = false;
    try { await navigator.clipboard.writeText(data.text); done = true; } catch { done = old(data.text); }
    said.textContent = copy.textContent = done ? data.words.copied : data.words.notCopied;
    setTimeout(() => { copy.textContent = data.words.copy; }, 1800);
  };
  const keep = make("button", "tool keep", data.words.download);
  keep.type = "button";
  keep.onclick = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data.text], { type: data.mime }));
    link.download = data.name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 30000);
  };
  bar.append(copy, keep, said);
  const body = make("div", "body");
  body.tabIndex = 0;
  body.setAttribute("role", "region");
  body.setAttribute("aria-label", data.name);
  if (data.rows) {
    const table = make("table"), head = make("thead"), rest = make("tbody"), top = make("tr");
    for (const cell of data.head) top.append(make("th", "", cell));
    head.append(top);
    for (const row of data.rows) {
      const tr = make("tr");
      for (const cell of row) tr.append(make("td", "", cell));
      rest.append(tr);
    }
    table.append(head, rest);
    body.append(table);
  } else body.append(make("pre", data.code ? "code" : "", data.text));
  root.append(bar, body);
}

function old(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { done = false; }
  area.remove();
  return done;
}
