/* Rows to edit: fields and choices in a table. Tells all rows after each change. */
export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".grid");
  const look = JSON.stringify([data.columns, data.words, data.label]);
  if (root._serial === data.serial && root._look === look) return;
  if (root._serial !== data.serial) root._rows = data.rows.map((row) => ({ ...row }));
  root._serial = data.serial;
  root._look = look;
  const make = (tag, name, text) => {
    const one = document.createElement(tag);
    if (name) one.className = name;
    if (text !== undefined) one.textContent = text;
    return one;
  };
  const tell = () => setStateValue("rows", { serial: root._serial, rows: root._rows });

  const line = (row) => {
    const tr = make("tr");
    for (const column of data.columns) {
      const td = make("td", column.kind);
      if (column.kind === "fixed") td.textContent = row[column.name] ?? "";
      else {
        const field = make(column.kind === "choice" ? "select" : "input");
        field.setAttribute("aria-label", `${column.label} ${row.no || ""}`.trim());
        field.dataset.column = column.name;
        if (column.kind === "choice") {
          for (const [value, label] of column.options) {
            const option = make("option", "", label);
            option.value = value;
            field.append(option);
          }
        } else field.setAttribute("list", column.list ? `list-${column.name}` : "");
        field.value = row[column.name] ?? "";
        field.onchange = () => { row[column.name] = field.value; tell(); };
        td.append(field);
      }
      if (column.width) td.style.width = column.width;
      tr.append(td);
    }
    const last = make("td"), away = make("button", "away", "✕");
    away.type = "button";
    away.title = data.words.remove;
    away.setAttribute("aria-label", data.words.remove);
    away.onclick = () => { root._rows.splice(root._rows.indexOf(row), 1); draw(); tell(); };
    last.append(away);
    tr.append(last);
    return tr;
  };
  const draw = () => {
    root.replaceChildren();
    const wrap = make("div", "wrap"), table = make("table"), top = make("tr"), head = make("thead"), body = make("tbody");
    table.setAttribute("aria-label", data.label);
    for (const column of data.columns) {
      top.append(make("th", "", column.label));
      if (column.list) {
        const list = make("datalist");
        list.id = `list-${column.name}`;
        for (const value of column.list) { const option = make("option"); option.value = value; list.append(option); }
        root.append(list);
      }
    }
    top.append(make("th", "", ""));
    head.append(top);
    for (const row of root._rows) body.append(line(row));
    table.append(head, body);
    wrap.append(table);
    if (!root._rows.length) wrap.append(make("p", "none", data.words.empty));
    const add = make("button", "tool add", `+ ${data.words.add}`);
    add.type = "button";
    add.onclick = () => {
      const row = { id: `own-${Math.random().toString(36).slice(2, 9)}` };
      for (const column of data.columns) row[column.name] = column.kind === "choice" ? column.options[0]?.[0] ?? "" : "";
      root._rows.push(row);
      draw();
      tell();
      wrap.scrollTop = wrap.scrollHeight;
      [...root.querySelectorAll("tbody tr:last-child input")][0]?.focus();
    };
    root.append(wrap, add);
  };
  draw();
}
