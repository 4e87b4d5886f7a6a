/* A field for text. It tells what is written 450 ms after the last key; the line that is wrong is marked. */
export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".editor");
  if (!root._area) {
    const label = document.createElement("label"), frame = document.createElement("div");
    const marks = document.createElement("div"), area = document.createElement("textarea"), hint = document.createElement("div");
    frame.className = "frame";
    marks.className = "marks";
    marks.setAttribute("aria-hidden", "true");
    hint.className = "hint";
    area.id = "text";
    area.spellcheck = false;
    label.htmlFor = "text";
    frame.append(marks, area);
    root.append(label, frame, hint);
    Object.assign(root, { _area: area, _marks: marks, _label: label, _hint: hint });
  }
  const area = root._area;
  root._label.textContent = data.label;
  root._hint.textContent = data.hint;
  root.classList.toggle("code", data.code);
  area.rows = data.rows;
  root._wrong = data.wrong;
  if (root._serial !== data.serial) {
    root._serial = data.serial;
    area.value = data.value;
  }
  const number = () => {
    root._marks.style.display = data.code ? "" : "none";
    if (!data.code) return;
    const count = area.value.split("\n").length;
    while (root._marks.childElementCount > count) root._marks.lastChild.remove();
    while (root._marks.childElementCount < count) {
      const one = document.createElement("div");
      one.textContent = root._marks.childElementCount + 1;
      root._marks.append(one);
    }
    [...root._marks.children].forEach((one, i) => {
      one.classList.toggle("wrong", i + 1 === root._wrong);
      one.title = i + 1 === root._wrong ? data.words.wrong : "";
    });
    root._marks.scrollTop = area.scrollTop;
  };
  area.setAttribute("aria-invalid", String(Boolean(data.wrong)));
  const tell = () => {
    clearTimeout(root._timer);
    root._timer = 0;
    setStateValue("text", { serial: root._serial, text: area.value });
  };
  area.oninput = () => {
    root._wrong = 0;
    number();
    clearTimeout(root._timer);
    root._timer = setTimeout(tell, 450);
  };
  area.onblur = () => { if (root._timer) tell(); };
  area.onscroll = () => { root._marks.scrollTop = area.scrollTop; };
  number();
}
